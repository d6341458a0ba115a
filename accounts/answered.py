"""What became of each request, told to whoever counts or writes it down, at no cost to the request?

The thread that answers appends one tuple to a list and is done. Another thread wakes a fifth of a second later, takes what has
come together, and hands all of it over at once: a line and a few numbers cost a thousandth of what writing each would. What a
killed process had not yet handed over is lost; what must not be lost stands in the trail and takes another way.
"""

from __future__ import annotations

import logging
import os
import threading
import time
from collections import deque
from collections.abc import Callable
from dataclasses import dataclass
from multiprocessing.util import Finalize
from typing import Final, NamedTuple

from accounts.http import Tenant
from accounts.requests import RequestContext

logger = logging.getLogger(__name__)

PAUSE_SECONDS: Final = 0.2
IDLE_SECONDS: Final = 5.0  # how often listeners are called though nothing happened


class Answered(NamedTuple):
    """One finished request. ``seconds`` until its answer began; ``denied`` is the action by which it was refused, or ""."""

    context: RequestContext
    status: int
    seconds: float
    denied: str
    tenant: Tenant | None


Listener = Callable[[list[Answered]], None]


@dataclass
class _State:
    listeners: list[Listener]
    waiting: deque[Answered]
    wake: threading.Event
    lock: threading.Lock
    thread: threading.Thread | None = None


MOST_WAITING: Final = (
    100_000  # far more than ever come together; should the other thread hang, the oldest are forgotten
)

_state: Final = _State([], deque(maxlen=MOST_WAITING), threading.Event(), threading.Lock())
# Read by every request, so plain names: is anybody listening, and does the other thread know that something has come?
_is_heard = False
_is_awake = False


def listen(listener: Listener) -> None:
    """Have every finished request of this process told to ``listener``, in batches, on one thread of its own."""
    global _is_heard
    _state.listeners.append(listener)
    _is_heard = True


def note(answered: Answered) -> None:
    """Remember a finished request. Costs an append."""
    if _is_heard:
        _state.waiting.append(answered)
        if not _is_awake:
            _wake()


def hand_over() -> None:
    """Tell the listeners now what has come together."""
    with _state.lock:
        batch = [_state.waiting.popleft() for _ in range(len(_state.waiting))]
        for listener in _state.listeners:
            try:
                listener(batch)
            except Exception:
                # One that fails must not keep the others, or the next batch, from being told.
                logger.exception("What became of %s requests could not be told to a listener.", len(batch))


def _wake() -> None:
    global _is_awake
    _is_awake = True
    if _state.thread is None:
        _state.thread = threading.Thread(target=_keep, name="answered", daemon=True)
        _state.thread.start()
        # At the end of a worker process, which leaves without the interpreter's own clean-up.
        Finalize(None, hand_over, exitpriority=10)
    _state.wake.set()


def _keep() -> None:
    global _is_awake
    while True:
        _state.wake.wait(IDLE_SECONDS)
        _state.wake.clear()
        time.sleep(PAUSE_SECONDS)
        # Before the list is read: whoever appends after that wakes this thread again.
        _is_awake = False
        hand_over()


def _after_fork() -> None:
    """A child has its parent's names and none of its threads; what its parent has to tell is not the child's."""
    global _is_awake
    _is_awake = False
    _state.thread, _state.wake, _state.lock = None, threading.Event(), threading.Lock()
    _state.waiting.clear()


os.register_at_fork(after_in_child=_after_fork)
