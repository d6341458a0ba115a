"""How does what was kept long enough leave the trail: into a signed archive first, and only then out of the table?

For each piece of the table: write the archive, read it back from the disk, say so in the trail; then, in one transaction,
remove the piece, keep the archive's note and say so in the trail. Whoever dies between any two of these steps leaves
something with which the next round goes on. Nothing leaves that is not sealed, not as it was sealed, or not in an archive
that was read back whole. Runs as the owner of the tables, who alone can remove a piece.
"""

from __future__ import annotations

import logging
import time
from collections.abc import Generator, Iterator
from contextlib import closing, contextmanager
from dataclasses import replace
from datetime import UTC, date, datetime, timedelta
from pathlib import Path
from typing import Any, Final

from django.conf import settings
from django.db import Error as DatabaseError
from django.db import OperationalError, connections, transaction
from django.utils import timezone

from audit import disk, entries, health, ledger, notes, partitions, sealing, services
from audit.exports.services import KEPT as EXPORTS_KEPT
from audit.retention import archives, pieces
from audit.retention.pieces import Piece

logger = logging.getLogger(__name__)

DATABASE: Final = "owner"
ARCHIVES_KEPT: Final = timedelta(days=30)
"""After the entries left. Whoever wants them for longer carries the file elsewhere."""
ATTEMPTS: Final = 5
PAUSE_SECONDS: Final = 2.0
"""Within one round, which must not hold up a worker that is to stop; the next one comes in an hour."""

_ONE: Final = "SELECT pg_try_advisory_xact_lock(hashtextextended('audit.retention', 0))"
_COLUMNS: Final = ", ".join(f"e.{name}" for name in sealing.COLUMNS.split(", "))
_ENTRIES: Final = (
    "COPY (SELECT s.size - cardinality(s.ids) + u.number - 1 AS place, "  # noqa: S608 - constants only
    f"encode(substring(s.leaves FROM ((u.number - 1) * {sealing.LEAF} + 1)::integer FOR {sealing.LEAF}), 'hex'), {_COLUMNS} "
    "FROM audit_seal s CROSS JOIN LATERAL unnest(s.ids) WITH ORDINALITY AS u (id, number) JOIN {table} e ON e.id = u.id "
    "WHERE s.sealed_at >= %s AND e.id < %s ORDER BY 1) TO STDOUT"
)
_NOTED: Final = "INSERT INTO audit_archive (name, note, left_at) VALUES (%s, %s, %s)"
_OLD_EXPORTS: Final = "DELETE FROM audit_export WHERE created_at < %s"


class NotSealed(Exception):
    """Entries that were to leave have no seal yet, so no archive of theirs could be compared with anything."""


class Grown(Exception):
    """More entries came into the piece after its archive was written."""


class Shrunk(Exception):
    """The archive holds entries that are in the table no more, and that nobody here has removed."""


class Busy(Exception):
    """Somebody reads the trail for so long that the piece could not be removed meanwhile."""


class Elsewhere(Exception):
    """Another process is letting entries go, so this one need not."""


_OURS = (archives.Damaged, archives.NotAsSealed, NotSealed, Grown, Shrunk, Busy)
_OTHERS = (OSError, DatabaseError)


def leave(today: date | None = None) -> list[str]:
    """Let go what has been kept long enough, and return the names of the archives. What cannot go is told and stays.

    Raises ``django.db.Error`` when the database does not even say what there is, or takes no entry.
    """
    gone, stayed = [], []
    today = today or ledger.earliest_now(using=DATABASE).date()
    with _whole() as cursor:
        found = pieces.due(cursor, today)
    partitions.ensure(DATABASE, today)
    for piece in found:
        try:
            gone += _let_go(piece)
        except Elsewhere:
            return gone
        except (*_OURS, *_OTHERS) as error:
            stayed.append(_tell(piece, error, today))
    _forget_copies()
    health.tell_kept_back(services.spool_folder(), stayed)
    return gone


def _let_go(piece: Piece) -> list[str]:
    for _ in range(2):
        archive = _archive(piece)
        try:
            _remove(piece, archive)
        except Grown:
            archives.remove(archives.path_of(piece.name))
        else:
            return [piece.name] if archive else []
    raise Grown("entries keep coming into it")


def _archive(piece: Piece) -> notes.Archive | None:
    """The archive of the piece as it lies on the disk, written now if there is none; None for a piece that is empty."""
    path = archives.path_of(piece.name)
    if not archives.is_written(piece.name):
        with _alone("REPEATABLE READ") as cursor:
            count = pieces.count(cursor, piece)
            if not count:
                return None
            try:
                _write(cursor, piece)
            except NotSealed:
                # A clock that was ahead for days made some of its ids before the month began, and their seals are older.
                _write(cursor, replace(piece, sealed_from=pieces.BEGINNING))
    archive = archives.checked(path)
    _note("audit.month_archived", piece, archive, moment=int(path.stat().st_mtime * 1000), using="audit")
    return archive


def _write(cursor: Any, piece: Piece) -> None:
    with closing(_lines(cursor, piece)) as lines:
        archives.write(piece.name, lines)


def _lines(cursor: Any, piece: Piece) -> Generator[archives.Line]:
    """The sealed entries of the piece, in the order of the chain. Raises ``NotSealed`` behind the last if there are others."""
    expected, seen = pieces.count(cursor, piece), 0
    with cursor.copy(_ENTRIES.format(table=piece.table), [piece.sealed_from, piece.before]) as rows:
        for row in rows:
            place, leaf, text = bytes(row).split(b"\t", 2)
            yield archives.Line(int(place), bytes.fromhex(leaf.decode()), text)
            seen += 1
    if seen != expected:
        raise NotSealed(f"{expected - seen} of its {expected} entries have no seal")


def _remove(piece: Piece, archive: notes.Archive | None) -> None:
    """Take the entries out of the table, with the archive's note and an entry about it in the same transaction."""
    for attempt in range(1, ATTEMPTS + 1):
        try:
            with _alone("READ COMMITTED") as cursor:
                _take_out(cursor, piece, archive)
                return
        except OperationalError as error:
            if not partitions.is_busy(error):
                raise
        if attempt < ATTEMPTS:
            time.sleep(PAUSE_SECONDS)
    raise Busy("somebody reads the trail for so long that it could not be removed")


def _take_out(cursor: Any, piece: Piece, archive: notes.Archive | None) -> None:
    # Whoever writes to the trail waits behind us while we wait, so we wait for a moment only, and again later. From the
    # parent down, as everybody else takes these locks.
    cursor.execute(f"SET LOCAL lock_timeout = {partitions.LOCK_MILLISECONDS}")
    cursor.execute(f"LOCK TABLE ONLY {piece.parent} IN ACCESS EXCLUSIVE MODE")
    cursor.execute(f"LOCK TABLE {piece.table} IN ACCESS EXCLUSIVE MODE")
    count, archived = pieces.count(cursor, piece), archive.count if archive else 0
    if count > archived:
        raise Grown("entries came after its archive was written")
    if count < archived:
        raise Shrunk(f"{archived - count} entries were removed from it past us; its archive has them")
    if piece.is_month:
        cursor.execute(f"DROP TABLE {piece.table}")
    else:
        # Entries are inserted into the piece itself, past the parent's triggers: they are not new.
        cursor.execute(
            f"CREATE TEMPORARY TABLE remaining ON COMMIT DROP AS SELECT * FROM {piece.table} WHERE id >= %s",  # noqa: S608 - a name from the catalogue
            [piece.before],
        )
        cursor.execute(f"TRUNCATE {piece.table}")
        cursor.execute(f"INSERT INTO {piece.table} SELECT * FROM remaining")  # noqa: S608 - as above
    now = timezone.now()
    if archive:
        # Signed anew, from what was checked: the file may have been changed since.
        cursor.execute(_NOTED, [piece.name, notes.signed(archive, settings.SEAL_KEY), now])
    _note("audit.month_left", piece, archive, moment=int(now.timestamp() * 1000), using=DATABASE)


@contextmanager
def _whole(isolation: str = "READ COMMITTED") -> Iterator[Any]:
    """A transaction that sees every row. An owner whom policies bind would see none and keep silent; this one gets an error."""
    with transaction.atomic(using=DATABASE), connections[DATABASE].cursor() as cursor:
        cursor.execute(f"SET TRANSACTION ISOLATION LEVEL {isolation}")
        cursor.execute("SET LOCAL row_security = off")
        yield cursor


@contextmanager
def _alone(isolation: str) -> Iterator[Any]:
    """A transaction in which nobody else archives or removes. Raises ``Elsewhere``."""
    with _whole(isolation) as cursor:
        cursor.execute(sealing.PLAIN)
        cursor.execute(_ONE)
        if cursor.fetchone() != (True,):
            raise Elsewhere
        yield cursor


def _note(action: str, piece: Piece, archive: notes.Archive | None, *, moment: int, using: str) -> None:
    """An entry about a step, which is the same one however often the step is repeated."""
    file = archives.path_of(piece.name).name if archive else ""
    digest = archive.file.hex() if archive else ""
    detail = {"piece": piece.name, "file": file, "entries": archive.count if archive else 0, "sha256": digest}
    entry = entries.fact(action, actor=None, detail=detail)
    entry["id"] = entries.derived_id(moment, action, piece.table, digest)
    ledger.post([entries.encode(entry)], using=using)


def _tell(piece: Piece, error: Exception, today: date) -> str:
    """Say that a piece stays, once a day for each reason; return the sentence.

    A reader who was in the way is a matter for operators when the next round meets one too: a nightly dump is none.
    """
    why = str(error) if isinstance(error, _OURS) else getattr(error, "strerror", None) or type(error).__name__
    logger.error("Entries that may leave the trail stay in it (%s): %s.", piece.name, why)
    sentence = f"Entries that were kept long enough cannot leave the trail ({piece.name}): {why}."
    if isinstance(error, Busy) and sentence not in health.kept_back(services.spool_folder()):
        return sentence
    entry = entries.pipeline("audit.month_kept_back", {"piece": piece.name, "why": why})
    midnight = int(datetime(today.year, today.month, today.day, tzinfo=UTC).timestamp() * 1000)
    entry["id"] = entries.derived_id(midnight, "audit.month_kept_back", piece.table, type(error).__name__)
    ledger.post([entries.encode(entry)])
    return sentence


def _forget_copies() -> None:
    """Copies end with their time too: members' exports, and the archives themselves, of which only the notes stay."""
    now = ledger.earliest_now(using=DATABASE)
    with _whole() as cursor:
        cursor.execute(_OLD_EXPORTS, [now - EXPORTS_KEPT])
        cursor.execute("SELECT name, left_at FROM audit_archive")
        left = dict(cursor.fetchall())
    for path in sorted(archives.folder().glob(f"*{archives.SUFFIX}")):
        since = left.get(path.name.removesuffix(archives.SUFFIX)) or _written_at(path)
        if since + ARCHIVES_KEPT > now:
            continue
        entry = entries.fact("audit.archive_removed", actor=None, detail={"file": path.name})
        moment = int((since + ARCHIVES_KEPT).timestamp() * 1000)
        entry["id"] = entries.derived_id(moment, "audit.archive_removed", path.name)
        ledger.post([entries.encode(entry)])
        archives.remove(path)
    if archives.folder().is_dir():
        disk.flush_folder(archives.folder())


def _written_at(path: Path) -> datetime:
    return datetime.fromtimestamp(path.stat().st_mtime, UTC)
