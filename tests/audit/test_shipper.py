"""Does every spooled entry become one row, whatever dies on the way?"""

import gzip
import json
import os
import random
import time
from collections.abc import Callable
from datetime import UTC, datetime, timedelta
from pathlib import Path

import pytest
from django.db import connections

from accounts.http import Refusal
from audit import archive, entries, health, spool
from audit.reviews import blocks
from audit.rules import Retention
from audit.shipper import Shipper
from tests.audit import children
from tests.waiting import PATIENCE, until

pytestmark = pytest.mark.usefixtures("committed")


def denial(number: int) -> entries.Entry:
    """One of many that differ in their minute, so that none is counted with another."""
    entry = alike(number)
    entry["occurred_at"] = (datetime(2026, 1, 1, tzinfo=UTC) + timedelta(minutes=number)).isoformat(
        timespec="milliseconds"
    )
    return entry


def alike(number: int) -> entries.Entry:
    """One of a flood: the same fingerprint as every other."""
    refusal = Refusal("not_found", "request.refused", "notice", {"number": str(number)})
    return entries.denial(None, status=404, refusal=refusal, actor=None)


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


def archived(folder: Path) -> list[int]:
    """The numbers of the entries that the archive holds whole."""
    lines = [
        line
        for path in (folder / archive.FOLDER).glob("*.gz")
        for line in gzip.decompress(path.read_bytes()).splitlines()
    ]
    return sorted(int(json.loads(line)["detail"]["number"]) for line in lines)


def reports() -> dict[str, int]:
    with connections["ops"].cursor() as cursor:
        cursor.execute("SELECT action, (detail->>'lines')::int FROM audit_entry WHERE action LIKE 'audit.%%'")
        return dict(cursor.fetchall())


def fill(writer: spool.Spool, first: int, last: int, make: Callable[[int], entries.Entry] = denial) -> None:
    for number in range(first, last):
        writer.append(entries.encode(make(number)))


def test_it_ships_a_living_writers_lines_and_keeps_the_segment(tmp_path: Path) -> None:
    writer = spool.Spool(tmp_path)
    shipper = Shipper(tmp_path)
    fill(writer, 0, 10)
    assert shipper.ship() == 10
    assert len(spool.segments(tmp_path)) == 1
    fill(writer, 10, 15)
    assert shipper.ship() == 5
    assert shipper.ship() == 0
    writer.close()
    assert shipper.ship() == 0
    assert spool.segments(tmp_path) == []
    assert stored() == list(range(15))


def test_a_new_shipper_begins_again_and_stores_nothing_twice(tmp_path: Path) -> None:
    writer = spool.Spool(tmp_path, segment_bytes=4000)
    fill(writer, 0, 50)
    assert Shipper(tmp_path).ship() == 50
    fill(writer, 50, 60)
    assert Shipper(tmp_path).ship() == 10
    assert stored() == list(range(60))


def test_a_torn_line_is_counted_and_told_once(tmp_path: Path) -> None:
    good = entries.encode(denial(1))
    path = tmp_path / f"01763900000000000000-1-a{spool.SUFFIX}"
    path.write_bytes(b'{"id": "half\n' + good + b"[1]\n" + good[:40])
    assert Shipper(tmp_path).ship() == 2
    path.write_bytes(b'{"id": "half\n' + good + b"[1]\n" + good[:40])
    assert Shipper(tmp_path).ship() == 0
    assert stored() == [1]
    assert reports() == {"audit.line_unreadable": 3}


def test_an_entry_that_the_database_refuses_stops_nobody_else(tmp_path: Path) -> None:
    poison = json.dumps({**denial(2), "severity": "far too long a word"}).encode() + b"\n"
    lines = [entries.encode(denial(number)) for number in (0, 1)] + [poison, entries.encode(denial(3))]
    (tmp_path / f"01763900000000000000-1-a{spool.SUFFIX}").write_bytes(b"".join(lines))
    assert Shipper(tmp_path).ship() == 4
    assert stored() == [0, 1, 3]
    assert reports() == {"audit.entry_rejected": 1}
    [kept] = (tmp_path / "rejected").iterdir()
    assert json.loads(kept.read_bytes())["detail"] == {"number": "2"}


def test_a_file_that_cannot_be_opened_holds_up_none_behind_it(tmp_path: Path) -> None:
    """As a command that somebody ran as another user leaves one; it was the oldest, and nothing was shipped any more."""
    theirs = tmp_path / f"{0:020d}-1-theirs{spool.SUFFIX}"
    theirs.symlink_to("what we may not follow")
    writer = spool.Spool(tmp_path)
    fill(writer, 0, 30, alike)
    writer.close()
    shipper = Shipper(tmp_path)
    with pytest.raises(OSError, match=theirs.name):
        shipper.ship()
    assert (stored(), counted()) == (list(range(20)), 10)
    assert spool.segments(tmp_path) == [theirs]
    assert not shipper._attempt()
    assert health.trouble(tmp_path) == [
        "Audit entries wait in the spool, because a file there cannot be read or put away: the shipper’s log says which."
    ]
    assert (tmp_path / blocks.NAME).exists(), "who is shut out is told to the web processes all the same"
    theirs.unlink()
    assert shipper._attempt()
    assert health.trouble(tmp_path) == []


def test_what_cannot_be_removed_from_the_archive_is_told_of_once_in_ten_minutes(tmp_path: Path) -> None:
    kept = tmp_path / archive.FOLDER / f"a.{Retention.DAYS_30}{archive.SUFFIX}"
    kept.mkdir(parents=True)
    long_ago = time.time() - 62 * 86400
    os.utime(kept, (long_ago, long_ago))
    shipper = Shipper(tmp_path)
    assert [shipper._attempt() for _ in range(3)] == [False, True, True]
    with connections["ops"].cursor() as cursor:
        cursor.execute("SELECT count(*) FROM audit_entry WHERE action = 'audit.archive_shortened'")
        assert cursor.fetchone() == (1,)


def test_while_the_database_is_away_everything_waits_and_readiness_says_so(tmp_path: Path) -> None:
    folder = tmp_path / "spool"
    writer = spool.Spool(folder)
    fill(writer, 0, 20)
    writer.close()
    assert health.trouble(folder) == ["Audit entries wait in the spool, because no shipper has run here yet."]
    process = children.start_command(tmp_path, "ship_audit", DATABASE_AUDIT_URL=children.DEAD_DATABASE)
    assert until((folder / spool.NOTE).exists)
    process.terminate()
    process.communicate(timeout=PATIENCE)
    assert process.returncode == 0
    assert health.trouble(folder) == ["Audit entries wait in the spool, because the database does not take them."]
    assert stored() == []
    assert Shipper(folder).ship() == 20
    assert stored() == list(range(20))
    assert health.trouble(folder) == []


def more_than(before: int) -> bool:
    return until(lambda: len(stored()) > before)


def test_a_shipper_killed_at_any_moment_loses_and_doubles_nothing(tmp_path: Path) -> None:
    """Thousands of denials that differ, and thousands alike between them; the shipper is killed again and again.

    Rows and what the bursts stand for are exactly what was written, and what has no row is whole in the archive.
    """
    folder = tmp_path / "spool"
    writer = spool.Spool(folder, segment_bytes=300_000)
    chance = random.Random(7)
    total = 0
    for _ in range(2):
        for begin in range(total, total + 2000, 50):
            fill(writer, begin, begin + 25)
            fill(writer, begin + 25, begin + 50, alike)
        total += 2000
        process = children.start_command(tmp_path, "ship_audit")
        assert more_than(len(stored()))
        time.sleep(chance.random() * 0.05)
        process.kill()
        process.communicate(timeout=PATIENCE)
    writer.close()
    Shipper(folder).ship()
    assert counted() > 1000
    assert len(stored()) + counted() == total
    assert sorted(stored() + archived(folder)) == list(range(total))
    assert spool.segments(folder) == []


def test_two_shippers_do_not_share_a_spool(tmp_path: Path) -> None:
    with spool.sole_reader(tmp_path) as first, spool.sole_reader(tmp_path) as second:
        assert first
        assert not second


def test_it_ships_by_itself_and_stops_when_told(tmp_path: Path) -> None:
    process = children.start_command(tmp_path, "ship_audit")
    writer = spool.Spool(tmp_path / "spool")
    assert until((tmp_path / "spool" / spool.NOTE).exists)
    fill(writer, 0, 3)
    assert until(lambda: stored() == [0, 1, 2])
    process.terminate()
    process.communicate(timeout=PATIENCE)
    assert process.returncode == 0
