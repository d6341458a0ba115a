"""Which files has nobody used for long, and how do they go?"""

from __future__ import annotations

from dataclasses import dataclass
from datetime import datetime
from functools import partial

from django.db import transaction
from django.db.models import Q, QuerySet

from files import storage
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
    """Delete up to `most` of them, with bytes, passages and vectors. Inside the caller's transaction, which records it."""
    # Whoever opens one at this moment holds its row, and keeps it.
    found = list(unused(before).select_for_update(skip_locked=True).order_by("pk")[:most])
    for file in found:
        transaction.on_commit(partial(storage.delete, file.storage_key))
    File.objects.filter(pk__in=[file.pk for file in found]).delete()
    return Gone(len(found), sum(file.size for file in found))
