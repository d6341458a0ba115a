"""Which work of conversations is done in the background? Writing answers."""

from __future__ import annotations

from uuid import UUID

from accounts.http import Tenant
from accounts.jobs import PROMPT_QUEUE, job
from conversations import answering, services


def give_up(tenant: Tenant, message_id: str) -> None:
    """Close the answer of a job that failed for the last time."""
    services.fail(UUID(message_id), actor=tenant)


# A person is waiting for this, so it has places of its own: reading files, of whatever workspace, can take minutes.
@job("conversations.answer", queue=PROMPT_QUEUE, gave_up=give_up)
def answer(tenant: Tenant, message_id: str) -> None:
    """Write the answer whose message waits under this id."""
    answering.write_answer(UUID(message_id), actor=tenant)
