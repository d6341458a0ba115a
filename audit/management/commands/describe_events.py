"""``manage.py describe_events``: print what stands in the trail, as `docs/audit-events.md` has it."""

from typing import Any

from django.core.management.base import BaseCommand

from audit import described


class Command(BaseCommand):
    """Asks no database: the lists are in the source."""

    help = "Print docs/audit-events.md: every address, what it leaves in the audit trail, or why it leaves nothing."
    requires_system_checks = ()

    def handle(self, *args: Any, **options: Any) -> None:
        """Print it."""
        self.stdout.write(described.written(), ending="")
