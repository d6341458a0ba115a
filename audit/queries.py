"""Which entries does a page of the trail show?"""

from collections.abc import Callable, Iterable, Mapping
from contextlib import suppress
from dataclasses import dataclass, replace
from datetime import UTC, date, datetime, timedelta
from typing import Any, Final, Self
from uuid import UUID

from django.db.models import BigIntegerField, IntegerField, Q, QuerySet, Sum
from django.db.models.expressions import RawSQL

from accounts.models import Membership
from audit import charts
from audit.models import Entry, EntryQuerySet
from audit.partitions import first_id
from audit.rules import Outcome


@dataclass(frozen=True, slots=True)
class Chosen:
    """What a reader of the trail wants to see; None everywhere for all of it. Days are in UTC, both included.

    ``arrived_since`` asks when an entry reached the trail, which may be hours after it was made.
    """

    person: UUID | None = None
    action: str = ""
    outcome: str = ""
    since: date | None = None
    until: date | None = None
    severity: str = ""
    address: str = ""
    target: str = ""
    arrived_since: datetime | None = None

    def names(self) -> list[str]:
        """Which filters are set: what an entry about the reading says of it."""
        return [name for name in self.__slots__ if getattr(self, name)]

    def stored(self) -> dict[str, str]:
        """As words, to be kept and read again by ``of``."""
        return {name: str(getattr(self, name)) for name in self.names()}

    @classmethod
    def of(cls, stored: Mapping[str, str]) -> Self:
        """What ``stored`` wrote. Raises ``ValueError`` for anything else."""
        kinds: dict[str, Callable[[str], Any]] = {
            "person": UUID,
            "since": date.fromisoformat,
            "until": date.fromisoformat,
            "arrived_since": datetime.fromisoformat,
        }
        if unknown := set(stored) - set(cls.__slots__):
            raise ValueError(f"These are no filters of the trail: {', '.join(sorted(unknown))}.")
        return cls(**{name: kinds.get(name, str)(value) for name, value in stored.items()})


def trail(chosen: Chosen) -> EntryQuerySet:
    """The bound workspace's entries that match, newest first."""
    found: EntryQuerySet = Entry.objects.all()
    return found.filter(matching(chosen)).newest_first()


def matching(chosen: Chosen) -> Q:
    """The condition that an entry meets. Days become bounds of the id, which the indexes and the partitions know."""
    equal = {
        "actor_id": chosen.person,
        "action": chosen.action,
        "outcome": chosen.outcome,
        "severity": chosen.severity,
        "client_address": chosen.address,
        "received_at__gte": chosen.arrived_since,
    }
    condition = Q(**{name: value for name, value in equal.items() if value})
    if chosen.target:
        condition &= _about(chosen.target)
    if chosen.since:
        condition &= Q(id__gte=first_id(chosen.since))
    if chosen.until:
        condition &= Q(id__lt=first_id(chosen.until + timedelta(days=1)))
    return condition


# How many refusals a row stands for. A number that is none cannot break the page of whoever looks at it.
_EVENTS: Final = (
    "CASE WHEN jsonb_typeof(audit_entry.detail -> 'burst') = 'number' AND audit_entry.outcome <> 'allowed' "
    "THEN (audit_entry.detail ->> 'burst')::numeric::bigint ELSE 1 END"
)


def events() -> RawSQL:
    """How many refusals a row stands for, as a column for a sum."""
    return RawSQL(_EVENTS, [], output_field=BigIntegerField())  # noqa: S611 - a constant of this file


def per_day(found: QuerySet[Entry], chosen: Chosen) -> charts.Chart:
    """The entries of ``found`` on the days that ``chosen`` names, or the latest two weeks, those of floods counted whole."""
    first, last = charts.days(chosen.since, chosen.until, datetime.now(UTC).date())
    # By the id, as the filter has it: its moment is not quite that of the entry, and the two may be on both sides of midnight.
    bounds = [first_id(first + timedelta(days=number)) for number in range((last - first).days + 1)]
    place = RawSQL("width_bucket(audit_entry.id, %s::uuid[])", [bounds], output_field=IntegerField())
    rows = (
        found.filter(matching(replace(chosen, since=first, until=last)))
        .order_by()
        .annotate(place=place)
        .values_list("place", "outcome")
        .annotate(count=Sum(events()))
    )
    days = ((first + timedelta(days=number - 1), outcome, count) for number, outcome, count in rows)
    return charts.drawn(_counts(days), first, last)


def _about(target: str) -> Q:
    """That an entry is about this id, which people paste as other programs write it: in capitals, or without hyphens."""
    usual = target
    with suppress(ValueError):
        usual = str(UUID(target))
    return Q(target_id=target) if usual == target else Q(target_id__in=[target, usual])


def _counts(rows: Iterable[tuple[date, str, int]]) -> dict[date, charts.Count]:
    counts: dict[date, charts.Count] = {}
    for day, outcome, number in rows:
        before = counts.get(day, charts.Count())
        if outcome == Outcome.ALLOWED:
            counts[day] = replace(before, allowed=before.allowed + int(number))
        else:
            counts[day] = replace(before, refused=before.refused + int(number))
    return counts


def people() -> list[tuple[UUID, str]]:
    """Everybody who is or was a member of the bound workspace, by name."""
    return list(Membership.objects.order_by("display_name", "id").values_list("id", "display_name"))
