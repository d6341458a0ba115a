"""What becomes of jobs when a worker is killed, is told to stop, or loses its database?"""

from __future__ import annotations

import asyncio
import os
import signal
import subprocess
import sys
from pathlib import Path

from django.conf import settings
from django.db import connections
from procrastinate.contrib.django.utils import connector_params

from accounts import jobs, worker
from accounts.http import Tenant
from tests.cast import BOB, acting
from tests.waiting import PATIENCE

RAN: list[str] = []
CHILD = """
import asyncio, sys, time
import django
django.setup()
from procrastinate.contrib.django.utils import connector_params
from accounts import jobs, worker

@jobs.job("tests.slow")
def slow(tenant, word):
    print("begun", flush=True)
    time.sleep(float(sys.argv[1]))
    print("ended", flush=True)

async def main():
    stop = asyncio.Event()
    import signal
    asyncio.get_running_loop().add_signal_handler(signal.SIGTERM, stop.set)
    await worker.work(worker.application(connector_params("queue"), 1), concurrency=1, stop=stop)

asyncio.run(main())
"""


@jobs.job("tests.slow")
def slow(tenant: Tenant, word: str) -> None:
    RAN.append(word)


def a_worker(tmp_path: Path, seconds: float) -> subprocess.Popen[str]:
    """A worker process of its own, whose jobs take this long."""
    script = tmp_path / "worker.py"
    script.write_text(CHILD)
    environment = {**os.environ, "DJANGO_SETTINGS_MODULE": "aiaxis.settings", "PYTHONPATH": str(settings.BASE_DIR)}
    return subprocess.Popen(
        [sys.executable, str(script), str(seconds)], env=environment, stdout=subprocess.PIPE, text=True, cwd=tmp_path
    )


def status() -> list[str]:
    with connections["queue"].cursor() as cursor:
        cursor.execute("SELECT status::text FROM procrastinate_jobs ORDER BY id")
        return [found for (found,) in cursor.fetchall()]


def test_a_killed_workers_job_is_taken_up_again(committed: None, tmp_path: Path) -> None:
    """Killed worker in the middle: resumed, never lost."""
    RAN.clear()
    with acting(BOB):
        jobs.enqueue(slow, word="unfinished")
    with a_worker(tmp_path, 60) as child:
        assert child.stdout is not None
        assert child.stdout.readline() == "begun\n"
        child.kill()
    assert status() == ["doing"]
    with connections["queue"].cursor() as cursor:
        # Instead of waiting until its heartbeat is old enough.
        cursor.execute("UPDATE procrastinate_workers SET last_heartbeat = now() - interval '1 minute'")
    app = worker.application(connector_params("queue"), 1)
    asyncio.run(worker.work(app, concurrency=1, stop=asyncio.Event(), once=True))
    assert RAN == ["unfinished"]
    assert status() == []


def test_a_worker_that_is_told_to_stop_ends_its_job_first(committed: None, tmp_path: Path) -> None:
    with acting(BOB):
        jobs.enqueue(slow, word="nearly done")
    with a_worker(tmp_path, 1.5) as child:
        assert child.stdout is not None
        assert child.stdout.readline() == "begun\n"
        child.send_signal(signal.SIGTERM)
        assert child.stdout.readline() == "ended\n"
        assert child.wait(timeout=PATIENCE) == 0
    assert status() == []


def test_a_worker_outlives_its_databases_connections(committed: None, tmp_path: Path) -> None:
    """A restarted PostgreSQL ends every connection; the worker asks again by itself."""
    with a_worker(tmp_path, 0.01) as child:
        assert child.stdout is not None
        with acting(BOB):
            jobs.enqueue(slow, word="before")
        assert child.stdout.readline() == "begun\n"
        assert child.stdout.readline() == "ended\n"
        with connections["queue"].cursor() as cursor:
            cursor.execute(
                "SELECT pg_terminate_backend(pid) FROM pg_stat_activity "
                "WHERE usename = current_user AND datname = current_database() AND pid <> pg_backend_pid()"
            )
        with acting(BOB):
            jobs.enqueue(slow, word="after")
        assert child.stdout.readline() == "begun\n"
        child.send_signal(signal.SIGTERM)
        assert child.wait(timeout=PATIENCE) == 0
