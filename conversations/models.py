"""What was asked, what was answered, and from which sentence of which file?"""

from __future__ import annotations

from datetime import timedelta
from typing import Final

from django.contrib.postgres.fields import ArrayField
from django.contrib.postgres.indexes import GinIndex
from django.contrib.postgres.search import SearchVector, SearchVectorField
from django.db import models
from django.utils import timezone

from accounts.models import Membership
from accounts.sharing import OWNER_THERE, named
from accounts.tenancy.constraints import CompositeForeignKey, MemberPolicy
from accounts.tenancy.models import WorkspaceForeignKey, WorkspaceModel
from agents.models import AGENT_VISIBLE, Agent, Visibility
from conversations.attachments.models import ConversationFile
from conversations.calling.models import ToolCall
from conversations.completions.models import Completion
from conversations.feedback.models import Feedback
from conversations.keeping.models import KeepingChoice
from conversations.owning import OfConversation
from conversations.sharing.models import ConversationShare
from conversations.trying.models import Trial, TrialFile
from conversations.usage.models import DailyUse
from files.models import FILE_VISIBLE, OWNED, File, Passage

__all__ = [
    "Citation",
    "Completion",
    "Conversation",
    "ConversationFile",
    "ConversationShare",
    "DailyUse",
    "Delta",
    "Feedback",
    "KeepingChoice",
    "Message",
    "ToolCall",
    "Trial",
    "TrialFile",
]

# One's own first: most rows are, and then the shares are not asked at all. An operator's open visit reads it too, and is seen
# doing so in the workspace's trail (accounts/glass).
READABLE = (
    f"{OWNED} OR ((visibility = 'workspace' "
    f"OR (visibility = 'named' AND {named('conversations_conversationshare', 'conversation_id')})) AND {OWNER_THERE}) OR {{glass}}"
)


class Conversation(WorkspaceModel):
    """A member's conversation with an agent. Nobody else reads it unless its owner shares it, not even an owner of the workspace.

    Files and agents of a suspended member stay what colleagues work with; what they said themselves is not read meanwhile.
    """

    owner = WorkspaceForeignKey(Membership, models.PROTECT, related_name="+")
    agent = WorkspaceForeignKey(Agent, models.SET_NULL, null=True, related_name="conversations")
    title = models.CharField(max_length=200)
    created_at = models.DateTimeField(auto_now_add=True)
    updated_at = models.DateTimeField(auto_now=True)
    archived_at = models.DateTimeField(null=True)
    # A temporary one stands in no list, search, export or count, and is erased then, whatever is said in it. None: it is kept.
    erased_after = models.DateTimeField(null=True)
    # Who may read it. Only its owner writes in it, whoever reads (accounts/sharing.py; conversations/sharing).
    visibility = models.CharField(max_length=10, choices=Visibility.choices, default=Visibility.PRIVATE)
    tsv = models.GeneratedField(
        expression=SearchVector("title", config="english"), output_field=SearchVectorField(), db_persist=True
    )
    # Names what its owner sent to begin it (accounts.submissions), so that the same submit twice begins one.
    submission = models.CharField(max_length=64, null=True)  # noqa: DJ001 - NULL means "none" for the unique

    class Meta:
        constraints = [
            models.UniqueConstraint(fields=["workspace", "submission"], name="conversations_conversation_once"),
            models.CheckConstraint(
                condition=models.Q(erased_after=None) | models.Q(visibility=Visibility.PRIVATE),
                name="conversations_temporary_private",
            ),
            # What a share names: the conversation together with its owner.
            models.UniqueConstraint(fields=["workspace", "id", "owner"], name="conversations_conversation_owned"),
            MemberPolicy(
                name="conversations_conversation_member",
                read=READABLE,
                write=OWNED,
                # With an agent that one may see (L1); it stays one's own when the agent is hidden later.
                insert=f"{OWNED} AND (agent_id IS NULL OR {AGENT_VISIBLE})",
            ),
        ]
        indexes = [
            models.Index(fields=["workspace", "owner", "-updated_at"], name="conversations_of_owner"),
            models.Index(fields=["workspace", "agent"], name="conversations_of_agent"),
            models.Index(
                fields=["workspace", "erased_after"],
                condition=models.Q(erased_after__isnull=False),
                name="conversations_temporary",
            ),
            GinIndex(fields=["workspace", "tsv"], name="conversations_title_words"),
        ]

    def __str__(self) -> str:
        return self.title


# To read is one question, to write another: whoever may read a conversation that is shared writes nothing in it (L20). What is
# one's own says so itself (conversations/owning.py).
IN_VISIBLE_CONVERSATION = (
    "EXISTS (SELECT 1 FROM conversations_conversation c "
    "WHERE c.workspace_id = {table}.workspace_id AND c.id = {table}.conversation_id)"
)
IN_VISIBLE_MESSAGE = (
    "EXISTS (SELECT 1 FROM conversations_message m "
    "WHERE m.workspace_id = {table}.workspace_id AND m.id = {table}.message_id)"
)
# An answer is as readable as its sources: nobody gets one from a file that they may not read themselves, and one that was deleted
# is nobody's. The policy of files says which those are.
SOURCES_VISIBLE = (
    "NOT EXISTS (SELECT 1 FROM unnest({table}.sources) AS s (file_id) WHERE NOT EXISTS ("
    "SELECT 1 FROM files_file f WHERE f.workspace_id = {table}.workspace_id AND f.id = s.file_id))"
)
PASSAGE_VISIBLE = (
    "EXISTS (SELECT 1 FROM files_passage p WHERE p.workspace_id = {table}.workspace_id AND p.id = {table}.passage_id)"
)


# So long a call waits to be confirmed.
DECIDE_WITHIN: Final = timedelta(minutes=30)
UNDECIDED: Final = "You did not confirm within 30 minutes, so the call was not made. Ask again to go on."
# A worker at an answer gives a sign of life every two seconds. After so long without one it was killed.
SILENT_AFTER: Final = timedelta(seconds=10)
LONGEST_QUESTION: Final = 8000  # characters


class Message(OfConversation):
    """A question or an answer. Messages are a tree: a question that was put differently, or an answer given again, stands beside
    the first one under the same parent, and `branches.py` says which way through it is shown.
    """

    class Role(models.TextChoices):
        USER = "user", "You"
        ASSISTANT = "assistant", "Agent"

    class Status(models.TextChoices):
        QUEUED = "queued", "Queued"
        WRITING = "writing", "Writing"
        # For its asker's word on a call that changes something. Nobody is writing meanwhile.
        WAITING = "waiting", "Waiting for you"
        DONE = "done", "Done"
        STOPPED = "stopped", "Stopped"
        INTERRUPTED = "interrupted", "Interrupted"
        FAILED = "failed", "Failed"

    conversation = WorkspaceForeignKey(Conversation, models.CASCADE, related_name="messages")
    # The answer that this question follows, or the question that this answers; none: the conversation begins here.
    parent = WorkspaceForeignKey("self", models.CASCADE, null=True, related_name="+")
    # The order in which messages came, over all branches: whatever follows a message has a higher one.
    position = models.IntegerField()
    # Of the messages under one parent, the one with the highest is on the path that is shown. Counted up, as no clock is
    # the same on two machines.
    preference = models.IntegerField(default=0)
    role = models.CharField(max_length=10, choices=Role.choices)
    text = models.TextField(blank=True)
    html = models.TextField(blank=True)
    status = models.CharField(max_length=12, choices=Status.choices, default=Status.QUEUED)
    error = models.CharField(max_length=300, blank=True)
    # The files that it quotes, whatever became of them since. A trigger of the citations writes it (conversations/migrations).
    sources = ArrayField(models.UUIDField(), default=list)
    # The client's own mark for one submit, so that a repeated one gives the same message.
    idempotency_key = models.CharField(max_length=80, null=True)  # noqa: DJ001 - NULL means "none" for the unique
    stop_requested_at = models.DateTimeField(null=True)
    # While it writes, the worker says every two seconds that it still lives; silence means that it was killed.
    alive_at = models.DateTimeField(null=True)
    created_at = models.DateTimeField(auto_now_add=True)
    finished_at = models.DateTimeField(null=True)
    tsv = models.GeneratedField(
        expression=SearchVector("text", config="english"), output_field=SearchVectorField(), db_persist=True
    )

    class Meta:
        constraints = [
            models.UniqueConstraint(
                fields=["workspace", "conversation", "position", "owner"], name="conversations_message_position"
            ),
            models.UniqueConstraint(
                fields=["workspace", "conversation", "idempotency_key", "owner"], name="conversations_message_once"
            ),
            models.UniqueConstraint(fields=["workspace", "conversation", "id"], name="conversations_message_of_one"),
            # What a part of a message names: the message together with its owner.
            models.UniqueConstraint(fields=["workspace", "id", "owner"], name="conversations_message_owned"),
            # Both belong to the same conversation, at the database too (L17).
            CompositeForeignKey(
                name="conversations_message_parent_id_fk",
                column="parent_id",
                to="conversations.Message",
                on_delete="CASCADE",
                within="conversation_id",
            ),
            MemberPolicy(
                name="conversations_message_member",
                read=f"{OWNED} OR ({IN_VISIBLE_CONVERSATION} AND ({{glass}} OR {SOURCES_VISIBLE}))",
                write=OWNED,
            ),
        ]
        indexes = [
            # A handful of rows at any moment: what counts how many answers a member is waiting for.
            models.Index(
                fields=["workspace", "conversation"],
                condition=models.Q(status__in=["queued", "writing", "waiting"]),
                name="conversations_unfinished",
            ),
            GinIndex(fields=["workspace", "tsv"], name="conversations_words"),
            # What the foreign key to the parent asks when a conversation goes.
            models.Index(fields=["workspace", "conversation", "parent"], name="conversations_under_parent"),
        ]

    def __str__(self) -> str:
        return f"{self.role} {self.position}"

    @property
    def is_answer(self) -> bool:
        """Was this written by an agent?"""
        return self.role == self.Role.ASSISTANT

    @property
    def is_silent(self) -> bool:
        """Has the worker that was writing this been killed? Nobody has marked the message yet."""
        return (
            self.status == self.Status.WRITING
            and self.alive_at is not None
            and timezone.now() - self.alive_at > SILENT_AFTER
        )

    @property
    def is_undecided(self) -> bool:
        """Has its asker let the time pass in which a call could be confirmed? Nobody has marked the message yet."""
        return (
            self.status == self.Status.WAITING
            and self.alive_at is not None
            and timezone.now() - self.alive_at > DECIDE_WITHIN
        )

    @property
    def state(self) -> str:
        """The status as people and programs should see it: an answer whose worker died is interrupted, marked or not."""
        if self.is_undecided:
            return self.Status.FAILED
        return self.Status.INTERRUPTED if self.is_silent else self.status

    @property
    def trouble(self) -> str:
        """Why it failed, in a sentence."""
        return UNDECIDED if self.is_undecided else self.error

    @property
    def is_finished(self) -> bool:
        """Will nothing more be written?"""
        return self.state not in UNFINISHED

    @property
    def is_at_rest(self) -> bool:
        """Is nothing being written at this moment?"""
        return self.is_finished or self.status == self.Status.WAITING

    @property
    def can_retry(self) -> bool:
        """Has this answer ended, so that another can be asked for?"""
        return self.is_answer and self.is_finished


# An answer that may still go on.
UNFINISHED: Final = (Message.Status.QUEUED, Message.Status.WRITING, Message.Status.WAITING)


class Delta(OfConversation):
    """A numbered piece of an answer while it is written: what a stream sends, and resends after a dropped line."""

    PART_OF = "message"

    message = WorkspaceForeignKey(Message, models.CASCADE, related_name="deltas")
    seq = models.IntegerField()
    kind = models.CharField(max_length=20)
    data = models.JSONField()

    class Meta:
        constraints = [
            models.UniqueConstraint(fields=["workspace", "message", "seq", "owner"], name="conversations_delta_seq"),
            # Not for those with whom it is shared: which sources an answer has is known when it is complete.
            MemberPolicy(name="conversations_delta_member", read=f"{OWNED} OR {{glass}}", write=OWNED),
        ]

    def __str__(self) -> str:
        return f"delta {self.seq}"


class Citation(OfConversation):
    """A quote in an answer. It keeps name, page and words; the links go when the file goes ("source deleted")."""

    class Kind(models.TextChoices):
        SOURCE = "source", "Source"
        # Shown beside a refusal. Not an answer, and never listed as one.
        CLOSEST = "closest", "Closest passage"

    PART_OF = "message"

    message = WorkspaceForeignKey(Message, models.CASCADE, related_name="citations")
    number = models.IntegerField()
    kind = models.CharField(max_length=10, choices=Kind.choices, default=Kind.SOURCE)
    file = WorkspaceForeignKey(File, models.SET_NULL, null=True, related_name="+")
    passage = WorkspaceForeignKey(Passage, models.SET_NULL, null=True, related_name="+")
    file_name = models.CharField(max_length=255)
    page = models.IntegerField(null=True)
    label = models.CharField(max_length=200, blank=True)
    quote = models.TextField()
    # Offsets of the quote within the passage's text.
    start = models.IntegerField()
    end = models.IntegerField()

    class Meta:
        constraints = [
            models.UniqueConstraint(
                fields=["workspace", "message", "number", "owner"], name="conversations_citation_number"
            ),
            MemberPolicy(
                name="conversations_citation_member",
                # Others see it where they may see its file, too.
                read=f"{OWNED} OR ({IN_VISIBLE_MESSAGE} AND ({{glass}} OR {FILE_VISIBLE}))",
                write=OWNED,
                # Of a file that one may see (L1, L6); the quote stays when the file is hidden later.
                insert=f"{OWNED} AND (file_id IS NULL OR {FILE_VISIBLE}) AND (passage_id IS NULL OR {PASSAGE_VISIBLE})",
            ),
        ]
        indexes = [
            models.Index(fields=["workspace", "file"], name="conversations_citation_file"),
            models.Index(fields=["workspace", "passage"], name="conversations_citation_passage"),
        ]

    def __str__(self) -> str:
        return f"citation {self.number}"
