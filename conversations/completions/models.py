"""What did a program ask for beside its question, and what did the answer come to?"""

from __future__ import annotations

from typing import Final

from django.contrib.postgres.fields import ArrayField
from django.db import models

from accounts.tenancy.constraints import MemberPolicy
from accounts.tenancy.models import WorkspaceForeignKey
from conversations.owning import OfConversation
from files.models import OWNED

LONGEST_STOP: Final = 200  # characters


class Completion(OfConversation):
    """Marks a temporary conversation as one call of a program, which lasts no longer than that."""

    conversation = WorkspaceForeignKey("conversations.Conversation", models.CASCADE, related_name="completions")
    # What it asks for: instructions of its own, and bounds within those of the agent.
    instructions = models.TextField(blank=True)
    temperature = models.FloatField(null=True)
    max_tokens = models.PositiveIntegerField(null=True)
    stop = ArrayField(models.CharField(max_length=LONGEST_STOP), default=list)
    # What came of it. A word for programs where nothing did; tokens are those of a language model.
    failure = models.CharField(max_length=20, blank=True)
    is_cut = models.BooleanField(default=False)
    tokens_read = models.BigIntegerField(default=0)
    tokens_written = models.BigIntegerField(default=0)

    class Meta:
        constraints = [
            models.UniqueConstraint(fields=["workspace", "conversation", "owner"], name="conversations_completion_one"),
            MemberPolicy(name="conversations_completion_member", read=f"{OWNED} OR {{glass}}", write=OWNED),
        ]

    def __str__(self) -> str:
        return f"completion {self.pk}"
