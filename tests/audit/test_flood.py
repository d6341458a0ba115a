"""Does a flood lose nothing, double nothing, and leave an entry for every refused request?

The long forms are marked `soak`: they print what they measured.
"""

import gzip
import json
import os
import random
import signal
import sys
import time
from collections.abc import Callable, Mapping
from pathlib import Path

import psycopg
import pytest
from django.db import connections
from django.test import Client
from pytest_django import Settings

from audit import archive, entries, services, spool
from audit.shipper import Shipper
from tests import cast, databases, doors, environment
from tests.audit import children
from tests.waiting import PATIENCE

pytestmark = pytest.mark.usefixtures("committed")

# Writes denials for ever; each one that was acknowledged is noted, by one append, in a file that kill -9 cannot take back.
WRITER = """
import os, sys
done = os.open(sys.argv[1], os.O_WRONLY | os.O_CREAT | os.O_APPEND, 0o600)
first, last = int(sys.argv[2]), int(sys.argv[3])
for number in range(first, last):
    assert services.record(denial(number)) == "spool"
    os.write(done, b"%09d\\n" % number)
"""


def stored() -> list[int]:
    """The numbers of the entries that are rows of their own."""
    with connections["ops"].cursor() as cursor:
        cursor.execute("SELECT (detail->>'number')::int FROM audit_entry WHERE detail ? 'number' ORDER BY 1")
        return [number for (number,) in cursor.fetchall()]


def counted() -> int:
    """How many entries the bursts stand for."""
    with connections["ops"].cursor() as cursor:
        cursor.execute("SELECT coalesce(sum((detail->>'burst')::int), 0) FROM audit_entry WHERE detail ? 'burst'")
        return int(cursor.fetchone()[0])


def archived(folder: Path) -> list[entries.Entry]:
    """The entries that the archive holds whole."""
    paths = sorted((folder / archive.FOLDER).glob(f"*{archive.SUFFIX}"))
    return [json.loads(line) for path in paths for line in gzip.decompress(path.read_bytes()).splitlines()]


def acknowledged(path: Path) -> list[int]:
    """What a writer was told is safe; a number that its death cut short was not told."""
    # No file: it died before it wrote anything.
    written = path.read_bytes() if path.exists() else b""
    return [int(line) for line in written.split(b"\n") if len(line) == 9]


def test_every_refused_request_leaves_one_entry(settings: Settings, tmp_path: Path) -> None:
    """A burst of refusals of every kind, joined on the request id that each answer named: rows, and what is archived."""
    settings.AIAXIS_HOME = tmp_path
    nobody, member = Client(), doors.browser(cast.BOB)
    nobody.raise_request_exception = member.raise_request_exception = False
    missing = "/files/0190b6a0-7c11-7b3a-9df0-1c2d3e4f5a6b/"
    refused = []
    for _ in range(60):
        answers = [nobody.get(address) for address in ("/files/", "/api/v1/files")]
        answers += [member.get(address) for address in ("/trail/", missing, "/files/?workspace_id=1")]
        refused += [answer["X-Request-Id"] for answer in answers]
    allowed = [member.get("/files/")["X-Request-Id"] for _ in range(3)]
    services._spool(tmp_path / "spool").close()
    Shipper(tmp_path / "spool").ship()
    with connections["ops"].cursor() as cursor:
        cursor.execute("SELECT request_id::text FROM audit_entry WHERE outcome <> 'allowed' AND NOT detail ? 'burst'")
        rows = [key for (key,) in cursor.fetchall()]
    found = rows + [str(entry["request_id"]) for entry in archived(tmp_path / "spool")]
    assert sorted(found) == sorted(refused)
    assert len(rows) + counted() == len(refused)
    assert len(rows) < len(refused)
    assert not set(allowed) & set(found)


def flood(
    tmp_path: Path, *, total: int, writers: int, kills: int, besides: Mapping[str, Callable[[], None]] | None = None
) -> float:
    """Let child processes write while they, the shipper and its connections are killed; returns seconds to the last row.

    ``besides`` names what else may be hit, and how.
    """
    began, share = time.monotonic(), total // writers
    running = {f"writer {n}": _writer(tmp_path, n, n * share, (n + 1) * share) for n in range(writers)}
    running["shipper"] = children.start_command(tmp_path, "ship_audit")
    try:
        _kill_now_and_then(tmp_path, running, share, kills, {"connection": _cut_connections, **(besides or {})})
        for name in sorted(running)[1:]:
            running[name].communicate(timeout=600)
        # The writers are gone, so every segment is finished, and goes away once it is stored.
        while spool.segments(tmp_path / "spool") and time.monotonic() - began < 900:
            time.sleep(0.1)
        return time.monotonic() - began
    finally:
        for process in running.values():
            process.kill()
            process.communicate(timeout=PATIENCE)


def _kill_now_and_then(
    tmp_path: Path,
    running: dict[str, children.Child],
    share: int,
    kills: int,
    besides: Mapping[str, Callable[[], None]],
) -> None:
    chance = random.Random(11)
    for _ in range(kills):
        time.sleep(chance.random() * 0.6)
        victim = chance.choice([*running, *besides])
        if victim in besides:
            besides[victim]()
            continue
        running[victim].kill()
        running[victim].communicate(timeout=PATIENCE)
        if victim == "shipper":
            running[victim] = children.start_command(tmp_path, "ship_audit")
            continue
        number = int(victim.removeprefix("writer "))
        done = acknowledged(tmp_path / f"done-{number}")
        # A line can be safe without its writer having lived to say so: go on behind it.
        running[victim] = _writer(tmp_path, number, max(done, default=number * share - 2) + 2, (number + 1) * share)


def _writer(tmp_path: Path, number: int, first: int, last: int) -> children.Child:
    return children.start(WRITER, tmp_path, arguments=[str(tmp_path / f"done-{number}"), str(first), str(last)])


def _cut_connections() -> None:
    with psycopg.connect(environment.server.superuser_url(), autocommit=True) as connection:
        # Of this process's database alone: other tests run beside this one.
        connection.execute(
            "SELECT pg_terminate_backend(pid) FROM pg_stat_activity WHERE usename = 'aiaxis_audit' AND datname = %s",
            [environment.platform_database],
        )
    # The pool of this process does not know yet that its own are among them.
    databases.leave()


def _kill_postgresql() -> None:
    """kill -9 of the server; started again at once, as the supervisor does."""
    os.kill(_postmaster(), signal.SIGKILL)
    environment.server.start()


def _stop_postgresql(seconds: float) -> None:
    """The server is told to stop, and is away for so long."""
    os.kill(_postmaster(), signal.SIGINT)
    time.sleep(seconds)
    environment.server.start()


def _postmaster() -> int:
    return int((environment.server.places.data / "postmaster.pid").read_text().split()[0])


def _check(tmp_path: Path) -> tuple[int, int]:
    told = [number for path in tmp_path.glob("done-*") for number in acknowledged(path)]
    rows, whole = stored(), [int(entry["detail"]["number"]) for entry in archived(tmp_path / "spool")]
    found = rows + whole
    assert len(found) == len(set(found)), "an entry was stored twice"
    assert set(told) <= set(found), "an acknowledged entry was lost"
    assert len(rows) + counted() == len(found), "the bursts do not stand for what the archive holds"
    # What was written but not told, because its writer died in between, is at most one for each death.
    return len(told), len(found)


def test_a_short_flood_with_deaths_loses_and_doubles_nothing(tmp_path: Path) -> None:
    flood(tmp_path, total=6_000, writers=2, kills=4)
    told, found = _check(tmp_path)
    assert 5_900 < told <= found <= 6_000


@pytest.mark.soak
def test_a_hundred_thousand_denials_with_twenty_deaths(tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    seconds = flood(tmp_path, total=100_000, writers=4, kills=20)
    told, found = _check(tmp_path)
    with capsys.disabled():
        sys.stdout.write(f"\n{told:,} acknowledged, {found:,} stored, {seconds:.1f} s from the first to the last row\n")
    assert told > 99_000


@pytest.mark.soak
def test_postgresql_killed_and_away_for_a_minute_costs_no_entry(
    tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    """Twenty deaths, the server's among them, and then a minute without it while denials go on."""
    deaths: list[str] = []

    def killed() -> None:
        deaths.append("killed")
        _kill_postgresql()

    def away() -> None:
        if "stopped" not in deaths:
            deaths.append("stopped")
            _stop_postgresql(60)

    try:
        besides = {"server": killed, "the server again": killed, "the server, for a minute": away}
        seconds = flood(tmp_path, total=100_000, writers=4, kills=20, besides=besides)
    finally:
        environment.server.start()
        for alias in connections:
            connections[alias].close()
    told, found = _check(tmp_path)
    with capsys.disabled():
        sys.stdout.write(
            f"\nthe server {', '.join(deaths)}: {told:,} acknowledged, {found:,} stored, {seconds:.1f} s to the last row\n"
        )
    assert {"killed", "stopped"} <= set(deaths)
    assert told > 99_000


DIFFERING = WRITER.replace("denial(number)", "{**denial(number), 'fingerprint': f'{number:016x}'}")


def size_of_the_trail() -> int:
    with connections["owner"].cursor() as cursor:
        cursor.execute("SELECT sum(pg_total_relation_size(relid)) FROM pg_partition_tree('audit_entry') WHERE isleaf")
        return int(cursor.fetchone()[0])


@pytest.mark.soak
@pytest.mark.parametrize("script", [DIFFERING, WRITER], ids=["each of another kind", "all alike"])
def test_the_shipper_carries_five_thousand_entries_a_second(
    script: str, tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    """A hundred thousand in the spool. Alike they become few rows: the database grows by their kinds, not their number."""
    children.start(script, tmp_path, arguments=[os.devnull, "0", "100000"]).communicate(timeout=600)
    before, began = size_of_the_trail(), time.monotonic()
    Shipper(tmp_path / "spool").ship()
    seconds = time.monotonic() - began
    grown, rows, more = size_of_the_trail() - before, len(stored()), counted()
    kept = sum(path.stat().st_size for path in (tmp_path / "spool" / archive.FOLDER).glob("*"))
    with capsys.disabled():
        sys.stdout.write(
            f"\n{rows:,} rows and {more:,} counted in {seconds:.1f} s: {(rows + more) / seconds:,.0f} a second; "
            f"the trail grew by {grown:,} bytes, the archive by {kept:,}\n"
        )
    assert rows + more == 100_000
    assert (rows + more) / seconds > 5_000
    if script is WRITER:
        assert grown < 2_000_000
