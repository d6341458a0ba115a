"""Which conversations and messages are this member's?

A conversation is its owner's alone, and the database says so too. A colleague's, another workspace's and one that never was are the
same 404, for reading, streaming, stopping, retrying and renaming alike (L15, L16, L17).
"""

from __future__ import annotations

from uuid import UUID

from accounts.access import has_role
from accounts.http import NotVisible, Tenant
from accounts.models import Role
from agents.models import Agent
from conversations.models import Conversation, Message


def can_ask(actor: Tenant) -> bool:
    """May this member ask agents? Viewers read only."""
    return has_role(actor, Role.MEMBER)


def get_conversation_or_refuse(conversation_id: UUID) -> Conversation:
    """Return a conversation of the bound member; raise NotVisible otherwise."""
    conversation: Conversation | None = Conversation.objects.select_related("agent").filter(pk=conversation_id).first()
    if conversation is None:
        raise NotVisible([conversation_id])
    return conversation


def get_message_or_refuse(conversation: Conversation, message_id: UUID) -> Message:
    """Return a message of this very conversation; raise NotVisible otherwise.

    Both ids have to belong to the caller and to each other: a message of another conversation is as absent as no message (L17).
    """
    message: Message | None = Message.objects.filter(conversation=conversation, pk=message_id).first()
    if message is None:
        raise NotVisible([message_id])
    return message


def agent_of(conversation: Conversation) -> Agent | None:
    """Return the conversation's agent if the bound member may still ask it: not deleted, not made private, not archived."""
    if conversation.agent_id is None:
        return None
    agent: Agent | None = Agent.objects.filter(pk=conversation.agent_id, archived_at=None).first()
    return agent
