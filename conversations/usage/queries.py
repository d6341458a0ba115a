"""How much was used on some days, and by whom?

Whoever asks is answered by the fence: a member with their own numbers, owners and administrators with everybody's. Of a
colleague's private agent they learn how much it was used, and neither its name nor that it is one and not three: what a
reader may not see is one line together. Five questions, however much was used.
"""

from __future__ import annotations

from collections.abc import Iterable, Iterator
from dataclasses import dataclass, field
from datetime import UTC, date, datetime, timedelta
from typing import Any, Final
from uuid import UUID

from django.db import connection
from django.db.models import QuerySet, Sum

from accounts import charts
from accounts.models import Membership
from conversations.usage.models import DailyUse

USUAL_DAYS: Final = 30
LONGEST_DAYS: Final = 366
MOST_LINES: Final = 100
"""Of a table on a page; the file and the API hold all of them."""
MILLION: Final = 1_000_000
NUMBERS: Final = ("questions", "answers", "requests", "tokens_read", "tokens_written", "money")
UNSEEN: Final = "Agents that you cannot see"
GONE: Final = "Deleted agents"

# Answers stand in the table alone: a bar that adds them to the questions would say nothing.
_ASKED: Final = (
    charts.Series("Questions", "questions", "chart__usual", single="question"),
    charts.Series("Answers", "answers", "", single="answer"),
)
_TOKENS: Final = (
    charts.Series("Tokens read", "read", "chart__usual"),
    charts.Series("Tokens written", "written", "chart__second"),
)


@dataclass(frozen=True, slots=True)
class Numbers:
    """What was used. Money is in millionths of the workspace's own currency."""

    questions: int = 0
    answers: int = 0
    requests: int = 0
    tokens_read: int = 0
    tokens_written: int = 0
    money: int = 0

    @classmethod
    def of(cls, row: dict[str, Any]) -> Numbers:
        """The numbers of a grouped row."""
        return cls(**{name: int(row[name] or 0) for name in NUMBERS})

    def __add__(self, other: Numbers) -> Numbers:
        return Numbers(**{name: getattr(self, name) + getattr(other, name) for name in NUMBERS})

    @property
    def tokens(self) -> int:
        """Read and written together."""
        return self.tokens_read + self.tokens_written

    @property
    def cost(self) -> str:
        """The money as people write it."""
        return f"{self.money / MILLION:,.2f}"


@dataclass(frozen=True, slots=True)
class Line:
    """A member, or an agent, and what was used. Without an id it stands for what the reader may not see, or for what is gone."""

    id: UUID | None
    name: str
    numbers: Numbers


@dataclass(frozen=True, slots=True)
class Stored:
    """How much a member stores now."""

    id: UUID
    name: str
    files: int
    bytes: int


@dataclass(frozen=True, slots=True)
class Usage:
    """What was used on the days from `first` to `last`, by day, member and agent, and what is stored now."""

    first: date
    last: date
    days: dict[date, Numbers]
    members: list[Line]
    agents: list[Line]
    stored: list[Stored]
    total: Numbers = field(default_factory=Numbers)

    @property
    def asked(self) -> charts.Chart:
        """Questions of each day."""
        counts = {day: (numbers.questions, numbers.answers) for day, numbers in self.days.items()}
        return charts.drawn(counts, _ASKED, self.first, self.last)

    @property
    def tokens(self) -> charts.Chart:
        """Tokens of each day."""
        counts = {day: (numbers.tokens_read, numbers.tokens_written) for day, numbers in self.days.items()}
        return charts.drawn(counts, _TOKENS, self.first, self.last)

    @property
    def files(self) -> int:
        """How many files are stored."""
        return sum(one.files for one in self.stored)

    @property
    def bytes(self) -> int:
        """How many bytes they have."""
        return sum(one.bytes for one in self.stored)


def days(since: date | None, until: date | None) -> tuple[date, date]:
    """The first and last day that are shown for what was chosen: the latest thirty where nothing was, a year at most."""
    today = datetime.now(UTC).date()
    return charts.days(since, until, today, usual=USUAL_DAYS, longest=LONGEST_DAYS)


def usage(first: date, last: date) -> Usage:
    """What the bound member may see of these days."""
    found: QuerySet[DailyUse] = DailyUse.objects.filter(day__gte=first, day__lte=last)
    days = {row["day"]: Numbers.of(row) for row in _summed(found, "day")}
    members = [
        Line(row["member_id"], row["member__display_name"], Numbers.of(row))
        for row in _summed(found, "member_id", "member__display_name")
    ]
    agents = _merged(_agent(row) for row in _summed(found, "agent_id", "agent__name"))
    total = sum(days.values(), Numbers())
    return Usage(first, last, days, _ordered(members), _ordered(agents), _stored(), total)


def lines(first: date, last: date) -> Iterator[list[tuple[date, str, Line]]]:
    """Day by day, one part for each: the member's name, and the agent with what was used of it."""
    for number in range((last - first).days + 1):
        day = first + timedelta(days=number)
        found = DailyUse.objects.filter(day=day)
        by_member: dict[tuple[UUID, str], list[Line]] = {}
        for row in _summed(found, "member_id", "member__display_name", "agent_id", "agent__name"):
            by_member.setdefault((row["member_id"], row["member__display_name"]), []).append(_agent(row))
        yield [
            (day, name, line)
            for (_, name), used in sorted(by_member.items(), key=lambda one: (one[0][1], one[0][0]))
            for line in _ordered(_merged(used))
        ]


def _summed(found: QuerySet[DailyUse], *by: str) -> Iterable[dict[str, Any]]:
    sums = {name: Sum(name) for name in NUMBERS}
    # By another name than the column's own, which Django would take for it.
    rows = found.order_by().values(*by).annotate(**{f"sum_{name}": one for name, one in sums.items()})
    return ({**row, **{name: row[f"sum_{name}"] for name in NUMBERS}} for row in rows)


def _agent(row: dict[str, Any]) -> Line:
    if row["agent_id"] is None:
        return Line(None, GONE, Numbers.of(row))
    if row["agent__name"] is None:
        # The fence hides the agent from this reader, so its id is not told either.
        return Line(None, UNSEEN, Numbers.of(row))
    return Line(row["agent_id"], row["agent__name"], Numbers.of(row))


def _merged(lines: Iterable[Line]) -> list[Line]:
    """Everything without an id under one name is one line."""
    found: dict[tuple[UUID | None, str], Line] = {}
    for line in lines:
        before = found.get((line.id, line.name))
        numbers = line.numbers + before.numbers if before else line.numbers
        found[line.id, line.name] = Line(line.id, line.name, numbers)
    return list(found.values())


def _ordered(lines: Iterable[Line]) -> list[Line]:
    """The most used first; what has no id comes last, of whichever size."""
    return sorted(
        lines, key=lambda one: (one.id is None, -one.numbers.questions, -one.numbers.tokens, one.name, str(one.id))
    )


def _stored() -> list[Stored]:
    with connection.cursor() as cursor:
        cursor.execute("SELECT member, files, bytes FROM fence.stored_by_member()")
        found = {member: (files, size) for member, files, size in cursor.fetchall()}
    names = dict(Membership.objects.filter(pk__in=found).values_list("pk", "display_name"))
    stored = [Stored(member, names.get(member, ""), files, size) for member, (files, size) in found.items()]
    return sorted(stored, key=lambda one: (-one.bytes, one.name, str(one.id)))
