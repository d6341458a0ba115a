"""How long is a workspace's trail kept, and who changes that?

An owner, by a function of the database that asks for their role itself. A choice counts for entries from a coming day on:
what is in the trail already stays as long as was promised when it was recorded, for nobody may shorten the life of what
tells of them.
"""

from __future__ import annotations

from dataclasses import dataclass
from datetime import UTC, date, datetime, timedelta
from typing import Final

from django.db import transaction

from accounts.http import Tenant
from accounts.models import Workspace
from accounts.services.members import Refused, asked
from accounts.tenancy.models import new_id
from audit import entries, ledger
from audit.retention.models import RetentionChoice
from audit.rules import Retention

STANDARD: Final = Retention.DAYS_365
ONE_DAY: Final = timedelta(days=1)
SENTENCES: Final = {
    "role": "Only an owner of the workspace can change how long the trail is kept, so nothing was changed.",
    "unknown": "The trail can be kept for the times in the list only. Choose one of them.",
    "unchanged": "This is how long it is kept already, so nothing was changed.",
}


@dataclass(frozen=True, slots=True)
class Period:
    """Entries of these days are kept so long. ``since`` is None for the workspace's first days, ``until`` for those to come."""

    retention: Retention
    since: date | None
    until: date | None

    @property
    def last_day(self) -> date | None:
        """When the last of them has left; None while it goes on."""
        return self.retention.last_day(_month(self.until)) if self.until else None


@dataclass(frozen=True, slots=True)
class Option:
    """What would come of choosing this."""

    retention: Retention
    text: str


def periods(today: date) -> list[Period]:
    """What the bound workspace has chosen for which days, the latest first; periods of which nothing is left are left out."""
    rows = list(RetentionChoice.objects.order_by("since"))
    starts: list[date | None] = [None, *(row.day for row in rows)]
    classes = [STANDARD, *(Retention(row.retention) for row in rows)]
    ends = [*(row.day - ONE_DAY for row in rows), None]
    found = [Period(*one) for one in zip(classes, starts, ends, strict=True)]
    return [one for one in reversed(found) if one.last_day is None or one.last_day > today]


def options(chosen: list[Period], now: datetime) -> list[Option]:
    """Each class with what comes of choosing it now, in words. ``chosen`` are the workspace's periods."""
    latest, first = chosen[0], begins(now)
    stays = max(
        one.retention.last_day(_month(min(one.until or first, first - ONE_DAY))) for one in chosen if _begun(one, first)
    )
    now_in_force = "This is how long entries are kept now."
    if latest.since and latest.since > now.astimezone(UTC).date():
        now_in_force = f"This is chosen, from {_day(latest.since)} on."
    return [
        Option(one, now_in_force if one == latest.retention else _consequence(one, first, stays)) for one in Retention
    ]


def begins(now: datetime) -> date:
    """The day from which on a choice counts that is made now: the next one, in UTC, that is an hour away at least."""
    return (now.astimezone(UTC) + timedelta(hours=1)).date() + ONE_DAY


def choose(*, actor: Tenant, retention: Retention) -> date:
    """Keep the entries of coming days so long; return the first of these days. Raises ``Refused``."""
    with transaction.atomic():
        answer = asked("SELECT fence.choose_retention(%s, %s)", [new_id(), retention.value])
        since = date.fromisoformat(answer["since"])
        before = Retention(answer["before"])
        place = Workspace.objects.get(pk=actor.workspace_id)
        detail = {"before": before.label, "after": retention.label, "from": since.isoformat()}
        ledger.post_fact(entries.fact("trail.retention_changed", actor=actor, target=place, detail=detail))
    return since


def _consequence(one: Retention, first: date, stays: date) -> str:
    return (
        f"Entries from {_day(first)} on are kept so long. The first of them leave on {_day(one.last_day(_month(first)))}. "
        f"What was recorded before stays as it is: the last of it leaves on {_day(stays)}."
    )


def _begun(one: Period, first: date) -> bool:
    return one.since is None or one.since < first


def _month(day: date) -> date:
    return day.replace(day=1)


def _day(day: date) -> str:
    return f"{day.day} {day:%B %Y}"


__all__ = ["SENTENCES", "STANDARD", "Option", "Period", "Refused", "begins", "choose", "options", "periods"]
