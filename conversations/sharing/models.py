"""With whom is a conversation shared by name?"""

from __future__ import annotations

from django.db import models

from accounts.sharing import SHARE_MADE, SHARE_SEEN, SHARE_WRITTEN, Share
from accounts.tenancy.constraints import MemberPolicy
from accounts.tenancy.models import WorkspaceForeignKey


class ConversationShare(Share):
    """A conversation is shared with a member by name: to be read, and nothing else (L20)."""

    PART_OF = "conversation"

    conversation = WorkspaceForeignKey("conversations.Conversation", models.CASCADE, related_name="shares")

    class Meta:
        app_label = "conversations"
        constraints = [
            models.UniqueConstraint(
                fields=["workspace", "conversation", "member"], name="conversations_conversationshare_once"
            ),
            MemberPolicy(
                name="conversations_conversationshare_member",
                read=SHARE_SEEN,
                write=SHARE_WRITTEN,
                insert=SHARE_MADE,
            ),
        ]
        indexes = [
            models.Index(fields=["workspace", "member"], include=["conversation"], name="conversations_share_of_member")
        ]

    def __str__(self) -> str:
        return f"conversation {self.conversation_id} for {self.member_id}"
