"""Where do the refusals of a flood stay whole, of which the trail holds only how many they were?

In one compressed file for each segment that had any and each class of their workspaces, readable with ``zcat``. It is
there, on the disk and whole, before the segment goes. A file goes with the month of the trail to whose entries it belongs, and
all together are no larger than their limit: what goes leaves an entry that says how much it was, and the trail's counts stay.
"""

from __future__ import annotations

import gzip
from collections.abc import Sequence
from dataclasses import dataclass
from datetime import UTC, date, datetime
from pathlib import Path
from typing import Final

from audit import disk
from audit.rules import Retention

FOLDER: Final = "archive"
REJECTED: Final = "rejected"
SUFFIX: Final = ".gz"
LIMIT_BYTES: Final = 1024 * 1024 * 1024
"""How much the archive may take; a flood of a hundred thousand refusals takes a few megabytes."""


@dataclass(frozen=True, slots=True)
class Going:
    """What has to leave the archive: the files, and how many bytes they take."""

    paths: list[Path]
    size: int


def keep(spool_folder: Path, segment: str, retention: Retention, lines: Sequence[bytes]) -> None:
    """Store these lines of a segment, all of one class, whole or not at all, and on the disk before this returns. Raises ``OSError``."""
    folder = spool_folder / FOLDER
    folder.mkdir(mode=0o700, exist_ok=True)
    path = folder / f"{segment}.{retention}{SUFFIX}"
    # Without a time of its own, so that the same lines make the same file whenever they are stored again.
    with disk.created(path) as file:
        file.write(gzip.compress(b"".join(line + b"\n" for line in lines), mtime=0))


def lines_of(spool_folder: Path, segment: str) -> list[bytes]:
    """The lines that are kept of a segment, class by class in their order."""
    paths = sorted((spool_folder / FOLDER).glob(f"{segment}.*{SUFFIX}"))
    return [line for path in paths for line in gzip.decompress(path.read_bytes()).splitlines()]


def overdue(spool_folder: Path, *, limit: int = LIMIT_BYTES, today: date | None = None) -> Going:
    """The files whose entries have left the trail on this day, in UTC, and the oldest of those beyond ``limit`` bytes.

    Without a day it is this machine's. With them go lines that the database would not take: whose they are, nobody can say, so theirs is the usual time.
    """
    found = sorted((spool_folder / FOLDER).glob(f"*{SUFFIX}")) + sorted((spool_folder / REJECTED).glob("*.json"))
    sizes = {path: path.stat() for path in found}
    total = sum(one.st_size for one in sizes.values())
    today, going = today or datetime.now(UTC).date(), []
    for path in found:
        written = datetime.fromtimestamp(sizes[path].st_mtime, UTC).date()
        if written >= _retention(path).oldest_month(today) and total <= limit:
            continue
        going.append(path)
        total -= sizes[path].st_size
    return Going(going, sum(sizes[path].st_size for path in going))


def remove(going: Going) -> None:
    """Remove these files. Raises ``OSError``."""
    for path in going.paths:
        path.unlink(missing_ok=True)


def _retention(path: Path) -> Retention:
    """Of which class a file is; one without a class was written before there were any."""
    name = path.name.removesuffix(SUFFIX).rpartition(".")[2]
    return Retention(name) if name in Retention.values else Retention.DAYS_365
