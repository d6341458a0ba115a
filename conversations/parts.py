"""How much of a long conversation does one page hold?

Pages are sent as they are. Compressed, the length of one that holds what somebody else chose beside what is private would tell of
the private, guess by guess (BREACH). So a page is light because it holds little: what is around one place, as much as fits.
"""

from __future__ import annotations

from collections.abc import Sequence
from itertools import accumulate
from typing import NamedTuple
from uuid import UUID

from conversations.branches import Node
from conversations.models import Message

# How many messages a page shows at once, at most, and how many of them come after the one that it was opened at.
MOST_MESSAGES, MOST_AFTER_ONE = 40, 10
# What they may weigh, in bytes: a page's frame, menu and composer weigh about as much again (`make bench` weighs all of it).
MOST_BYTES = 15_000
# The markup around the words of a message, and around those of a source or a call, in bytes.
AROUND_A_MESSAGE, AROUND_A_SOURCE = 900, 700


class Place(NamedTuple):
    """Which places of a path are looked at for one page, from `start` to `end` (exclusive).

    `here` is the one that the page shows in any case; those after it may take the share `ahead` of its room.
    """

    start: int
    here: int
    end: int
    ahead: float = 1


def place_in(path: list[Node], *, before: int | None, after: int | None, at: UUID | None) -> Place:
    """The end of a path, or what is before a position, after one, or around a message, in this order of what was asked."""
    end = len(path)
    if before is not None:
        end = sum(node.position < before for node in path)
    elif after is not None:
        start = sum(node.position <= after for node in path)
        return Place(start, start, min(end, start + MOST_MESSAGES))
    elif at is not None:
        here = next(place for place, node in enumerate(path) if node.id == at)
        end = min(end, here + MOST_AFTER_ONE + 1)
        return Place(max(0, end - MOST_MESSAGES), here, end, ahead=0.5)
    return Place(max(0, end - MOST_MESSAGES), end - 1, end)


def cut(messages: Sequence[Message], place: Place) -> Place:
    """The place of those among these messages, read of `place`, that fit on a page together.

    A question stands on one page with its answer, and so does the message at `here`, whatever it weighs.
    """
    here = min(place.here - place.start, len(messages) - 1)
    weights = [_weight(message) for message in messages]
    room = MOST_BYTES - weights[here]
    after = _fitting(weights[here + 1 :], room * place.ahead)
    room -= sum(weights[here + 1 : here + 1 + after])
    first, end = here - _fitting(weights[:here][::-1], room), here + 1 + after
    if first > 0 and messages[first].is_answer:
        first += 1 if first < here else -1
    if end < len(messages) and not messages[end - 1].is_answer:
        end += -1 if end - 1 > here else 1
    return place._replace(start=place.start + first, end=place.start + end)


def _weight(message: Message) -> int:
    """About how many bytes a page sends for this message, whose citations and calls were read with it."""
    if getattr(message, "is_unseen", False):  # a place and no row: nothing of it is shown, or may be looked up
        return AROUND_A_MESSAGE
    citations, calls = message.citations.all(), message.calls.all()
    words = [message.html or message.text]
    words += [f"{one.file_name}{one.file_name}{one.quote}" for one in citations]
    words += [f"{one.arguments}{one.result}" for one in calls]
    markup = AROUND_A_MESSAGE + AROUND_A_SOURCE * (len(citations) + len(calls))
    return markup + sum(len(each.encode()) for each in words)


def _fitting(weights: Sequence[int], room: float) -> int:
    """How many of these, from the first on, have room together."""
    return sum(so_far <= room for so_far in accumulate(weights))
