"""How long does a test wait for what happens elsewhere?

It goes on as soon as it has happened. The limit only ends a test whose event never comes, so it is far beyond what a
machine needs that is busy with other tests: how fast something is, `make bench` and the soak tests measure.
"""

from __future__ import annotations

import time
from collections.abc import Callable

PATIENCE = 120
"""Seconds."""


def until(holds: Callable[[], object], seconds: float = PATIENCE) -> bool:
    """Wait until it holds; return whether it came to that."""
    deadline = time.monotonic() + seconds
    while not holds():
        if time.monotonic() > deadline:
            return False
        time.sleep(0.02)
    return True
