"""Whose key is about to end, and were they told in time to replace it?

A week before and a day before, once each. Which keys those are, a function of the database says to whoever holds the application's
seal; what is done about one happens in its member's own place, where the mark and the letter's job are written in one transaction.
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import Final
from uuid import UUID

from django.db import connections, transaction
from django.db.models import Q
from django.utils import timezone

from accounts.models import ApiKey
from accounts.signals import api_key_ending
from accounts.tenancy import claims
from accounts.tenancy.context import workspace

PURPOSE: Final = "keys_ending"
AT_ONCE: Final = 200  # the rest of them is told by the next round


@dataclass(frozen=True, slots=True)
class Ending:
    """A key that ends within so many days, and whose it is."""

    workspace_id: UUID
    membership_id: UUID
    key_id: UUID
    days: int


def warn() -> int:
    """Have everybody told whose key is about to end and who was not told yet; returns how many letters that were."""
    return sum(_warned(one) for one in _endings())


def _endings() -> list[Ending]:
    with connections["default"].cursor() as cursor:
        cursor.execute(
            "SELECT workspace_id, membership_id, key_id, days FROM fence.keys_ending(%s, %s)",
            [claims.sealed(PURPOSE), AT_ONCE],
        )
        return [Ending(*row) for row in cursor.fetchall()]


def _warned(one: Ending) -> bool:
    with workspace(one.workspace_id, one.membership_id), transaction.atomic():
        # Asked again: another round may have been faster, or the key was withdrawn or replaced a moment ago.
        untold = ApiKey.objects.filter(Q(warned_days__isnull=True) | Q(warned_days__gt=one.days), pk=one.key_id)
        live = untold.filter(revoked_at__isnull=True, expires_at__gt=timezone.now())
        if not live.update(warned_days=one.days):
            return False
        api_key_ending.send(sender=ApiKey, target=ApiKey(pk=one.key_id), days=one.days)
        return True
