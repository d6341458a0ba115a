"""Where do the refusals of a flood stay whole, of which the trail holds only how many they were?

In one compressed file for each segment that had any, readable with ``zcat``. It is there, on the disk and whole, before
the segment goes. The archive is kept as long as the entries, and no larger than its limit: what goes leaves an entry that
says how much it was, and the trail's counts stay.
"""

from __future__ import annotations

import gzip
import os
import time
from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Final

FOLDER: Final = "archive"
SUFFIX: Final = ".gz"
KEPT_DAYS: Final = 365
LIMIT_BYTES: Final = 1024 * 1024 * 1024
"""How much the archive may take; a flood of a hundred thousand refusals takes a few megabytes."""


@dataclass(frozen=True, slots=True)
class Going:
    """What has to leave the archive: the files, and how many bytes they take."""

    paths: list[Path]
    size: int


def keep(spool_folder: Path, segment: str, lines: Sequence[bytes]) -> None:
    """Store these lines of a segment, whole or not at all, and on the disk before this returns. Raises ``OSError``."""
    folder = spool_folder / FOLDER
    folder.mkdir(mode=0o700, exist_ok=True)
    path = folder / f"{segment}{SUFFIX}"
    new = path.with_name(f"{path.name}.new")
    # Without a time of its own, so that the same lines make the same file whenever they are stored again.
    content = gzip.compress(b"".join(line + b"\n" for line in lines), mtime=0)
    descriptor = os.open(new, os.O_WRONLY | os.O_CREAT | os.O_TRUNC | os.O_CLOEXEC | os.O_NOFOLLOW, 0o600)
    with os.fdopen(descriptor, "wb") as file:
        file.write(content)
        file.flush()
        os.fsync(file.fileno())
    new.replace(path)
    _flush_folder(folder)


def lines_of(spool_folder: Path, segment: str) -> list[bytes]:
    """The lines that were kept of a segment, in their order. Raises ``FileNotFoundError`` when nothing was, or is any more."""
    return gzip.decompress((spool_folder / FOLDER / f"{segment}{SUFFIX}").read_bytes()).splitlines()


def overdue(spool_folder: Path, *, days: int = KEPT_DAYS, limit: int = LIMIT_BYTES) -> Going:
    """The files that are older than ``days``, and the oldest of those beyond ``limit`` bytes."""
    try:
        found = sorted((spool_folder / FOLDER).glob(f"*{SUFFIX}"))
    except OSError:
        return Going([], 0)
    sizes = {path: path.stat() for path in found}
    total = sum(one.st_size for one in sizes.values())
    oldest, going = time.time() - days * 86400, []
    for path in found:
        if sizes[path].st_mtime >= oldest and total <= limit:
            continue
        going.append(path)
        total -= sizes[path].st_size
    return Going(going, sum(sizes[path].st_size for path in going))


def remove(going: Going) -> None:
    """Remove these files. Raises ``OSError``."""
    for path in going.paths:
        path.unlink(missing_ok=True)


def _flush_folder(folder: Path) -> None:
    descriptor = os.open(folder, os.O_RDONLY | os.O_DIRECTORY | os.O_CLOEXEC)
    try:
        os.fsync(descriptor)
    finally:
        os.close(descriptor)
