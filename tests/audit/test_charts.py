"""Do the bars say what the numbers say?"""

from datetime import date, timedelta

import pytest

from audit import charts

TODAY = date(2026, 3, 2)


def test_every_bar_stands_inside_the_chart_and_one_in_thousands_is_seen() -> None:
    counts = {TODAY: charts.Count(allowed=100_000, refused=1), TODAY - timedelta(days=1): charts.Count(refused=3)}
    chart = charts.drawn(counts, TODAY - timedelta(days=2), TODAY)
    empty, small, tall = chart.bars
    assert empty.pieces == []
    assert [(one.look, one.height) for one in small.pieces] == [("chart__refused", 1)]
    allowed, refused = tall.pieces
    assert (allowed.y, refused.height) == (0, 1)
    assert allowed.height + refused.height == chart.height
    assert allowed.y + allowed.height == refused.y
    assert [(series.name, total) for series, total in chart.totals] == [("Allowed", 100_000), ("Refused", 4)]


@pytest.mark.parametrize(
    ("since", "until", "first", "last"),
    [
        (None, None, date(2026, 2, 17), TODAY),
        (date(2026, 2, 1), None, date(2026, 2, 1), TODAY),
        (None, date(2026, 1, 31), date(2026, 1, 18), date(2026, 1, 31)),
        (date(2001, 1, 1), date(2026, 1, 31), date(2025, 11, 1), date(2026, 1, 31)),
        (date(2030, 1, 1), date(2031, 1, 1), TODAY, TODAY),
    ],
)
def test_the_days_are_those_that_were_chosen_or_the_latest(
    since: date | None, until: date | None, first: date, last: date
) -> None:
    assert charts.days(since, until, TODAY) == (first, last)
