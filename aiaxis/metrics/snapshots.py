"""Where does each process leave its numbers, and how do they become the installation's?

In a file of its own below ``AIAXIS_HOME/metrics``, replaced whole. Counts of a process that has died go on being counted, or a
counter would go backwards; how busy it was does not. The folder is emptied when the web server starts: counters begin anew then.
"""

from __future__ import annotations

import json
import os
import time
from collections import Counter
from collections.abc import Iterator
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any, Final

from django.conf import settings

LIVE_SECONDS: Final = 15.0  # how old the numbers of a process may be whose state still counts
_BEGAN: Final = time.time_ns()


@dataclass
class Whole:
    """The numbers of all web processes of this machine."""

    requests: Counter[tuple[str, str, str]] = field(default_factory=Counter)
    denied: Counter[str] = field(default_factory=Counter)
    fallen: Counter[str] = field(default_factory=Counter)
    times: dict[tuple[str, str], list[float]] = field(default_factory=dict)
    now: Counter[str] = field(default_factory=Counter)
    pools: dict[str, list[float]] = field(default_factory=dict)
    processes: int = 0

    def add(self, told: dict[str, Any]) -> None:
        """Add what one process left."""
        for route, method, status, count in told["requests"]:
            self.requests[route, method, status] += count
        self.denied.update(dict(told["denied"]))
        self.fallen.update(dict(told["fallen"]))
        for route, method, counts in told["times"]:
            self.times[route, method] = _summed(self.times.get((route, method)), counts)
        if time.time() - told["at"] <= LIVE_SECONDS:
            self.processes += 1
            self.now.update({name: count for name, count in told["now"].items() if name != "pools"})
            for alias, counts in told["now"]["pools"].items():
                self.pools[alias] = _summed(self.pools.get(alias), counts)


def folder() -> Path:
    """Where the files lie."""
    return Path(settings.AIAXIS_HOME) / "metrics"


def write(told: dict[str, Any]) -> None:
    """Leave this process's numbers, whole or not at all. Raises ``OSError``."""
    place = folder()
    place.mkdir(mode=0o700, parents=True, exist_ok=True)
    draft = place / f"{os.getpid()}.draft"
    draft.write_text(json.dumps(told), encoding="utf-8")
    draft.replace(place / f"{os.getpid()}-{_BEGAN}.json")


def whole() -> Whole:
    """The numbers of all processes together."""
    found = Whole()
    for told in _read():
        found.add(told)
    return found


def clear() -> None:
    """Forget the processes of an earlier web server. Raises ``OSError``."""
    for path in _files():
        path.unlink(missing_ok=True)


def _read() -> Iterator[dict[str, Any]]:
    for path in _files():
        try:
            yield json.loads(path.read_text(encoding="utf-8"))
        except FileNotFoundError:
            continue  # the web server starts at this moment


def _files() -> list[Path]:
    return sorted(folder().glob("*.json"))


def _summed(one: list[float] | None, other: list[float]) -> list[float]:
    return [first + second for first, second in zip(one, other, strict=True)] if one else list(other)
