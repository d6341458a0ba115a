"""Is the pipeline that carries the audit trail whole, and if not, what should an operator be told?

Each process counts its own fall-backs; the shipper, which is another process, leaves a note beside the segments, and so does
whoever lets entries go that were kept long enough.
"""

import json
import logging
import threading
import time
from dataclasses import dataclass, field
from pathlib import Path

from audit import spool

logger = logging.getLogger(__name__)

DEGRADED_SECONDS = 60.0
"""How long a fall-back keeps the process degraded: long enough for a readiness probe to see it."""
KEPT_BACK = "kept-back.json"
LATE_SECONDS = 15.0
"""How old the shipper's note may be before entries count as late."""


@dataclass
class _Counters:
    """What this process could not do in the usual way since it began."""

    fallen: dict[str, int] = field(default_factory=dict)
    lost: int = 0
    last: float = float("-inf")
    lock: threading.Lock = field(default_factory=threading.Lock)


_counters = _Counters()


def fell_back(sink: str, error: Exception) -> None:
    """Count that ``sink`` did not take an entry; log the first of a series, since a flood must not fill the log."""
    with _counters.lock:
        first = time.monotonic() - _counters.last > DEGRADED_SECONDS
        _counters.fallen[sink] = _counters.fallen.get(sink, 0) + 1
        _counters.last = time.monotonic()
    if first:
        logger.error("The audit %s did not take an entry (%s); using the next way.", sink, type(error).__name__)


def lost(error: Exception) -> None:
    """Count an entry that no sink took."""
    with _counters.lock:
        _counters.lost += 1
        _counters.last = time.monotonic()
    logger.critical("An audit entry was lost: no sink took it (%s).", type(error).__name__)


def counters() -> dict[str, int]:
    """How many entries each sink of this process refused, and how many were ``lost``."""
    with _counters.lock:
        return {**_counters.fallen, "lost": _counters.lost}


def trouble(folder: Path) -> list[str]:
    """What is wrong with the pipeline as this process sees it, one sentence each; empty when all is well."""
    found = []
    with _counters.lock:
        if time.monotonic() - _counters.last < DEGRADED_SECONDS:
            found.append("Audit entries of this process are taking a fall-back way, because the spool refused some.")
        if _counters.lost:
            found.append(f"{_counters.lost} audit entries of this process were lost, because no sink took them.")
    try:
        waiting = spool.segments(folder)
    except OSError as error:
        # A spool that nobody can read takes nothing either; whoever asks must hear of it and not fall over it.
        return [*found, f"The audit spool cannot be read: {error.strerror}. Entries take a fall-back way."]
    if waiting and (late := _lateness(folder)) is not None:
        found.append(late)
    return found


def shipper_age(folder: Path) -> float | None:
    """How many seconds ago the shipper of this host was last seen; None where it left no note that can be read."""
    try:
        return abs(time.time() - float(str(spool.read_note(folder)["at"])))
    except (OSError, ValueError, KeyError):
        return None


def tell_kept_back(folder: Path, sentences: list[str]) -> None:
    """Leave for this host's other processes what should have left the trail and could not. Raises ``OSError``."""
    spool.publish(folder / KEPT_BACK, json.dumps(sentences).encode())


def kept_back(folder: Path) -> list[str]:
    """What should have left the trail and could not, one sentence each; empty when nothing is left over."""
    try:
        return [str(one) for one in json.loads(spool.published(folder / KEPT_BACK))]
    except FileNotFoundError:
        return []
    except (OSError, ValueError, TypeError):
        return ["Whether everything left the trail in its time cannot be read."]


def _lateness(folder: Path) -> str | None:
    """Why spooled entries do not reach the trail, or None when the shipper is at work."""
    try:
        note = spool.read_note(folder)
        # A note that is yet to come was left before the clock was put back, and by nobody since.
        age = abs(time.time() - float(str(note["at"])))
    except FileNotFoundError:
        return "Audit entries wait in the spool, because no shipper has run here yet."
    except (OSError, ValueError, KeyError):
        return "Audit entries may wait in the spool: the shipper's note cannot be read."
    if age > LATE_SECONDS:
        return f"Audit entries wait in the spool: the shipper was last seen {age:.0f} s ago."
    if note.get("error") == spool.STUCK:
        return "Audit entries wait in the spool, because a file there cannot be read or put away: the shipper’s log says which."
    if note.get("error"):
        return "Audit entries wait in the spool, because the database does not take them."
    return None
