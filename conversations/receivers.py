"""What follows for conversations from what happens in them and around them?

A question, and an answer that goes on, is handed to a job, and quotes find their passages again; each in the same transaction.
"""

from __future__ import annotations

from django.db import connection
from django.dispatch import receiver

from accounts.jobs import enqueue
from conversations import jobs, queries, signals
from conversations.models import Message
from files.models import File
from files.signals import file_ready


@receiver(
    [signals.question_asked, signals.answer_resumed], sender=Message, dispatch_uid="conversations.receivers.answer_it"
)
def answer_it(sender: type[Message], target: Message, **facts: object) -> None:
    """Enqueue the writing of an answer; committed with its row, so neither is ever without the other."""
    writing = jobs.answer_by_model if queries.is_by_model(target.pk) else jobs.answer
    enqueue(writing, message_id=str(target.pk))


@receiver(file_ready, sender=File, dispatch_uid="conversations.receivers.link_quotes")
def link_quotes(sender: type[File], target: File, **facts: object) -> None:
    """Let each quote of the file name its passage again. Read anew the file has other passages, and quotes lost those that went."""
    with connection.cursor() as cursor:
        cursor.execute("SELECT fence.link_quotes(%s)", [target.pk])
