"""Which tools did an answer call or want to call, with what, and what came of it?"""

from __future__ import annotations

from typing import Final

from django.db import models

from accounts.tenancy.constraints import MemberPolicy
from accounts.tenancy.models import WorkspaceForeignKey
from conversations.owning import OfConversation
from files.models import OWNED

LONGEST_ARGUMENTS: Final = 16_000  # characters


class ToolCall(OfConversation):
    """A call that a model wanted. What it is made with is never changed: exactly that was shown, and confirmed."""

    class State(models.TextChoices):
        READY = "ready", "About to be called"
        WAITING = "waiting", "Waits for you"
        CONFIRMED = "confirmed", "Confirmed"
        RUNNING = "running", "Being called"
        DONE = "done", "Called"
        FAILED = "failed", "Failed"
        DECLINED = "declined", "You declined it"
        DROPPED = "dropped", "Not called"
        # Its answer never came: it may have happened or not.
        LOST = "lost", "Broken off; it may have happened"

    PART_OF = "message"

    message = WorkspaceForeignKey("conversations.Message", models.CASCADE, related_name="calls")
    number = models.IntegerField()
    # Calls that the model wanted at once, and what it said before them.
    round = models.IntegerField()
    said = models.TextField(blank=True)
    mark = models.CharField(max_length=200)
    tool = WorkspaceForeignKey("agents.Tool", models.SET_NULL, null=True, related_name="+")
    # Copies, so that what was done stays readable when the tool is gone.
    server_name = models.CharField(max_length=80, blank=True)
    tool_name = models.CharField(max_length=200)
    model_name = models.CharField(max_length=200)
    arguments = models.TextField()
    # Of workspace, message, tool, its description and the arguments: what a confirmation names.
    digest = models.CharField(max_length=64)
    asks = models.BooleanField(default=True)
    state = models.CharField(max_length=10, choices=State.choices)
    result = models.TextField(blank=True)
    created_at = models.DateTimeField(auto_now_add=True)
    decided_at = models.DateTimeField(null=True)
    finished_at = models.DateTimeField(null=True)

    class Meta:
        constraints = [
            models.UniqueConstraint(
                fields=["workspace", "message", "number", "owner"], name="conversations_toolcall_number"
            ),
            # Not for those with whom it is shared: a model may have written words of a passage into it that nothing cites.
            MemberPolicy(name="conversations_toolcall_member", read=f"{OWNED} OR {{glass}}", write=OWNED),
        ]
        indexes = [models.Index(fields=["workspace", "tool"], name="conversations_toolcall_of_tool")]

    def __str__(self) -> str:
        return f"call {self.number}"

    @property
    def is_waiting(self) -> bool:
        """Is the asker's word wanted?"""
        return self.state == self.State.WAITING

    @property
    def went_wrong(self) -> bool:
        """Was it made, or meant to be made, and did not do what it should?"""
        return self.state in {self.State.FAILED, self.State.LOST}
