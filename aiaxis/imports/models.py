"""What is known of an import into a workspace, and how far is it?"""

from __future__ import annotations

from typing import Final

from django.contrib.postgres.fields import ArrayField
from django.db import models

from accounts.models import Membership
from accounts.policies import KEEPS
from accounts.tenancy.constraints import MemberPolicy
from accounts.tenancy.models import WorkspaceForeignKey, WorkspaceModel

MOVING: Final = ("waiting", "checking", "writing")


class WorkspaceImport(WorkspaceModel):
    """One export that an owner brought, and what became of it. The file goes when it is over; the trail in it stays."""

    class Status(models.TextChoices):
        # First the ends, of which a workspace may have many: the attack's stage takes the first choice for each row.
        DONE = "done", "Imported"
        REFUSED = "refused", "Refused"
        FAILED = "failed", "Failed"
        WAITING = "waiting", "Waiting"
        CHECKING = "checking", "Being checked"
        WRITING = "writing", "Being brought in"

    membership = WorkspaceForeignKey(Membership, models.CASCADE, related_name="+")
    status = models.CharField(max_length=8, choices=Status.choices, default=Status.WAITING)
    # The key that the owner expects, as they typed it; empty: an export of this very installation.
    fingerprint = models.CharField(max_length=32, blank=True)
    # What the export says of itself, once its signature was found right.
    source_name = models.CharField(max_length=120, blank=True)
    made_at = models.DateTimeField(null=True)
    # Where the export lies until it was read, and the trail of the other workspace from then on.
    storage_key = models.CharField(max_length=120, blank=True)
    trail_key = models.CharField(max_length=120, blank=True)
    # Bytes that are written before their rows, so that a worker that dies leaves none behind.
    stored = ArrayField(models.CharField(max_length=120), default=list)
    refusal = models.CharField(max_length=500, blank=True)
    counts = models.JSONField(default=dict)
    total = models.BigIntegerField(default=0)  # bytes to read: each once to check it, once to keep it
    done = models.BigIntegerField(default=0)
    created_at = models.DateTimeField(auto_now_add=True)
    finished_at = models.DateTimeField(null=True)

    class Meta:
        constraints = [
            # Whoever may read this workspace's own trail may know what came in, and the trail that came with it.
            MemberPolicy(name="aiaxis_workspaceimport_member", read=KEEPS, write="membership_id = {member}"),
            # Two at once would both find the workspace empty.
            models.UniqueConstraint(
                fields=["workspace"], condition=models.Q(status__in=MOVING), name="aiaxis_workspaceimport_one"
            ),
        ]
        indexes = [models.Index(fields=["workspace", "membership"], name="aiaxis_import_of_member")]

    def __str__(self) -> str:
        return f"import {self.id}"

    @property
    def percent(self) -> int:
        """How much of it was read, in hundredths."""
        return min(99, self.done * 100 // self.total) if self.total else 0

    @property
    def is_moving(self) -> bool:
        """Will it look different in a moment?"""
        return self.status in MOVING
