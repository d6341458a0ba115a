"""What happens when a member takes a conversation away? Its record comes first, then the file."""

from __future__ import annotations

from dataclasses import dataclass

from django.db import transaction

from accounts.http import Tenant
from conversations import queries, signals
from conversations.attachments import queries as attachments
from conversations.exporting.formats import MEDIA, Format, file_name, written
from conversations.models import Conversation


@dataclass(frozen=True, slots=True)
class Export:
    """A conversation as a file."""

    name: str
    media_type: str
    content: str


def export(conversation: Conversation, *, actor: Tenant, kind: Format) -> Export:
    """Return the conversation as a file: for people the path that is shown, for programs every branch."""
    of = queries.on_path if kind == Format.MARKDOWN else queries.messages_of
    with transaction.atomic():
        messages = queries.as_far_as_written(list(of(conversation).order_by("position")))
        signals.conversation_exported.send(
            Conversation, actor=actor, target=conversation, form=kind.value, messages=len(messages)
        )
    return Export(
        file_name(conversation, kind),
        MEDIA[kind],
        written(conversation, attachments.attached(conversation).rows, messages, kind),
    )
