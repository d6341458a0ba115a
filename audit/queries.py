"""Which entries does a page of the trail show?"""

from dataclasses import dataclass
from datetime import date, timedelta
from uuid import UUID

from django.db.models import Q

from accounts.models import Membership
from audit.models import Entry, EntryQuerySet
from audit.partitions import first_id


@dataclass(frozen=True, slots=True)
class Chosen:
    """What a reader of the trail wants to see; None everywhere for all of it. Days are in UTC, both included."""

    person: UUID | None = None
    action: str = ""
    outcome: str = ""
    since: date | None = None
    until: date | None = None
    severity: str = ""
    address: str = ""

    def names(self) -> list[str]:
        """Which filters are set: what an entry about the reading says of it."""
        return [name for name in self.__slots__ if getattr(self, name)]


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
    }
    condition = Q(**{name: value for name, value in equal.items() if value})
    if chosen.since:
        condition &= Q(id__gte=first_id(chosen.since))
    if chosen.until:
        condition &= Q(id__lt=first_id(chosen.until + timedelta(days=1)))
    return condition


def people() -> list[tuple[UUID, str]]:
    """Everybody who is or was a member of the bound workspace, by name."""
    return list(Membership.objects.order_by("display_name", "id").values_list("id", "display_name"))
