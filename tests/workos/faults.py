"""How does this WorkOS fail, on demand, and how often was each endpoint asked?"""

from __future__ import annotations

import threading
from collections import Counter
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass

EVERYTHING = "*"


@dataclass(frozen=True)
class Fault:
    """One way to fail. A ``status`` is answered; ``wait`` seconds pass first; ``body`` replaces the answer.

    ``black_hole`` takes the request and never answers; the connection is closed when the fault is over.
    """

    status: int = 0
    wait: float = 0
    body: bytes | None = None
    black_hole: bool = False


TOO_MANY = Fault(status=429)
AWAY = Fault(status=503)
SILENT = Fault(black_hole=True)
MALFORMED = Fault(body=b'{"user": ')
UNEXPECTED = Fault(body=b'{"unexpected": true}')


class Faults:
    """Which endpoints fail now, and what was counted."""

    def __init__(self) -> None:
        self._now: dict[str, Fault] = {}
        self._over = threading.Event()
        self.asked: Counter[str] = Counter()

    def set(self, endpoint: str, fault: Fault) -> None:
        """Let an endpoint, or all of them ("*"), fail from now on."""
        self._over = threading.Event()
        self._now[endpoint] = fault

    def clear(self) -> None:
        """Let everything work again; whoever waits in a black hole is let go."""
        self._now.clear()
        self._over.set()

    @contextmanager
    def during(self, endpoint: str, fault: Fault) -> Iterator[None]:
        """Let an endpoint fail inside the block."""
        self.set(endpoint, fault)
        try:
            yield
        finally:
            self.clear()

    def of(self, endpoint: str) -> Fault | None:
        """Count a request, and say how it fails."""
        self.asked[endpoint] += 1
        return self._now.get(endpoint) or self._now.get(EVERYTHING)

    def wait(self, seconds: float | None) -> None:
        """Wait for a time, or until the fault is over."""
        self._over.wait(seconds)
