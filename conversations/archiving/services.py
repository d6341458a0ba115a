"""How is a conversation put away, and taken out again?"""

from __future__ import annotations

from django.db import transaction
from django.utils import timezone

from accounts.http import Tenant
from conversations import signals
from conversations.models import Conversation


def archive(conversation: Conversation, *, actor: Tenant) -> None:
    """Put the conversation away: it stays readable and found, and nothing is asked in it until it is taken out."""
    _set(conversation, actor=actor, archived=True)


def restore(conversation: Conversation, *, actor: Tenant) -> None:
    """Take the conversation out of the archive."""
    _set(conversation, actor=actor, archived=False)


def _set(conversation: Conversation, *, actor: Tenant, archived: bool) -> None:
    if (conversation.archived_at is not None) == archived:
        return
    with transaction.atomic():
        conversation.archived_at = timezone.now() if archived else None
        # Not a word was said: the time of the last one stays.
        conversation.save(update_fields=["archived_at"])
        signals.conversation_archived.send(Conversation, actor=actor, target=conversation, archived=archived)
