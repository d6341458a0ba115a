"""What has a workspace chosen, from when on, and what has left the trail?"""

from __future__ import annotations

from datetime import UTC, date, datetime

from django.db import models

from accounts.tenancy.models import WorkspaceModel
from audit.rules import Retention


class RetentionChoice(WorkspaceModel):
    """From a day on, the workspace's entries are of this class. Functions with the owner's rights write it, for an owner.

    The day never begins at once: an entry's class follows from its id alone then, so that an entry which is stored again
    after a crash falls where it stands already, and an id stays unique over all classes.
    """

    retention = models.CharField(max_length=4, choices=Retention.choices)
    # The smallest id of the first entry of this class: an id begins with its time, so ids are compared with it.
    since = models.UUIDField()
    chosen_at = models.DateTimeField()

    class Meta:
        constraints = [models.UniqueConstraint(fields=["workspace", "since"], name="audit_retention_since")]

    def __str__(self) -> str:
        return f"{self.retention} from {self.day}"

    @property
    def day(self) -> date:
        """The first day of it, in UTC."""
        return datetime.fromtimestamp((self.since.int >> 80) / 1000, tz=UTC).date()


class Archive(models.Model):
    """Entries that left the trail, and the signed note of the file in which they were: by it a gap in the trail is known."""

    name = models.CharField(primary_key=True, max_length=64)
    note = models.TextField()
    left_at = models.DateTimeField()

    def __str__(self) -> str:
        return self.name
