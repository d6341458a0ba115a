"""How is a file attached to a conversation, and taken away from it?"""

from __future__ import annotations

from collections.abc import Sequence
from uuid import UUID

from django.db import IntegrityError, ProgrammingError, transaction
from django.http import Http404

from accounts.http import Tenant
from agents.access import get_files_or_refuse
from conversations import services, signals
from conversations.attachments.models import MOST_ATTACHED, ConversationFile
from conversations.models import Conversation
from files.models import File


class TooManyFiles(services.Refusal):
    """The conversation holds as many files as one may."""


def attach(conversation: Conversation, *, actor: Tenant, files: Sequence[File]) -> list[File]:
    """Attach these files, which the actor may see; returns those that were not attached before.

    Raises `TooManyFiles`, `ConversationArchived`, and `Http404` for a conversation that is gone or not the actor's, and for a file
    that the actor sees no more.
    """
    with transaction.atomic():
        locked = _locked(conversation)
        present = set(ConversationFile.objects.filter(conversation=locked).values_list("file_id", flat=True)) - {None}
        fresh = [file for file in files if file.pk not in present]
        _check_number(len(present) + len(fresh))
        if fresh:
            _add(locked, fresh)
            _tell(locked, actor, attached=[file.pk for file in fresh])
    return fresh


def check_room(conversation: Conversation, more: int) -> None:
    """Raise `TooManyFiles` or `ConversationArchived` where so many more have no place: asked before anything is stored."""
    _check_open(conversation)
    _check_number(ConversationFile.objects.filter(conversation=conversation).exclude(file_id=None).count() + more)


def detach(conversation: Conversation, *, actor: Tenant, file_id: UUID) -> None:
    """Take a file away from the conversation. What was answered from it stays said."""
    with transaction.atomic():
        gone, _ = ConversationFile.objects.filter(conversation=conversation, file=file_id).delete()
        if gone:
            _tell(conversation, actor, detached=[file_id])


def _add(conversation: Conversation, files: Sequence[File]) -> None:
    try:
        with transaction.atomic():
            ConversationFile.objects.bulk_create(
                [ConversationFile(conversation=conversation, file=file, file_name=file.name) for file in files]
            )
    except (IntegrityError, ProgrammingError):
        # Deleted or hidden since it was looked up: the policy and the foreign key see to that. It is the 404 that it would be now.
        get_files_or_refuse([file.pk for file in files])
        raise


def _locked(conversation: Conversation) -> Conversation:
    # Two that come at once are counted one after the other. The lock is a write to the policies: nobody else's is found.
    locked: Conversation | None = Conversation.objects.select_for_update().filter(pk=conversation.pk).first()
    if locked is None:
        raise Http404
    _check_open(locked)
    return locked


def _check_open(conversation: Conversation) -> None:
    if conversation.archived_at is not None:
        raise services.ConversationArchived(
            "This conversation is archived. Take it out of the archive to attach files to it."
        )


def _check_number(number: int) -> None:
    if number > MOST_ATTACHED:
        raise TooManyFiles(
            f"Up to {MOST_ATTACHED} files can be attached to a conversation. Remove one, or give them to an agent."
        )


def _tell(
    conversation: Conversation, actor: Tenant, *, attached: Sequence[UUID] = (), detached: Sequence[UUID] = ()
) -> None:
    signals.conversation_files_changed.send(
        Conversation,
        actor=actor,
        target=conversation,
        attached=[str(one) for one in attached],
        detached=[str(one) for one in detached],
    )
