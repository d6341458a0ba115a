"""Who is turned away at the door, known to every process without a question to the database?

The shipper of each host writes the list beside the spool; web processes look once a second whether the file is another,
and keep what they know when it cannot be read. So a block holds while the database is away, and costs a request nothing.
"""

from __future__ import annotations

import ipaddress
import json
import time
from collections.abc import Callable
from dataclasses import dataclass, field
from pathlib import Path
from typing import Final

from django.db import connections

from audit import spool

NAME: Final = "blocks.json"
LOOK_SECONDS: Final = 1.0
Network = ipaddress.IPv4Network | ipaddress.IPv6Network


def publish(folder: Path) -> None:
    """Write the list of this moment for the web processes of this host. Raises ``django.db.Error`` and ``OSError``."""
    with connections["audit"].cursor() as cursor:
        cursor.execute("SELECT network, until FROM fence.blocks()")
        content = json.dumps({network: until.timestamp() for network, until in cursor.fetchall()}).encode()
    spool.publish(folder / NAME, content)


@dataclass(slots=True)
class Blocks:
    """The list as one process knows it."""

    _looked: float = float("-inf")
    _version: tuple[int, int] = (0, 0)
    _until: dict[Network, float] = field(default_factory=dict)

    def hold(self, address: str, folder: Callable[[], Path]) -> bool:
        """Is this client address turned away now? `folder` is where the list lies; asked only when it is looked for."""
        if time.monotonic() - self._looked >= LOOK_SECONDS:
            self._look(folder() / NAME)
        if not self._until or not address:
            return False
        client, now = ipaddress.ip_address(address), time.time()
        return any(client in network and until > now for network, until in self._until.items())

    def _look(self, path: Path) -> None:
        self._looked = time.monotonic()
        try:
            stat = path.stat()
            if (stat.st_mtime_ns, stat.st_ino) != self._version:
                listed = json.loads(spool.published(path))
                self._until = {ipaddress.ip_network(network): float(until) for network, until in listed.items()}
                self._version = (stat.st_mtime_ns, stat.st_ino)
        except (OSError, ValueError):
            # A list that cannot be read opens nothing and shuts nobody out: what was known stays.
            return
