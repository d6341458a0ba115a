"""Which checks were there, as whoever asked sees them?"""

from __future__ import annotations

import json
from dataclasses import dataclass
from datetime import datetime
from typing import Any, Final
from uuid import UUID

from django.db import connections

from accounts.operators import across
from audit.checks.models import Check, Proof, State

LATEST: Final = 10
_COLUMNS: Final = ("id", "state", "asked_at", "asked_name", "began_at", "ended_at", "holds", "result", "percent")
_OWN: Final = f"SELECT {', '.join(_COLUMNS)} FROM fence.own_checks() ORDER BY asked_at DESC"  # noqa: S608 - constants only


@dataclass(frozen=True, slots=True)
class OwnCheck:
    """A check of the part of the trail that stands in the bound workspace."""

    id: UUID
    state: str
    asked_at: datetime
    asked_name: str
    began_at: datetime | None
    ended_at: datetime | None
    holds: bool | None
    result: dict[str, Any]
    percent: int

    @property
    def is_moving(self) -> bool:
        """Will it look different in a moment?"""
        return self.state in (State.WAITING, State.RUNNING)

    @property
    def findings(self) -> list[str]:
        """What is wrong, one sentence each. Nothing in it tells of another workspace."""
        found = [f"Entry {entry} is not what was sealed." for entry in self.result.get("broken", [])]
        if self.result.get("elsewhere"):
            found.append(
                "Something of the sealed record is gone or changed that does not stand in your trail. Whose it was cannot be "
                "said any more, so it may have been yours."
            )
        if self.result.get("truncated"):
            found.append("The end of the sealed record is gone. Entries of yours may have been in it.")
        return found


def own() -> list[OwnCheck]:
    """The bound workspace's, the latest first; none for whoever may not read the trail."""
    with connections["default"].cursor() as cursor:
        cursor.execute(_OWN)
        rows: list[dict[str, Any]] = [dict(zip(_COLUMNS, row, strict=True)) for row in cursor.fetchall()]
    # The driver's own cursor leaves JSON as text.
    return [OwnCheck(**{**row, "result": json.loads(row["result"])}) for row in rows]


def checks() -> list[Check]:
    """Those of the whole trail, the latest first."""
    # Across the fence because they are of everybody's entries together: counts, and ids of entries that are not as sealed.
    return list(across(Check).filter(about_id=None).order_by("-asked_at", "-id")[:LATEST])


def proofs() -> list[Proof]:
    """The proofs of the isolation, the latest first."""
    # Across the fence because they are of the database itself: names of tables and roles, and numbers.
    return list(across(Proof).order_by("-asked_at", "-id")[:LATEST])


def proof(run: UUID) -> Proof | None:
    """One of them."""
    return across(Proof).filter(pk=run, state=State.DONE).first()
