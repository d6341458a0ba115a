"""May this member see this entry?"""

from uuid import UUID

from accounts.http import NotVisible
from accounts.models import Membership
from audit.models import Entry


def get_entry_or_404(entry_id: UUID) -> Entry:
    """The bound workspace's entry. Another workspace's, and one that nobody can claim, are missing: ``NotVisible``."""
    entry: Entry | None = Entry.objects.filter(pk=entry_id).first()
    if entry is None:
        raise NotVisible([entry_id])
    return entry


def get_person_or_refuse(person: UUID | None) -> UUID | None:
    """The id of somebody who is or was a member of the bound workspace; anybody else's raises ``NotVisible``."""
    if person is not None and not Membership.objects.filter(pk=person).exists():
        raise NotVisible([person])
    return person
