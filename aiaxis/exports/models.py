"""What is known of an export of a workspace, and how far is it?"""

from __future__ import annotations

from datetime import timedelta
from typing import Final

from django.db import models
from django.utils import timezone

from accounts.models import Membership
from accounts.tenancy.constraints import MemberPolicy
from accounts.tenancy.models import WorkspaceForeignKey, WorkspaceModel

OWN = "membership_id = {member}"
LATEST: Final = timedelta(hours=24)  # one that moves for longer than this was given up with its worker


class WorkspaceExport(WorkspaceModel):
    """One owner's copy of what they may read: nobody else's to see, for they may not read the same."""

    class Status(models.TextChoices):
        WAITING = "waiting", "Waiting"
        WRITING = "writing", "Being written"
        READY = "ready", "Ready"
        FAILED = "failed", "Failed"

    membership = WorkspaceForeignKey(Membership, models.CASCADE, related_name="+")
    status = models.CharField(max_length=8, choices=Status.choices, default=Status.WAITING)
    # Where the finished file is; empty until then.
    storage_key = models.CharField(max_length=120, blank=True)
    size = models.BigIntegerField(default=0)
    total = models.BigIntegerField(default=0)  # bytes of files that go into it
    done = models.BigIntegerField(default=0)
    created_at = models.DateTimeField(auto_now_add=True)
    finished_at = models.DateTimeField(null=True)

    class Meta:
        constraints = [MemberPolicy(name="aiaxis_workspaceexport_member", read=OWN, write=OWN)]
        indexes = [models.Index(fields=["workspace", "membership", "-id"], name="aiaxis_export_of_member")]

    def __str__(self) -> str:
        return f"export {self.id}"

    @property
    def percent(self) -> int:
        """How much of the files is in it, in hundredths."""
        return min(99, self.done * 100 // self.total) if self.total else 0

    @property
    def is_unfinished(self) -> bool:
        """Is there something left to do, should its job come?"""
        return self.status in (self.Status.WAITING, self.Status.WRITING)

    @property
    def is_moving(self) -> bool:
        """Will it look different in a moment? One of which nothing came for so long was given up, with its worker or its member."""
        return self.is_unfinished and self.created_at > timezone.now() - LATEST

    @property
    def file_name(self) -> str:
        """What the download is called."""
        return f"workspace-{self.created_at:%Y-%m-%d-%H%M}.zip"
