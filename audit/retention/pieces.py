"""Which pieces of the trail's table hold nothing but what has been kept long enough?"""

from __future__ import annotations

import re
from dataclasses import dataclass
from datetime import UTC, date, datetime, timedelta
from typing import Final
from uuid import UUID

from django.db.backends.utils import CursorWrapper

from audit.partitions import PARENT, first_id
from audit.rules import Retention

_LEAVES: Final = "SELECT relid::regclass::text FROM pg_partition_tree(%s::regclass) WHERE isleaf ORDER BY 1"
_NAME: Final = re.compile(rf"{PARENT}_(?P<retention>[a-z0-9]+)_(?:(?P<year>\d{{4}})_(?P<month>\d{{2}})|default)")
_CLOCKS: Final = timedelta(days=1)  # how far the clocks of two machines may be apart
BEGINNING: Final = datetime(2000, 1, 1, tzinfo=UTC)


@dataclass(frozen=True, slots=True)
class Piece:
    """A table whose rows below the id ``before`` may leave: those of a month, all of them, or the late ones of DEFAULT.

    ``name`` is what its archive is called, ``sealed_from`` a moment before which none of its entries was sealed where clocks are
    right.
    """

    table: str
    parent: str
    name: str
    before: UUID
    sealed_from: datetime
    is_month: bool


def due(cursor: CursorWrapper, today: date) -> list[Piece]:
    """The pieces from which something leaves on this day, in UTC."""
    cursor.execute(_LEAVES, [PARENT])
    found = [_piece(cursor, table, today) for (table,) in cursor.fetchall()]
    return [piece for piece in found if piece is not None]


def count(cursor: CursorWrapper, piece: Piece) -> int:
    """How many rows of it may leave."""
    cursor.execute(f"SELECT count(*) FROM {piece.table} WHERE id < %s", [piece.before])  # noqa: S608 - a name from the catalogue
    return int(cursor.fetchone()[0])


def _piece(cursor: CursorWrapper, table: str, today: date) -> Piece | None:
    named = _NAME.fullmatch(table)
    if named is None:
        return None
    retention = Retention(named["retention"])
    oldest, parent = retention.oldest_month(today), f"{PARENT}_{retention}"
    if named["year"] is None:
        # What came after its month had left, or before the month had a piece. Named by its first entry, so that an attempt
        # which was broken off is gone on with.
        cursor.execute(f"SELECT id FROM {table} WHERE id < %s ORDER BY id LIMIT 1", [first_id(oldest)])  # noqa: S608 - as above
        row = cursor.fetchone()
        if row is None:
            return None
        return Piece(table, parent, f"{retention}-late-{row[0]}", first_id(oldest), BEGINNING, is_month=False)
    month = date(int(named["year"]), int(named["month"]), 1)
    if month >= oldest:
        return None
    begun = datetime(month.year, month.month, 1, tzinfo=UTC) - _CLOCKS
    return Piece(table, parent, f"{retention}-{month:%Y-%m}", first_id(oldest), begun, is_month=True)
