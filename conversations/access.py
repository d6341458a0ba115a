"""Which conversations and messages may this member read, and in which may they write?

A conversation is its owner's, and is read by those with whom its owner shares it; the database says so too. Any other colleague's,
another workspace's and one that never was are the same 404, for reading, streaming, stopping, retrying and renaming alike (L15,
L16, L17). Whoever it is shared with reads, and is refused everything else (L20).
"""

from __future__ import annotations

from uuid import UUID

from django.core.exceptions import PermissionDenied
from django.utils import timezone

from accounts.access import has_role
from accounts.http import NotVisible, Tenant
from accounts.models import Role
from accounts.tenancy.context import current_member_id
from agents.models import Agent
from conversations import branches
from conversations.models import Conversation, ConversationFile, Message, ToolCall


def can_ask(actor: Tenant) -> bool:
    """May this member ask agents? Viewers read only."""
    return has_role(actor, Role.MEMBER)


def is_own(conversation: Conversation) -> bool:
    """Is it the bound member's own?"""
    return conversation.owner_id == current_member_id()


def get_conversation_or_refuse(conversation_id: UUID) -> Conversation:
    """Return a conversation that the bound member may read: their own, or one that is shared with them; raise NotVisible otherwise."""
    # A program's call and a try of an agent are read where they were asked, and nowhere else.
    with_page = Conversation.objects.filter(completions=None, trials=None)
    found = with_page.select_related("agent", "owner").filter(pk=conversation_id)
    # A temporary one is gone at its minute, also where the round that erases it is late.
    conversation: Conversation | None = found.exclude(erased_after__lte=timezone.now()).first()
    if conversation is None:
        raise NotVisible([conversation_id])
    return conversation


def get_own_conversation_or_refuse(conversation_id: UUID) -> Conversation:
    """Return a conversation of the bound member's own; raise NotVisible when they may not read it, PermissionDenied when only that."""
    conversation = get_conversation_or_refuse(conversation_id)
    if not is_own(conversation):
        raise PermissionDenied("Only the person whose conversation this is can change it. You can read it.")
    return conversation


def get_message_or_refuse(conversation: Conversation, message_id: UUID) -> Message:
    """Return a message of this very conversation; raise NotVisible otherwise.

    Both ids have to belong to the caller and to each other: a message of another conversation is as absent as no message (L17).
    """
    message: Message | None = Message.objects.filter(conversation=conversation, pk=message_id).first()
    if message is None:
        raise NotVisible([message_id])
    return message


def get_place_or_refuse(conversation: Conversation, message_id: UUID) -> None:
    """Raise NotVisible unless this message stands in this very conversation, seen or not: an answer whose source the reader cannot
    open has a place all the same.
    """
    unseen = {node.id for node in branches.unseen_in(conversation)}
    if message_id not in unseen:
        get_message_or_refuse(conversation, message_id)


def get_attachment_or_refuse(conversation: Conversation, file_id: UUID) -> ConversationFile:
    """Return what is attached to this very conversation, with its file; raise NotVisible otherwise (L17)."""
    attached = ConversationFile.objects.select_related("file").filter(conversation=conversation, file_id=file_id)
    found: ConversationFile | None = attached.first()
    if found is None:
        raise NotVisible([file_id])
    return found


def get_call_or_refuse(conversation: Conversation, call_id: UUID) -> ToolCall:
    """Return a call of a tool of this very conversation; raise NotVisible otherwise (L16, L17)."""
    call: ToolCall | None = ToolCall.objects.filter(message__conversation=conversation, pk=call_id).first()
    if call is None:
        raise NotVisible([call_id])
    return call


def agent_of(conversation: Conversation) -> Agent | None:
    """Return the conversation's agent if the bound member may still ask it: not deleted, not made private, not archived."""
    if conversation.agent_id is None:
        return None
    agent: Agent | None = Agent.objects.filter(pk=conversation.agent_id, archived_at=None).first()
    return agent
