"""Which of what has just been stored does somebody want to hear of, and how severe is it to them?"""

from __future__ import annotations

from collections.abc import Iterable
from dataclasses import dataclass
from datetime import datetime
from typing import Any, Final
from uuid import UUID

from audit.notices.outbox import RANK

# What telling somebody leaves behind in the trail. To tell of it would go round in circles.
UNTOLD: Final = frozenset({"channel.failed"})

# Alike is what has one fingerprint and does not differ in what a rule asks. A row of a flood stands for many.
_GROUPS: Final = (
    "SELECT action, reason, severity, outcome, workspace_id, fingerprint, coalesce(http->>'route', ''), "
    "sum(CASE WHEN detail ? 'archive' AND jsonb_typeof(detail->'burst') = 'number' THEN (detail->>'burst')::numeric::bigint ELSE 1 END)::bigint, "
    "(array_agg(id ORDER BY id))[1], (array_agg(id ORDER BY id DESC))[1] "
    "FROM audit_entry WHERE id = ANY(%s) GROUP BY 1, 2, 3, 4, 5, 6, 7"
)
_RULES: Final = (
    "SELECT id, actions, reasons, severities, outcomes, route, per_minute, severity FROM audit_rule "
    "WHERE is_on ORDER BY per_minute > 0, position, id"
)
_OPERATORS: Final = "SELECT id, least FROM audit_operatorchannel WHERE NOT is_paused ORDER BY created_at"
# A minute that is yet to come began before the clock was put back, and is over.
_RUNNING: Final = "audit_tally.since BETWEEN EXCLUDED.since - interval '1 minute' AND EXCLUDED.since"
_WORKSPACES: Final = "SELECT id, workspace_id, threshold, actions FROM fence.channels_of(%s, '{}') WHERE NOT is_paused"


@dataclass(frozen=True, slots=True)
class Group:
    """Entries that are alike, of those that were stored since the last look."""

    action: str
    reason: str
    severity: str
    outcome: str
    workspace_id: UUID | None
    fingerprint: str
    route: str
    count: int
    first: UUID
    last: UUID


@dataclass(frozen=True, slots=True, eq=False)
class Rule:
    """One row of the operators' rules. The first that fits takes an entry, alone: nothing is told of or counted twice."""

    id: UUID
    actions: list[str]
    reasons: list[str]
    severities: list[str]
    outcomes: list[str]
    route: str
    per_minute: int
    severity: str

    def fits(self, group: Group) -> bool:
        """Is it about these?"""
        asked = ((self.actions, group.action), (self.reasons, group.reason), (self.severities, group.severity))
        named = all(not wanted or found in wanted for wanted, found in (*asked, (self.outcomes, group.outcome)))
        return named and group.route.startswith(self.route)


@dataclass(frozen=True, slots=True)
class Listener:
    """A workspace's channel, and what of its workspace it hears."""

    id: UUID
    workspace_id: UUID
    least: str
    actions: list[str]

    def wants(self, group: Group) -> bool:
        """Is this its workspace's, and of what was chosen?"""
        is_chosen = not self.actions or group.action in self.actions
        return group.workspace_id == self.workspace_id and is_chosen and RANK[group.severity] >= RANK[self.least]


def groups(cursor: Any, ids: list[UUID]) -> list[Group]:
    """The entries with these ids, alike with alike; without those that telling causes."""
    cursor.execute(_GROUPS, [ids])
    return [group for group in (Group(*row) for row in cursor.fetchall()) if group.action not in UNTOLD]


def rules(cursor: Any) -> list[Rule]:
    """The operators' rules in their order."""
    cursor.execute(_RULES)
    return [Rule(*row) for row in cursor.fetchall()]


def operators(cursor: Any) -> list[tuple[UUID, str]]:
    """The operators' channels that are not paused, each with the least severity that it takes."""
    cursor.execute(_OPERATORS)
    return list(cursor.fetchall())


def listeners(cursor: Any, found: Iterable[Group]) -> list[Listener]:
    """The channels of the workspaces in which something happened."""
    workspaces = list({group.workspace_id for group in found if group.workspace_id})
    if not workspaces:
        return []
    cursor.execute(_WORKSPACES, [workspaces])
    return [Listener(*row) for row in cursor.fetchall()]


def tallied(cursor: Any, rule: Rule, count: int, now: datetime) -> int:
    """Count for a counting rule; returns how many there were in its running minute."""
    cursor.execute(
        "INSERT INTO audit_tally (rule_id, since, count) VALUES (%s, %s, %s) ON CONFLICT (rule_id) DO UPDATE SET "  # noqa: S608 - constants only
        f"count = CASE WHEN {_RUNNING} THEN audit_tally.count ELSE 0 END + EXCLUDED.count, "
        f"since = CASE WHEN {_RUNNING} THEN audit_tally.since ELSE EXCLUDED.since END RETURNING count",
        [rule.id, now, count],
    )
    return int(cursor.fetchone()[0])
