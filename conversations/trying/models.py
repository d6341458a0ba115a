"""As what is an agent tried that nobody has saved?"""

from __future__ import annotations

from django.db import models

from accounts.tenancy.constraints import MemberPolicy
from accounts.tenancy.models import WorkspaceForeignKey
from agents.models import Agent
from conversations.owning import OfConversation
from files.models import FILE_VISIBLE, OWNED, File


class Trial(OfConversation):
    """Marks a temporary conversation as a try of an agent, which is deleted when it was read.

    What answers in it is the agent as its form stood, which is written here and in no agent and no version.
    """

    conversation = WorkspaceForeignKey("conversations.Conversation", models.CASCADE, related_name="trials")
    # Fields of an agent, by name.
    settings = models.JSONField()

    class Meta:
        app_label = "conversations"
        constraints = [
            models.UniqueConstraint(fields=["workspace", "conversation", "owner"], name="conversations_trial_one"),
            models.UniqueConstraint(fields=["workspace", "id", "owner"], name="conversations_trial_owned"),
            MemberPolicy(name="conversations_trial_member", read=OWNED, write=OWNED),
        ]

    def __str__(self) -> str:
        return f"trial {self.pk}"

    def draft(self) -> Agent:
        """Return the agent as it stood in the form, in memory only; its id is that of the agent that is edited, if it is one."""
        return Agent(id=self.conversation.agent_id, owner_id=self.conversation.owner_id, **self.settings)


class TrialFile(OfConversation):
    """A file that was chosen in the form. The database takes none that whoever tries may not read (L1, L6)."""

    PART_OF = "trial"

    trial = WorkspaceForeignKey(Trial, models.CASCADE, related_name="trial_files")
    file = WorkspaceForeignKey(File, models.CASCADE, related_name="+")

    class Meta:
        app_label = "conversations"
        constraints = [
            models.UniqueConstraint(
                fields=["workspace", "trial", "file", "owner"], name="conversations_trialfile_once"
            ),
            MemberPolicy(
                name="conversations_trialfile_member", read=OWNED, write=OWNED, insert=f"{OWNED} AND {FILE_VISIBLE}"
            ),
        ]
        indexes = [models.Index(fields=["workspace", "file"], name="conversations_trialfile_file")]

    def __str__(self) -> str:
        return f"file {self.file_id} of trial {self.trial_id}"
