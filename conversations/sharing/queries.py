"""Who reads a conversation, which ones are shared with a member, and what do they tell of files?"""

from __future__ import annotations

from dataclasses import dataclass

from django.db.models import Exists, OuterRef, QuerySet

from accounts.http import Tenant
from accounts.models import Membership
from accounts.sharing import people_of
from accounts.tenancy.context import current_member_id
from agents.models import Visibility
from conversations.models import Citation, Conversation, ConversationShare, Message
from files.models import File


@dataclass(frozen=True, slots=True)
class Quoted:
    """A file that a conversation quotes. Answers from it are shown to others where they can open it themselves."""

    name: str
    is_open: bool
    is_gone: bool


def shared_with(conversation: Conversation) -> list[Membership]:
    """Return the members who were chosen to read it, by name: all of them for its owner, oneself for anybody else."""
    return (
        people_of(ConversationShare, conversation=conversation) if conversation.visibility == Visibility.NAMED else []
    )


def with_reader(search: str = "") -> QuerySet[Conversation]:
    """Return what colleagues share with the bound member, with agent and owner; `search` looks in titles."""
    others = Conversation.objects.select_related("agent", "owner").exclude(owner_id=current_member_id())
    begun: QuerySet[Conversation] = others.filter(Exists(Message.objects.filter(conversation=OuterRef("pk"))))
    return begun.filter(title__icontains=search) if search else begun


def quoted_in(conversation: Conversation) -> list[Quoted]:
    """Return the files that the conversation quotes on any branch, those that not everybody can open first. Two queries."""
    cited = Citation.objects.filter(message__conversation=conversation).values_list("file_id", "file_name").distinct()
    names = {(file_id, name) for file_id, name in cited}
    ids = [file_id for file_id, _ in names if file_id is not None]
    everybodys = set(File.objects.filter(pk__in=ids, visibility="workspace").values_list("pk", flat=True))
    found = [Quoted(name, is_open=file_id in everybodys, is_gone=file_id is None) for file_id, name in names]
    return sorted(found, key=lambda one: (one.is_open, one.name))


def who_can_read(conversation: Conversation, owner: Tenant) -> str:
    """Say to its owner who can read the conversation now."""
    if conversation.visibility == Visibility.WORKSPACE:
        return f"Everyone in {owner.workspace_name} can read this conversation now."
    if conversation.visibility == Visibility.PRIVATE:
        return "Only you can read this conversation now."
    count = len(shared_with(conversation))
    return f"You and {count} {'person' if count == 1 else 'people'} can read this conversation now."
