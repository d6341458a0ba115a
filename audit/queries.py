"""Which entries does a page of the trail show?"""

from dataclasses import dataclass
from datetime import date, timedelta
from uuid import UUID

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

    def names(self) -> list[str]:
        """Which filters are set: what an entry about the reading says of it."""
        return [name for name in self.__slots__ if getattr(self, name)]


def trail(chosen: Chosen) -> EntryQuerySet:
    """The bound workspace's entries that match. Days become bounds of the id, which the index and the partitions know."""
    found: EntryQuerySet = Entry.objects.all()
    if chosen.person:
        found = found.filter(actor_id=chosen.person)
    if chosen.action:
        found = found.filter(action=chosen.action)
    if chosen.outcome:
        found = found.filter(outcome=chosen.outcome)
    if chosen.since:
        found = found.filter(id__gte=first_id(chosen.since))
    if chosen.until:
        found = found.filter(id__lt=first_id(chosen.until + timedelta(days=1)))
    return found.newest_first()


def people() -> list[tuple[UUID, str]]:
    """Everybody who is or was a member of the bound workspace, by name."""
    return list(Membership.objects.order_by("display_name", "id").values_list("id", "display_name"))
