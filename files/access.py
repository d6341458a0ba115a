"""May this member see, or change, this file?

The fence answers first: another workspace's file, and a colleague's private one, do not exist for this member. What is
left to ask here is whether a file that they may read is theirs to change.
"""

from dataclasses import dataclass
from uuid import UUID

from django.core.exceptions import PermissionDenied

from accounts.http import NotVisible, Tenant
from files.models import File, Passage

# How many files a request may choose, so that each gets its answer in a few seconds.
MOST_CHOSEN = 100


def get_file_or_refuse(file_id: UUID) -> File:
    """The file, if the bound member may read it; `NotVisible` (a 404) when it is missing, private or another workspace's."""
    file: File | None = File.objects.select_related("owner").filter(pk=file_id).first()
    if file is None:
        raise NotVisible([file_id])
    return file


def get_own_file_or_refuse(file_id: UUID, actor: Tenant) -> File:
    """The file, if it is the actor's own; `NotVisible` when they can't see it, `PermissionDenied` when a colleague shared it."""
    file = get_file_or_refuse(file_id)
    if not can_change(actor, file):
        raise PermissionDenied("Only the person who uploaded a file may change or delete it. Ask them to do it.")
    return file


@dataclass(frozen=True, slots=True)
class Chosen:
    """What became of the ids that a member chose: their own files, those of colleagues, and how many were not there."""

    own: list[File]
    others: list[File]
    missing: list[UUID]


def chosen_files(file_ids: list[UUID], actor: Tenant) -> Chosen:
    """The files with these ids, in one statement. Ids that are missing, private or another workspace's are all missing."""
    found = {file.pk: file for file in File.objects.select_related("owner").filter(pk__in=file_ids)}
    files = [found[one] for one in dict.fromkeys(file_ids) if one in found]
    return Chosen(
        own=[file for file in files if can_change(actor, file)],
        others=[file for file in files if not can_change(actor, file)],
        missing=[one for one in dict.fromkeys(file_ids) if one not in found],
    )


def get_passage_or_refuse(file_id: UUID, passage_id: UUID) -> Passage:
    """One passage of that very file; `NotVisible` when either is not visible or they don't belong together."""
    passage: Passage | None = (
        Passage.objects.select_related("file__owner").filter(pk=passage_id, file_id=file_id).first()
    )
    if passage is None:
        raise NotVisible([file_id, passage_id])
    return passage


def can_change(actor: Tenant, file: File) -> bool:
    """Is this file the actor's own? Sharing a file with the workspace lets colleagues read it, nothing more."""
    return file.owner_id == actor.membership_id
