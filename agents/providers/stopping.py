"""Where does an answer end of which a program said that it shall end at certain words?

Looked for in what readers get, citations put in and all, so that it is the same for every vendor and for the one that quotes.
The words themselves are not passed on.
"""

from __future__ import annotations

from collections.abc import Generator, Sequence
from contextlib import closing

from agents.providers.base import Done, Event, Failed, Text, Wants

Events = Generator[Event, None, None]


def until(events: Events, stop: Sequence[str]) -> Events:
    """Yield the events up to the first of the `stop` words; then the writer is broken off."""
    with closing(events):
        if not stop:
            yield from events
            return
        held = ""
        for event in events:
            if isinstance(event, Text):
                held += event.text
                end = _first(held, stop)
                passed = held[: len(held) - _unsure(held, stop) if end is None else end]
                held = held[len(passed) :]
                if passed:
                    yield Text(passed)
                if end is not None:
                    break
            else:
                if held and isinstance(event, Done | Failed | Wants):
                    yield Text(held)
                yield event
        else:
            return
    yield Done()


def _first(text: str, stop: Sequence[str]) -> int | None:
    places = [place for place in (text.find(word) for word in stop) if place >= 0]
    return min(places) if places else None


def _unsure(text: str, stop: Sequence[str]) -> int:
    """How many of the last characters may be the beginning of such a word: those wait for what comes next."""
    longest = max(len(word) for word in stop) - 1
    sizes = range(min(longest, len(text)), 0, -1)
    return next((size for size in sizes if any(word.startswith(text[-size:]) for word in stop)), 0)
