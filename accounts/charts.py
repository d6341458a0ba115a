"""How do counts become bars that a page can draw without a script, and a table of the same numbers?"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from datetime import date, timedelta
from itertools import compress
from typing import Final

HEIGHT: Final = 64
STEP: Final = 12
"""The chart's own units: how high it is, and how far one bar is from the next."""
LONGEST_DAYS: Final = 92


@dataclass(frozen=True, slots=True)
class Series:
    """One kind of number: its name in a table's heading, its word in a sentence, and the class of its pieces.

    Without a class it stands in the table and is not drawn. ``single`` is its word for one, where that is another.
    """

    name: str
    word: str
    look: str
    single: str = ""


@dataclass(frozen=True, slots=True)
class Piece:
    """One part of a bar: how it looks, and where it stands."""

    look: str
    y: int
    height: int


@dataclass(frozen=True, slots=True)
class Bar:
    """One day: its numbers, in the order of the chart's series, and its pieces, the last of them at the bottom."""

    day: date
    numbers: Sequence[tuple[Series, int]]
    x: int
    pieces: Sequence[Piece]


@dataclass(frozen=True, slots=True)
class Chart:
    """The bars of some days, oldest first."""

    series: Sequence[Series]
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
    def period(self) -> str:
        """Which days these are, in words; "" for none."""
        if not self.bars:
            return ""
        first, last = self.bars[0].day, self.bars[-1].day
        begin = f"{first.day} {first:%b}" if first.year == last.year else f"{first.day} {first:%b %Y}"
        return f"{begin} to {last.day} {last:%b %Y}"

    @property
    def totals(self) -> list[tuple[Series, int]]:
        """Each series with what it comes to on all days together."""
        return [(one, sum(bar.numbers[place][1] for bar in self.bars)) for place, one in enumerate(self.series)]


def days(
    since: date | None, until: date | None, today: date, *, usual: int = 14, longest: int = LONGEST_DAYS
) -> tuple[date, date]:
    """The first and last day to draw: what was chosen, or the latest ``usual`` days; never more than ``longest``."""
    last = min(until or today, today) if until or since else today
    first = since or last - timedelta(days=usual - 1)
    return max(min(first, last), last - timedelta(days=longest - 1)), last


def drawn(counts: Mapping[date, Sequence[int]], series: Sequence[Series], first: date, last: date) -> Chart:
    """The chart of these days, each with a number for each series; a day without numbers is empty."""
    none = [0] * len(series)
    numbers = [(day, counts.get(day, none)) for day in _each(first, last)]
    is_drawn = [bool(one.look) for one in series]
    most = max((sum(compress(values, is_drawn)) for _, values in numbers), default=0) or 1
    return Chart(series, [_bar(place, day, values, series, most) for place, (day, values) in enumerate(numbers)])


def _bar(place: int, day: date, values: Sequence[int], series: Sequence[Series], most: int) -> Bar:
    pieces: list[Piece] = []
    top = HEIGHT
    for one, value in zip(reversed(series), reversed(values), strict=True):
        if not one.look:
            continue
        # Each rounded up could stand a unit above the edge.
        height = min(_height(value, most), top)
        top -= height
        if height:
            pieces.append(Piece(one.look, top, height))
    return Bar(day, list(zip(series, values, strict=True)), place * STEP + 2, pieces[::-1])


def _height(value: int, most: int) -> int:
    """At least one unit for what happened at all: one refusal among thousands is what an operator looks for."""
    return max(1, value * HEIGHT // most) if value else 0


def _each(first: date, last: date) -> list[date]:
    return [first + timedelta(days=place) for place in range((last - first).days + 1)]
