"""How much may the bound workspace keep, and is there room for one file more?

Every file counts with its size, private and refused ones too, until it is deleted. The limits are the installation's, or
what an operator set for this workspace; who keeps the files sees the sum, and whose they are from nowhere.
"""

from __future__ import annotations

from dataclasses import dataclass

from django.conf import settings
from django.db import connection
from django.template.defaultfilters import filesizeformat

MEGABYTE = 1024 * 1024
# From here on the meter warns.
NEARLY_FULL = 0.8


class QuotaReached(Exception):
    """There is no room for the file. The message is a sentence for people, with the figures."""


@dataclass(frozen=True, slots=True)
class Storage:
    """What a workspace keeps, and the most it may."""

    bytes: int
    files: int
    most_bytes: int
    most_files: int

    @property
    def nearly_full(self) -> int:
        """The bytes from which on the meter warns."""
        return int(self.most_bytes * NEARLY_FULL)

    @property
    def is_nearly_full(self) -> bool:
        """Is four fifths of either limit used?"""
        return self.bytes >= self.nearly_full or self.files >= self.most_files * NEARLY_FULL

    @property
    def words(self) -> str:
        """Both figures and both limits, for the meter."""
        sizes = f"{filesizeformat(self.bytes)} of {filesizeformat(self.most_bytes)}"
        return f"{sizes}, {self.files:,} of {self.most_files:,} file{'' if self.most_files == 1 else 's'}"

    def check(self, size: int) -> None:
        """Raise `QuotaReached` where one more file of this many bytes has no room."""
        way_out = "Delete files that nobody needs, or ask whoever runs this installation for more room."
        if self.files >= self.most_files:
            raise QuotaReached(
                f"This workspace keeps {self.files:,} of the {self.most_files:,} files that it may, so this one was not "
                f"stored. {way_out}"
            )
        if self.bytes + size > self.most_bytes:
            raise QuotaReached(
                f"This workspace keeps {filesizeformat(self.bytes)} of the {filesizeformat(self.most_bytes)} that it may, so "
                f"this file of {filesizeformat(size)} was not stored. {way_out}"
            )


def limited(bytes_used: int, files_used: int, most_bytes: int | None, most_files: int | None) -> Storage:
    """What is kept, under the workspace's own limits or, where there are none, the installation's."""
    return Storage(
        bytes_used,
        files_used,
        settings.QUOTA_MEGABYTES * MEGABYTE if most_bytes is None else most_bytes,
        settings.QUOTA_FILES if most_files is None else most_files,
    )


def storage() -> Storage:
    """What the bound workspace keeps now; in one statement over an index."""
    return _asked(and_hold=False)


def held() -> Storage:
    """The same, while the workspace's uploads wait until this transaction ends."""
    return _asked(and_hold=True)


def claim(size: int) -> None:
    """Let the workspace's uploads through one after another until this transaction ends; raise `QuotaReached` without room."""
    held().check(size)


def _asked(*, and_hold: bool) -> Storage:
    with connection.cursor() as cursor:
        cursor.execute("SELECT * FROM fence.storage_of_workspace(%s)", [and_hold])
        return limited(*cursor.fetchone())
