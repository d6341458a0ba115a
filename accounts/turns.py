"""How do the requests of one workspace leave room for everybody else's?

A process works at one request at a time, and gives each of those that it holds the same share: a workspace whose programs send eight
at once would have eight shares, and a colleague elsewhere one (the noisy neighbour). So a workspace works at few requests at once in
each process, and its others wait for their turn, first come, first served. Nobody is slowed down by anybody but their own colleagues.
"""

from __future__ import annotations

import threading
import time
from collections import Counter
from collections.abc import Callable, Hashable, Iterator
from contextlib import contextmanager
from dataclasses import dataclass, field
from typing import Final

from django.conf import settings

# With two, somebody else's page takes twice as long beside them, and a workspace that is alone gains nothing (both measured).
MOST_AT_WORK: Final = 1
# Seconds for which a request counts as working. After that it waits for somebody (a model, another server), and costs nothing.
LONGEST: Final = 0.25
# Of the threads of a process, the shares that may wait for the turn of one workspace, and those of one member: whoever sends
# without end shuts no colleague out.
WAITING_SHARE: Final = 1 / 4
MEMBERS_SHARE: Final = 1 / 8

SENTENCE: Final = "Very many requests of your workspace came at once. Wait for answers to them, then send this again."


class TooManyAtOnce(Exception):
    """As many requests of this workspace wait as may. The message is a sentence for people."""


def most(share: float) -> int:
    """How many threads of this process may wait, of a share of them all."""
    return max(4, int(settings.WEB_THREADS * share))


@dataclass(slots=True)
class _Waiting:
    """Those of one workspace who wait: how they are told, and how many each member has there."""

    changed: threading.Condition
    members: Counter[Hashable] = field(default_factory=Counter)


class Turns:
    """Whose turn it is in this process; safe to share between threads."""

    def __init__(self) -> None:
        self._lock = threading.Lock()
        # Until when each at work counts as that, by `time.monotonic`. Both hold only names under which somebody is.
        self._at_work: dict[Hashable, list[float]] = {}
        self._waiting: dict[Hashable, _Waiting] = {}

    @contextmanager
    def turn(self, name: Hashable, member: Hashable, before_waiting: Callable[[], object]) -> Iterator[None]:
        """Work in the block when it is this one's turn; what cannot begin at once gives back what it holds before it waits.

        Raises `TooManyAtOnce` where too many wait under this name already, or too many of this member.
        """
        until = self._at_once(name)
        if until is None:
            before_waiting()
            until = self._in_turn(name, member)
        try:
            yield
        finally:
            self._ended(name, until)

    def waiting(self, name: Hashable) -> int:
        """How many wait for their turn under this name in this process."""
        with self._lock:
            return self._waiting[name].members.total() if name in self._waiting else 0

    def _at_once(self, name: Hashable) -> float | None:
        with self._lock:
            return None if name in self._waiting or self._seconds_until_free(name) else self._begun(name)

    def _in_turn(self, name: Hashable, member: Hashable) -> float:
        with self._lock:
            line = self._waiting.setdefault(name, _Waiting(threading.Condition(self._lock)))
            if line.members.total() >= most(WAITING_SHARE) or line.members[member] >= most(MEMBERS_SHARE):
                raise TooManyAtOnce(SENTENCE)
            line.members[member] += 1
            while seconds := self._seconds_until_free(name):
                line.changed.wait(seconds)
            line.members[member] -= 1
            if not line.members.total():
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
