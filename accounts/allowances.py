"""How many requests may a program still send, without a round trip for each to find it out?

A process takes the right to several requests from the counter that all processes share, and gives them out by itself. So all
together never admit more than the limit, and a request waits for the counter only now and then. What one process took and has not
given out when the time is over is lost: a program that comes near its limit through several processes may hear of it a little early,
by at most a fiftieth of the limit for each further process.
"""

from __future__ import annotations

from collections import OrderedDict
from dataclasses import dataclass
from threading import Lock
from time import time
from typing import Final
from zlib import crc32

from django.conf import settings
from django.core.cache import cache
from django_ratelimit.core import _split_rate

from accounts.identity.base import Unavailable

# In so many pieces a process takes a key's limit.
_PIECES: Final = 50
# Keys of which a process remembers what it took; the one that asked longest ago is forgotten, and takes anew.
_MOST_KEYS: Final = 4096


@dataclass(frozen=True, slots=True)
class Allowance:
    """What a key may still ask: `left` of `limit` requests, which are all there again in `seconds`; `window` is their time."""

    limit: int
    left: int
    seconds: int
    window: int

    @property
    def is_used_up(self) -> bool:
        """Is this request one too many?"""
        return self.left < 0


@dataclass(slots=True)
class _Taken:
    """What a process took for one key: until `ends`, `here` of it not given out, `elsewhere` never taken by anybody."""

    ends: int
    here: int
    elsewhere: int


class Allowances:
    """What this process took from the shared counters; safe to share between threads."""

    def __init__(self) -> None:
        self._lock = Lock()
        self._taken: OrderedDict[tuple[str, str], _Taken] = OrderedDict()

    def admit(self, credential: str) -> Allowance:
        """Count one request of this API key. Raises ``Unavailable`` without a cache: not counted is not admitted."""
        rate = settings.API_RATE
        limit, window = _split_rate(rate)
        now = int(time())
        # Not everybody's at the same moment.
        ends = now - (now - crc32(credential.encode())) % window + window
        left = self._given((credential, rate), ends)
        if left is None:
            taken = _take(f"program:{credential}:{rate}:{ends}", limit, window)
            left = self._keep((credential, rate), ends, taken)
        return Allowance(limit, left, ends - now, window)

    def _given(self, key: tuple[str, str], ends: int) -> int | None:
        """How many are left after this one, of what is here; None if nothing is."""
        with self._lock:
            taken = self._taken.get(key)
            if taken is None or taken.ends != ends or taken.here == 0:
                return None
            taken.here -= 1
            return taken.here + taken.elsewhere

    def _keep(self, key: tuple[str, str], ends: int, fresh: tuple[int, int]) -> int:
        """Put what was taken beside what another thread may have taken meanwhile, and give one of it out."""
        here, elsewhere = fresh
        if here == 0:
            return -1
        with self._lock:
            before = self._taken.pop(key, None)
            kept = before.here if before is not None and before.ends == ends else 0
            self._taken[key] = _Taken(ends, kept + here - 1, elsewhere)
            if len(self._taken) > _MOST_KEYS:
                self._taken.popitem(last=False)
            return kept + here - 1 + elsewhere


def _take(name: str, limit: int, window: int) -> tuple[int, int]:
    """Take a piece from the shared counter: how many requests it is good for, and how many nobody has taken yet."""
    piece = max(1, limit // _PIECES)
    try:
        total = _counted(name, piece, window)
    except Exception as error:
        # Ours answers with a ValueError when it cannot count; Redis raises errors of its own package.
        raise Unavailable("throttling counters") from error
    return max(0, min(piece, limit - total + piece)), max(0, limit - total)


def _counted(name: str, piece: int, window: int) -> int:
    """Add to the counter, which is there but for the first time in a window. Raises ``ValueError`` if it cannot be asked."""
    try:
        return cache.incr(name, piece)
    except ValueError:
        return piece if cache.add(name, piece, window + 5) else cache.incr(name, piece)


PROGRAMS: Final = Allowances()
