"""`manage.py work`: run background jobs until SIGTERM or Ctrl-C."""

from __future__ import annotations

import asyncio
import logging
import os
import signal
from typing import Any

from django.conf import settings
from django.core.exceptions import ImproperlyConfigured
from django.core.management.base import BaseCommand, CommandError, CommandParser
from procrastinate.contrib.django.utils import connector_params

from accounts import isolation, worker

# Where the web processes share the machine, what somebody waits for at a page goes before what is read and indexed.
GIVING_WAY = 10


class Command(BaseCommand):
    """Runs jobs with the queue's database role; each handler runs as the application's, inside its member's fence."""

    help = "Run background jobs until SIGTERM or Ctrl-C; running jobs get 20 seconds to end."

    def add_arguments(self, parser: CommandParser) -> None:
        """Take the number of jobs to run at once, and whether to stop when none is left."""
        parser.add_argument("--concurrency", type=int, default=settings.WORKER_CONCURRENCY)
        parser.add_argument("--once", action="store_true", help="run what is waiting, then stop")

    def handle(self, *args: Any, **options: Any) -> None:
        """Run the worker; raise CommandError, and run nothing, over a fence with a hole."""
        try:
            isolation.refuse_unless_isolated()
        except ImproperlyConfigured as error:
            raise CommandError(str(error)) from error
        # Procrastinate's own lines print a job's arguments, the seal with them; ours name the job and no more.
        logging.getLogger("procrastinate.worker").setLevel(logging.CRITICAL)
        logging.getLogger("procrastinate.worker.worker").setLevel(logging.ERROR)
        os.nice(GIVING_WAY)
        asyncio.run(_main(options["concurrency"], once=options["once"]))


async def _main(concurrency: int, *, once: bool) -> None:
    stop = asyncio.Event()
    loop = asyncio.get_running_loop()
    for number in (signal.SIGTERM, signal.SIGINT):
        loop.add_signal_handler(number, stop.set)
    app = worker.application(connector_params("queue"), concurrency)
    await worker.work(app, concurrency=concurrency, stop=stop, once=once)
