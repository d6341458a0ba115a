"""``manage.py keep_trail``: make the trail's coming months, and let go what has been kept long enough, as the owner."""

import sys
from typing import Any

from django.core.management.base import BaseCommand

from audit import health, services
from audit.retention import leaving


class Command(BaseCommand):
    """The same as the worker does every hour: safe to repeat, and beside a worker, of which it waits for nothing."""

    help = "Make the audit trail's coming months, and archive and remove entries that were kept long enough."

    def handle(self, *args: Any, **options: Any) -> None:
        """Do it, and say what left and what could not. Exits with 1 when something could not."""
        for name in leaving.leave():
            self.stdout.write(f"{name} is archived and has left the trail.")
        stayed = health.kept_back(services.spool_folder())
        for sentence in stayed:
            self.stderr.write(sentence)
        if stayed:
            sys.exit(1)
