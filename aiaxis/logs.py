"""What does a line of the log look like, to a program that collects lines and to a person at a terminal?

A program gets one JSON object a line, with what a line can be joined by: the request's id, its trace, the job, the workspace's id.
A person gets a sentence. In both a record is one line, whatever a client put into it, and a failure is its kind and its place
in the code: in JSON without the sentence that it came with, since a database quotes rows in it and a parser its document.
"""

from __future__ import annotations

import json
import logging
import os
import sys
import threading
from datetime import UTC, datetime
from pathlib import Path
from traceback import walk_tb
from types import TracebackType
from typing import Any, Final

from accounts.requests import current_origin
from accounts.tenancy.context import bound
from accounts.tracing import current_job
from audit import redaction

LONGEST: Final = 4096  # bytes; what several processes write into one pipe stays whole up to this
MESSAGE: Final = 2048  # characters
FRAMES: Final = 12
ROOT: Final = f"{Path(__file__).resolve().parent.parent}{os.sep}"
NAMES: Final = {"serve": "supervisor", "work": "worker", "ship_audit": "shipper"}

_encode = json.JSONEncoder(ensure_ascii=True, separators=(",", ":")).encode
_process = [""]


def name_process(name: str) -> None:
    """Say in every line from here on which part of the installation this process is."""
    _process[0] = name


def process() -> str:
    """The part of the installation that this process is; for another command, its name."""
    if not _process[0]:
        command = sys.argv[1] if len(sys.argv) > 1 else ""
        _process[0] = NAMES.get(command, command if command.isidentifier() else "python")
    return _process[0]


def begin() -> None:
    """Have what nobody caught written as a record too: Python's own way prints the sentence, on many lines."""
    logging.captureWarnings(capture=True)
    sys.excepthook = _uncaught
    threading.excepthook = lambda found: _uncaught(
        found.exc_type, found.exc_value or found.exc_type(), found.exc_traceback
    )
    sys.unraisablehook = _unraisable


def _unraisable(found: sys.UnraisableHookArgs) -> None:
    """What fails where Python can tell nobody, as when something is cleared away: its own way prints the sentence, too."""
    if not isinstance(found.exc_value, Exception):
        sys.__unraisablehook__(found)
        return
    place = getattr(found.object, "__qualname__", type(found.object).__qualname__)
    failure = (found.exc_type, found.exc_value, found.exc_traceback)
    logging.getLogger("aiaxis").error("A failure that nobody could be told of, in %s.", place, exc_info=failure)


def _uncaught(kind: type[BaseException], error: BaseException, trace: TracebackType | None) -> None:
    if not issubclass(kind, Exception):
        sys.__excepthook__(kind, error, trace)
        return
    logging.getLogger("aiaxis").critical("A failure that nothing caught.", exc_info=(kind, error, trace))


class Json(logging.Formatter):
    """One JSON object a line, of ASCII, at most 4 KiB."""

    def format(self, record: logging.LogRecord) -> str:
        """The record; what is empty is left out."""
        origin, binding = current_origin(), bound()
        told: dict[str, Any] = {
            "at": datetime.fromtimestamp(record.created, UTC).isoformat(timespec="milliseconds"),
            "level": record.levelname.lower(),
            "process": process(),
            "pid": os.getpid(),
            "logger": record.name,
            "message": redaction.clean(record.getMessage(), MESSAGE),
            "request": request_of(record),
            "trace": origin.trace_id,
            "job": current_job(),
            "workspace": str(binding.workspace) if binding else "",
        }
        if record.exc_info and record.exc_info[1]:
            told["error"] = failure(record.exc_info[1])
        kept = {name: value for name, value in told.items() if value not in ("", None)}
        line = _encode(kept)
        if len(line) >= LONGEST:
            # Another alphabet is six letters a character here; the beginning of a message says what it is about.
            kept["message"] = f"{told['message'][:200]}…"
            kept.pop("error", None)
            line = _encode(kept)
        return line


def request_of(record: logging.LogRecord) -> str:
    """The id of the request that a record is about, or "": what Django says of a finished answer comes when it is answered."""
    if under_way := current_origin().request_id:
        return str(under_way)
    return str(getattr(getattr(record, "request", None), "request_id", ""))


class Plain(logging.Formatter):
    """A sentence for a person. The lines of a trace are indented, so that none can pass for a record."""

    def __init__(self) -> None:
        super().__init__("{asctime} {levelname} {name}: {message}", style="{")

    def format(self, record: logging.LogRecord) -> str:
        """The record, and below it where a failure arose."""
        record.message = record.getMessage()
        record.asctime = self.formatTime(record)
        lines = [redaction.clean(self.formatMessage(record), redaction.LOG_LIMIT)]
        if record.exc_info and record.exc_info[1]:
            trace = self.formatException(record.exc_info)
            lines += [
                f"    {redaction.clean(redaction.free_text(line, MESSAGE), MESSAGE)}" for line in trace.splitlines()
            ]
        return "\n".join(lines)


def failure(error: BaseException) -> dict[str, Any]:
    """The kind of a failure, where it arose (innermost last), and of what it was the consequence."""
    told: dict[str, Any] = {"type": _name(error), "at": _places(error.__traceback__)}
    cause = error.__cause__ or (None if error.__suppress_context__ else error.__context__)
    if cause is not None:
        told["because"] = {"type": _name(cause), "at": _places(cause.__traceback__)[-3:]}
    return told


def _name(error: BaseException) -> str:
    return f"{type(error).__module__}.{type(error).__qualname__}"


def _places(trace: TracebackType | None) -> list[str]:
    frames = list(walk_tb(trace))[-FRAMES:]
    return [f"{_short(frame.f_code.co_filename)}:{line} {frame.f_code.co_name}" for frame, line in frames]


def _short(path: str) -> str:
    return path.rpartition("site-packages/")[2].removeprefix(ROOT)
