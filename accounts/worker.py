"""What keeps jobs running: through restarts of the database, through the death of a worker, until somebody says stop?

Procrastinate fetches, waits and keeps the heartbeat, as the queue's own database role; handlers run in threads, as the application's
role, under the job's seal (`accounts.jobs`).
"""

from __future__ import annotations

import asyncio
import logging
import os
import threading
from collections.abc import Callable
from concurrent.futures import ThreadPoolExecutor
from typing import Any, Final

from django.conf import settings
from django.db import connections
from django.utils.module_loading import autodiscover_modules
from procrastinate import App, BaseRetryStrategy, JobContext, RetryDecision
from procrastinate.exceptions import ConnectorException
from procrastinate.jobs import Job, Status
from procrastinate.psycopg_connector import PsycopgConnector
from procrastinate.worker import Worker

from accounts import jobs, rounds

log = logging.getLogger("aiaxis.worker")

LOOK: float = 5.0  # seconds between looks at the queue where nothing is told of it
HEARTBEAT: Final = 5.0  # seconds between signs of life
DEAD_AFTER: Final = 20.0  # seconds without one, after which a worker's jobs are another's
SWEEP: Final = 5.0  # seconds between looks for jobs of dead workers
KEEP_HOURS: Final = 30 * 24  # how long a failed job's row is kept for the operators
GRACE: Final = 20.0  # seconds that running jobs have to end after SIGTERM
OUTAGE_PAUSE: Final = (0.5, 1.0, 2.0, 5.0)  # seconds before the queue is asked again


class Crew(Worker):
    """Runs the jobs of some queues, and looks for the next one as soon as one has ended.

    The runner looks when a job is handed in, and every few seconds. One that waited for another's lock would stand there until
    then: the fourth question of a workspace for seconds, and each file of a bulk upload.
    """

    _has_ended = False

    async def _process_job(self, context: JobContext) -> None:
        try:
            await super()._process_job(context)
        finally:
            self._has_ended = True
            self._new_job_event.set()

    async def _fetch_and_process_jobs(self) -> None:
        # The runner forgets, when its look ends, what it was told meanwhile; so what ended meanwhile is remembered here.
        while not self._stop_event.is_set():
            self._has_ended = False
            await super()._fetch_and_process_jobs()  # type: ignore[no-untyped-call]  # procrastinate leaves its result unannotated
            if not self.wait and self._running_jobs:
                await asyncio.wait(self._running_jobs, return_when=asyncio.FIRST_COMPLETED)
            elif not self._has_ended:
                return


class Backoff(BaseRetryStrategy):
    """Tries again what may pass: after 2, 8, 32 and 128 seconds."""

    def get_retry_decision(self, *, exception: BaseException, job: Job) -> RetryDecision | None:
        """When to run the job again, or None: never."""
        if isinstance(exception, jobs.JobRefused) or jobs.is_last(exception, job.attempts):
            return None
        return RetryDecision(retry_in={"seconds": 2 * 4**job.attempts})


def application(dsn_parameters: dict[str, Any], concurrency: int) -> App:
    """A procrastinate app with every registered job as a task, over a pool of the queue's role."""
    autodiscover_modules("jobs", "recurring")
    app = App(connector=PsycopgConnector(kwargs=dsn_parameters, min_size=1, max_size=2 * concurrency + 4))
    for registered in jobs.REGISTRY.values():
        app.task(name=registered.name, queue=registered.queue, pass_context=True, retry=Backoff())(_runner())
    return app


def _runner() -> Callable[..., None]:
    def run(context: JobContext, **row: Any) -> None:
        """Run one job in this thread, and leave no connection behind on it."""
        job = context.job
        try:
            jobs.run(job.id or 0, job.task_name, row, job.attempts)
        finally:
            connections.close_all()

    return run


async def work(app: App, *, concurrency: int, stop: asyncio.Event, once: bool = False) -> None:
    """Run jobs until `stop` is set (with `once`: until none is waiting). Survives outages of the database; raises nothing of them."""
    # Handlers run in the loop's own threads, of which Python makes a few more than there are processors: too few for the crews.
    threads = 2 * concurrency + settings.WORKER_REMOTE_PLACES + 4
    asyncio.get_running_loop().set_default_executor(ThreadPoolExecutor(threads, "job"))
    if once:
        await _work(app, concurrency, stop, once)
        return
    # No daemon: a process that ends while native code loads a model on another thread is aborted (seen), so it is waited for.
    threading.Thread(target=_warm_up, name="warm-up").start()
    over = threading.Event()
    rounds.start(over)
    try:
        await _work(app, concurrency, stop, once)
    finally:
        over.set()


async def _work(app: App, concurrency: int, stop: asyncio.Event, once: bool) -> None:
    pauses = 0
    while not stop.is_set():
        try:
            async with app.open_async():
                pauses = 0
                await _session(app, concurrency, stop, once)
        except (ConnectorException, OSError) as error:
            log.warning("The job queue does not answer (%s). Asking again.", type(error).__name__)
        if once:
            return
        await _pause(stop, OUTAGE_PAUSE[min(pauses, len(OUTAGE_PAUSE) - 1)])
        pauses += 1


def _warm_up() -> None:
    """Load what jobs will need while nobody waits. A failure here is told by the first job that needs it, in its own words."""
    for function in jobs.WARM_UPS:
        try:
            function()
        except Exception:
            log.warning("%s could not be prepared.", function.__name__, exc_info=True)


async def _session(app: App, concurrency: int, stop: asyncio.Event, once: bool) -> None:
    """The life of the workers of one pool: ends when told to, or when the database went away."""
    queues = {registered.queue for registered in jobs.REGISTRY.values()} | {jobs.QUEUE}
    # Queues with places of their own: what people wait for never stands behind what takes minutes, whosever that is.
    apart = {jobs.PROMPT_QUEUE: concurrency, jobs.REMOTE_QUEUE: settings.WORKER_REMOTE_PLACES}
    crews = [_crew(app, concurrency, once, sorted(queues - set(apart)))]
    crews += [_crew(app, places, once, [queue]) for queue, places in apart.items()]
    if once:
        await take_up_stalled(app)
        for crew in crews:
            await crew.run()  # type: ignore[no-untyped-call]  # as above
        return
    watchers = [asyncio.create_task(_stop_on(stop, crew)) for crew in crews]
    sweeper = asyncio.create_task(_sweep(app, stop))
    running = [asyncio.create_task(crew.run()) for crew in crews]  # type: ignore[no-untyped-call]  # as above
    try:
        # The first that ends, ends the session: the other one's database is the same and has gone away as well.
        await asyncio.wait(running, return_when=asyncio.FIRST_COMPLETED)
        for crew in crews:
            crew.stop()  # type: ignore[no-untyped-call]  # as above
        await asyncio.gather(*running)
    finally:
        for task in (*watchers, sweeper):
            task.cancel()
        await asyncio.gather(*watchers, sweeper, return_exceptions=True)


def _crew(app: App, concurrency: int, once: bool, queues: list[str]) -> Crew:
    return Crew(
        app,
        queues=queues,
        concurrency=concurrency,
        wait=not once,
        delete_jobs="successful",
        install_signal_handlers=False,
        fetch_job_polling_interval=LOOK,
        update_heartbeat_interval=HEARTBEAT,
        stalled_worker_timeout=DEAD_AFTER,
        shutdown_graceful_timeout=GRACE,
        listen_notify=not once,
    )


async def _stop_on(stop: asyncio.Event, worker: Worker) -> None:
    await stop.wait()
    worker.stop()  # type: ignore[no-untyped-call]  # as above
    # A thread cannot be stopped from outside. What still runs after the grace loses its process, its transaction is
    # rolled back, and another worker takes the job up: nothing is lost, and nobody waits for ever.
    asyncio.get_running_loop().call_later(GRACE + 5, _leave)


def _leave() -> None:
    log.error("Jobs were still running %s seconds after the stop. Leaving them to the next worker.", GRACE)
    os._exit(75)


async def _sweep(app: App, stop: asyncio.Event) -> None:
    """Every few seconds: hand on the jobs of dead workers. Every hour: drop the rows of old failures."""
    rounds = 0
    while not stop.is_set():
        try:
            await take_up_stalled(app)
            if rounds % 720 == 0:
                await app.job_manager.delete_old_jobs(KEEP_HOURS, include_failed=True, include_cancelled=True)
        except (ConnectorException, OSError) as error:
            log.warning("Jobs of dead workers could not be looked for (%s).", type(error).__name__)
        rounds += 1
        await _pause(stop, SWEEP)


async def take_up_stalled(app: App) -> int:
    """Put the jobs of dead workers back into the queue; returns how many. A job that was begun too often is ended there."""
    await app.job_manager.prune_stalled_workers(DEAD_AFTER)
    taken = 0
    for job in await app.job_manager.get_stalled_jobs(seconds_since_heartbeat=DEAD_AFTER):
        if job.attempts > jobs.ATTEMPTS:
            await app.job_manager.finish_job(job=job, status=Status.FAILED, delete_job=False)
            continue
        try:
            await app.job_manager.retry_job(job=job)
        except ConnectorException:
            # Another worker was faster: the job is no longer stalled.
            continue
        taken += 1
        log.warning("Job %s (%s) was left by a worker that died. It is in the queue again.", job.id, job.task_name)
    return taken


async def _pause(stop: asyncio.Event, seconds: float) -> None:
    try:
        await asyncio.wait_for(stop.wait(), seconds)
    except TimeoutError:
        return
