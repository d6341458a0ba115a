"""How do counts become bars that a page can draw without a script, and a table of the same numbers?"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from datetime import date, timedelta
from typing import Final

HEIGHT: Final = 64
STEP: Final = 12
"""The chart's own units: how high it is, and how far one bar is from the next."""
LONGEST_DAYS: Final = 92


@dataclass(frozen=True, slots=True)
class Count:
    """How much of one day was allowed, and how much refused or failed."""

    allowed: int = 0
    refused: int = 0


@dataclass(frozen=True, slots=True)
class Bar:
    """One day: its numbers, and where its two parts stand."""

    day: date
    count: Count
    x: int
    refused_y: int
    refused_height: int
    allowed_y: int
    allowed_height: int


@dataclass(frozen=True, slots=True)
class Chart:
    """The bars of some days, oldest first."""

    bars: Sequence[Bar]
    height: int = HEIGHT

    @property
    def width(self) -> int:
        """In the chart's own units."""
        return max(1, len(self.bars)) * STEP

    @property
    def bar_width(self) -> int:
        """In the chart's own units."""
        return STEP - 4

    @property
    def allowed(self) -> int:
        """How much was allowed on all days together."""
        return sum(bar.count.allowed for bar in self.bars)

    @property
    def refused(self) -> int:
        """How much was refused on all days together."""
        return sum(bar.count.refused for bar in self.bars)


def days(since: date | None, until: date | None, today: date, *, usual: int = 14) -> tuple[date, date]:
    """The first and last day to draw: what was chosen, or the latest ``usual`` days; never more than a quarter of a year."""
    last = min(until or today, today) if until or since else today
    first = since or last - timedelta(days=usual - 1)
    return max(min(first, last), last - timedelta(days=LONGEST_DAYS - 1)), last


def drawn(counts: Mapping[date, Count], first: date, last: date) -> Chart:
    """The chart of these days; one without a count is empty."""
    numbers = [(day, counts.get(day, Count())) for day in _each(first, last)]
    most = max((count.allowed + count.refused for _, count in numbers), default=0) or 1
    return Chart([_bar(place, day, count, most) for place, (day, count) in enumerate(numbers)])


def _bar(place: int, day: date, count: Count, most: int) -> Bar:
    refused, allowed = (_height(value, most) for value in (count.refused, count.allowed))
    # Both rounded up could stand a unit above the edge.
    allowed = min(allowed, HEIGHT - refused)
    return Bar(day, count, place * STEP + 2, HEIGHT - refused, refused, HEIGHT - refused - allowed, allowed)


def _height(value: int, most: int) -> int:
    """At least one unit for what happened at all: one refusal among thousands is what an operator looks for."""
    return max(1, value * HEIGHT // most) if value else 0


def _each(first: date, last: date) -> list[date]:
    return [first + timedelta(days=place) for place in range((last - first).days + 1)]
