"""How does this vendor fail, on demand?"""

from __future__ import annotations

import threading
from dataclasses import dataclass, field


@dataclass
class Fault:
    """One way to fail; `times` says how often, None for ever.

    A `status` is answered, with a `code` that says more of it. `garbage` is sent in place of an answer, `large` bytes of text in place of a short one. `black_hole` takes
    the request and says nothing, `stall` falls silent after so many words, `cut` closes the connection after so many. `redirect`
    sends the caller elsewhere; `gzip` compresses what nobody asked to be compressed.
    """

    status: int = 0
    code: str = ""
    garbage: bytes = b""
    large: int = 0
    black_hole: bool = False
    stall: int = -1
    cut: int = -1
    redirect: str = ""
    gzip: bool = False
    times: int | None = None
    over: threading.Event = field(default_factory=threading.Event)


class Faults:
    """Which fault there is now, and what was asked."""

    def __init__(self) -> None:
        self._now: Fault | None = None

    def set(self, fault: Fault) -> None:
        """Fail so from now on."""
        self.clear()
        fault.over.clear()
        self._now = fault

    def clear(self) -> None:
        """Work again; whoever waits is let go."""
        if self._now is not None:
            self._now.over.set()
        self._now = None

    def take(self) -> Fault:
        """The fault of the request that comes now."""
        fault = self._now or Fault()
        if fault.times is not None:
            if fault.times <= 0:
                return Fault()
            fault.times -= 1
        return fault
