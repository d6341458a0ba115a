"""What goes, when, and how much of it is the reader's?"""

from __future__ import annotations

from dataclasses import dataclass
from datetime import datetime, timedelta
from typing import Any

from django.db import connection
from django.db.models import QuerySet
from django.utils import timezone

from accounts.tenancy.context import current_member_id
from conversations.keeping.models import KeepingChoice
from conversations.models import Conversation
from files import keeping

WARNED = timedelta(days=7)
_NEVER = datetime(2000, 1, 1, tzinfo=timezone.get_default_timezone())


@dataclass(frozen=True, slots=True)
class Preview:
    """What would go of the whole workspace, and from when on."""

    conversations: int
    people: int
    files: int
    bytes: int
    begins_at: datetime


@dataclass(frozen=True, slots=True)
class Own:
    """How much of the reader's own goes within a week, or on the first day if that is later."""

    conversations: int
    files: int
    until: datetime


def choice() -> KeepingChoice | None:
    """What the bound workspace chose."""
    found: KeepingChoice | None = KeepingChoice.objects.filter(name="unused").first()
    return found


def unused_conversations(before: datetime) -> QuerySet[Conversation]:
    """The conversations in which nobody wrote since; of those that the fence lets through."""
    found: QuerySet[Conversation] = Conversation.objects.filter(updated_at__lt=before)
    return found


def preview(conversations: int | None, files: int | None) -> Preview:
    """What would go on the first day if this were chosen now, for an owner. Nothing is changed."""
    begins = timezone.now() + WARNED
    with connection.cursor() as cursor:
        bounds = [begins - timedelta(days=days) if days is not None else _NEVER for days in (conversations, files)]
        cursor.execute("SELECT * FROM fence.unused_since(%s, %s)", bounds)
        counts: tuple[int, int, int, int] = cursor.fetchone()
    return Preview(*counts, begins)


def own(chosen: KeepingChoice) -> Own:
    """What of the bound member's own goes next, as things stand."""
    until = max(timezone.now() + WARNED, chosen.begins_at)
    counts: dict[str, Any] = {"conversations": 0, "files": 0}
    if chosen.conversations is not None:
        found = unused_conversations(until - timedelta(days=chosen.conversations))
        counts["conversations"] = found.filter(owner_id=current_member_id()).count()
    if chosen.files is not None:
        counts["files"] = (
            keeping.unused(until - timedelta(days=chosen.files)).filter(owner_id=current_member_id()).count()
        )
    return Own(**counts, until=until)
