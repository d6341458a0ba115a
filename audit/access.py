"""May this member see this entry?"""

from uuid import UUID

from django.http import Http404

from audit.models import Entry


def get_entry_or_404(entry_id: UUID) -> Entry:
    """The bound workspace's entry. Another workspace's, and one that nobody can claim, are missing: ``Http404``."""
    entry: Entry | None = Entry.objects.filter(pk=entry_id).first()
    if entry is None:
        raise Http404("No such entry in this workspace's trail.")
    return entry
