"""What is known of an export of the trail, and where does what it holds rest until it is downloaded?"""

from __future__ import annotations

from datetime import timedelta
from typing import Final

from django.db import models
from django.utils import timezone

from accounts.models import Membership
from accounts.tenancy.constraints import MemberPolicy
from accounts.tenancy.models import WorkspaceForeignKey, WorkspaceModel

OWN = "membership_id = {member}"
LATEST: Final = timedelta(hours=1)  # one that moves for longer than this was given up with its worker
OF_OWN_EXPORT = (
    "EXISTS (SELECT 1 FROM audit_export x WHERE x.workspace_id = {table}.workspace_id AND x.id = {table}.export_id)"
)


class Export(WorkspaceModel):
    """One member's copy of the trail, or of a part of it: nobody else's to see."""

    class Format(models.TextChoices):
        JSONL = "jsonl", "JSON lines"
        CSV = "csv", "CSV"
        OCSF = "ocsf", "OCSF 1.6 for a SIEM (JSON lines)"

    class Status(models.TextChoices):
        WAITING = "waiting", "Waiting"
        WRITING = "writing", "Being written"
        READY = "ready", "Ready"
        FAILED = "failed", "Failed"

    membership = WorkspaceForeignKey(Membership, models.CASCADE, related_name="+")
    format = models.CharField(max_length=5, choices=Format.choices)
    status = models.CharField(max_length=8, choices=Status.choices, default=Status.WAITING)
    filters = models.JSONField(default=dict)
    total = models.IntegerField(default=0)
    done = models.IntegerField(default=0)
    created_at = models.DateTimeField(auto_now_add=True)
    finished_at = models.DateTimeField(null=True)

    class Meta:
        constraints = [MemberPolicy(name="audit_export_member", read=OWN, write=OWN)]
        indexes = [models.Index(fields=["workspace", "membership", "-id"], name="audit_export_of_member")]

    def __str__(self) -> str:
        return f"export {self.id}"

    @property
    def percent(self) -> int:
        """How much of it is written, in hundredths."""
        return min(100, self.done * 100 // self.total) if self.total else 0

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
        ending = "ocsf.jsonl" if self.format == self.Format.OCSF else self.format
        return f"trail-{self.created_at:%Y-%m-%d-%H%M}.{ending}"


class ExportPart(WorkspaceModel):
    """Some of an export's lines, compressed, in their order."""

    export = WorkspaceForeignKey(Export, models.CASCADE, related_name="parts")
    position = models.IntegerField()
    content = models.BinaryField()

    class Meta:
        constraints = [
            models.UniqueConstraint(fields=["workspace", "export", "position"], name="audit_exportpart_position"),
            MemberPolicy(name="audit_exportpart_member", read=OF_OWN_EXPORT, write=OF_OWN_EXPORT),
        ]

    def __str__(self) -> str:
        return f"part {self.position} of {self.export_id}"
