"""Is a flood counted exactly, kept whole, and shown as what it is?"""

import gzip
import json
import os
import stat
import time
from collections.abc import Callable
from datetime import UTC, date, datetime, timedelta
from pathlib import Path
from typing import Any

import pytest
from django.db import connections
from django.utils import timezone
from pytest_django import Settings

from accounts.http import Refusal
from accounts.operators import Operator
from audit import archive, bursts, entries, ledger, spool, verification
from audit.rules import Retention
from audit.services import spool_folder
from audit.shipper import Shipper
from tests import cast, doors

NAME = f"01763900000000000000-1-a{spool.SUFFIX}"


def denial(number: int = 0, *, severity: str = "notice", person: cast.Person | None = None) -> entries.Entry:
    refusal = Refusal("not_found", "request.refused", severity, {"number": str(number)})
    entry = entries.denial(None, status=404, refusal=refusal, actor=person.tenant if person else None)
    entry["occurred_at"] = f"2026-01-01T10:00:{number % 60:02d}.000+00:00"
    return entry


def today() -> date:
    """By this machine's clock alone."""
    return timezone.now().date()


def write(folder: Path, *found: entries.Entry) -> None:
    folder.mkdir(exist_ok=True)
    (folder / NAME).write_bytes(b"".join(entries.encode(entry) for entry in found))


def rows() -> list[dict[str, Any]]:
    with connections["ops"].cursor() as cursor:
        cursor.execute("SELECT detail FROM audit_entry WHERE action = 'request.refused' ORDER BY id")
        return [json.loads(detail) if isinstance(detail, str) else detail for (detail,) in cursor.fetchall()]


def test_the_first_twenty_of_a_minute_are_rows_and_the_rest_one_more(committed: None, tmp_path: Path) -> None:
    flood = [denial(number) for number in range(50)]
    write(tmp_path, *flood)
    assert Shipper(tmp_path).ship() == 21
    [burst] = [detail for detail in rows() if "burst" in detail]
    assert burst["burst"] == 30
    assert (burst["first"], burst["last"]) == (flood[20]["occurred_at"], flood[49]["occurred_at"])
    assert [one["id"] for one in burst["samples"]] == [flood[place]["id"] for place in (20, 21, 47, 48, 49)]
    assert archive.lines_of(tmp_path, burst["archive"]) == [entries.encode(one).rstrip() for one in flood[20:]]
    assert spool.segments(tmp_path) == []


def test_another_minute_begins_anew() -> None:
    counting = bursts.Counting(NAME)
    later = {**denial(), "occurred_at": "2026-01-01T10:01:00.000+00:00"}
    assert [counting.admits(denial()) for _ in range(21)].count(True) == 20
    assert counting.admits(later)


@pytest.mark.parametrize(
    "entry",
    [
        entries.fact("file.deleted", actor=cast.BOB.tenant),
        entries.operator_act("operator.read", operator_id=cast.OLGA.user_id, name="Olga", detail={}),
        entries.denial(None, status=404, refusal=None, actor=Operator(cast.OLGA.user_id, "Olga", "", "", cast.OLGA.user_id, None, None)),  # type: ignore[arg-type]  # its times do not matter here
    ],
    ids=["a fact", "an operator's act", "an operator's refusal"],
)  # fmt: skip
def test_facts_and_what_operators_do_are_never_counted_together(entry: entries.Entry) -> None:
    counting = bursts.Counting(NAME)
    assert all(counting.admits(dict(entry)) for _ in range(100))
    assert counting.bursts({}) == []


def test_nothing_grave_hides_behind_a_flood_of_something_small() -> None:
    """The same fingerprint, but another severity or another workspace's trail, is counted by itself."""
    counting = bursts.Counting(NAME)
    for number in range(1000):
        counting.admits(denial(number))
    assert counting.admits({**denial(), "severity": "critical"})
    assert counting.admits({**denial(), "workspace_id": str(cast.ACME.id)})


def test_a_line_that_is_no_entry_of_ours_is_left_to_the_database() -> None:
    counting = bursts.Counting(NAME)
    for name in ("occurred_at", "fingerprint", "http", "actor_type"):
        broken = {key: value for key, value in denial().items() if key != name}
        assert all(counting.admits(broken) for _ in range(30))
        assert all(counting.admits({**denial(), name: 7}) for _ in range(30))


def test_whoever_begins_a_segment_again_decides_the_same() -> None:
    flood = [denial(number, severity=("notice", "critical")[number % 3 == 0]) for number in range(200)]
    first, second = bursts.Counting(NAME), bursts.Counting(NAME)
    for entry in flood[:77]:
        second.admits(entry)
    second = bursts.Counting(NAME)
    assert [first.admits(entry) for entry in flood] == [second.admits(entry) for entry in flood]
    assert first.bursts({}) == second.bursts({})
    assert len(first.bursts({})) == 2


DEATHS: list[tuple[object, str]] = [
    (archive, "keep"),
    (os, "fsync"),
    (spool, "delete"),
    (ledger, "post"),
    (Shipper, "_report"),
]


@pytest.mark.parametrize("after", [False, True], ids=["before", "after"])
@pytest.mark.parametrize(("where", "name"), DEATHS, ids=[name for _, name in DEATHS])
def test_a_shipper_that_dies_at_any_step_counts_nothing_twice(
    where: object, name: str, after: bool, committed: None, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """Each step is the last that one shipper makes, undone or done; the next one begins the segment again."""
    flood = [denial(number) for number in range(300)]
    write(tmp_path, *flood)
    for calls in range(1, 4):
        monkeypatch.setattr(where, name, _dying(getattr(where, name), calls, after=after))
        try:
            Shipper(tmp_path).ship()
        except _Death:
            pass
        finally:
            monkeypatch.undo()
    Shipper(tmp_path).ship()
    found = rows()
    assert [detail["burst"] for detail in found if "burst" in detail] == [280]
    assert len(found) == 21
    assert archive.lines_of(tmp_path, NAME) == [entries.encode(one).rstrip() for one in flood[20:]]


class _Death(BaseException):
    """Not an ``Exception``: nothing in the code may tidy up after it."""


def _dying(step: Callable[..., Any], calls: int, *, after: bool) -> Callable[..., Any]:
    made = 0

    def die(*args: Any, **kwargs: Any) -> Any:
        nonlocal made
        made += 1
        outcome = step(*args, **kwargs) if made < calls or after else None
        if made == calls:
            raise _Death
        return outcome

    return die


def test_the_archive_is_for_its_owner_alone(tmp_path: Path) -> None:
    archive.keep(tmp_path, NAME, Retention.DAYS_365, [b"{}"])
    [kept] = (tmp_path / archive.FOLDER).iterdir()
    assert stat.S_IMODE(kept.stat().st_mode) == 0o600
    assert stat.S_IMODE(kept.parent.stat().st_mode) == 0o700


def test_what_is_too_old_or_too_much_leaves_the_archive_oldest_first(tmp_path: Path) -> None:
    for number in range(4):
        archive.keep(tmp_path, f"{number}{spool.SUFFIX}", Retention.DAYS_365, [os.urandom(1000)])
    paths = sorted((tmp_path / archive.FOLDER).iterdir())
    assert archive.overdue(tmp_path, today=today(), limit=10_000).paths == []
    os.utime(paths[0], (time.time() - 400 * 86400,) * 2)
    assert archive.overdue(tmp_path, today=today()).paths == paths[:1]
    assert archive.overdue(tmp_path, today=today(), limit=2500).paths == paths[:2]


@pytest.mark.parametrize("retention", Retention)
@pytest.mark.parametrize("day", [1, 31])
def test_the_refusals_of_a_flood_are_kept_as_long_as_the_entries_of_their_workspace(
    retention: Retention, day: int, tmp_path: Path
) -> None:
    """The entry that counts them names the file, and stays until its whole month is old enough."""
    archive.keep(tmp_path, NAME, retention, [b"{}"])
    [kept] = (tmp_path / archive.FOLDER).iterdir()
    os.utime(kept, (datetime(2025, 10, day, 12, tzinfo=UTC).timestamp(),) * 2)
    leaves = retention.last_day(date(2025, 10, 1))
    assert archive.overdue(tmp_path, today=leaves - timedelta(days=1)).paths == []
    assert archive.overdue(tmp_path, today=leaves).paths == [kept]


def test_a_line_that_the_database_would_not_take_goes_after_a_year(tmp_path: Path) -> None:
    line = tmp_path / "rejected" / spool.set_aside(tmp_path, b"{}")
    assert archive.overdue(tmp_path, today=today()).paths == []
    os.utime(line, (time.time() - 400 * 86400,) * 2)
    assert archive.overdue(tmp_path, today=today()).paths == [line]


def test_leaving_the_archive_is_an_entry(committed: None, tmp_path: Path) -> None:
    archive.keep(tmp_path, NAME, Retention.DAYS_365, [b"{}"])
    [kept] = (tmp_path / archive.FOLDER).iterdir()
    os.utime(kept, (time.time() - 400 * 86400,) * 2)
    Shipper(tmp_path)._attempt()
    with connections["ops"].cursor() as cursor:
        cursor.execute(
            "SELECT detail->>'files', detail->>'last' FROM audit_entry WHERE action = 'audit.archive_shortened'"
        )
        assert cursor.fetchall() == [("1", kept.name)]
    assert not kept.exists()


def test_a_clock_that_is_ahead_removes_nothing_from_the_archive(committed: None, tmp_path: Path, ahead: None) -> None:
    """Like the trail's months, and unlike them nothing would be left: what a flood held is nowhere else."""
    archive.keep(tmp_path, NAME, Retention.DAYS_30, [b"{}"])
    spool.set_aside(tmp_path, b"{}")
    assert len(archive.overdue(tmp_path, today=today()).paths) == 2
    Shipper(tmp_path)._attempt()
    assert [len(list((tmp_path / folder).iterdir())) for folder in ("archive", "rejected")] == [1, 1]


def test_a_burst_fits_into_a_line_whatever_its_samples_are_written_in() -> None:
    """A line that is too long is cut, and with it would go the count."""
    counting = bursts.Counting(NAME)
    for _ in range(40):
        entry = denial(person=cast.BOB)
        entry["http"] = {"method": "GET", "route": "r" * 256, "path": "😀" * 512}
        entry["actor_name"] = "😀" * 128
        counting.admits(entry)
    [burst] = counting.bursts({})
    assert json.loads(entries.encode(burst))["detail"]["burst"] == 20


def test_a_burst_whose_samples_do_not_fit_keeps_its_count() -> None:
    """An agent's address takes any word, and the answers of one address differ in nothing else: 😀 are twelve bytes each."""
    counting = bursts.Counting(NAME)
    for number in range(40):
        entry = entries.denial(
            None, status=404, refusal=None, actor=cast.BOB.tenant, target=("agent", f"{number}{'😀' * 64}")
        )
        entry["http"] = {"method": "GET", "route": "r" * 200, "path": "😀" * 512}
        entry["actor_name"] = "😀" * 128
        entry["request_id"], entry["client_address"] = entry["id"], "2001:db8:1111:2222:3333:4444:5555:6666"
        counting.admits(entry)
    # As many files as there are classes.
    [burst] = counting.bursts(archive.place(NAME, dict.fromkeys(Retention, "f" * 64)))
    line = entries.encode(burst)
    assert len(line) <= spool.LINE_LIMIT
    told = json.loads(line)["detail"]
    assert told["burst"] == 20
    assert [told[name] for name in ("first", "last", "archive", "archive_mark")] == [
        burst["detail"][name] for name in ("first", "last", "archive", "archive_mark")
    ]
    assert [one["id"] for one in told["samples"]] == [one["id"] for one in burst["detail"]["samples"]]


def test_both_trails_say_how_many_more_there_were(committed: None, settings: Settings, tmp_path: Path) -> None:
    settings.AIAXIS_HOME = tmp_path
    counting = bursts.Counting(NAME)
    for number in range(3432):
        counting.admits(denial(number, person=cast.BOB))
    # As many files as there are classes.
    [burst] = counting.bursts(archive.place(NAME, dict.fromkeys(Retention, "f" * 64)))
    ledger.post([entries.encode(burst)])
    words = "3,412 more of these between 10:00:00 and 10:00:59 UTC."
    owner, operator = doors.browser(cast.ALICE), doors.operator(cast.OLGA)
    pages = ["/trail/", f"/trail/{burst['id']}/"], ["/operator/audit/entry/", f"/operator/audit/entry/{burst['id']}/"]
    for browser, addresses in zip((owner, operator), pages, strict=True):
        for address in addresses:
            assert words in browser.get(address).content.decode(), address
    text = owner.get(pages[0][1]).content.decode()
    assert "A flood" in text
    assert text.count("table__note") == 5


def shipped(folder: Path) -> Path:
    """A flood that the trail holds, and the file that holds what was counted of it."""
    write(folder, *[denial(number) for number in range(50)])
    Shipper(folder).ship()
    assert verification.verify().holds
    [file] = (folder / archive.FOLDER).iterdir()
    return file


@pytest.fixture
def folder(settings: Settings, tmp_path: Path) -> Path:
    settings.AIAXIS_HOME = tmp_path
    return spool_folder()


def test_whoever_changes_what_was_counted_is_found(committed: None, folder: Path) -> None:
    """P6: 98 of 100 refusals of a flood are in such a file alone, and no seal covered them."""
    file = shipped(folder)
    lines = gzip.decompress(file.read_bytes()).splitlines(keepends=True)
    file.write_bytes(gzip.compress(b"".join(lines[1:])))
    report = verification.verify()
    assert not report.holds
    [found] = report.broken
    assert "counts refusals" in found


def test_one_that_cannot_be_read_is_said_to_be(committed: None, folder: Path) -> None:
    file = shipped(folder)
    file.unlink()
    file.mkdir()
    assert verification.verify().broken == [f"the flood archive {file.name} cannot be read: Is a directory"]


def test_a_file_on_another_machine_or_gone_in_its_time_is_no_finding(committed: None, folder: Path) -> None:
    shipped(folder).unlink()
    assert verification.verify().holds


def test_a_members_own_sql_casts_no_doubt_on_a_file(committed: None, folder: Path) -> None:
    """P7: it may add entries that say anything, and a check that cries wolf is believed by nobody."""
    shipped(folder)
    [burst] = [detail for detail in rows() if "burst" in detail]
    for told in ({"archive_mark": "0" * 64}, {}, {"archive": "../../../dev/zero"}):
        changed = dict.fromkeys(burst["archive_sha256"], "0" * 64)
        ledger.post([entries.encode({**denial(), "detail": {**burst, "archive_sha256": changed, **told}})])
    assert verification.verify().holds
