"""How do spooled lines reach the database: each one, once, and soon?

One shipper per spool reads the segments, oldest first, and posts their lines in batches. It remembers nothing across
restarts and needs not: an entry whose id is stored already is left alone, and a segment is deleted only when every line
of it is stored and its writer is gone. Two shippers on one spool would only get in each other's way, so the second waits
for a ``flock`` (a lock in the database would also stop the shippers of other hosts, whose spools nobody else can read).
"""

import hashlib
import json
import logging
import threading
import time
import uuid
from dataclasses import dataclass, field
from pathlib import Path

from django.db import DataError, IntegrityError, connections
from django.db import Error as DatabaseError

from audit import entries, ledger, spool

logger = logging.getLogger(__name__)

POLL_SECONDS = 0.25
BATCH_BYTES = 512 * 1024
NOTE_SECONDS = 2.0
PATIENCE_SECONDS = 5.0


@dataclass
class _Reading:
    """How far a segment has been read, and what of it could not be stored."""

    segment: spool.Segment
    unreadable: int = 0
    rejected: set[str] = field(default_factory=set)


@dataclass
class Shipper:
    """Ships one spool folder; ``run`` until told to stop, or ``ship`` once."""

    folder: Path
    shipped: int = 0
    _readings: dict[Path, _Reading] = field(default_factory=dict)
    _noted: float = float("-inf")

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
        """Ship what is there now; return how many entries were new. Raises ``django.db.Error`` and ``OSError``."""
        before = self.shipped
        for path in spool.segments(self.folder):
            self._ship_segment(path)
        return self.shipped - before

    def _attempt(self) -> bool:
        """One round, whatever comes of it; False when the database or the disk would not have it."""
        error = ""
        try:
            self.ship()
        except (DatabaseError, OSError) as problem:
            error = type(problem).__name__
            # A connection that broke once stays broken; the next round opens another.
            connections["audit"].close()
        if error or time.monotonic() - self._noted >= NOTE_SECONDS:
            self._note(error)
        return not error

    def _note(self, error: str) -> None:
        if error:
            logger.error("Audit entries wait in the spool: %s.", error)
        try:
            spool.write_note(self.folder, {"at": time.time(), "shipped": self.shipped, "error": error})
        except OSError as problem:
            # Readiness then reports a late shipper, which is what an operator has to hear.
            logger.error("The shipper's note cannot be written: %s.", problem.strerror)
        self._noted = time.monotonic()

    def _ship_segment(self, path: Path) -> None:
        reading = self._readings.setdefault(path, _Reading(spool.Segment(path)))
        with spool.owned(path) as finished:
            while True:
                lines, offset = reading.segment.lines(BATCH_BYTES, finished=finished)
                if offset == reading.segment.offset:
                    break
                self._post(lines, reading)
                reading.segment.offset = offset
            if finished:
                self._report(reading)
                spool.delete(path)
                del self._readings[path]

    def _post(self, lines: list[bytes], reading: _Reading) -> None:
        readable = [line for line in lines if _is_entry(line)]
        if readable:
            self.shipped += self._post_or_divide(readable, reading)
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

    def _report(self, reading: _Reading) -> None:
        """Tell the trail what of a finished segment it does not hold."""
        name = reading.segment.path.name
        found = {"audit.line_unreadable": reading.unreadable, "audit.entry_rejected": len(reading.rejected)}
        for action, count in found.items():
            if count:
                entry = entries.pipeline(action, {"segment": name, "lines": count})
                entry["id"] = _report_id(action, name)
                self.shipped += ledger.post([entries.encode(entry)])


def _is_entry(line: bytes) -> bool:
    try:
        parsed = json.loads(line)
    except ValueError:
        return False
    return isinstance(parsed, dict) and isinstance(parsed.get("id"), str)


def _report_id(action: str, segment: str) -> str:
    """The same UUIDv7 for the same report, so that a shipper which dies after posting does not report twice."""
    milliseconds = int(segment[:20]) // 1_000_000 if segment[:20].isdigit() else 0
    digest = hashlib.sha256(f"{action}:{segment}".encode()).digest()
    raw = bytearray(milliseconds.to_bytes(6, "big") + digest[:10])
    raw[6] = 0x70 | (raw[6] & 0x0F)
    raw[8] = 0x80 | (raw[8] & 0x3F)
    return str(uuid.UUID(bytes=bytes(raw)))
