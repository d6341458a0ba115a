"""Which files has nobody used for long, and how do they go?"""

from __future__ import annotations

from dataclasses import dataclass
from datetime import datetime
from functools import partial

from django.db import transaction
from django.db.models import Q, QuerySet

from accounts.tenancy.context import workspace
from files import services, storage
from files.models import File


@dataclass(frozen=True, slots=True)
class Gone:
    """How many files went, and how many bytes they had."""

    files: int
    bytes: int


def unused(before: datetime) -> QuerySet[File]:
    """The files that were uploaded before, and neither opened, downloaded nor read for an answer since."""
    found: QuerySet[File] = File.objects.filter(
        Q(last_used_at=None) | Q(last_used_at__lt=before), created_at__lt=before
    )
    return found


def let_go(before: datetime, most: int) -> Gone:
    """Delete up to `most` of them, with bytes, passages and vectors. Inside the caller's transaction, which records it.

    Raises `storage.StorageUnavailable`, with nothing deleted, while the place where files are kept is away.
    """
    if storage.is_away():
        # Their bytes would stay where no row names them any more. The next round does it.
        raise storage.StorageUnavailable(storage.OUT_OF_REACH)
    # Whoever opens one at this moment holds its row, and keeps it.
    found = list(unused(before).select_for_update(skip_locked=True).order_by("pk")[:most])
    for file in found:
        transaction.on_commit(partial(_forget, file))
    File.objects.filter(pk__in=[file.pk for file in found]).delete()
    return Gone(len(found), sum(file.size for file in found))


def _forget(file: File) -> None:
    # A job, if one is needed, is somebody's: the owner's, whose bytes they were.
    with workspace(file.workspace_id, file.owner_id):
        services.drop(file.storage_key)
