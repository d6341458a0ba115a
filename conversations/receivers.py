"""What follows from a fact about a conversation? A question, and an answer that goes on, is handed to a job, in the same transaction."""

from __future__ import annotations

from django.dispatch import receiver

from accounts.jobs import enqueue
from conversations import jobs, queries, signals
from conversations.models import Message


@receiver(
    [signals.question_asked, signals.answer_resumed], sender=Message, dispatch_uid="conversations.receivers.answer_it"
)
def answer_it(sender: type[Message], target: Message, **facts: object) -> None:
    """Enqueue the writing of an answer; committed with its row, so neither is ever without the other."""
    writing = jobs.answer_by_model if queries.is_by_model(target.pk) else jobs.answer
    enqueue(writing, message_id=str(target.pk))
