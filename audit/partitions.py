"""Which piece of the trail's table does a row fall into, and who makes the pieces?

First by retention class, then by the month that the UUIDv7 id begins with, so that what has lived long enough goes by
dropping a table. Each class has a DEFAULT piece too: a row never fails for want of a month, and the id stays unique.
Pieces are made by the owner, after ``migrate``. They carry no grants and, under row-level security, no policy: asked
directly, a piece shows nobody anything, where the grant alone would have bypassed the parent's policy.
"""

import logging
from collections.abc import Iterator
from datetime import UTC, date, datetime
from typing import Final
from uuid import UUID

from django.db import OperationalError, connections, transaction
from django.db.backends.utils import CursorWrapper
from psycopg.errors import LockNotAvailable

from accounts.tenancy import statistics
from audit.rules import Retention

logger = logging.getLogger(__name__)

PARENT: Final = "audit_entry"
LOCK_MILLISECONDS: Final = 1000
"""How long making or removing a piece waits for those who read the trail: as long, whoever writes to it waits behind us."""
MONTHS_AHEAD: Final = 2
_IN_USE: Final = "SELECT DISTINCT retention FROM audit_retentionchoice"


def ensure(using: str, today: date) -> list[str]:
    """Make the month of ``today`` and the two after it for each class in use, and return the names that were missing.

    A month that began without its piece keeps its rows in DEFAULT: PostgreSQL makes no piece over rows that stand there
    already, and entries are never moved. Runs as the owner of the tables. Raises ``django.db.Error``.
    """
    made = []
    with connections[using].cursor() as cursor:
        for retention in _in_use(cursor):
            made += [name for month in _months(today) if (name := _make_month(cursor, retention, month))]
    return made


def _in_use(cursor: CursorWrapper) -> list[Retention]:
    """The class of everybody who chose nothing, and those that anybody chose: a piece that stays empty costs every query."""
    cursor.execute("SELECT to_regclass('audit_retentionchoice') IS NOT NULL")
    if cursor.fetchone() != (True,):
        return [Retention.DAYS_365]  # The migrations have not come that far yet.
    cursor.execute(_IN_USE)
    chosen = {Retention(name) for (name,) in cursor.fetchall()}
    return [retention for retention in Retention if retention in chosen or retention == Retention.DAYS_365]


def _make_month(cursor: CursorWrapper, retention: Retention, month: date) -> str:
    """Make one piece; "" when it is there, or cannot be made because DEFAULT holds rows of that month."""
    name = f"{PARENT}_{retention}_{month:%Y_%m}"
    cursor.execute("SELECT to_regclass(%s) IS NOT NULL", [name])
    if cursor.fetchone() == (True,):
        return ""
    cursor.execute(
        f"SELECT EXISTS (SELECT 1 FROM {PARENT}_{retention}_default WHERE id >= %s AND id < %s)",  # noqa: S608 - constants only
        [first_id(month), first_id(_next(month))],
    )
    if cursor.fetchone() == (True,):
        return ""
    try:
        with transaction.atomic(using=cursor.db.alias):
            cursor.execute(f"SET LOCAL lock_timeout = {LOCK_MILLISECONDS}")
            cursor.execute(month_sql(retention, month))
            # A new partition samples everything until it is told not to; one that stayed so would stop the next start.
            statistics.apply(cursor.db)
    except OperationalError as error:
        if not is_busy(error):
            raise
        # It is made two months ahead, and this is done every hour.
        logger.warning(
            "The trail's piece for %s is made later, since somebody reads the trail for long.", f"{month:%B %Y}"
        )
        return ""
    return name


def is_busy(error: OperationalError) -> bool:
    """Is it only that somebody else holds the table for longer than we wait?"""
    return isinstance(error.__cause__, LockNotAvailable)


def class_sql(retention: Retention) -> str:
    """The DDL of one retention class with its DEFAULT piece."""
    name = f"{PARENT}_{retention}"
    return (
        f"CREATE TABLE {name} PARTITION OF {PARENT} FOR VALUES IN ('{retention}') PARTITION BY RANGE (id); "
        f"{_closed(name)} CREATE TABLE {name}_default PARTITION OF {name} DEFAULT; {_closed(f'{name}_default')}"
    )


def month_sql(retention: Retention, month: date) -> str:
    """The DDL of one month of one class; ``month`` is its first day."""
    name = f"{PARENT}_{retention}_{month:%Y_%m}"
    return (
        f"CREATE TABLE {name} PARTITION OF {PARENT}_{retention} "
        f"FOR VALUES FROM ('{first_id(month)}') TO ('{first_id(_next(month))}'); {_closed(name)}"
    )


def first_id(day: date) -> UUID:
    """The smallest UUIDv7 of a day in UTC: 48 bits of milliseconds since 1970, and nothing. Entries are in its order."""
    moment = datetime(day.year, day.month, day.day, tzinfo=UTC)
    return UUID(int=max(0, int(moment.timestamp() * 1000)) << 80)


def _closed(name: str) -> str:
    """Row security without a policy, and the guard against TRUNCATE, which a parent does not hand down."""
    return (
        f"ALTER TABLE {name} ENABLE ROW LEVEL SECURITY; ALTER TABLE {name} FORCE ROW LEVEL SECURITY; "
        f"CREATE TRIGGER audit_not_emptied BEFORE TRUNCATE ON {name} "
        f"FOR EACH STATEMENT EXECUTE FUNCTION fence.audit_is_final();"
    )


def _months(today: date) -> Iterator[date]:
    month = today.replace(day=1)
    for _ in range(MONTHS_AHEAD + 1):
        yield month
        month = _next(month)


def _next(month: date) -> date:
    return month.replace(year=month.year + month.month // 12, month=month.month % 12 + 1, day=1)
