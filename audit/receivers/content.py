"""What was done with agents, files and conversations: what is kept of it? Never what they say."""

from typing import Any
from uuid import UUID

from django.db.models import Model
from django.dispatch import receiver

from accounts.http import Tenant
from agents import signals as agents
from audit.receivers.facts import keep, keep_each, keep_shown
from conversations import signals as conversations
from files import signals as files


@receiver(agents.agent_created)
def agent_created(sender: object, *, actor: Tenant, target: Model, visibility: str, files: int, **kwargs: Any) -> None:
    """An agent was made."""
    keep("agent.created", actor, target, visibility=visibility, files=files)


@receiver(agents.agent_changed)
def agent_changed(sender: object, *, actor: Tenant, target: Model, fields: list[str], **kwargs: Any) -> None:
    """An agent was changed: which fields, never what they say."""
    keep("agent.changed", actor, target, fields=fields)


@receiver(agents.agent_visibility_changed)
def agent_visibility_changed(sender: object, *, actor: Tenant, target: Model, visibility: str, **kwargs: Any) -> None:
    """An agent was opened to the workspace, or closed again."""
    keep("agent.visibility_changed", actor, target, visibility=visibility)


@receiver(agents.agent_people_changed)
def agent_people_changed(
    sender: object, *, actor: Tenant, target: Model, added: list[str], removed: list[str], **kwargs: Any
) -> None:
    """An agent was shared with members by name, or no longer is: the ids of their memberships."""
    keep_each("agent.people_changed", actor, target, added=added, removed=removed)


@receiver(agents.agent_files_changed)
def agent_files_changed(
    sender: object, *, actor: Tenant, target: Model, attached: list[str], detached: list[str], **kwargs: Any
) -> None:
    """An agent got files or lost some: their ids."""
    keep_each("agent.files_changed", actor, target, attached=attached, detached=detached)


@receiver(agents.agent_returned)
def agent_returned(sender: object, *, actor: Tenant, target: Model, version: int, lost: int, **kwargs: Any) -> None:
    """An agent became again what it was in an earlier version: its number, and how many of its files are gone."""
    keep("agent.returned", actor, target, version=version, lost=lost)


@receiver(agents.agent_archived)
def agent_archived(sender: object, *, actor: Tenant, target: Model, archived: bool, **kwargs: Any) -> None:
    """An agent went into the archive or came out of it."""
    keep("agent.archived" if archived else "agent.restored", actor, target)


@receiver(agents.agent_handed_over)
def agent_handed_over(sender: object, *, actor: Tenant | None, target: Model, heir: UUID, **kwargs: Any) -> None:
    """A shared agent of somebody who went has another owner."""
    keep("agent.handed_over", actor, target, heir=heir)


@receiver(agents.agent_deleted)
def agent_deleted(sender: object, *, actor: Tenant, target: Model, **kwargs: Any) -> None:
    """An agent was deleted."""
    keep("agent.deleted", actor, target)


@receiver(agents.file_read)
def file_read(
    sender: object, *, actor: Tenant, target: Model, agent_id: UUID | None, passages: int, **kwargs: Any
) -> None:
    """An agent read passages of a file for a member, whatever its answer will say (L36)."""
    keep("file.read", actor, target, agent=agent_id and str(agent_id), passages=passages)


@receiver(files.file_uploaded)
def file_uploaded(sender: object, *, actor: Tenant, target: Model, **kwargs: Any) -> None:
    """A file was taken in."""
    keep("file.uploaded", actor, target)


@receiver(files.file_handed_over)
def file_handed_over(sender: object, *, actor: Tenant | None, target: Model, heir: UUID, **kwargs: Any) -> None:
    """A shared file of somebody who went has another owner."""
    keep("file.handed_over", actor, target, heir=heir)


@receiver(files.file_requeued)
def file_requeued(sender: object, *, actor: Tenant, target: Model, **kwargs: Any) -> None:
    """A file is to be read anew."""
    keep("file.requeued", actor, target)


@receiver(files.file_ready)
def file_ready(sender: object, *, actor: Tenant, target: Model, pages: int, passages: int, **kwargs: Any) -> None:
    """A file was read and can be asked about."""
    keep("file.ready", actor, target, pages=pages, passages=passages)


@receiver(files.file_refused)
def file_refused(sender: object, *, actor: Tenant, target: Model, reason: str, **kwargs: Any) -> None:
    """A file could not be taken."""
    keep("file.refused", actor, target, cause=reason)


@receiver(files.file_shared)
def file_shared(sender: object, *, actor: Tenant, target: Model, before: str, after: str, **kwargs: Any) -> None:
    """A file was opened to the workspace, or closed again."""
    keep("file.shared", actor, target, before=before, after=after)


@receiver(files.file_tagged)
def file_tagged(sender: object, *, actor: Tenant, target: Model, added: int, removed: int, **kwargs: Any) -> None:
    """A file was given tags or lost some: how many, never what they say."""
    keep("file.tagged", actor, target, added=added, removed=removed)


@receiver(files.file_deleted)
def file_deleted(sender: object, *, actor: Tenant, target: Model, **kwargs: Any) -> None:
    """A file was deleted with all that was made of it."""
    keep("file.deleted", actor, target)


@receiver(files.file_downloaded)
def file_downloaded(sender: object, *, actor: Tenant, target: Model, partial: bool, **kwargs: Any) -> None:
    """A file's bytes were given out."""
    keep("file.downloaded", actor, target, partial=partial)


@receiver(files.passages_read)
def passages_read(sender: object, *, actor: Tenant, target: Model, purpose: str, passages: int, **kwargs: Any) -> None:
    """A person was shown text of a file."""
    keep("file.shown", actor, target, purpose=purpose, passages=passages)


@receiver(files.passages_searched)
def passages_searched(sender: object, *, actor: Tenant, found: list[tuple[Model, int]], **kwargs: Any) -> None:
    """A person searched and was shown excerpts: so many of which files, never for which words.

    Each file has an entry about it besides, or whoever asks the trail who saw a file would miss those who searched.
    """
    files = [str(file.pk) for file, _ in found]
    keep("file.searched", actor, None, files=files, passages=sum(passages for _, passages in found))
    keep_shown("file.shown", actor, found, purpose="search")


@receiver(conversations.conversation_started)
def conversation_started(sender: object, *, actor: Tenant, target: Model, agent_id: UUID, **kwargs: Any) -> None:
    """A conversation was begun."""
    keep("conversation.started", actor, target, agent=agent_id)


@receiver(conversations.question_asked)
def question_asked(
    sender: object,
    *,
    actor: Tenant,
    target: Model,
    conversation_id: UUID,
    agent_id: UUID | None,
    again: bool,
    kept: bool = True,
    **kwargs: Any,
) -> None:
    """A question was asked, or its answer wanted once more; never what was asked. One of a program's, or one that tries an agent,
    leaves no conversation.
    """
    keep("message.asked", actor, target, conversation=conversation_id, agent=agent_id, again=again, kept=kept)


@receiver(conversations.answer_finished)
def answer_finished(
    sender: object, *, actor: Tenant, target: Model, status: str, refused: bool, citations: int, **kwargs: Any
) -> None:
    """An answer came to its end."""
    keep("message.finished", actor, target, status=status, no_answer=refused, citations=citations)


@receiver(conversations.answer_stop_requested)
def answer_stop_requested(sender: object, *, actor: Tenant, target: Model, **kwargs: Any) -> None:
    """Somebody asked to stop an answer."""
    keep("message.stopped", actor, target)


@receiver(conversations.conversation_files_changed)
def conversation_files_changed(
    sender: object, *, actor: Tenant, target: Model, attached: list[str], detached: list[str], **kwargs: Any
) -> None:
    """A conversation got files or lost some: their ids."""
    keep_each("conversation.files_changed", actor, target, attached=attached, detached=detached)


@receiver(conversations.conversation_archived)
def conversation_archived(sender: object, *, actor: Tenant, target: Model, archived: bool, **kwargs: Any) -> None:
    """A conversation was put away, or taken out again."""
    keep("conversation.archived" if archived else "conversation.restored", actor, target)


@receiver(conversations.conversation_visibility_changed)
def conversation_visibility_changed(
    sender: object, *, actor: Tenant | None, target: Model, visibility: str, **kwargs: Any
) -> None:
    """A conversation was opened to be read, or closed again."""
    keep("conversation.visibility_changed", actor, target, visibility=visibility)


@receiver(conversations.conversation_people_changed)
def conversation_people_changed(
    sender: object, *, actor: Tenant, target: Model, added: list[str], removed: list[str], **kwargs: Any
) -> None:
    """A conversation was shared with members by name, or no longer is: the ids of their memberships."""
    keep_each("conversation.people_changed", actor, target, added=added, removed=removed)


@receiver(conversations.conversation_erased)
def conversation_erased(sender: object, *, target: Model, **kwargs: Any) -> None:
    """A temporary conversation went, as was said when it was begun."""
    keep("conversation.erased", None, target)


@receiver(conversations.conversation_shown)
def conversation_shown(sender: object, *, actor: Tenant, target: Model, **kwargs: Any) -> None:
    """Somebody read what a colleague shares."""
    keep("conversation.shown", actor, target)


@receiver(conversations.conversation_exported)
def conversation_exported(
    sender: object, *, actor: Tenant, target: Model, form: str, messages: int, **kwargs: Any
) -> None:
    """A conversation was given out as a file: in which form, and how many messages."""
    keep("conversation.exported", actor, target, form=form, messages=messages)


@receiver(conversations.answer_rated)
def answer_rated(
    sender: object, *, actor: Tenant, target: Model, helpful: bool, passed_on: bool, **kwargs: Any
) -> None:
    """An answer was rated; never what was written about it, nor in the open whether it helped: that is its author's."""
    keep("message.rated", actor, target, passed_on=passed_on)


@receiver(conversations.answer_rating_withdrawn)
def answer_rating_withdrawn(sender: object, *, actor: Tenant, target: Model, **kwargs: Any) -> None:
    """A rating was taken back."""
    keep("message.rating_withdrawn", actor, target)


@receiver(conversations.conversation_renamed)
def conversation_renamed(sender: object, *, actor: Tenant, target: Model, **kwargs: Any) -> None:
    """A conversation got another title, which is content and is not kept."""
    keep("conversation.renamed", actor, target)


@receiver(conversations.usage_exported)
def usage_exported(sender: object, *, actor: Tenant, days: int, **kwargs: Any) -> None:
    """The numbers of so many days were taken away as a file."""
    keep("usage.exported", actor, None, days=days)


@receiver(conversations.keeping_chosen)
def keeping_chosen(
    sender: object,
    *,
    actor: Tenant,
    target: Model,
    conversations: tuple[int | None, int | None],
    files: tuple[int | None, int | None],
    **kwargs: Any,
) -> None:
    """An owner chose how long unused things are kept: days before and after, null for ever."""
    keep("keeping.changed", actor, target, conversations=conversations, files=files)


@receiver(conversations.unused_let_go)
def unused_let_go(sender: object, *, target: Model, conversations: int, files: int, size: int, **kwargs: Any) -> None:
    """What nobody used was deleted: how much, and none of it by name."""
    keep("keeping.let_go", None, target, conversations=conversations, files=files, bytes=size)


@receiver(conversations.conversation_deleted)
def conversation_deleted(sender: object, *, actor: Tenant, target: Model, messages: int, **kwargs: Any) -> None:
    """A conversation was deleted with all that it held."""
    keep("conversation.deleted", actor, target, messages=messages)
