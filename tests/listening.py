"""How does a test hear what became of its requests, and leave nobody listening behind?"""

from __future__ import annotations

from collections.abc import Iterator
from contextlib import contextmanager

from accounts import answered


@contextmanager
def listening(listener: answered.Listener) -> Iterator[None]:
    """Have this listener told in the block; `answered.hand_over()` tells at once."""
    answered.listen(listener)
    try:
        yield
    finally:
        answered.hand_over()
        answered._state.listeners.remove(listener)
        vars(answered)["_is_heard"] = bool(answered._state.listeners)
