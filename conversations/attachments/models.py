"""Which file is attached to which conversation?"""

from __future__ import annotations

from typing import Final

from django.db import models

from accounts.tenancy.constraints import MemberPolicy
from accounts.tenancy.models import WorkspaceForeignKey
from conversations.owning import OfConversation
from files.models import FILE_VISIBLE, OWNED, File

MOST_ATTACHED: Final = 20


class ConversationFile(OfConversation):
    """A file attached to a conversation. It keeps the name; the link goes when the file goes.

    Read it with `queries.attached`, which brings the file along, or None in its place where its owner keeps it private by now.
    """

    conversation = WorkspaceForeignKey("conversations.Conversation", models.CASCADE, related_name="attachments")
    file = WorkspaceForeignKey(File, models.SET_NULL, null=True, related_name="attached_to")
    file_name = models.CharField(max_length=255)
    created_at = models.DateTimeField(auto_now_add=True)

    class Meta:
        app_label = "conversations"
        constraints = [
            models.UniqueConstraint(
                fields=["workspace", "conversation", "file", "owner"], name="conversations_conversationfile_once"
            ),
            MemberPolicy(
                name="conversations_conversationfile_member",
                # The owner's, and not whoever's the conversation is to read: what is attached may be private, and its name too.
                read=OWNED,
                write=OWNED,
                # A file that one may see (L1, L6); what is hidden or deleted later, or comes without it from an import, is a name.
                insert=f"{OWNED} AND (file_id IS NULL OR {FILE_VISIBLE})",
            ),
        ]
        indexes = [models.Index(fields=["workspace", "file"], name="conversations_attached_file")]

    def __str__(self) -> str:
        return self.file_name

    @property
    def state(self) -> str:
        """The file's status, or why it answers nothing any more: `deleted`, or `hidden` by whoever it belongs to."""
        if self.file_id is None:
            return "deleted"
        return str(self.file.status) if self.file is not None else "hidden"

    @property
    def refusal(self) -> str:
        """Why the file could not be read; empty where it could."""
        return str(self.file.refusal) if self.file is not None else ""
