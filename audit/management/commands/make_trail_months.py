"""``manage.py make_trail_months``: make the trail's pieces for this month and the next two, as the owner."""

from datetime import UTC, datetime
from typing import Any

from django.core.management.base import BaseCommand

from audit import partitions


class Command(BaseCommand):
    """Safe to repeat. A scheduler runs it monthly where nothing is restarted for months; each migration does it too."""

    help = "Make the audit trail's tables for this month and the next two; entries of other months go to a default one."

    def handle(self, *args: Any, **options: Any) -> None:
        """Make what is missing, and name it."""
        made = partitions.ensure("owner", datetime.now(UTC).date())
        self.stdout.write("\n".join(made) if made else "Nothing was missing.")
