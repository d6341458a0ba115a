"""How many requests has this process answered, how fast, and how busy is it?

Counted in plain dictionaries by the thread that hears of finished requests, and left in a file beside those of the other
processes about once a second. Not by prometheus_client's own counters for several processes: each costs some microseconds a
request in the process that answers, and importing it a tenth of a second at every start; here it only writes the page.

Every label is a word of ours: URL patterns, methods that are answered, classes of statuses, actions of the closed list.
"""

from __future__ import annotations

import os
import threading
import time
from bisect import bisect_left
from collections import Counter
from dataclasses import dataclass, field
from typing import Any, Final, cast

from django.db.backends.postgresql.base import DatabaseWrapper

from accounts import waiting
from accounts.answered import Answered
from accounts.identity import hashing
from aiaxis.metrics import snapshots
from audit import health
from conversations import watching

BUCKETS: Final = (
    0.005,
    0.01,
    0.025,
    0.05,
    0.1,
    0.25,
    0.5,
    1.0,
    2.5,
    5.0,
    10.0,
)  # seconds, as Prometheus's own clients have it
WRITE_SECONDS: Final = 1.0
REFRESH_SECONDS: Final = 5.0
NOWHERE: Final = "none"  # the label of a request to an address that is none


@dataclass
class Tallies:
    """What this process has counted since it began."""

    requests: Counter[tuple[str, str, str]] = field(default_factory=Counter)
    denied: Counter[str] = field(default_factory=Counter)
    times: dict[tuple[str, str], list[float]] = field(default_factory=dict)
    written: float = float("-inf")
    lock: threading.Lock = field(default_factory=threading.Lock)

    def count(self, batch: list[Answered]) -> None:
        """Count these requests."""
        for one in batch:
            route, method = one.context.route or NOWHERE, one.context.method
            self.requests[route, method, f"{one.status // 100}xx"] += 1
            if one.denied:
                self.denied[one.denied] += 1
            # The last two: what took longer than the longest bucket, and the sum of seconds.
            times = self.times.setdefault((route, method), [0.0] * (len(BUCKETS) + 2))
            times[bisect_left(BUCKETS, one.seconds)] += 1
            times[-1] += one.seconds

    def snapshot(self) -> dict[str, Any]:
        """All of it, as JSON holds it."""
        return {
            "at": time.time(),
            "requests": [[*labels, count] for labels, count in self.requests.items()],
            "denied": list(self.denied.items()),
            "times": [[*labels, counts] for labels, counts in self.times.items()],
            "fallen": list(health.counters().items()),
            "now": _now(),
        }


_tallies: Final = [Tallies()]


def told(batch: list[Answered]) -> None:
    """Count, and leave the numbers where they are read, once a second at most."""
    tallies = _tallies[0]
    with tallies.lock:
        tallies.count(batch)
        pause = WRITE_SECONDS if batch else REFRESH_SECONDS
        if time.monotonic() - tallies.written >= pause:
            _write(tallies)


def write() -> None:
    """Leave this process's numbers now: the page that is about to be written shall hold them."""
    with _tallies[0].lock:
        _write(_tallies[0])


def _write(tallies: Tallies) -> None:
    # First, so that a disk that is full is complained of once a second and not with every batch.
    tallies.written = time.monotonic()
    snapshots.write(tallies.snapshot())


def _now() -> dict[str, Any]:
    """How busy this process is at this moment."""
    # A pool that was never asked for has no numbers, and asking a connection for its pool would open one.
    known: dict[str, Any] = cast("Any", DatabaseWrapper)._connection_pools
    pools = {alias: pool.get_stats() for alias, pool in list(known.items())}
    return {
        "streams": watching.PLACES.taken(),
        "bodies": waiting.BODIES.taken(),
        "downloads": waiting.DOWNLOADS.taken(),
        "hashes": hashing.taken(),
        "pools": {
            alias: [stats["pool_size"], stats["pool_size"] - stats["pool_available"], stats["requests_waiting"]]
            for alias, stats in pools.items()
        },
    }


def _after_fork() -> None:
    """What a parent counted is the parent's."""
    _tallies[0] = Tallies()


os.register_at_fork(after_in_child=_after_fork)
