"""What is true of this deployment at this moment, as a member of one workspace may know it?

Read where it is decided: through the fence, and from one function of the database (audit/migrations/0018_protection.py), which
says nothing of any other workspace. Always the same number of questions.
"""

from __future__ import annotations

import json
from dataclasses import dataclass
from datetime import UTC, datetime
from typing import Any, Final
from urllib.parse import urlsplit

from django.db import connections

from accounts.http import Tenant
from accounts.models import Workspace
from agents.tools.models import ToolServer
from agents.vendors.models import ModelProvider
from audit.retention import choosing

COUNTED_TO: Final = 10_000
"""Of the trail's entries more than these are not counted, so that a long trail costs no more than a short one."""


@dataclass(frozen=True, slots=True)
class Fact:
    """One thing that is so here: its name, a sentence, and how good it is ("ok", "notice", "warning", "danger" or "")."""

    name: str
    text: str
    state: str = ""

    @property
    def word(self) -> str:
        """The state in a word, since colour alone says nothing; "" where a fact is only a fact."""
        return {"ok": "Holds", "notice": "Know this", "warning": "Late", "danger": "Does not hold"}.get(self.state, "")


@dataclass(frozen=True, slots=True)
class Proof:
    """What an isolation proof said: ``attacks`` is 0 where only the catalogue was read."""

    at: datetime
    origin: str
    holds: bool
    attacks: int
    tries: int
    leaks: int
    tables: int
    server_version: str
    report: dict[str, Any]


@dataclass(frozen=True, slots=True)
class Checked:
    """When the trail was last compared with its seals, and whether it was whole."""

    at: datetime
    holds: bool


@dataclass(frozen=True, slots=True)
class Live:
    """Everything that was read for one page."""

    tables: int
    fenced: int
    proofs: list[Proof]
    entries: int
    sealed_until: datetime | None
    seals_are_late: bool
    check_of_all: Checked | None
    check_of_own: Checked | None
    visits: int
    visit_pages: int
    last_visit: datetime | None
    operators_are_told: bool
    own_channels: int
    workspace: Workspace
    providers: list[tuple[str, str]]
    tools: list[tuple[str, str]]
    retention: choosing.Period

    @property
    def attacked(self) -> Proof | None:
        """The latest proof with the attacks; None where nobody had them tried."""
        return next((one for one in self.proofs if one.attacks), None)

    @property
    def latest(self) -> Proof | None:
        """The latest proof of either kind."""
        return max(self.proofs, key=lambda one: one.at, default=None)


def read(actor: Tenant) -> Live:
    """Ask for all of it: five questions, whatever there is."""
    said = _said()
    checks = {one["own"]: Checked(_moment(one["at"]), one["holds"]) for one in said["checks"]}
    visits = said["visits"]
    return Live(
        tables=said["tables"]["all"],
        fenced=said["tables"]["fenced"],
        proofs=[_proof(one) for one in said["proofs"]],
        entries=said["entries"],
        sealed_until=_moment(said["sealed_until"]) if said["sealed_until"] else None,
        seals_are_late=said["seals_are_late"],
        check_of_all=checks.get(False),
        check_of_own=checks.get(True),
        visits=visits["all"],
        visit_pages=visits["pages"],
        last_visit=_moment(visits["last"]) if visits["last"] else None,
        operators_are_told=said["told"]["operators"],
        own_channels=said["told"]["own"],
        workspace=Workspace.objects.get(pk=actor.workspace_id),
        providers=[(one.name, _host(one.base_url)) for one in ModelProvider.objects.order_by("name")],
        tools=[(one.name, _host(one.url)) for one in ToolServer.objects.filter(is_on=True).order_by("name")],
        retention=_in_force(),
    )


def attacked() -> Proof | None:
    """The latest proof with the attacks, for whoever takes its report home."""
    return next((one for one in map(_proof, _said()["proofs"]) if one.attacks), None)


def _said() -> dict[str, Any]:
    with connections["default"].cursor() as cursor:
        cursor.execute("SELECT fence.protection()")
        (answer,) = cursor.fetchone()
    # The driver's own cursor leaves JSON as text.
    found: dict[str, Any] = json.loads(answer) if isinstance(answer, str) else answer
    return found


def _in_force() -> choosing.Period:
    """What the workspace has chosen for the entries of today; what counts from a coming day on does not count yet."""
    today = datetime.now(UTC).date()
    return next(one for one in choosing.periods(today) if one.since is None or one.since <= today)


def _proof(said: dict[str, Any]) -> Proof:
    return Proof(
        at=_moment(said["at"]),
        origin=said["origin"],
        holds=said["holds"],
        attacks=said["attacks"],
        tries=said["tries"],
        leaks=said["leaks"],
        tables=said["tables"],
        server_version=said["server_version"],
        report=said,
    )


def _moment(text: str) -> datetime:
    return datetime.fromisoformat(text)


def _host(address: str) -> str:
    """Where questions go, without what stands behind the host: a path may say more than everybody has to know."""
    return urlsplit(address).hostname or ""
