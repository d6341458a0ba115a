"""Which work of conversations is done in the background? Writing answers, and letting go what nobody uses any more."""

from __future__ import annotations

from uuid import UUID

from accounts.http import Tenant
from accounts.jobs import PROMPT_QUEUE, job
from accounts.rounds import every
from conversations import answering, services
from conversations.keeping import services as keeping
from conversations.keeping import temporary


def give_up(tenant: Tenant, message_id: str) -> None:
    """Close the answer of a job that failed for the last time."""
    services.fail(UUID(message_id), actor=tenant)


# A person is waiting for this, so it has places of its own: reading files, of whatever workspace, can take minutes.
@job("conversations.answer", queue=PROMPT_QUEUE, gave_up=give_up)
def answer(tenant: Tenant, message_id: str) -> None:
    """Write the answer whose message waits under this id."""
    answering.write_answer(UUID(message_id), actor=tenant)


@every("conversations.keep", seconds=1800.0)
def keep() -> None:
    """Delete temporary conversations whose time is over, and what nobody used for as long as its workspace chose."""
    temporary.erase_due()
    keeping.let_go_due()
