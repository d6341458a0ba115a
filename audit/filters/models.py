"""Under which name does somebody keep filters of a list?

What is kept is what stands in the page's address, so a saved filter is a name for a link, and the link works without it.
"""

from __future__ import annotations

from django.db import models

from accounts.models import Membership
from accounts.tenancy.constraints import MemberPolicy
from accounts.tenancy.models import WorkspaceForeignKey, WorkspaceModel, new_id

MOST_FILTERS = 20  # of one person on one page
LONGEST_NAME, LONGEST_QUERY = 60, 1000
OWN = "membership_id = {member}"


class FilterFields(models.Model):
    """What both sorts have."""

    name = models.CharField(max_length=LONGEST_NAME)
    query = models.CharField(max_length=LONGEST_QUERY)
    saved_at = models.DateTimeField(auto_now_add=True)

    class Meta:
        abstract = True

    def __str__(self) -> str:
        return self.name


class OwnFilter(WorkspaceModel, FilterFields):
    """A member's own filters of their workspace's trail: nobody else's to see."""

    membership = WorkspaceForeignKey(Membership, models.CASCADE, related_name="+")

    class Meta:
        constraints = [
            models.UniqueConstraint(fields=["workspace", "membership", "name"], name="audit_ownfilter_name"),
            MemberPolicy(name="audit_ownfilter_member", read=OWN, write=OWN),
        ]


class ConsoleFilter(FilterFields):
    """An operator's own filters of a list of the console. Written by a function of the database, for a live operator."""

    class Place(models.TextChoices):
        QUEUE = "queue", "Review queue"
        ENTRIES = "entries", "Audit entries"

    id = models.UUIDField(primary_key=True, default=new_id, editable=False)
    owner_id = models.UUIDField()
    place = models.CharField(max_length=8, choices=Place.choices)

    class Meta:
        constraints = [models.UniqueConstraint(fields=["owner_id", "place", "name"], name="audit_consolefilter_name")]
