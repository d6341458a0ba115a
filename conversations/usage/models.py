"""What did one member use of one agent on one day?

Numbers alone, kept when the conversations go. They are written by triggers on the tables of which they tell
(conversations/migrations), so that whoever asks, and however, is counted, and nobody writes them by hand. Members see their
own; owners and administrators see everybody's, and no word of what was asked.
"""

from __future__ import annotations

from django.db import models

from accounts.models import Membership
from accounts.policies import KEEPS
from accounts.tenancy.constraints import MemberPolicy
from accounts.tenancy.models import WorkspaceForeignKey, WorkspaceModel
from agents.models import Agent


class DailyUse(WorkspaceModel):
    """One member's use of one agent on one day (UTC)."""

    day = models.DateField()
    member = WorkspaceForeignKey(Membership, models.CASCADE, related_name="+")
    # None when the agent is gone: what was used of it stays counted.
    agent = WorkspaceForeignKey(Agent, models.SET_NULL, null=True, related_name="+")
    questions = models.BigIntegerField(default=0)
    answers = models.BigIntegerField(default=0)
    # Of language models: how often they were asked, what they read and wrote, and what that cost (millionths).
    requests = models.BigIntegerField(default=0)
    tokens_read = models.BigIntegerField(default=0)
    tokens_written = models.BigIntegerField(default=0)
    money = models.BigIntegerField(default=0)

    class Meta:
        constraints = [
            models.UniqueConstraint(fields=["workspace", "day", "member", "agent"], name="conversations_dailyuse_once"),
            # Nobody writes it but the triggers, which run as the owner of the tables.
            MemberPolicy(
                name="conversations_dailyuse_member", read=f"member_id = {{member}} OR {KEEPS}", write="false"
            ),
        ]
        indexes = [
            models.Index(fields=["workspace", "agent"], name="conversations_use_of_agent"),
            models.Index(fields=["workspace", "member", "day"], name="conversations_use_of_member"),
        ]

    def __str__(self) -> str:
        return f"{self.day}"
