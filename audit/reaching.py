"""Did a refused request reach for another workspace's object, or for nothing that exists?

Behind the fence both are the same 404, and the application may not know which. After the answer the shipper asks whose
the ids are that the request named. What was another workspace's becomes an entry of its own, critical, in nobody's
trail: in the trail of whoever asked it would tell them what the answer did not.
"""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from typing import Final
from uuid import UUID

from django.db import connections

from audit import bursts, entries
from audit.rules import ActorType

MOST_IDS: Final = 20_000
"""How many ids one question holds."""
_OWNERS: Final = "SELECT id, workspace_id FROM fence.owners_of(%s)"
_VERIFIED: Final = frozenset({ActorType.MEMBER, ActorType.KEY, ActorType.JOB})


def foreign(found: Sequence[entries.Entry]) -> list[entries.Entry]:
    """The entries to add: one for each refused request of a member or key and each other workspace that it reached into.

    Runs as ``aiaxis_audit``. The same entries give the same ids, so that a shipper may begin again. Raises ``django.db.Error``.
    """
    asked = [(entry, ids) for entry in found if _is_verified(entry) and (ids := entries.reached(entry))]
    owners = _owners_of({one for _, ids in asked for one in ids})
    return [
        entries.foreign(entry, owner=owner, ids=theirs)
        for entry, ids in asked
        for owner, theirs in _by_owner(ids, owners, own=str(entry["workspace_id"])).items()
    ]


def _is_verified(entry: entries.Entry) -> bool:
    """Did somebody with a valid credential try it, in vain?"""
    actor, workspace = entry.get("actor_type"), entry.get("workspace_id")
    return bursts.may_be_counted(entry) and actor in _VERIFIED and isinstance(workspace, str)


def _owners_of(ids: Iterable[UUID]) -> dict[UUID, str]:
    wanted, owners = sorted(ids), {}
    with connections["audit"].cursor() as cursor:
        for first in range(0, len(wanted), MOST_IDS):
            cursor.execute(_OWNERS, [wanted[first : first + MOST_IDS]])
            owners.update({one: str(workspace) for one, workspace in cursor.fetchall()})
    return owners


def _by_owner(ids: list[UUID], owners: dict[UUID, str], *, own: str) -> dict[str, list[UUID]]:
    """The ids that are another workspace's, by that workspace."""
    theirs: dict[str, list[UUID]] = {}
    for one in ids:
        owner = owners.get(one)
        if owner is not None and owner != own:
            theirs.setdefault(owner, []).append(one)
    return theirs
