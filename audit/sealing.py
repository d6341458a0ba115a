"""How does the trail become something that nobody can change unseen, not even who holds the database?

Entries are chained. A trigger puts each new entry's id on a waiting list; the sealer takes up to 1,000 from it, hashes each
entry's text as PostgreSQL writes it, and makes a *seal*: the ids, their hashes, and a digest over these and the seal
before. The digest is signed, and the signed note also goes to a file outside the database: a chain alone does not show
that its tail was cut off, a note of a longer one does.

The order is the order of sealing, not of the ids: an entry that waited in a spool while the database was away comes late.
"""

from __future__ import annotations

import errno
import fcntl
import os
from collections.abc import Iterable
from hashlib import sha256
from pathlib import Path
from typing import Any, Final
from uuid import UUID

from django.conf import settings
from django.db import connections, transaction
from django.utils import timezone

from audit import notes

DATABASE: Final = "seal"
MOST_ENTRIES: Final = 1000  # in one seal
LONGEST_SECONDS: Final = 60  # before entries that wait are sealed though they are few
NOTHING: Final = bytes(32)  # what stands before the first seal
LEAF: Final = 32  # bytes of one hash
BETWEEN: Final = b"\n\n\n"  # behind each note in the file outside
TAIL: Final = 4096  # bytes; many times as long as a note

# What an entry's hash is over, in this order: named, so that a column that is added later does not change old hashes.
COLUMNS: Final = (
    "id, retention, occurred_at, received_at, action, vocabulary, outcome, reason, severity, status, workspace_id, "
    "asked_workspace_id, actor_type, actor_id, actor_name, actor, target_type, target_id, request_id, client_address, "
    "http, net, trace, refused_by, detail, fingerprint"
)
# The bounds say nothing new, but without them, and until the first ANALYZE of a month's piece, PostgreSQL takes 1,000 ids for
# half of the table and reads all of it for every seal.
_LINES: Final = f"COPY (SELECT {COLUMNS} FROM audit_entry WHERE id = ANY(%s) AND id BETWEEN %s AND %s) TO STDOUT"  # noqa: S608 - constants only
# The text of a time or a number depends on these; a session that inherits others would read every entry as changed.
PLAIN: Final = "SET LOCAL timezone = 'UTC'; SET LOCAL datestyle = 'ISO, MDY'; SET LOCAL extra_float_digits = 1; SET LOCAL bytea_output = 'hex'"

# Since when the entries have waited that are sealed next. By when they came, not by their ids, which say when they were made:
# one that lay in a spool for hours has not waited for its seal.
WAITING_SINCE: Final = (
    "SELECT min(e.received_at) FROM (SELECT entry_id FROM audit_unsealed ORDER BY entry_id LIMIT 100) u "
    "JOIN audit_entry e ON e.id = u.entry_id"
)

_LOCK: Final = "SELECT pg_advisory_xact_lock(hashtextextended('audit.seal', 0))"
_LAST: Final = "SELECT seq, size, digest, note, sealed_at FROM audit_seal ORDER BY seq DESC LIMIT 1"
_WAITING: Final = "SELECT entry_id FROM audit_unsealed ORDER BY entry_id LIMIT %s"
_DONE: Final = "DELETE FROM audit_unsealed WHERE entry_id = ANY(%s)"
_SEAL: Final = (
    "INSERT INTO audit_seal (seq, sealed_at, size, ids, leaves, digest, note) VALUES (%s, %s, %s, %s, %s, %s, %s)"
)


def seal() -> int:
    """Seal what waits, if it is enough or has waited long enough; return how many entries were sealed.

    Runs as ``aiaxis_seal``. Raises ``django.db.Error``, or ``OSError`` if the note cannot be written outside the database;
    it is then written the next time.
    """
    _put_latest_outside()
    sealed = 0
    while made := _seal_once(partly=not sealed):
        _put_latest_outside()
        sealed += made
    return sealed


def _seal_once(*, partly: bool) -> int:
    with transaction.atomic(using=DATABASE), connections[DATABASE].cursor() as cursor:
        cursor.execute(_LOCK)
        cursor.execute(PLAIN)
        cursor.execute(_LAST)
        seq, size, digest, _, sealed_at = cursor.fetchone() or (0, 0, NOTHING, "", None)
        cursor.execute(_WAITING, [MOST_ENTRIES])
        ids = [entry for (entry,) in cursor.fetchall()]
        now = timezone.now()
        # A seal that is yet to come was made before the clock was put back.
        rested = sealed_at is None or not 0 <= (now - sealed_at).total_seconds() < LONGEST_SECONDS
        if not ids or (len(ids) < MOST_ENTRIES and not (partly and rested)):
            return 0
        found = leaves_of(cursor, ids)
        # An entry that is gone before it was sealed is sealed as a gap, so that it stays known that there was one.
        leaves = b"".join(found.get(entry, NOTHING) for entry in ids)
        digest = chained(bytes(digest), ids, leaves)
        note = notes.signed(notes.Checkpoint(size + len(ids), digest), settings.SEAL_KEY)
        cursor.execute(_SEAL, [seq + 1, now, size + len(ids), ids, leaves, digest, note])
        cursor.execute(_DONE, [ids])
    return len(ids)


def leaves_of(cursor: Any, ids: list[UUID]) -> dict[UUID, bytes]:
    """The hash of each of these entries that is there: SHA-256 over its line as COPY writes it, under ``PLAIN``.

    The key is the id together with how long the entry is kept, so that another entry may stand under the same id. Of two such
    the hash is over both of theirs, which is what nobody sealed.
    """
    if not ids:
        return {}  # A seal that somebody emptied has no bounds; what is wrong with it is said elsewhere.
    found: dict[UUID, bytes] = {}
    with cursor.copy(_LINES, [ids, min(ids), max(ids)]) as lines:
        for line in lines:
            raw = bytes(line)
            entry, leaf = UUID(raw[:36].decode()), sha256(raw).digest()
            found[entry] = leaf if entry not in found else sha256(b"".join(sorted((found[entry], leaf)))).digest()
    return found


def chained(before: bytes, ids: Iterable[UUID], leaves: bytes) -> bytes:
    """The digest of a seal, over the seal before, its entries' ids and their hashes, in their order."""
    return sha256(b"".join((before, *(entry.bytes for entry in ids), leaves))).digest()


def outside() -> Path:
    """The file in which the signed notes stand, outside the database; keep copies of it elsewhere."""
    return Path(settings.AIAXIS_HOME) / "seals" / "checkpoints.txt"


def kept_outside() -> list[str]:
    """The notes of that file, oldest first; none where there is no file."""
    try:
        with outside().open("rb") as file:
            # Never half of what is being written.
            fcntl.flock(file, fcntl.LOCK_SH)
            text = file.read().decode()
    except FileNotFoundError:
        return []
    return _notes(text)


def kept_elsewhere(copy: Path) -> list[str]:
    """The notes of a copy of that file, oldest first. Raises ``OSError``, and ``ValueError`` for what is no such copy.

    The last one may be there in part, where it was copied while it was written: it is left out.
    """
    found = _notes(copy.read_text(encoding="utf-8").rpartition(BETWEEN.decode())[0])
    if not found:
        raise ValueError(f"{copy} holds no checkpoint")
    return found


def _notes(text: str) -> list[str]:
    return [f"{note}\n" for note in text.split(BETWEEN.decode()) if note.strip()]


def _put_latest_outside() -> None:
    """Append the latest seal's note to the file outside, unless it is the last one there.

    After the commit, never before it: a note of a seal that was rolled back would look like a cut-off tail for ever.
    """
    with connections[DATABASE].cursor() as cursor:
        cursor.execute(_LAST)
        latest = cursor.fetchone()
    if latest is None:
        return
    path, note = outside(), f"{latest[3]}\n\n".encode()
    path.parent.mkdir(mode=0o700, parents=True, exist_ok=True)
    descriptor = os.open(path, os.O_RDWR | os.O_CREAT | os.O_APPEND, 0o600)
    try:
        fcntl.flock(descriptor, fcntl.LOCK_EX)
        end = _end_of_notes(descriptor)
        # What a power cut left of a note goes: together with the next one it would be a note that somebody forged, for ever.
        os.ftruncate(descriptor, end)
        if os.pread(descriptor, len(note), max(0, end - len(note))) != note:
            _append(descriptor, note, end)
    finally:
        os.close(descriptor)


def _end_of_notes(descriptor: int) -> int:
    """Behind the last note of the file that is whole. A tail in which no note ends at all is left to be looked at."""
    size = os.fstat(descriptor).st_size
    tail = os.pread(descriptor, TAIL, max(0, size - TAIL))
    found = tail.rfind(BETWEEN)
    if found < 0:
        return 0 if size < TAIL else size
    return size - len(tail) + found + len(BETWEEN)


def _append(descriptor: int, note: bytes, end: int) -> None:
    """Write the note, whole or not at all: a full disk first takes a part of it. Raises ``OSError``."""
    written = 0
    try:
        written = os.write(descriptor, note)
        os.fsync(descriptor)
    finally:
        if written != len(note):
            os.ftruncate(descriptor, end)
    if written != len(note):
        raise OSError(errno.ENOSPC, os.strerror(errno.ENOSPC))
