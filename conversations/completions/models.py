"""What did a program ask for beside its question, and what did the answer come to?"""

from __future__ import annotations

from datetime import timedelta
from typing import Final

from django.contrib.postgres.fields import ArrayField
from django.db import models

from accounts.tenancy.constraints import MemberPolicy
from accounts.tenancy.models import WorkspaceForeignKey, WorkspaceModel

LONGEST_STOP: Final = 200  # characters
# Nobody waits for so long. What is left then belongs to a call that was killed.
LEFT_AFTER: Final = timedelta(hours=2)
OF_OWN_CONVERSATION: Final = (
    "EXISTS (SELECT 1 FROM conversations_conversation c "
    "WHERE c.workspace_id = {table}.workspace_id AND c.id = {table}.conversation_id AND c.owner_id = {member})"
)


class Completion(WorkspaceModel):
    """Marks a conversation that lasts as long as one call of a program: no list shows it, and its end deletes all of it."""

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
    created_at = models.DateTimeField(auto_now_add=True)

    class Meta:
        constraints = [
            models.UniqueConstraint(fields=["workspace", "conversation"], name="conversations_completion_one"),
            MemberPolicy(
                name="conversations_completion_member",
                read=f"{OF_OWN_CONVERSATION} OR {{glass}}",
                write=OF_OWN_CONVERSATION,
            ),
        ]

    def __str__(self) -> str:
        return f"completion {self.pk}"
