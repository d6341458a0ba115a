"""How does whoever writes an answer down stay able to stop it, while a vendor thinks, drips or says nothing?

The vendor is read on a thread of its own, which touches no row and no connection of ours. The writer looks at what has come, a
few times a second, and may go away at any moment: then the connection is broken off and the thread ends.
"""

from __future__ import annotations

import queue
import threading
from collections.abc import Callable, Iterator
from typing import Final, TypeVar

Item = TypeVar("Item")

LOOK_SECONDS: Final = 0.25
# So many pieces may wait for the writer; a vendor that sends faster is read no faster.
MOST_WAITING: Final = 64


class _End:
    """Nothing more comes."""

    def __init__(self, error: Exception | None) -> None:
        self.error = error


def pumped(source: Callable[[], Iterator[Item]], break_off: Callable[[], None]) -> Iterator[Item | None]:
    """Yield what `source` yields, and None whenever nothing came for a moment. Raises what `source` raises.

    `break_off` must make a waiting `source` fail; it is called when the reader goes away, and at the end.
    """
    waiting: queue.Queue[Item | _End] = queue.Queue(MOST_WAITING)
    gone = threading.Event()

    def read() -> None:
        error: Exception | None = None
        try:
            for item in source():
                if not _put(waiting, item, gone):
                    return
        except Exception as raised:  # noqa: BLE001 - handed to the reader, who knows what it means
            error = raised
        _put(waiting, _End(error), gone)

    thread = threading.Thread(target=read, name="vendor", daemon=True)
    thread.start()
    try:
        while True:
            try:
                item = waiting.get(timeout=LOOK_SECONDS)
            except queue.Empty:
                yield None
                continue
            if isinstance(item, _End):
                if item.error is not None:
                    raise item.error
                return
            yield item
    finally:
        gone.set()
        break_off()
        # It may be asking for a name, which nothing can break off; it ends by itself within the time of that.
        thread.join(1.0)


def _put(waiting: queue.Queue[Item | _End], item: Item | _End, gone: threading.Event) -> bool:
    while not gone.is_set():
        try:
            waiting.put(item, timeout=LOOK_SECONDS)
        except queue.Full:
            continue
        return True
    return False
