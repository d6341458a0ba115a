"""Which files have a row and no bytes, and which bytes have no row, after a copy was brought back or somebody had a hand in it?

Rows come and go while the place of files is being listed, so they are read before and after: what was there both times and has no
bytes in between has none.
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import Final

from django.db import connections

from files import storage

# A refused file may have its bytes or not: they go with a refusal that another reading would not change.
_FILES: Final = "SELECT storage_key, workspace_id::text, id::text FROM files_file WHERE status <> 'refused'"
_OTHERS: Final = """
SELECT storage_key FROM files_file WHERE status = 'refused'
UNION SELECT replace(workspace_id || '/' || id, '-', '') FROM aiaxis_workspaceexport
UNION SELECT unnest(ARRAY[storage_key, trail_key] || stored) FROM aiaxis_workspaceimport"""


@dataclass(frozen=True, slots=True)
class Row:
    """A file's row: ids only, for names are its workspace's own."""

    workspace: str
    file: str
    key: str


@dataclass(frozen=True, slots=True)
class Compared:
    """What was found."""

    whole: int
    """Files with their bytes."""
    missing: list[Row]
    unnamed: list[str]
    """Keys of bytes that no row names; one that is arriving at this moment may be among them."""


def compare() -> Compared:
    """Compare the rows of every workspace with what is stored. Raises ``storage.StorageUnavailable``, ``django.db.Error``."""
    before = _files()
    stored = set(storage.everything())
    after = _files()
    both = [row for key, row in before.items() if key in after]
    return Compared(
        whole=sum(row.key in stored for row in both),
        missing=sorted((row for row in both if row.key not in stored), key=lambda row: (row.workspace, row.file)),
        unnamed=sorted(stored - before.keys() - after.keys() - _others()),
    )


def _files() -> dict[str, Row]:
    with connections["owner"].cursor() as cursor:
        cursor.execute(_FILES)
        return {key: Row(workspace, file, key) for key, workspace, file in cursor.fetchall()}


def _others() -> set[str]:
    with connections["owner"].cursor() as cursor:
        cursor.execute(_OTHERS)
        return {key for (key,) in cursor.fetchall()}
