"""How do spooled lines reach the database: each one, once, and soon?

One shipper per spool reads the segments, oldest first, and posts their lines in batches. It remembers nothing across
restarts and needs not: an entry whose id is stored already is left alone, and a segment is deleted only when every line
of it is stored and its writer is gone. Two shippers on one spool would only get in each other's way, so the second waits
for a ``flock`` (a lock in the database would also stop the shippers of other hosts, whose spools nobody else can read).
Of a flood most lines are counted (``bursts.py``) and go to the archive, which is whole before the segment goes.
"""

import json
import logging
import threading
import time
from dataclasses import dataclass, field
from pathlib import Path

from django.db import DataError, IntegrityError, connections
from django.db import Error as DatabaseError

from audit import archive, bursts, entries, ledger, reaching, spool
from audit.reviews import blocks

logger = logging.getLogger(__name__)

POLL_SECONDS = 0.25
BATCH_BYTES = 512 * 1024
NOTE_SECONDS = 2.0
PATIENCE_SECONDS = 5.0
TIDY_SECONDS = 600.0
PUBLISH_SECONDS = 1.0


@dataclass
class _Reading:
    """How far a segment has been read, what of it is counted and kept for the archive, and what could not be stored."""

    segment: spool.Segment
    counting: bursts.Counting
    # What the shipper itself has to say of the lines is a flood whenever they are.
    reaches: bursts.Counting
    kept: list[bytes] = field(default_factory=list)
    unreadable: int = 0
    rejected: set[str] = field(default_factory=set)

    @classmethod
    def of(cls, path: Path) -> "_Reading":
        """From the beginning of a segment."""
        return cls(spool.Segment(path), bursts.Counting(path.name), bursts.Counting(f"{path.name}:reached"))


@dataclass
class Shipper:
    """Ships one spool folder; ``run`` until told to stop, or ``ship`` once."""

    folder: Path
    shipped: int = 0
    _readings: dict[Path, _Reading] = field(default_factory=dict)
    _noted: float = float("-inf")
    _tidied: float = float("-inf")
    _published: float = float("-inf")

    def run(self, stop: threading.Event) -> None:
        """Ship until ``stop`` is set: every 250 ms, and while the database is away, ever more rarely up to 5 s."""
        while not stop.is_set():
            with spool.sole_reader(self.folder) as sole:
                if sole:
                    self._run_alone(stop)
            stop.wait(1.0)

    def _run_alone(self, stop: threading.Event) -> None:
        wait = POLL_SECONDS
        while not stop.wait(wait):
            wait = POLL_SECONDS if self._attempt() else min(PATIENCE_SECONDS, wait * 2)
        self._attempt()

    def ship(self) -> int:
        """Ship what is there now; return how many rows were new. Raises ``django.db.Error``, and ``OSError`` when all is shipped
        but what cannot be read or put away.
        """
        before, trouble = self.shipped, list[OSError]()
        try:
            for path in spool.segments(self.folder):
                try:
                    self._ship_segment(path)
                except FileNotFoundError:
                    self._readings.pop(path, None)  # Its writer had put nothing into it, and took it away.
                except OSError as error:
                    # Of one file, as a command of another user may have left it: those behind it are shipped all the same.
                    self._readings.pop(path, None)
                    trouble.append(error)
        except BaseException:
            # What was counted of a batch that was not stored would be counted again: every segment is begun anew.
            self._readings.clear()
            raise
        if trouble:
            raise trouble[0]
        return self.shipped - before

    def _attempt(self) -> bool:
        """One round, whatever comes of it; False when the database or the disk would not have it."""
        error = ""
        for step in (self.ship, self._publish, self._tidy):
            try:
                step()
            except OSError as problem:
                error = error or spool.STUCK
                logger.error("Audit entries wait in the spool: %s.", problem)
            except DatabaseError as problem:
                error = type(problem).__name__
                logger.error("Audit entries wait in the spool: %s.", error)
                # A connection that broke once stays broken; the next round opens another.
                connections["audit"].close()
                break
        if error or time.monotonic() - self._noted >= NOTE_SECONDS:
            self._note(error)
        return not error

    def _note(self, error: str) -> None:
        try:
            spool.write_note(self.folder, {"at": time.time(), "shipped": self.shipped, "error": error})
        except OSError as problem:
            # Readiness then reports a late shipper, which is what an operator has to hear.
            logger.error("The shipper's note cannot be written: %s.", problem.strerror)
        self._noted = time.monotonic()

    def _ship_segment(self, path: Path) -> None:
        reading = self._readings.setdefault(path, _Reading.of(path))
        with spool.owned(path) as finished:
            while True:
                lines, offset = reading.segment.lines(BATCH_BYTES, finished=finished)
                if offset == reading.segment.offset:
                    break
                self._post(lines, reading)
                reading.segment.offset = offset
                self._publish_meanwhile()
            if finished:
                self._close(reading)
                spool.delete(path)
                del self._readings[path]

    def _post(self, lines: list[bytes], reading: _Reading) -> None:
        rows: list[bytes] = []
        readable = []
        for line in lines:
            entry = _entry(line)
            if entry is None:
                continue
            readable.append(entry)
            (rows if reading.counting.admits(entry) else reading.kept).append(line)
        # Of what is counted too: a reach for somebody else's object must not hide behind twenty typos.
        reached = [entry for entry in reaching.foreign(readable) if reading.reaches.admits(entry)]
        rows += [entries.encode(entry) for entry in reached]
        if rows:
            self.shipped += self._post_or_divide(rows, reading)
        # A torn line was never acknowledged: its writer was told so and took another way. It is counted, not kept.
        reading.unreadable += len(lines) - len(readable)

    def _post_or_divide(self, lines: list[bytes], reading: _Reading) -> int:
        """Post the lines; when the database blames one of them, find it by halves and set it aside with the rest stored."""
        try:
            return ledger.post(lines)
        except (DataError, IntegrityError):
            if len(lines) == 1:
                self._set_aside(lines[0], reading)
                return 0
        middle = len(lines) // 2
        return self._post_or_divide(lines[:middle], reading) + self._post_or_divide(lines[middle:], reading)

    def _set_aside(self, line: bytes, reading: _Reading) -> None:
        """Keep a line that the database refuses where an operator can look at it; it must not stop those behind it."""
        reading.rejected.add(spool.set_aside(self.folder, line))

    def _close(self, reading: _Reading) -> None:
        """Store what can only be said of a whole segment. The archive first: no burst points to what is not there."""
        name = reading.segment.path.name
        kept = ledger.by_retention(reading.kept) if reading.kept else {}
        digests = {
            str(retention): archive.keep(self.folder, name, retention, lines) for retention, lines in kept.items()
        }
        found = [*reading.counting.bursts(archive.place(name, digests)), *reading.reaches.bursts({})]
        more = [entries.encode(entry) for entry in found]
        if more:
            self.shipped += self._post_or_divide(more, reading)
        self._report(reading)

    def _report(self, reading: _Reading) -> None:
        """Tell the trail what of a finished segment it does not hold."""
        name = reading.segment.path.name
        found = {"audit.line_unreadable": reading.unreadable, "audit.entry_rejected": len(reading.rejected)}
        for action, count in found.items():
            if count:
                entry = entries.pipeline(action, {"segment": name, "lines": count})
                # The same id for the same report, so that a shipper which dies after posting does not report twice.
                entry["id"] = entries.derived_id(_moment(name), action, name)
                self.shipped += ledger.post([entries.encode(entry)])

    def _publish(self) -> None:
        """Once a second: tell this host's web processes who is shut out."""
        if time.monotonic() - self._published >= PUBLISH_SECONDS:
            blocks.publish(self.folder)
            self._published = time.monotonic()

    def _publish_meanwhile(self) -> None:
        """The same between two batches: who floods us is shut out while the flood is shipped, which lasts as long as it does."""
        try:
            self._publish()
        except OSError as error:
            # No fault of the segment, which goes on; the round's own step comes upon it again, and says so in the shipper's note.
            logger.warning("The list of blocks could not be written: %s.", error.strerror)

    def _tidy(self) -> None:
        """Every ten minutes: let go what the archive need not or cannot keep, once the trail says so."""
        if time.monotonic() - self._tidied < TIDY_SECONDS:
            return
        # Whatever comes of it: what cannot be removed now would be told of again each second.
        self._tidied = time.monotonic()
        going = archive.overdue(self.folder, today=ledger.earliest_now().date())
        if going.paths:
            detail = {"files": len(going.paths), "bytes": going.size, "last": going.paths[-1].name}
            ledger.post([entries.encode(entries.pipeline("audit.archive_shortened", detail))])
            archive.remove(going)


def _entry(line: bytes) -> entries.Entry | None:
    """The entry of a line; None for a line that is none, because it was torn."""
    try:
        parsed = json.loads(line)
    except ValueError:
        return None
    return parsed if isinstance(parsed, dict) and isinstance(parsed.get("id"), str) else None


def _moment(segment: str) -> int:
    """When a segment was begun, in milliseconds since 1970, as its name says; 0 for a name of another kind."""
    return int(segment[:20]) // 1_000_000 if segment[:20].isdigit() else 0
