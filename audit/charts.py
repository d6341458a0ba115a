"""How much was allowed on each day, and how much refused, as a chart?"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from datetime import date
from typing import Final

from accounts import charts
from accounts.charts import Chart, days

__all__ = ["Chart", "Count", "days", "drawn", "of_refusals"]

ALLOWED: Final = charts.Series("Allowed", "allowed", "chart__usual")
REFUSED: Final = charts.Series("Refused", "refused", "chart__refused")


@dataclass(frozen=True, slots=True)
class Count:
    """How much of one day was allowed, and how much refused or failed."""

    allowed: int = 0
    refused: int = 0


def drawn(counts: Mapping[date, Count], first: date, last: date) -> Chart:
    """The chart of these days; one without a count is empty."""
    numbers = {day: (count.allowed, count.refused) for day, count in counts.items()}
    return charts.drawn(numbers, (ALLOWED, REFUSED), first, last)


def of_refusals(counts: Mapping[date, int], first: date, last: date) -> Chart:
    """The chart of what was refused on these days, and of nothing else."""
    return charts.drawn({day: (count,) for day, count in counts.items()}, (REFUSED,), first, last)
