"""How does a test put entries into a trail of another month, and take that month's pieces away afterwards?"""

from __future__ import annotations

import gzip
import json
from collections.abc import Iterator
from contextlib import contextmanager
from datetime import UTC, date, datetime
from pathlib import Path
from typing import Any
from uuid import UUID

import pytest
from django.db import connections

from accounts.tenancy import statistics
from audit import entries, ledger, partitions, sealing
from audit.retention import archives
from audit.rules import Retention
from tests import cast

OCTOBER = date(2025, 10, 1)
OLD = "audit_entry_d365_2025_10"
NAME = "d365-2025-10"
DUE = date(2026, 11, 1)  # 31 October 2025 has been kept for 365 days


def id_of(day: date, number: int) -> str:
    """An id as it would have been made on that day."""
    return str(UUID(int=partitions.first_id(day).int | (7 << 76) | (2 << 62) | number))


def put(day: date, *people: cast.Person, first: int = 0) -> list[str]:
    """One entry of each of these people, made on that day, as the shipper stores it; return the ids."""
    made = [
        {
            **entries.fact(
                "agent.created", actor=one.tenant, detail={"name": f"{one.name}\\ \n\t{number}", "ok": True}
            ),
            "id": id_of(day, first + number),
            "occurred_at": datetime(day.year, day.month, day.day, tzinfo=UTC).isoformat(),
        }
        for number, one in enumerate(people)
    ]
    assert ledger.post([entries.encode(entry) for entry in made]) == len(made)
    return [str(entry["id"]) for entry in made]


def chosen(company: cast.Company, retention: Retention, since: date) -> None:
    """As if an owner had chosen it so long ago."""
    with connections["owner"].cursor() as cursor:
        cursor.execute(
            "INSERT INTO audit_retentionchoice (id, workspace_id, retention, since, chosen_at) "
            "VALUES (gen_random_uuid(), %s, %s, %s, now())",
            [company.id, retention, partitions.first_id(since)],
        )


def seal(monkeypatch: pytest.MonkeyPatch) -> None:
    """Seal what waits, as if it were the time of it; month pieces that are looked at here begin before the seals do."""
    monkeypatch.setattr(sealing, "LONGEST_SECONDS", 0)
    sealing.seal()


def pieces() -> set[str]:
    """The tables of which the trail is made."""
    with connections["owner"].cursor() as cursor:
        cursor.execute("SELECT relid::regclass::text FROM pg_partition_tree('audit_entry') WHERE isleaf")
        return {name for (name,) in cursor.fetchall()}


def there() -> list[str]:
    """The ids that the trail holds of what was put there."""
    with connections["ops"].cursor() as cursor:
        cursor.execute("SELECT id::text FROM audit_entry WHERE action = 'agent.created' ORDER BY id")
        return [one for (one,) in cursor.fetchall()]


def archived() -> list[dict[str, Any]]:
    """The lines of October's archive."""
    raw = gzip.decompress(archives.path_of(NAME).read_bytes())
    return [json.loads(line) for line in raw.splitlines()]


def spoil(path: Path) -> None:
    """Change one bit of a file."""
    raw = bytearray(path.read_bytes())
    raw[len(raw) // 2] ^= 1
    path.write_bytes(raw)


@contextmanager
def as_before() -> Iterator[None]:
    """Whatever pieces are made or removed inside, afterwards they are those that were there."""
    before = pieces()
    try:
        yield
    finally:
        with connections["owner"].cursor() as cursor:
            for name in sorted(pieces() - before):
                cursor.execute(f"DROP TABLE {name}")
            for name in sorted(before - pieces()):
                retention, year, month = name.removeprefix("audit_entry_").split("_")
                cursor.execute(partitions.month_sql(Retention(retention), date(int(year), int(month), 1)))
        statistics.apply(connections["owner"])
