"""Which kinds of refusals are there, how many of each, and what do operators know of them?"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass, replace
from datetime import UTC, datetime, timedelta
from typing import Any, Final
from uuid import UUID

from django.db import connections
from django.db.models import (
    Aggregate,
    Case,
    CharField,
    Count,
    IntegerField,
    Max,
    Min,
    QuerySet,
    Subquery,
    Sum,
    Value,
    When,
)
from django.db.models.functions import Cast, Coalesce

from accounts.models import Workspace
from accounts.operators import OPS_DATABASE, Operator, across
from audit import charts, daily, reasons, rules
from audit.models import Entry
from audit.partitions import first_id
from audit.queries import events
from audit.reviews.models import Block, Review, ReviewNote, Status
from audit.rules import Outcome, Severity

LATEST: Final = 10_000
"""Of how many refusals the queue is made: the latest of the days that are shown. The page names this number."""
MOST_GROUPS: Final = 100
USUAL_DAYS: Final = 7
LATEST_OF_A_GROUP: Final = 10
MOST_ADDRESSES: Final = 10
_RANKS: Final = {severity: rank for rank, severity in enumerate(Severity)}


@dataclass(frozen=True, slots=True)
class Wanted:
    """What an operator wants to see of the queue."""

    status: str = ""
    severity: str = ""
    days: int = USUAL_DAYS
    mine: bool = False


@dataclass(frozen=True, slots=True)
class Group:
    """Refusals of one kind, together."""

    fingerprint: str
    words: str
    why: str
    severity: Severity
    count: int
    first: datetime
    last: datetime
    # When the last of them came into the trail, by the clock that says when it was resolved: one that waited in a spool meanwhile
    # was seen by nobody who resolved it.
    came: datetime
    who: str
    # The latest one's, and from how many they came.
    address: str
    addresses: int
    workspace: str
    review: Review | None

    @property
    def status(self) -> Status:
        """Where it stands. A refusal that comes after the resolution opens it again."""
        return Status.OPEN if self.review is None or self.is_back else Status(self.review.status)

    @property
    def is_back(self) -> bool:
        """Was it resolved, and came again since?"""
        return self.review is not None and has_come_back(self.review, self.came)


def has_come_back(review: Review, came: datetime) -> bool:
    """Was it resolved before the latest of its refusals came?"""
    return review.status == Status.RESOLVED and came > review.changed_at


# The latest refusals by kind, as the queue makes them, without those whose last look at them was "resolved".
_OPEN: Final = """
SELECT g.rank, count(*) FROM (
    SELECT fingerprint, max(array_position(%s::text[], severity::text)) AS rank, max(received_at) AS came
    FROM (SELECT fingerprint, severity, received_at FROM audit_entry WHERE outcome <> 'allowed' AND id >= %s
          ORDER BY id DESC LIMIT %s) latest GROUP BY fingerprint) g
LEFT JOIN audit_review r ON r.fingerprint = g.fingerprint
WHERE r.status IS NULL OR r.status = 'open' OR (r.status = 'resolved' AND g.came > r.changed_at)
GROUP BY g.rank ORDER BY g.rank DESC"""


_ORIGINS: Final = f"""
SELECT host(o.address), o.count,
    (SELECT max(b.until) FROM audit_block b WHERE b.until > clock_timestamp() AND o.address <<= b.network::inet)
FROM (
    SELECT client_address AS address, sum({events().sql}) AS count, max(occurred_at) AS last FROM audit_entry
    WHERE fingerprint = %s AND outcome <> 'allowed' AND id >= %s AND client_address IS NOT NULL
    GROUP BY 1 ORDER BY 2 DESC, 3 DESC LIMIT %s) o
ORDER BY o.count DESC, o.last DESC"""  # noqa: S608 - constants only


def open_numbers() -> list[tuple[Severity, int]]:
    """How many kinds of refusals nobody has looked at yet, by their severity, the worst first; as the queue shows them."""
    since = first_id(datetime.now(UTC).date() - timedelta(days=USUAL_DAYS))
    with connections[OPS_DATABASE].cursor() as cursor:
        cursor.execute(_OPEN, [list(Severity.values), since, LATEST])
        return [(list(Severity)[rank - 1], count) for rank, count in cursor.fetchall()]


class _Newest(Aggregate):
    """What the latest of the rows says that say anything."""

    template = "(array_agg(%(expressions)s ORDER BY audit_entry.id DESC) FILTER (WHERE %(expressions)s IS NOT NULL))[1]"


@dataclass(frozen=True, slots=True)
class Origin:
    """An address from which refusals of a group came, how many, and until when it is shut out."""

    address: str
    count: int
    until: datetime | None


@dataclass(frozen=True, slots=True)
class Whole:
    """One group with everything that an operator decides by."""

    group: Group
    entries: Sequence[Entry]
    chart: charts.Chart
    notes: list[ReviewNote]
    origins: list[Origin]


def queue(wanted: Wanted, operator: Operator) -> tuple[list[Group], bool]:
    """The groups that match, the worst first and of these the latest; and whether there are more than are shown."""
    since = first_id(datetime.now(UTC).date() - timedelta(days=wanted.days))
    found = _refused().filter(id__gte=since)
    if wanted.severity:
        found = found.filter(severity=wanted.severity)
    if wanted.mine or wanted.status in (Status.ACKNOWLEDGED, Status.RESOLVED):
        # Asked first, or as many kinds that nobody has looked at would push them out of what is searched.
        found = found.filter(fingerprint__in=_looked_at(wanted, operator))
    groups = _groups(_latest(found))
    kept = [group for group in groups if _matches(group, wanted, operator)]
    return kept[:MOST_GROUPS], len(kept) > MOST_GROUPS


def whole(fingerprint: str) -> Whole | None:
    """One group, or None where nothing of this kind was refused."""
    found = _refused().filter(fingerprint=fingerprint)
    latest = list(found.annotate(begins=Subquery(_beginning(found))).order_by("-id")[:LATEST_OF_A_GROUP])
    if not latest:
        return None
    groups, counted = _groups(_since(found, latest[0].begins)), daily.of_kind(fingerprint)
    return Whole(
        group=replace(groups[0], count=counted.count, first=counted.first or groups[0].first),
        entries=latest,
        chart=counted.chart,
        notes=list(across(ReviewNote).filter(fingerprint=fingerprint).order_by("id")),
        origins=_origins(fingerprint, latest[0].begins),
    )


def is_known(fingerprint: str) -> bool:
    """Was anything of this kind refused?"""
    return _refused().filter(fingerprint=fingerprint).exists()


def status_of(fingerprint: str) -> Status:
    """Where a group stands, as its page says it."""
    review = across(Review).filter(pk=fingerprint).first()
    if review is None:
        return Status.OPEN
    came = _latest(_refused().filter(fingerprint=fingerprint)).aggregate(came=Max("received_at"))["came"]
    return Status.OPEN if came and has_come_back(review, came) else Status(review.status)


def is_blocked(network: str) -> bool:
    """Is it shut out now?"""
    return across(Block).filter(network=network, until__gt=datetime.now(UTC)).exists()


def blocks() -> list[Block]:
    """The addresses that are shut out now."""
    return list(across(Block).filter(until__gt=datetime.now(UTC)).order_by("until"))


def member_behind(fingerprint: str, entry_id: UUID) -> tuple[UUID, UUID] | None:
    """The member and the workspace of an entry of the group; None where nobody was verified."""
    entry = _refused().filter(fingerprint=fingerprint, pk=entry_id).first()
    if entry is None or entry.actor_id is None or entry.actor_type not in (rules.ActorType.MEMBER, rules.ActorType.KEY):
        return None
    workspace = entry.workspace_id or entry.detail.get("from_workspace")
    return (entry.actor_id, UUID(str(workspace))) if workspace else None


def _looked_at(wanted: Wanted, operator: Operator) -> list[str]:
    """The kinds that somebody has decided about, or has taken on, as is wanted."""
    found = across(Review)
    if wanted.mine:
        found = found.filter(assigned_id=operator.user_id)
    if wanted.status in (Status.ACKNOWLEDGED, Status.RESOLVED):
        found = found.filter(status=wanted.status)
    return list(found.values_list("fingerprint", flat=True))


def _refused() -> QuerySet[Entry]:
    # Across the fence because the queue is of every workspace's refusals, and of those by people of none: metadata only.
    return across(Entry).exclude(outcome=Outcome.ALLOWED)


def _latest(found: QuerySet[Entry]) -> QuerySet[Entry]:
    # Where the latest begin is asked first: as a condition inside the question the planner read the whole table for it.
    return _since(found, next((row["pk"] for row in _beginning(found)), None))


def _beginning(found: QuerySet[Entry]) -> QuerySet[Entry, Any]:
    return found.order_by("-id").values("pk")[LATEST - 1 : LATEST]


def _since(found: QuerySet[Entry], oldest: UUID | None) -> QuerySet[Entry]:
    return found.filter(id__gte=oldest) if oldest else found


def _origins(fingerprint: str, oldest: UUID | None) -> list[Origin]:
    """The addresses that most of them came from. One member may have two: their own, and that of who has their key."""
    # Across the fence because it is of everybody's refusals: addresses and numbers only.
    with connections[OPS_DATABASE].cursor() as cursor:
        cursor.execute(_ORIGINS, [fingerprint, oldest or UUID(int=0), MOST_ADDRESSES])
        return [Origin(address, int(count), until) for address, count, until in cursor.fetchall()]


def _groups(found: QuerySet[Entry]) -> list[Group]:
    severity = Case(
        *[When(severity=name, then=Value(rank)) for name, rank in _RANKS.items()], output_field=IntegerField()
    )
    rows: list[Any] = list(
        found.order_by()
        .values("fingerprint", "action", "reason")
        .annotate(
            count=Sum(events()),
            first=Min("occurred_at"),
            last=Max("occurred_at"),
            came=Max("received_at"),
            rank=Max(severity),
            who=Max("actor_name"),
            address=_Newest("client_address"),
            addresses=Count("client_address", distinct=True),
            workspace=Max(Cast(Coalesce("workspace_id", "asked_workspace_id"), CharField())),
        )
        .order_by("-rank", "-last", "fingerprint")[: 5 * MOST_GROUPS]
    )
    reviews = across(Review).in_bulk([row["fingerprint"] for row in rows])
    ids = {row["workspace"] for row in rows if row["workspace"]}
    names = {str(key): name for key, name in across(Workspace).filter(pk__in=ids).values_list("id", "name")}
    return [_group(row, reviews.get(row["fingerprint"]), names.get(row["workspace"], "")) for row in rows]


def _group(row: dict[str, Any], review: Review | None, workspace: str) -> Group:
    return Group(
        fingerprint=row["fingerprint"],
        words=rules.action_words(row["action"]),
        why=reasons.REASONS.get(row["reason"], row["reason"]),
        severity=list(Severity)[row["rank"]],
        count=row["count"],
        first=row["first"],
        last=row["last"],
        came=row["came"],
        who=row["who"],
        address=str(row["address"]).partition("/")[0] if row["address"] else "",
        addresses=row["addresses"],
        workspace=workspace,
        review=review,
    )


def _matches(group: Group, wanted: Wanted, operator: Operator) -> bool:
    if wanted.mine and (group.review is None or group.review.assigned_id != operator.user_id):
        return False
    return group.status == wanted.status if wanted.status else group.status != Status.RESOLVED
