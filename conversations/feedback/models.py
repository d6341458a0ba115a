"""What did a member say about an answer?"""

from __future__ import annotations

from typing import Final

from django.db import models

from accounts.models import Membership
from accounts.tenancy.constraints import MemberPolicy
from accounts.tenancy.models import WorkspaceForeignKey, WorkspaceModel
from agents.models import Agent
from files.models import OWNED

LONGEST_COMMENT: Final = 1000  # characters

# Of an answer in a conversation of one's own, and for the agent that gave it: nobody else's agent gets a verdict.
ANSWER_RATED: Final = (
    "EXISTS (SELECT 1 FROM conversations_message m JOIN conversations_conversation c "
    "ON c.workspace_id = m.workspace_id AND c.id = m.conversation_id "
    "WHERE m.workspace_id = {table}.workspace_id AND m.id = {table}.message_id AND c.owner_id = {member} "
    "AND c.agent_id IS NOT DISTINCT FROM {table}.agent_id)"
)


class Feedback(WorkspaceModel):
    """Whether an answer helped, and why. Its author alone reads it; see `queries.py` for what the agent's owner learns."""

    owner = WorkspaceForeignKey(Membership, models.CASCADE, related_name="+")
    message = WorkspaceForeignKey("conversations.Message", models.CASCADE, related_name="feedback")
    agent = WorkspaceForeignKey(Agent, models.SET_NULL, null=True, related_name="+")
    is_helpful = models.BooleanField()
    comment = models.CharField(max_length=LONGEST_COMMENT, blank=True)
    # May whoever made the agent read the comment?
    is_passed_on = models.BooleanField(default=False)
    updated_at = models.DateTimeField(auto_now=True)

    class Meta:
        app_label = "conversations"
        constraints = [
            models.UniqueConstraint(fields=["workspace", "message"], name="conversations_feedback_once"),
            MemberPolicy(
                name="conversations_feedback_member", read=OWNED, write=OWNED, insert=f"{OWNED} AND {ANSWER_RATED}"
            ),
        ]
        indexes = [
            models.Index(fields=["workspace", "agent", "-updated_at"], name="conversations_feedback_agent"),
            models.Index(fields=["workspace", "owner"], name="conversations_feedback_owner"),
        ]

    def __str__(self) -> str:
        return "helpful" if self.is_helpful else "not helpful"
