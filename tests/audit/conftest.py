"""What must not pass from one test of the audit to the next, and what do several of them begin with?"""

from __future__ import annotations

from collections.abc import Iterator
from datetime import UTC, date, datetime, tzinfo
from typing import Any

import psycopg
import pytest
from django.utils import timezone

from audit import health, ledger, partitions
from tests import cast, environment
from tests.audit import months


@pytest.fixture(autouse=True)
def _new_counters(monkeypatch: pytest.MonkeyPatch) -> None:
    """Fall-backs are counted for the life of a process, and a test breaks things on purpose."""
    monkeypatch.setattr(health, "_counters", type(health._counters)())


@pytest.fixture
def superuser() -> Iterator[psycopg.Connection[Any]]:
    """Whoever owns the machine: no trigger runs, no policy holds."""
    with psycopg.connect(
        environment.server.superuser_url(), dbname=environment.platform_database, autocommit=True
    ) as line:
        line.execute("SET session_replication_role = replica")
        yield line


@pytest.fixture
def october(monkeypatch: pytest.MonkeyPatch) -> list[str]:
    """Two entries of October 2025 in a piece of their own, and between them in the chain one of today."""
    partitions.ensure("owner", months.OCTOBER)
    first = months.put(date(2025, 10, 31), cast.ALICE)
    months.seal(monkeypatch)
    months.put(datetime.now(UTC).date(), cast.BOB, first=7)
    months.seal(monkeypatch)
    last = months.put(months.OCTOBER, cast.CHARLIE)
    months.seal(monkeypatch)
    return [*first, *last]


@pytest.fixture
def ahead(monkeypatch: pytest.MonkeyPatch) -> None:
    """This machine's clock is seventy years ahead, and the database's is right."""

    class Ahead(datetime):
        @classmethod
        def now(cls, tz: tzinfo | None = None) -> Ahead:
            return cls(2096, 1, 1, tzinfo=tz)

    monkeypatch.setattr(ledger, "datetime", Ahead)
    monkeypatch.setattr(timezone, "now", lambda: Ahead.now(UTC))
