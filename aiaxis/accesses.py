"""How does each request become one line of the log, without waiting for whoever reads it?

Nothing in such a line was written by a client: the method is one that is answered here, the address is the URL pattern, and ids are
our own, but for the trace's, which has passed a check of its form. Lines are written by the thread that hears of finished
requests, several at once; where nobody reads them, they are counted and not kept.
"""

from __future__ import annotations

import os
import select
import sys
from functools import lru_cache
from json import dumps
from typing import Final

from django.conf import settings

from accounts.answered import Answered
from accounts.tracing import Origin
from aiaxis.logs import LONGEST, process

PATIENCE_MILLISECONDS: Final = 500  # for a reader that has fallen behind

_quoted = lru_cache(maxsize=1024)(dumps)
_unwritten = [0]


def write(batch: list[Answered]) -> None:
    """Write the lines of these requests to standard error."""
    if not batch:
        return
    line = _json if settings.LOG_FORMAT == "json" else _plain
    lines = [line(one) for one in batch]
    target = sys.__stderr__.fileno() if sys.__stderr__ else 2
    if _unwritten[0]:
        if not _put(target, _missing(_unwritten[0]), patience=0):
            _unwritten[0] += len(lines)
            return
        _unwritten[0] = 0
    for piece in _pieces(lines):
        patience = 0 if _unwritten[0] else PATIENCE_MILLISECONDS
        if not _put(target, b"".join(piece), patience=patience):
            _unwritten[0] += len(piece)


def _pieces(lines: list[bytes]) -> list[list[bytes]]:
    """The lines in pieces of at most 4 KiB, which a pipe takes whole."""
    pieces: list[list[bytes]] = [[]]
    size = 0
    for line in lines:
        if size + len(line) > LONGEST and pieces[-1]:
            pieces.append([])
            size = 0
        pieces[-1].append(line)
        size += len(line)
    return pieces


def _put(target: int, piece: bytes, *, patience: int) -> bool:
    """Write a piece, unless that would mean to wait: a collector that hangs must not fill this process's memory."""
    try:
        ready = select.poll()
        ready.register(target, select.POLLOUT)
        return bool(ready.poll(patience)) and os.write(target, piece) == len(piece)
    except OSError:
        return False  # nobody will ever read it: the other end is closed


def _json(one: Answered) -> bytes:
    context = one.context
    trace = Origin(context.request_id, context.traceparent).trace_id
    workspace = f',"workspace":"{one.tenant.workspace_id}"' if one.tenant else ""
    denied = f',"denied":{_quoted(one.denied)}' if one.denied else ""
    return (
        f'{{"at":"{context.received_at.isoformat(timespec="milliseconds")}","level":"info","process":"{process()}",'
        f'"pid":{os.getpid()},"logger":"access","method":{_quoted(context.method)},"route":{_quoted(context.route)},'
        f'"status":{one.status},"ms":{one.seconds * 1000:.2f},"request":"{context.request_id}","trace":"{trace}"'
        f"{workspace}{denied}}}\n"
    ).encode("ascii")


def _plain(one: Answered) -> bytes:
    context = one.context
    route = _quoted(context.route)[1:-1] or "(no such address)"
    return (
        f"{context.received_at:%Y-%m-%d %H:%M:%S} {_quoted(context.method)[1:-1]} {route} {one.status} "
        f"{one.seconds * 1000:.1f} ms, request {context.request_id}\n"
    ).encode("ascii", "backslashreplace")


def _missing(count: int) -> bytes:
    sentence = f"{count} lines of requests were not written, because nobody read them."
    told = {"level": "warning", "process": process(), "logger": "access", "message": sentence}
    return f"{dumps(told) if settings.LOG_FORMAT == 'json' else sentence}\n".encode()
