"""How is a conversation shared, and how does that end?"""

from __future__ import annotations

from collections.abc import Collection
from uuid import UUID

from django.db import connection, transaction

from accounts.http import Tenant
from accounts.sharing import share_with
from accounts.tenancy.context import current_workspace_id
from agents.models import Visibility
from conversations import answering, signals
from conversations.models import Conversation, ConversationShare


class NotShareable(Exception):
    """A temporary conversation is its owner's alone. The message is a sentence for people."""


def share(
    conversation: Conversation, *, actor: Tenant, visibility: str, people: Collection[UUID] | None = None
) -> None:
    """Let these members read the conversation, or everybody of the workspace, or nobody any more: then their streams end at once.

    `people` are memberships and count where the visibility is "named"; None leaves them as they are. Raises `NotShareable`.
    """
    if conversation.erased_after is not None and visibility != Visibility.PRIVATE:
        raise NotShareable("A temporary conversation is yours alone. Ask in a usual one to share it.")
    with transaction.atomic():
        if conversation.visibility != visibility:
            conversation.visibility = visibility
            # Not a word was said: the time of the last one stays.
            conversation.save(update_fields=["visibility"])
            signals.conversation_visibility_changed.send(
                Conversation, actor=actor, target=conversation, visibility=visibility
            )
        if people is not None or visibility != Visibility.NAMED:
            _share_by_name(conversation, people or (), actor=actor)
        # Whoever follows an answer is asked for again now, and not at the next second.
        answering.announce(conversation.pk)


def end_with(leaver_id: UUID, *, actor: Tenant | None) -> None:
    """End what was shared with somebody who is no longer a member, and what they shared themselves: nobody could take it back.

    A function of the fence does it, since the policies let nobody write a colleague's conversation. `actor` is None where nobody of
    the workspace did it, but their company's directory.
    """
    with transaction.atomic():
        with connection.cursor() as cursor:
            cursor.execute("SELECT conversation FROM fence.end_conversation_sharing(%s)", [leaver_id])
            ended = sorted(key for (key,) in cursor.fetchall())
        for key in ended:
            # Not looked up: nobody but the leaver may see it now, and it is told all the same.
            gone = Conversation(pk=key, workspace_id=current_workspace_id(), owner_id=leaver_id)
            signals.conversation_visibility_changed.send(
                Conversation, actor=actor, target=gone, visibility=Visibility.PRIVATE
            )
            answering.announce(key)


def note_reading(conversation: Conversation, *, actor: Tenant) -> None:
    """Put on record that somebody reads what a colleague shares. That its owner does is nobody's news."""
    if conversation.owner_id != actor.membership_id:
        with transaction.atomic():
            signals.conversation_shown.send(Conversation, actor=actor, target=conversation)


def _share_by_name(conversation: Conversation, people: Collection[UUID], *, actor: Tenant) -> None:
    """Let exactly these members read it where it is for chosen people, and nobody by name where it is not."""
    chosen = people if conversation.visibility == Visibility.NAMED else ()
    added, removed = share_with(ConversationShare, chosen, owner_id=conversation.owner_id, conversation=conversation)
    if added or removed:
        signals.conversation_people_changed.send(
            Conversation, actor=actor, target=conversation, added=added, removed=removed
        )
