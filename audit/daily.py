"""How many refusals were there each day, and in all, without reading one of them?

Days are ranges of the id, and the indexes of refusals alone hold the ids: their entries are counted and not fetched. What
a flood's one entry stands for beyond itself is added from an index of such entries, of which there are few.
"""

from __future__ import annotations

from dataclasses import dataclass
from datetime import UTC, date, datetime, timedelta
from typing import Final
from uuid import UUID

from django.db import connections

from accounts.operators import OPS_DATABASE
from audit import charts
from audit.partitions import first_id

USUAL_DAYS: Final = 14
FIRST, LAST = UUID(int=0), UUID(int=2**128 - 1)

_OF_KIND: Final = " AND fingerprint = %s"
_COUNTS: Final = """
SELECT d.day, (SELECT count(*) FROM audit_entry e WHERE e.outcome <> 'allowed' AND e.id >= d.since AND e.id < d.until{kind})
    + (SELECT coalesce(sum((e.detail ->> 'burst')::numeric::bigint - 1), 0) FROM audit_entry e
       WHERE e.outcome <> 'allowed' AND e.detail ? 'burst' AND jsonb_typeof(e.detail -> 'burst') = 'number'
       AND e.id >= d.since AND e.id < d.until{kind}),
    (SELECT e.occurred_at FROM audit_entry e WHERE e.outcome <> 'allowed' AND e.id >= d.since AND e.id < d.until{kind}
     ORDER BY e.id LIMIT 1)
FROM unnest(%s::date[], %s::uuid[], %s::uuid[]) AS d(day, since, until)"""


@dataclass(frozen=True, slots=True)
class OfKind:
    """How often something of a kind was refused: on the latest days, and since the trail began."""

    chart: charts.Chart
    count: int
    first: datetime | None


def refusals() -> charts.Chart:
    """Everybody's refusals of each of the latest two weeks' days, those of floods counted whole."""
    first, last = _days()
    return charts.of_refusals({day: count for day, (count, _) in _counts("", first, last).items()}, first, last)


def of_kind(fingerprint: str) -> OfKind:
    """The refusals of one kind, those of floods counted whole."""
    first, last = _days()
    found = _counts(fingerprint, first, last)
    count, begun = found.pop(date.min)
    counts = {day: of_day for day, (of_day, _) in found.items()}
    return OfKind(charts.of_refusals(counts, first, last), count, begun)


def _days() -> tuple[date, date]:
    return charts.days(None, None, datetime.now(UTC).date(), usual=USUAL_DAYS)


def _counts(fingerprint: str, first: date, last: date) -> dict[date, tuple[int, datetime | None]]:
    """How many on each day, and when the first; of one kind also of all days together, under the earliest date there is."""
    days = [first + timedelta(days=number) for number in range((last - first).days + 1)]
    since, until = [first_id(day) for day in days], [first_id(day + timedelta(days=1)) for day in days]
    kind: list[str] = []
    if fingerprint:
        kind, days, since, until = [fingerprint] * 3, [*days, date.min], [*since, FIRST], [*until, LAST]
    # Across the fence because it is of everybody's refusals: numbers only.
    with connections[OPS_DATABASE].cursor() as cursor:
        cursor.execute(_COUNTS.format(kind=_OF_KIND if fingerprint else ""), [*kind, days, since, until])
        return {day: (int(count), begun) for day, count, begun in cursor.fetchall()}
