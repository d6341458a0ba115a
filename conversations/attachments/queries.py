"""Which files are attached to a conversation, and which could be?"""

from __future__ import annotations

from dataclasses import dataclass
from uuid import UUID

from django.db.models import QuerySet

from conversations.attachments.models import ConversationFile
from conversations.models import Conversation
from files import queries as files
from files.models import File


@dataclass(frozen=True, slots=True)
class Attached:
    """What is attached to a conversation, in the order in which it was, with the files that the bound member may see.

    What was deleted since is among the `rows`: a conversation goes on saying what it was about.
    """

    rows: list[ConversationFile]

    @property
    def there(self) -> list[ConversationFile]:
        """Those whose file was not deleted."""
        return [row for row in self.rows if row.file_id is not None]

    @property
    def in_work(self) -> list[ConversationFile]:
        """Those that are still being read."""
        return [row for row in self.there if row.file is not None and not row.file.is_settled]


def attached(conversation: Conversation) -> Attached:
    """Return what is attached to the conversation. One query."""
    rows = ConversationFile.objects.filter(conversation=conversation).select_related("file")
    return Attached(list(rows.order_by("created_at", "pk")))


def file_ids(conversation_id: UUID) -> list[UUID]:
    """Return the ids of the files that are attached. Whoever asks for them is asked what he may read."""
    rows = ConversationFile.objects.filter(conversation=conversation_id).exclude(file_id=None)
    return list(rows.values_list("file_id", flat=True))


def attachable(conversation: Conversation, words: str = "") -> QuerySet[File]:
    """Return the files that the bound member could attach, newest first; `words` stand in their names."""
    present = ConversationFile.objects.filter(conversation=conversation).exclude(file_id=None).values("file_id")
    return files.listing(words=words).exclude(status=File.Status.REFUSED).exclude(pk__in=present)
