"""What did a workspace choose: how many days is kept what nobody uses?

Without a row, and where a number is missing, everything is kept. Only a function of the fence writes it, which asks for an owner:
injected SQL that could set one day would be the end of every conversation.
"""

from __future__ import annotations

from django.db import models

from accounts.tenancy.models import WorkspaceModel


class KeepingChoice(WorkspaceModel):
    """A workspace's choice. Everybody of it may know what becomes of their own."""

    name = models.CharField(max_length=20, default="unused")  # there is no other, so far
    conversations = models.PositiveSmallIntegerField(null=True)  # days
    files = models.PositiveSmallIntegerField(null=True)  # days
    chosen_at = models.DateTimeField()
    # Nothing goes before this moment, whatever its age.
    begins_at = models.DateTimeField()
    ran_at = models.DateTimeField(null=True)

    class Meta:
        constraints = [models.UniqueConstraint(fields=["workspace", "name"], name="conversations_keepingchoice_one")]

    def __str__(self) -> str:
        return f"{self.conversations} {self.files}"

    @property
    def is_on(self) -> bool:
        """Does anything go at all?"""
        return self.conversations is not None or self.files is not None
