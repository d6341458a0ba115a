"""Which work of conversations is done in the background? Writing answers."""

from __future__ import annotations

from uuid import UUID

from django.conf import settings

from accounts.http import Tenant
from accounts.jobs import PROMPT_QUEUE, REMOTE_QUEUE, enqueue, job
from conversations import answering, queries, services


def give_up(tenant: Tenant, message_id: str) -> None:
    """Close the answer of a job that failed for the last time."""
    services.fail(UUID(message_id), actor=tenant)


# A person is waiting for this, so it has places of its own: reading files, of whatever workspace, can take minutes. One of them is
# left to the other workspaces, whatever one of them asks.
@job("conversations.answer", queue=PROMPT_QUEUE, share=max(1, settings.WORKER_CONCURRENCY - 1), gave_up=give_up)
def answer(tenant: Tenant, message_id: str) -> None:
    """Write the answer whose message waits under this id."""
    if queries.is_by_model(UUID(message_id)):
        # The agent was given a model since it was asked: a silent one would hold the places of what needs none.
        enqueue(answer_by_model, message_id=message_id)
        return
    answering.write_answer(UUID(message_id), actor=tenant)


# A model may take minutes, and one that is silent or slow is its workspace's own choice: nobody else's answer waits for it.
@job("conversations.answer_by_model", queue=REMOTE_QUEUE, share=settings.MODEL_ANSWERS_AT_ONCE, gave_up=give_up)
def answer_by_model(tenant: Tenant, message_id: str) -> None:
    """As ``answer``, where a language model writes it."""
    answering.write_answer(UUID(message_id), actor=tenant)
