"""What did a program send with an Idempotency-Key, and what was it answered?"""

from __future__ import annotations

from datetime import timedelta
from typing import Final

from django.db import models

from accounts.tenancy.constraints import MemberPolicy
from accounts.tenancy.models import WorkspaceForeignKey, WorkspaceModel

OWN: Final = "owner_id = {member}"
KEPT: Final = timedelta(hours=24)
# So long after its beginning a request that has no answer yet was killed with its process.
KILLED_AFTER: Final = timedelta(minutes=10)


class Repeat(WorkspaceModel):
    """One request of a program's, under the name of its key and Idempotency-Key; `status` is None while it is at work."""

    owner = WorkspaceForeignKey("accounts.Membership", models.CASCADE, related_name="+")
    submission = models.CharField(max_length=64)
    # Of address and body: the same key with another request is a mistake of the program's, and is told so.
    fingerprint = models.CharField(max_length=64)
    status = models.PositiveSmallIntegerField(null=True)
    body = models.TextField(blank=True)
    created_at = models.DateTimeField(auto_now_add=True)

    class Meta:
        constraints = [
            models.UniqueConstraint(fields=["workspace", "submission"], name="accounts_repeat_once"),
            MemberPolicy(name="accounts_repeat_member", read=OWN, write=OWN),
        ]

    def __str__(self) -> str:
        return f"repeat {self.pk}"
