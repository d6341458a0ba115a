"""What does a workspace know about a file: its bytes' place, its passages, and their meaning as vectors?"""

from __future__ import annotations

from datetime import timedelta

from django.contrib.postgres.indexes import GinIndex
from django.contrib.postgres.search import SearchVector, SearchVectorField
from django.db import models
from django.utils import timezone
from pgvector.django import HalfVectorField

from accounts.models import Membership
from accounts.tenancy.constraints import MemberPolicy
from accounts.tenancy.models import WorkspaceForeignKey, WorkspaceModel

EMBEDDING_DIMENSIONS = 384
# Of a tag, in characters; and how many tags one file may have.
LONGEST_TAG = 40
MOST_TAGS = 20
# Longer than extraction may take (`extraction.WALL_SECONDS`) and than any batch of vectors.
OVERDUE = timedelta(minutes=15)


class Visibility(models.TextChoices):
    """Who in the workspace may read: the owner alone, or every member."""

    PRIVATE = "private", "Only you"
    WORKSPACE = "workspace", "Everyone in the workspace"


# The owner first: two uuids are compared in less time than two texts, and a count asks this of every row (measured: a quarter less).
OWNED_OR_SHARED = "owner_id = {member} OR visibility = 'workspace'"
OWNED = "owner_id = {member}"
# What an operator's open visit may read besides (accounts/glass): private rows too. To write takes a member.
READABLE = f"{OWNED_OR_SHARED} OR {{glass}}"


class File(WorkspaceModel):
    """A document somebody uploaded, and how far we are with reading it."""

    class Status(models.TextChoices):
        RECEIVED = "received", "Received"
        CHECKING = "checking", "Checking"
        EXTRACTING = "extracting", "Reading"
        INDEXING = "indexing", "Indexing"
        READY = "ready", "Ready"
        REFUSED = "refused", "Refused"

    owner = WorkspaceForeignKey(Membership, models.PROTECT, related_name="+")
    name = models.CharField(max_length=255)
    media_type = models.CharField(max_length=120)
    size = models.BigIntegerField()
    sha256 = models.CharField(max_length=64)
    storage_key = models.CharField(max_length=120)
    visibility = models.CharField(max_length=10, choices=Visibility.choices, default=Visibility.PRIVATE)
    status = models.CharField(max_length=12, choices=Status.choices, default=Status.RECEIVED)
    refusal = models.CharField(max_length=300, blank=True)
    pages = models.IntegerField(null=True)
    # When it was last opened, downloaded or read for an answer, to the hour; None until then. A function of the fence writes it.
    last_used_at = models.DateTimeField(null=True)
    created_at = models.DateTimeField(auto_now_add=True)
    updated_at = models.DateTimeField(auto_now=True)

    class Meta:
        constraints = [
            models.UniqueConstraint(fields=["workspace", "storage_key"], name="files_file_storage_key"),
            # Two submits of one form, or two clicks, are one file. A refused one may be tried again.
            models.UniqueConstraint(
                fields=["workspace", "owner", "sha256"],
                condition=~models.Q(status="refused"),
                name="files_file_once_per_owner",
            ),
            MemberPolicy(name="files_file_member", read=READABLE, write=OWNED),
        ]
        indexes = [
            models.Index(fields=["workspace", "owner", "-created_at"], name="files_file_of_owner"),
            # Everything that the member policy asks of a file, so that it is answered without the file's row: the question
            # behind every passage reads 1,000 rows so in a fifth of the time (measured).
            models.Index(fields=["workspace", "id"], include=["owner", "visibility"], name="files_file_visible"),
            # The same without ids, for a count: what is alike in 1,000 rows stands there once, on a quarter of the pages.
            models.Index(fields=["workspace", "owner", "visibility"], name="files_file_counted"),
            models.Index(fields=["workspace", "sha256"], name="files_file_sha256"),
            # How many files a workspace has, and how many bytes, without reading their rows: what the console asks.
            models.Index(fields=["workspace"], include=["size"], name="files_file_usage"),
            models.Index(fields=["workspace", "status"], name="files_file_status"),
            # Over shared files only: such an index is asked before the member's policy, and its errors would tell.
            GinIndex(
                fields=["workspace", "name"],
                opclasses=["uuid_ops", "gin_trgm_ops"],
                condition=models.Q(visibility=Visibility.WORKSPACE),
                name="files_file_name_trgm",
            ),
        ]

    def __str__(self) -> str:
        return self.name

    @property
    def is_settled(self) -> bool:
        """Has its reading ended, one way or the other?"""
        return self.status in {self.Status.READY, self.Status.REFUSED}

    @property
    def is_overdue(self) -> bool:
        """Has its reading shown no sign of life for so long that its owner may start it again?"""
        return not self.is_settled and self.updated_at < timezone.now() - OVERDUE

    @property
    def is_ready(self) -> bool:
        """Can it be searched and quoted?"""
        return self.status == self.Status.READY


# A passage has no rule of its own: whoever may see the file may see its passages, and the file's policy answers that.
FILE_VISIBLE = (
    "EXISTS (SELECT 1 FROM files_file f WHERE f.workspace_id = {table}.workspace_id AND f.id = {table}.file_id)"
)
FILE_OWNED = (
    "EXISTS (SELECT 1 FROM files_file f WHERE f.workspace_id = {table}.workspace_id AND f.id = {table}.file_id "
    "AND f.owner_id = {member})"
)
# Otherwise an embedding of one's own file could name a colleague's passage, and its unique would tell that there is one.
PASSAGE_OF_SAME_FILE = (
    "EXISTS (SELECT 1 FROM files_passage p WHERE p.workspace_id = {table}.workspace_id AND p.id = {table}.passage_id "
    "AND p.file_id = {table}.file_id)"
)


class FileTag(WorkspaceModel):
    """A word by which people find a file again. It is the file's: who may read or change the file may read or change it too."""

    file = WorkspaceForeignKey(File, models.CASCADE, related_name="tags")
    name = models.CharField(max_length=LONGEST_TAG)
    # By which two spellings are one tag (`files.tags.words`); folding makes at most three letters of one.
    key = models.CharField(max_length=3 * LONGEST_TAG)
    created_at = models.DateTimeField(auto_now_add=True)

    class Meta:
        constraints = [
            models.UniqueConstraint(fields=["workspace", "file", "key"], name="files_filetag_once"),
            MemberPolicy(name="files_filetag_member", read=FILE_VISIBLE, write=FILE_OWNED),
        ]
        # A list is filtered by it: the files of one tag, side by side.
        indexes = [models.Index(fields=["workspace", "key", "file"], name="files_filetag_key")]
        ordering = ["key"]

    def __str__(self) -> str:
        return self.name


class Passage(WorkspaceModel):
    """About 200 words of a file, verbatim, with the page and the offsets that a citation needs."""

    file = WorkspaceForeignKey(File, models.CASCADE, related_name="passages")
    position = models.IntegerField()
    page = models.IntegerField(null=True)
    label = models.CharField(max_length=200, blank=True)
    text = models.TextField()
    start = models.IntegerField()
    end = models.IntegerField()
    tsv = models.GeneratedField(
        expression=SearchVector("text", config="english"), output_field=SearchVectorField(), db_persist=True
    )

    class Meta:
        constraints = [
            models.UniqueConstraint(fields=["workspace", "file", "position"], name="files_passage_position"),
            MemberPolicy(name="files_passage_member", read=FILE_VISIBLE, write=FILE_OWNED),
        ]
        indexes = [
            GinIndex(fields=["workspace", "tsv"], name="files_passage_tsv"),
        ]

    def __str__(self) -> str:
        return f"passage {self.position}"


class Embedding(WorkspaceModel):
    """A passage's meaning. In a narrow table of its own: beside the text it was three times slower to scan (measured)."""

    passage = WorkspaceForeignKey(Passage, models.CASCADE, related_name="embeddings")
    file = WorkspaceForeignKey(File, models.CASCADE, related_name="+")
    vector = HalfVectorField(dimensions=EMBEDDING_DIMENSIONS)

    class Meta:
        constraints = [
            models.UniqueConstraint(fields=["workspace", "passage"], name="files_embedding_passage"),
            MemberPolicy(
                name="files_embedding_member",
                read=FILE_VISIBLE,
                write=FILE_OWNED,
                insert=f"{FILE_OWNED} AND {PASSAGE_OF_SAME_FILE}",
            ),
        ]
        indexes = [
            # The vectors themselves stand in it, each file's side by side, so that a search reads nothing else. In the table they
            # lie as they came, among everybody's, and took a third longer to read even where they came together (measured). It
            # costs a kilobyte a passage: they stand twice.
            models.Index(fields=["workspace", "file"], include=["passage", "vector"], name="files_embedding_near"),
        ]

    def __str__(self) -> str:
        return f"embedding of {self.passage_id}"
