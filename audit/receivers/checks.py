"""What was proven of the isolation, at a start, at the terminal or for the console: it is kept where operators read it."""

from typing import Any
from uuid import UUID

from django.dispatch import receiver

from accounts import signals as accounts
from audit.checks import services


@receiver(accounts.isolation_proven)
def isolation_proven(sender: object, *, report: dict[str, Any], origin: str, run: UUID | None, **kwargs: Any) -> None:
    """Keep the whole report, and record a hole wherever it was found."""
    services.keep_proof(report, origin=origin, run=run)
