"""Where do the refusals of a flood stay whole, of which the trail holds only how many they were?

In one compressed file for each segment that had any and each class of their workspaces, readable with ``zcat``. It is
there, on the disk and whole, before the segment goes. A file goes with the month of the trail to whose entries it belongs, and
all together are no larger than their limit: what goes leaves an entry that says how much it was, and the trail's counts stay.
The entry that counts what is in a file says the file's digest, and is sealed: whoever changes the file later is found.
"""

from __future__ import annotations

import gzip
import hmac
import json
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from datetime import UTC, date, datetime
from hashlib import sha256
from pathlib import Path
from typing import Any, Final

from django.conf import settings

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


def keep(spool_folder: Path, segment: str, retention: Retention, lines: Sequence[bytes]) -> str:
    """Store these lines of a segment, all of one class, whole or not at all, and on the disk before this returns.

    Returns the SHA-256 of the file, in hexadecimal. Raises ``OSError``.
    """
    folder = spool_folder / FOLDER
    folder.mkdir(mode=0o700, exist_ok=True)
    # Without a time of its own, so that the same lines make the same file whenever they are stored again.
    packed = gzip.compress(b"".join(line + b"\n" for line in lines), mtime=0)
    with disk.created(folder / _name(segment, retention)) as file:
        file.write(packed)
    return sha256(packed).hexdigest()


def place(segment: str, digests: Mapping[str, str]) -> dict[str, Any]:
    """What the entries that count the lines of a segment say of its files, whose ``digests`` are by their class.

    With a mark of ours: a member's own SQL may add an entry that says anything, and must not cast doubt on a file with it.
    """
    return {"archive": segment, "archive_sha256": dict(digests), "archive_mark": _mark(segment, digests)}


def files_of(detail: Mapping[str, Any]) -> dict[str, str]:
    """The files that such an entry names, each with its digest; none where the mark is not ours, or there is none."""
    segment, digests = detail.get("archive"), detail.get("archive_sha256")
    if not isinstance(segment, str) or not isinstance(digests, dict):
        return {}
    if not hmac.compare_digest(_mark(segment, digests).encode(), str(detail.get("archive_mark")).encode()):
        return {}
    return {_name(segment, retention): digest for retention, digest in digests.items()}


def is_as_kept(spool_folder: Path, name: str, digest: str) -> bool:
    """Is the file what ``keep`` stored, or not here: on another host's disk, or gone in its time? Raises ``OSError``."""
    try:
        return hmac.compare_digest(disk.digest_of(spool_folder / FOLDER / name).hex(), digest)
    except FileNotFoundError:
        return True


def lines_of(spool_folder: Path, segment: str) -> list[bytes]:
    """The lines that are kept of a segment, class by class in their order."""
    paths = sorted((spool_folder / FOLDER).glob(f"{segment}.*{SUFFIX}"))
    return [line for path in paths for line in gzip.decompress(path.read_bytes()).splitlines()]


def overdue(spool_folder: Path, *, today: date, limit: int = LIMIT_BYTES) -> Going:
    """The files whose entries have left the trail on this day, in UTC, and the oldest of those beyond ``limit`` bytes.

    With them go lines that the database would not take: whose they are, nobody can say, so theirs is the usual time.
    """
    found = sorted((spool_folder / FOLDER).glob(f"*{SUFFIX}")) + sorted((spool_folder / REJECTED).glob("*.json"))
    sizes = {path: path.stat() for path in found}
    total = sum(one.st_size for one in sizes.values())
    going = []
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


def _mark(segment: str, digests: Mapping[str, object]) -> str:
    key = sha256(b"aiaxis.audit.archive:" + settings.SEAL_KEY).digest()
    return hmac.digest(key, json.dumps([segment, sorted(digests.items())]).encode(), "sha256").hex()


def _name(segment: str, retention: str) -> str:
    return f"{segment}.{retention}{SUFFIX}"


def _retention(path: Path) -> Retention:
    """Of which class a file is; one without a class was written before there were any."""
    name = path.name.removesuffix(SUFFIX).rpartition(".")[2]
    return Retention(name) if name in Retention.values else Retention.DAYS_365
