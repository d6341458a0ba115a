"""How often does a request wait for a database? Counted in libpq's own trace of the wire, not in Django's log of queries."""

from __future__ import annotations

import os
import re
import tempfile
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass, field
from pathlib import Path

from django.db import connections

# Each of these, sent by us, is followed by waiting for an answer.
ASKING = re.compile(r"\tF\t\d+\t(Query|Sync|FunctionCall)\b")


@dataclass
class Trips:
    """Round trips on the wire, for each alias."""

    to: dict[str, int] = field(default_factory=dict)

    @property
    def all(self) -> int:
        """Round trips to all systems together."""
        return sum(self.to.values())


@contextmanager
def counted(*aliases: str) -> Iterator[Trips]:
    """Count what travels on the pooled connection of each alias. The pools hold one connection each, so it is that one."""
    trips = Trips()
    with tempfile.TemporaryDirectory() as folder:
        paths = {alias: Path(folder) / alias for alias in aliases}
        # libpq writes into these until `untrace`, so they stay open.
        descriptors = [_trace(alias, path) for alias, path in paths.items()]
        try:
            yield trips
        finally:
            for alias, path in paths.items():
                _untrace(alias)
                trips.to[alias] = len(ASKING.findall(path.read_text(encoding="utf-8", errors="replace")))
            for descriptor in descriptors:
                os.close(descriptor)


def _trace(alias: str, path: Path) -> int:
    descriptor = os.open(path, os.O_WRONLY | os.O_CREAT | os.O_TRUNC, 0o600)
    wrapper = connections[alias]
    wrapper.ensure_connection()
    wrapper.connection.pgconn.trace(descriptor)
    wrapper.close()  # back to the pool, which gives the same one out again
    return descriptor


def _untrace(alias: str) -> None:
    wrapper = connections[alias]
    wrapper.ensure_connection()
    wrapper.connection.pgconn.untrace()
    wrapper.close()
