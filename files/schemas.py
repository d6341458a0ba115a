"""What does the API say about files and about what a search found? Each field by name, never a model's whole row."""

from collections.abc import Collection
from datetime import datetime
from typing import Annotated, Literal
from uuid import UUID

from annotated_types import MaxLen, MinLen
from ninja import Schema
from pydantic import AfterValidator

from accounts.schemas import Body, Trimmed
from files.access import MOST_CHOSEN
from files.models import LONGEST_TAG, MOST_TAGS, File
from files.queries import Hit
from files.quota import Storage
from files.tags.words import cleaned

# What is no tag is told by the sentence of `files.tags.words`, in whichever way it came.
Tag = Annotated[str, Trimmed(1, LONGEST_TAG), AfterValidator(cleaned)]


class FileOut(Schema):
    """A file. `status` ends in `ready` or `refused`; `refusal` then says why, in a sentence for its owner.

    `tags` are its owner's words on it, which everybody sees who sees the file.
    """

    id: UUID
    name: str
    media_type: str
    size: int
    sha256: str
    status: str
    refusal: str
    visibility: str
    tags: list[str]
    pages: int | None
    owner_id: UUID
    created_at: datetime
    updated_at: datetime

    @classmethod
    def of(cls, file: File) -> "FileOut":
        """What the API says about this row."""
        return cls(
            id=file.pk,
            name=file.name,
            media_type=file.media_type,
            size=file.size,
            sha256=file.sha256,
            status=file.status,
            refusal=file.refusal,
            visibility=file.visibility,
            tags=[tag.name for tag in file.tags.all()],
            pages=file.pages,
            owner_id=file.owner_id,
            created_at=file.created_at,
            updated_at=file.updated_at,
        )


class FileChange(Body):
    """What to change of a file: the tags that it has from then on. Capitals make no other tag."""

    tags: Annotated[list[Tag], MaxLen(MOST_TAGS)]


class ChosenIn(Body):
    """Which files, at most a hundred."""

    file_ids: Annotated[list[UUID], MinLen(1), MaxLen(MOST_CHOSEN)]


class DeletionOut(Schema):
    """What became of one file: `deleted`; `not_found`, also where it is not there to be seen; or `not_yours`, and it stays."""

    file_id: UUID
    outcome: Literal["deleted", "not_found", "not_yours"]

    @classmethod
    def of(cls, file_id: UUID, *, deleted: Collection[UUID], others: Collection[UUID]) -> "DeletionOut":
        """What the API says about this id."""
        if file_id in deleted:
            return cls(file_id=file_id, outcome="deleted")
        return cls(file_id=file_id, outcome="not_yours" if file_id in others else "not_found")


class HitOut(Schema):
    """One passage that a search found; `text` is an excerpt of it."""

    file_id: UUID
    file_name: str
    passage_id: UUID
    page: int | None
    label: str
    text: str

    @classmethod
    def of(cls, hit: Hit) -> "HitOut":
        """What the API says about this hit."""
        return cls(
            file_id=hit.file_id,
            file_name=hit.file_name,
            passage_id=hit.passage_id,
            page=hit.page,
            label=hit.label,
            text=hit.text,
        )


class StorageOut(Schema):
    """What a workspace keeps, and the most it may: bytes and files, those of every member together."""

    bytes: int
    files: int
    most_bytes: int
    most_files: int

    @classmethod
    def of(cls, kept: Storage) -> "StorageOut":
        """What the API says about this."""
        return cls(bytes=kept.bytes, files=kept.files, most_bytes=kept.most_bytes, most_files=kept.most_files)
