"""Has anybody changed, removed, moved, added or cut off entries of the trail since they were sealed?

Everything is computed here, from the entries' texts and the key: the database is asked for what it holds and believed in
nothing. What was sealed and left the trail in its time is known from the signed notes of its archives: a note names the
places of its entries in the chain and their digest, which the seals have to confirm. What is gone without one is missing.
"""

from __future__ import annotations

import hmac
import json
from bisect import bisect_right
from collections.abc import Callable, Collection, Iterable, Iterator
from dataclasses import dataclass, field
from hashlib import sha256
from typing import Any, Final
from uuid import UUID

from django.conf import settings
from django.db import connections, transaction

from audit import archive, notes, sealing
from audit.services import spool_folder

MOST_NAMED: Final = 100  # findings that are named one by one; all are counted
_SEALS: Final = "SELECT seq, size, ids, leaves, digest, note FROM audit_seal WHERE seq > %s ORDER BY seq LIMIT 20"
_ARCHIVES: Final = "SELECT name, note FROM audit_archive ORDER BY name"
_COUNTS: Final = "SELECT (SELECT count(*) FROM audit_entry), (SELECT count(*) FROM audit_unsealed u JOIN audit_entry e ON e.id = u.entry_id)"
_UNKNOWN: Final = (
    "SELECT id FROM audit_entry EXCEPT (SELECT unnest(ids) FROM audit_seal UNION ALL SELECT entry_id FROM audit_unsealed) "
    "LIMIT %s"
)
# With the bounds for the reason that stands beside those of ``sealing``.
_WHOSE: Final = (
    "SELECT id, workspace_id FROM audit_entry WHERE id = ANY(%s) AND id BETWEEN %s AND %s AND workspace_id = ANY(%s)"
)
_FLOODS: Final = "SELECT id, detail FROM audit_entry WHERE detail ? 'burst' AND outcome <> 'allowed' AND detail ? 'archive_mark' ORDER BY id"
_WAITING_OF: Final = (
    "SELECT e.workspace_id, count(*) FROM audit_unsealed u JOIN audit_entry e ON e.id = u.entry_id "
    "WHERE e.workspace_id = ANY(%s) GROUP BY e.workspace_id"
)


@dataclass(slots=True)
class Part:
    """What was found of the entries that stand in one workspace's trail; ``broken`` are the ids of those not as sealed."""

    sealed: int = 0
    waiting: int = 0
    broken: list[str] = field(default_factory=list)


@dataclass(slots=True)
class Report:
    """What was found. ``broken`` names changed, moved and added entries, bad seals and bad archives' notes; ``missing`` names
    removed entries. ``archived`` are those that left in their time.
    """

    entries: int = 0
    sealed: int = 0
    waiting: int = 0
    archived: int = 0
    broken: list[str] = field(default_factory=list)
    missing: list[str] = field(default_factory=list)
    truncated: bool = False
    parts: dict[UUID, Part] = field(default_factory=dict)

    @property
    def holds(self) -> bool:
        """Is the trail whole, as far as it is sealed?"""
        return not (self.broken or self.missing or self.truncated)

    def blame(self, what: str) -> None:
        """Add a finding to ``broken``."""
        if len(self.broken) < MOST_NAMED:
            self.broken.append(what)

    def miss(self, entry: UUID) -> None:
        """Add an entry that is gone."""
        if len(self.missing) < MOST_NAMED:
            self.missing.append(str(entry))


@dataclass(frozen=True, slots=True)
class _Seal:
    seq: int
    size: int
    ids: list[UUID]
    leaves: bytes
    digest: bytes
    note: str


class _Archives:
    """The places of the chain whose entries are in an archive, and whether the seals confirm each archive's digest."""

    def __init__(self, cursor: Any, report: Report) -> None:
        cursor.execute(_ARCHIVES)
        self.known = {}
        for name, note in cursor.fetchall():
            try:
                found = notes.opened_archive(note, settings.SEAL_KEY)
            except notes.BadNote as error:
                report.blame(f"the note of the archive {name} is {error}")
            else:
                self.known[name] = found
        self.digests = {name: sha256() for name in self.known}
        self.runs = sorted((*run, name) for name, found in self.known.items() for run in found.runs)
        self.starts = [first for first, _, _ in self.runs]

    def take(self, place: int, entry: UUID, leaf: bytes) -> bool:
        """Count the entry at this place of the chain to its archive; False when it is in none."""
        at = bisect_right(self.starts, place) - 1
        if at < 0 or place > self.runs[at][1]:
            return False
        self.digests[self.runs[at][2]].update(entry.bytes + leaf)
        return True

    def judge(self, report: Report) -> None:
        """Blame each archive of which the seals say something else than its note."""
        for name, found in self.known.items():
            if not hmac.compare_digest(self.digests[name].digest(), found.digest):
                report.blame(f"the archive {name} does not hold what was sealed")


def verify(
    progress: Callable[[int], None] | None = None, *, parts: Collection[UUID] = (), elsewhere: Collection[str] = ()
) -> Report:
    """Read the whole trail and compare it with its seals and with the notes outside. Runs as ``aiaxis_seal``.

    ``progress`` is told how many sealed entries have been compared; ``parts`` are workspaces for which it is said besides
    what was found of their own entries; ``elsewhere`` are notes of which copies were kept on another machine, where whoever
    cut the trail and the file beside it could not come. Raises ``django.db.Error``.
    """
    report = Report(parts={workspace: Part() for workspace in parts})
    # Before the picture: each of these is of a seal that is in it then. Read afterwards, the note of a seal that was made
    # meanwhile would look like an end that was cut off.
    outside = sealing.kept_outside()
    with transaction.atomic(using=sealing.DATABASE), connections[sealing.DATABASE].cursor() as cursor:
        # One picture of everything: what is sealed meanwhile is not half in it.
        cursor.execute("SET TRANSACTION ISOLATION LEVEL REPEATABLE READ")
        # Before the picture too: a month that left after it was taken would be gone, and the note of its archive not in it.
        cursor.execute("LOCK TABLE audit_entry IN ACCESS SHARE MODE")
        cursor.execute(sealing.PLAIN)
        ends = _walk(cursor, report, progress)
        cursor.execute(_COUNTS)
        report.entries, report.waiting = cursor.fetchone()
        if report.entries != report.sealed + report.waiting:
            cursor.execute(_UNKNOWN, [MOST_NAMED])
            _blame(cursor, report, [entry for (entry,) in cursor.fetchall()], "was added past the sealer")
        if report.parts:
            cursor.execute(_WAITING_OF, [list(report.parts)])
            for workspace, waiting in cursor.fetchall():
                report.parts[workspace].waiting = waiting
        _check_floods(cursor, report)
    _compare_with_outside(report, ends, [*outside, *elsewhere])
    return report


def _walk(cursor: Any, report: Report, progress: Callable[[int], None] | None) -> dict[int, bytes]:
    """Compare each seal with the one before, with its signature and with its entries; return the digest at each size."""
    seq, size, digest = 0, 0, sealing.NOTHING
    ends, archives = {0: digest}, _Archives(cursor, report)
    for seal in _seals(cursor):
        if seal.seq != seq + 1:
            report.blame(f"seals {seq + 1} to {seal.seq - 1} are gone")
        _check_seal(report, seal, size, digest)
        _check_entries(cursor, report, seal, archives)
        seq, size, digest = seal.seq, seal.size, seal.digest
        ends[size] = digest
        if progress:
            progress(report.sealed)
    archives.judge(report)
    return ends


def _seals(cursor: Any) -> Iterator[_Seal]:
    seq = 0
    while True:
        cursor.execute(_SEALS, [seq])
        rows = cursor.fetchall()
        if not rows:
            return
        for number, size, ids, leaves, digest, note in rows:
            yield _Seal(number, size, ids, bytes(leaves), bytes(digest), note)
        seq = rows[-1][0]


def _check_seal(report: Report, seal: _Seal, size: int, before: bytes) -> None:
    if not hmac.compare_digest(sealing.chained(before, seal.ids, seal.leaves), seal.digest):
        report.blame(f"seal {seal.seq} does not follow from the one before")
    if seal.size != size + len(seal.ids) or len(seal.leaves) != len(seal.ids) * sealing.LEAF:
        report.blame(f"seal {seal.seq} does not count its entries")
    try:
        if notes.opened(seal.note, settings.SEAL_KEY) != notes.Checkpoint(seal.size, seal.digest):
            report.blame(f"seal {seal.seq} carries the signature of another")
    except notes.BadNote as error:
        report.blame(f"seal {seal.seq} is {error}")


def _check_entries(cursor: Any, report: Report, seal: _Seal, archives: _Archives) -> None:
    found = sealing.leaves_of(cursor, seal.ids)
    report.sealed += len(found)
    changed = []
    for number, entry in enumerate(seal.ids):
        leaf, sealed = found.get(entry), seal.leaves[number * sealing.LEAF : (number + 1) * sealing.LEAF]
        is_archived = archives.take(seal.size - len(seal.ids) + number, entry, sealed)
        if leaf is None and is_archived:
            report.archived += 1
        elif leaf is None:
            report.miss(entry)
        elif leaf != sealed:
            changed.append(entry)
    for workspace in _whose(cursor, report, seal.ids).values():
        report.parts[workspace].sealed += 1
    _blame(cursor, report, changed, "is not what was sealed")


def _check_floods(cursor: Any, report: Report) -> None:
    """Compare the files of refusals that were counted together, as far as they are on this machine, with what the trail says of them."""
    cursor.execute(_FLOODS)
    # Many entries name one file: it is read once.
    judged: dict[tuple[str, str], bool] = {}
    changed = []
    for entry, detail in cursor.fetchall():
        for named in archive.files_of(json.loads(detail)).items():
            if named not in judged:
                judged[named] = _is_as_kept(report, *named)
            if not judged[named]:
                changed.append(entry)
    _blame(cursor, report, changed, "counts refusals that are in the flood archive no longer as they came")


def _is_as_kept(report: Report, name: str, digest: str) -> bool:
    try:
        return archive.is_as_kept(spool_folder(), name, digest)
    except OSError as error:
        report.blame(f"the flood archive {name} cannot be read: {error.strerror}")
        return True


def _blame(cursor: Any, report: Report, ids: list[UUID], what: str) -> None:
    """Add findings about entries that are there, to the whole and to the part of whose trail they stand in."""
    whose = _whose(cursor, report, ids)
    for entry in ids:
        report.blame(f"entry {entry} {what}")
        if entry in whose and len(report.parts[whose[entry]].broken) < MOST_NAMED:
            report.parts[whose[entry]].broken.append(str(entry))


def _whose(cursor: Any, report: Report, ids: Iterable[UUID]) -> dict[UUID, UUID]:
    """In whose trail these entries stand, of the workspaces that are asked about."""
    wanted = list(ids)
    if not wanted or not report.parts:
        return {}
    cursor.execute(_WHOSE, [wanted, min(wanted), max(wanted), list(report.parts)])
    return dict(cursor.fetchall())


def _compare_with_outside(report: Report, ends: dict[int, bytes], outside: Iterable[str]) -> None:
    """The database alone cannot show that its tail was cut off, or the whole chain made anew with a stolen key."""
    longest = max(ends)
    for note in outside:
        try:
            checkpoint = notes.opened(note, settings.SEAL_KEY)
        except notes.BadNote as error:
            report.blame(f"a checkpoint outside the database is {error}")
            continue
        if checkpoint.size > longest:
            report.truncated = True
        elif ends.get(checkpoint.size) != checkpoint.digest:
            report.blame(f"the checkpoint outside, over {checkpoint.size} entries, is not the one inside")
