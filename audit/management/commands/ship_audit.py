"""``manage.py ship_audit``: carry spooled audit entries into the database until told to stop."""

import signal
import threading
from argparse import ArgumentParser
from typing import Any

from django.core.management.base import BaseCommand

from audit import services
from audit.shipper import Shipper


class Command(BaseCommand):
    """Runs the shipper in the foreground; SIGTERM and SIGINT end it after one last round."""

    # Entries must reach the trail even while a wrong setting keeps everything else from starting.
    requires_system_checks: list[str] = []
    help = "Carry spooled audit entries into the database. Exactly one per spool is at work; another waits."

    def add_arguments(self, parser: ArgumentParser) -> None:
        """``--once`` ships what is there and exits, for set-ups and tests."""
        parser.add_argument("--once", action="store_true", help="ship what is there and exit")

    def handle(self, *args: Any, **options: Any) -> None:
        """Ship until a signal arrives."""
        shipper = Shipper(services.spool_folder())
        if options["once"]:
            self.stdout.write(f"{shipper.ship()} audit entries shipped.")
            return
        stop = threading.Event()
        for number in (signal.SIGTERM, signal.SIGINT):
            signal.signal(number, lambda *_: stop.set())
        shipper.run(stop)
