"""How are two ways of doing the same thing compared on a machine that others use as well?

Slices of each way run interleaved, in random order, so that whatever slows the machine down slows all of them down. Each round gives
one figure per way; rounds are compared in pairs, and the median of the pairs comes with a bootstrap confidence interval.
"""

from __future__ import annotations

import gc
import random
import statistics
import time
from collections.abc import Callable, Mapping
from dataclasses import dataclass

Way = Callable[[], object]


@dataclass(frozen=True)
class Interval:
    """A median with its 95 % confidence interval."""

    median: float
    low: float
    high: float

    def __str__(self) -> str:
        return f"{self.median:.3f} [{self.low:.3f}, {self.high:.3f}]"


class Slices:
    """The time that one call took, in microseconds, for each way and each round."""

    def __init__(self, taken: Mapping[str, list[float]]) -> None:
        self.taken = taken

    def typical(self, way: str) -> float:
        """The median time of one call, in microseconds."""
        return statistics.median(self.taken[way])

    def difference(self, way: str, base: str) -> Interval:
        """How much longer `way` takes than `base`, in microseconds, pair by pair."""
        return bootstrap([one - other for one, other in zip(self.taken[way], self.taken[base], strict=True)])

    def ratio(self, way: str, base: str) -> Interval:
        """How many times as long `way` takes as `base`, pair by pair."""
        return bootstrap([one / other for one, other in zip(self.taken[way], self.taken[base], strict=True)])

    def ratio_of_costs(self, way: str, other: str, base: str) -> Interval:
        """How many times as much `way` adds to `base` as `other` adds to it, pair by pair."""
        triples = zip(self.taken[way], self.taken[other], self.taken[base], strict=True)
        return bootstrap([(one - bare) / max(two - bare, 1.0) for one, two, bare in triples])


def interleaved(ways: Mapping[str, Way], *, rounds: int, calls: int, seed: int = 1) -> Slices:
    """Run each way `calls` times in each of `rounds` rounds, the ways in a new random order every round."""
    order = random.Random(seed)
    taken: dict[str, list[float]] = {name: [] for name in ways}
    for _ in range(3):
        for way in ways.values():
            way()
    gc.collect()
    for _ in range(rounds):
        names = list(ways)
        order.shuffle(names)
        for name in names:
            taken[name].append(_slice(ways[name], calls))
    return Slices(taken)


def _slice(way: Way, calls: int) -> float:
    begun = time.perf_counter_ns()
    for _ in range(calls):
        way()
    return (time.perf_counter_ns() - begun) / calls / 1000


def bootstrap(values: list[float], *, times: int = 2000, seed: int = 1) -> Interval:
    """The median of `values` with the 95 % interval of medians of samples drawn from them."""
    draw = random.Random(seed)
    medians = sorted(statistics.median(draw.choices(values, k=len(values))) for _ in range(times))
    return Interval(statistics.median(values), medians[int(times * 0.025)], medians[int(times * 0.975)])
