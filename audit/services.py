"""How is a denial recorded so that nothing which happens next can lose it?

It goes to the first sink that takes it: the spool, the database by its own role, standard error. A denial stays a denial
whatever happens here; only an act that must not go unseen (an operator's) asks for ``record_or_refuse``.
"""

import logging
import os
import sys
import time
from collections.abc import Sequence
from dataclasses import dataclass
from enum import StrEnum
from functools import lru_cache
from pathlib import Path
from typing import Final

from django.conf import settings
from django.db import Error as DatabaseError

from accounts.http import Tenant
from accounts.identity.base import Unavailable
from audit import entries, health, ledger
from audit.models import Entry
from audit.rules import Severity
from audit.spool import Spool, SpoolError

logger = logging.getLogger(__name__)


class Sink(StrEnum):
    """Where an entry came to rest."""

    SPOOL = "spool"
    DATABASE = "database"
    STDERR = "stderr"
    NOWHERE = "nowhere"


@dataclass(slots=True)
class _Database:
    """Whether this process asks the database at all, where the spool takes nothing."""

    asked_again_at: float = float("-inf")


_database = _Database()
_REST_SECONDS: Final = 5.0
"""How long a database that did not take an entry is left alone. Each asking waits for seconds, and with every refused
request asking, a flood would hold every thread of the process."""


class Unrecorded(Unavailable):
    """No durable sink took the entry, so the act that it tells of must not happen. Answered with 503, like any silence."""

    def __init__(self) -> None:
        super().__init__("audit trail")


def record(entry: entries.Entry) -> Sink:
    """Bring the entry to rest and say where; raises nothing, so that no answer depends on the log.

    Costs one ``write`` on the way that is meant (tens of microseconds); of the fall-backs one in five seconds may take as
    long as the database takes to refuse.
    """
    line = entries.encode(entry)
    critical = entry["severity"] == Severity.CRITICAL
    try:
        _spool(spool_folder()).append(line, critical=critical)
    except (SpoolError, OSError) as error:
        health.fell_back("spool", error)
    else:
        return Sink.SPOOL
    return Sink.DATABASE if _is_posted(line) else _last_resort(line)


def record_or_refuse(entry: entries.Entry) -> None:
    """Bring the entry to rest durably, or raise ``Unrecorded``: for acts that may not happen unseen."""
    sink = record(entry)
    if sink not in (Sink.SPOOL, Sink.DATABASE):
        raise Unrecorded


def note_reading(*, actor: Tenant, filters: Sequence[str] = (), shown: int = 1, entry: Entry | None = None) -> None:
    """Record that a member read the trail, or one ``entry`` of it: reading the log is itself in the log.

    Spooled like a denial, since a page that is only read must not wait for a write. Recording reads nothing, so nothing
    goes round in circles.
    """
    detail = {"filters": list(filters), "shown": shown}
    record(entries.fact("trail.read", actor=actor, target=entry, detail=detail))


def spool_folder() -> Path:
    """The folder of this installation's segments."""
    return Path(settings.AIAXIS_HOME) / "spool"


def _is_posted(line: bytes) -> bool:
    """Whether the database took the line; one that refused a moment ago is not asked."""
    if time.monotonic() < _database.asked_again_at:
        return False
    try:
        ledger.post([line])
    except DatabaseError as error:
        health.fell_back("database", error)
        _database.asked_again_at = time.monotonic() + _REST_SECONDS
        return False
    return True


def _last_resort(line: bytes) -> Sink:
    """One JSON line on standard error, written past every buffer and logging configuration."""
    try:
        written = os.write(sys.__stderr__.fileno() if sys.__stderr__ else 2, line)
    except (OSError, ValueError) as error:
        health.lost(error)
        return Sink.NOWHERE
    if written != len(line):
        health.lost(OSError("standard error took a part of the line"))
        return Sink.NOWHERE
    return Sink.STDERR


@lru_cache(maxsize=4)
def _spool(folder: Path) -> Spool:
    return Spool(folder)
