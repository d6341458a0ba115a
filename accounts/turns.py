"""How do the requests of one workspace leave room for everybody else's?

A process works at one request at a time, and gives each of those that it holds the same share: a workspace whose programs send eight
at once would have eight shares, and a colleague elsewhere one (the noisy neighbour). So a workspace works at few requests at once in
each process, and its others wait for their turn, first come, first served. Nobody is slowed down by anybody but their own colleagues.
"""

from __future__ import annotations

import threading
import time
from collections.abc import Callable, Hashable, Iterator
from contextlib import AbstractContextManager, contextmanager
from dataclasses import dataclass
from typing import Final

# With two, somebody else's page takes twice as long beside them, and a workspace that is alone gains nothing (both measured).
MOST_AT_WORK: Final = 1
# Seconds for which a request counts as working. After that it waits for somebody (a model, another server), and costs nothing.
LONGEST: Final = 0.25


@dataclass(slots=True)
class _Waiting:
    """Those of one workspace who wait: how they are told, and how many they are."""

    changed: threading.Condition
    count: int = 0


class Turns:
    """Whose turn it is in this process; safe to share between threads."""

    def __init__(self) -> None:
        self._lock = threading.Lock()
        # Until when each at work counts as that, by `time.monotonic`. Both hold only names under which somebody is.
        self._at_work: dict[Hashable, list[float]] = {}
        self._waiting: dict[Hashable, _Waiting] = {}

    @contextmanager
    def turn(self, name: Hashable, in_line: Callable[[], AbstractContextManager[None]]) -> Iterator[None]:
        """Work in the block when it is this one's turn; what cannot begin at once waits for it inside `in_line()`."""
        until = self._at_once(name)
        if until is None:
            with in_line():
                until = self._in_turn(name)
        try:
            yield
        finally:
            self._ended(name, until)

    def waiting(self, name: Hashable) -> int:
        """How many wait for their turn under this name in this process."""
        with self._lock:
            return self._waiting[name].count if name in self._waiting else 0

    def _at_once(self, name: Hashable) -> float | None:
        with self._lock:
            return None if name in self._waiting or self._seconds_until_free(name) else self._begun(name)

    def _in_turn(self, name: Hashable) -> float:
        with self._lock:
            line = self._waiting.setdefault(name, _Waiting(threading.Condition(self._lock)))
            line.count += 1
            while seconds := self._seconds_until_free(name):
                line.changed.wait(seconds)
            line.count -= 1
            if not line.count:
                del self._waiting[name]
            return self._begun(name)

    def _begun(self, name: Hashable) -> float:
        until = time.monotonic() + LONGEST
        self._at_work.setdefault(name, []).append(until)
        return until

    def _seconds_until_free(self, name: Hashable) -> float:
        """0 when there is a turn now; otherwise how long it takes if nobody ends before."""
        if name not in self._at_work:
            return 0
        now = time.monotonic()
        at_work = self._at_work[name] = [until for until in self._at_work[name] if until > now]
        return min(at_work) - now if len(at_work) >= MOST_AT_WORK else 0

    def _ended(self, name: Hashable, until: float) -> None:
        with self._lock:
            at_work = self._at_work.get(name, [])
            if until in at_work:
                at_work.remove(until)
            if not at_work:
                self._at_work.pop(name, None)
            if name in self._waiting:
                self._waiting[name].changed.notify()


TURNS: Final = Turns()
