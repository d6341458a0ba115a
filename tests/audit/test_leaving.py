"""Does what was kept long enough leave the trail, and nothing else, never, and never without its archive?"""

from __future__ import annotations

import gzip
import json
from collections.abc import Callable, Iterator
from datetime import UTC, date, datetime, timedelta
from hashlib import sha256
from pathlib import Path
from typing import Any

import psycopg
import pytest
from django.conf import settings as configured
from django.core.management import call_command
from django.db import ProgrammingError, connections, transaction
from pytest_django import Settings

from accounts import isolation, rounds
from accounts.tenancy.models import new_id
from audit import disk, health, notes, partitions, verification
from audit.retention import archives, leaving
from audit.rules import Retention
from tests import cast, environment
from tests.audit import children, months
from tests.audit.months import DUE, NAME, OCTOBER, OLD
from tests.waiting import PATIENCE, until

pytestmark = pytest.mark.usefixtures("committed")


@pytest.fixture(autouse=True)
def home(settings: Settings, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Iterator[Path]:
    """A folder of its own, no waiting, and the tables as they were."""
    settings.AIAXIS_HOME = tmp_path
    monkeypatch.setattr(leaving, "PAUSE_SECONDS", 0.01)
    monkeypatch.setattr(partitions, "LOCK_MILLISECONDS", 20)
    with months.as_before():
        yield tmp_path


def told(action: str) -> list[dict[str, Any]]:
    with connections["ops"].cursor() as cursor:
        cursor.execute("SELECT detail::text FROM audit_entry WHERE action = %s ORDER BY id", [action])
        return [json.loads(detail) for (detail,) in cursor.fetchall()]


def test_a_month_is_archived_and_leaves_and_the_chain_goes_on_to_hold(
    october: list[str], monkeypatch: pytest.MonkeyPatch
) -> None:
    assert leaving.leave(DUE) == [NAME]
    assert OLD not in months.pieces()
    assert len(months.there()) == 1
    assert [one["entry"]["id"] for one in months.archived()] == october
    assert [json.loads(one["entry"]["detail"])["ok"] for one in months.archived()] == [True, True]
    [archived], [left] = told("audit.month_archived"), told("audit.month_left")
    assert archived == left
    assert (left["file"], left["entries"]) == (f"{NAME}.jsonl.gz", 2)
    assert left["sha256"] == archives.checked(archives.path_of(NAME)).file.hex()
    months.seal(monkeypatch)
    report = verification.verify()
    assert report.holds, report
    assert report.archived == 2
    assert health.kept_back(configured.AIAXIS_HOME / "spool") == []


def test_a_month_stays_until_its_last_day_is_old_enough(october: list[str]) -> None:
    assert leaving.leave(date(2026, 10, 31)) == []
    assert OLD in months.pieces()
    assert set(october) <= set(months.there())


@pytest.mark.parametrize(
    ("retention", "day_before"),
    [
        (Retention.DAYS_30, date(2025, 11, 30)),
        (Retention.DAYS_90, date(2026, 1, 29)),
        (Retention.DAYS_365, date(2026, 10, 31)),
        (Retention.YEARS_7, date(2032, 10, 31)),
    ],
)
def test_each_class_is_kept_for_its_time_and_leaves_the_day_after(
    retention: Retention, day_before: date, monkeypatch: pytest.MonkeyPatch
) -> None:
    """Acme chose; what Birch did at the same moment is of the installation's class and shares no piece with it."""
    months.chosen(cast.ACME, retention, date(2025, 9, 1))
    partitions.ensure("owner", OCTOBER)
    [of_acme, of_birch] = months.put(date(2025, 10, 31), cast.ALICE, cast.CHARLIE)
    months.seal(monkeypatch)
    with connections["ops"].cursor() as cursor:
        cursor.execute("SELECT tableoid::regclass::text FROM audit_entry WHERE id = %s", [of_acme])
        assert cursor.fetchone() == (f"audit_entry_{retention}_2025_10",)
    left = set(leaving.leave(day_before))
    assert f"{retention}-2025-10" not in left
    assert of_acme in months.there()
    assert retention.last_day(OCTOBER) == day_before + timedelta(days=1)
    assert f"{retention}-2025-10" in leaving.leave(day_before + timedelta(days=1))
    assert of_acme not in months.there()
    assert (of_birch in months.there()) == (day_before < date(2026, 10, 31))


def test_what_came_late_leaves_the_default_piece_and_the_rest_of_it_stays(
    october: list[str], monkeypatch: pytest.MonkeyPatch
) -> None:
    """From a spool of a machine that was away until the month had left, beside an entry that no month takes yet."""
    leaving.leave(DUE)
    [late] = months.put(date(2025, 10, 5), cast.ADA, first=40)
    [early] = months.put(date(2026, 12, 24), cast.ADA, first=41)
    [far] = months.put(date(2090, 1, 1), cast.ADA, first=42)
    months.seal(monkeypatch)
    assert leaving.leave(DUE) == [f"d365-late-{late}"]
    assert told("audit.month_left")[-1]["file"] == f"d365-late-{late}.jsonl.gz"
    assert late not in months.there()
    assert {early, far} <= set(months.there())
    months.seal(monkeypatch)
    report = verification.verify()
    assert report.holds, report
    assert (report.archived, report.waiting) == (3, 0)


def test_what_has_no_seal_stays_and_is_told(monkeypatch: pytest.MonkeyPatch, home: Path) -> None:
    partitions.ensure("owner", OCTOBER)
    months.put(OCTOBER, cast.ALICE)
    assert leaving.leave(DUE) == []
    assert leaving.leave(DUE) == []
    assert not list(archives.folder().glob("*"))
    assert OLD in months.pieces()
    # Once a day, however often it is tried.
    assert told("audit.month_kept_back") == [{"piece": NAME, "why": "1 of its 1 entries have no seal"}]
    assert "have no seal" in health.kept_back(home / "spool")[0]
    months.seal(monkeypatch)
    assert leaving.leave(DUE) == [NAME]
    assert health.kept_back(home / "spool") == []


def test_an_entry_that_was_changed_stays_where_it_can_be_looked_at(
    october: list[str], superuser: psycopg.Connection[Any]
) -> None:
    superuser.execute("UPDATE audit_entry SET outcome = 'denied' WHERE id = %s", [october[1]])
    assert leaving.leave(DUE) == []
    assert OLD in months.pieces()
    assert not list(archives.folder().glob("*"))
    assert october[1] in told("audit.month_kept_back")[0]["why"]
    assert verification.verify().broken == [f"entry {october[1]} is not what was sealed"]


Step = tuple[Any, str]
STEPS: list[Step] = [
    (archives, "_written"),
    (disk, "created"),
    (archives, "write"),
    (archives, "checked"),
    (leaving, "_note"),
    (leaving, "_take_out"),
    (leaving, "_remove"),
    (leaving, "_forget_copies"),
]


@pytest.mark.parametrize("after", [False, True], ids=["before", "after"])
@pytest.mark.parametrize(("where", "name"), STEPS, ids=[name for _, name in STEPS])
def test_one_killed_at_any_step_is_gone_on_with(
    where: Any, name: str, after: bool, october: list[str], home: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """kill -9, in a process of its own: nothing tidies up after it."""
    script = f"""
import os, signal
from datetime import date
from {where.__name__} import {name} as step
import {where.__name__} as where
from audit.retention import leaving
def dies(*args, **kwargs):
    if {after}:
        step(*args, **kwargs)
    os.kill(os.getpid(), signal.SIGKILL)
where.{name} = dies
leaving.leave(date(2026, 11, 1))
"""
    process = children.start(script, home)
    _, err = process.communicate(timeout=PATIENCE)
    assert process.returncode == -9, err
    # Whatever has left the table is in an archive that holds.
    if OLD not in months.pieces():
        assert archives.checked(archives.path_of(NAME)).count == 2
    # The database gives a dead client's lock back when it notices the death.
    assert until(lambda: (leaving.leave(DUE), OLD not in months.pieces())[1])
    assert [one["entry"]["id"] for one in months.archived()] == october
    assert (len(told("audit.month_archived")), len(told("audit.month_left"))) == (1, 1)
    assert {path.name for path in archives.folder().iterdir()} == {f"{NAME}.jsonl.gz", f"{NAME}.jsonl.gz.note"}
    months.seal(monkeypatch)
    assert verification.verify().holds


def _pack_anew(path: Path) -> None:
    """The same entries in another file: not the one whose digest stands in the trail."""
    path.write_bytes(gzip.compress(gzip.decompress(path.read_bytes()), 1))


def _cut(path: Path) -> None:
    path.write_bytes(path.read_bytes()[:-4])


def _remove_the_file(path: Path) -> None:
    path.unlink()


def _another_note(path: Path) -> None:
    forged = notes.Archive(NAME, 2, bytes(32), bytes(32), ((0, 1),))
    archives.note_of(path).write_text(notes.signed(forged, bytes(range(32))))


def _another_key(path: Path) -> None:
    """Write the file anew without its last entry, with a note that fits and a key of one's own."""
    kept = gzip.decompress(path.read_bytes()).splitlines(keepends=True)[:1]
    path.write_bytes(gzip.compress(b"".join(kept), mtime=0))
    found = notes.opened_archive(archives.note_of(path).read_text(), configured.SEAL_KEY)
    forged = notes.Archive(NAME, 1, sha256(path.read_bytes()).digest(), found.digest, ((0, 0),))
    archives.note_of(path).write_text(notes.signed(forged, bytes(range(32))))


@pytest.mark.parametrize("sabotage", [months.spoil, _pack_anew, _cut, _remove_the_file, _another_note, _another_key])
def test_nothing_leaves_when_its_archive_is_not_what_was_written(
    sabotage: Callable[[Path], None], october: list[str], monkeypatch: pytest.MonkeyPatch, home: Path
) -> None:
    with monkeypatch.context() as patch:
        patch.setattr(leaving, "_remove", lambda *_: None)
        leaving.leave(DUE)
    sabotage(archives.path_of(NAME))
    assert leaving.leave(DUE) == []
    assert set(october) <= set(months.there())
    assert told("audit.month_left") == []
    [why] = told("audit.month_kept_back")
    assert NAME in why["why"]
    with pytest.raises(SystemExit):
        call_command("keep_trail")


def test_nothing_leaves_when_the_disk_is_full(october: list[str], home: Path) -> None:
    script = """
import resource, signal
from datetime import date
signal.signal(signal.SIGXFSZ, signal.SIG_IGN)
from audit.retention import leaving
resource.setrlimit(resource.RLIMIT_FSIZE, (300, resource.RLIM_INFINITY))
print(leaving.leave(date(2026, 11, 1)))
"""
    process = children.start(script, home)
    out, err = process.communicate(timeout=PATIENCE)
    assert out.strip() == "[]", err
    assert set(october) <= set(months.there())
    assert told("audit.month_kept_back") == [{"piece": NAME, "why": "File too large"}]
    assert not list(archives.folder().glob("*"))
    assert leaving.leave(DUE) == [NAME]


def test_an_entry_that_comes_between_archive_and_removal_is_archived_too(
    october: list[str], monkeypatch: pytest.MonkeyPatch
) -> None:
    taken = leaving._take_out
    calls: list[list[str]] = []

    def late(*args: Any) -> None:
        if not calls:
            calls.append(months.put(date(2025, 10, 9), cast.ADA, first=50))
            months.seal(monkeypatch)
        taken(*args)

    with monkeypatch.context() as patch:
        patch.setattr(leaving, "_take_out", late)
        assert leaving.leave(DUE) == [NAME]
    assert [one["entry"]["id"] for one in months.archived()] == [*october, *calls[0]]
    assert verification.verify().holds


def test_entries_that_somebody_removed_after_the_archive_keep_it_from_being_written_anew(
    october: list[str], superuser: psycopg.Connection[Any], monkeypatch: pytest.MonkeyPatch
) -> None:
    with monkeypatch.context() as patch:
        patch.setattr(leaving, "_remove", lambda *_: None)
        leaving.leave(DUE)
    superuser.execute("DELETE FROM audit_entry WHERE id = ANY(%s)", [october])
    assert leaving.leave(DUE) == []
    assert archives.checked(archives.path_of(NAME)).count == 2
    assert "removed from it past us" in told("audit.month_kept_back")[0]["why"]


def test_somebody_who_reads_for_long_is_waited_for_and_holds_up_nobody(october: list[str]) -> None:
    with transaction.atomic(using="seal"), connections["seal"].cursor() as cursor:
        cursor.execute("SELECT count(*) FROM audit_entry")
        assert leaving.leave(DUE) == []
        # A nightly dump is no alarm; one that lasts until the next round is.
        assert told("audit.month_kept_back") == []
        assert leaving.leave(DUE) == []
        assert "somebody reads" in told("audit.month_kept_back")[0]["why"]
        months.put(datetime.now(UTC).date(), cast.ADA, first=60)
    assert leaving.leave(DUE) == [NAME]


def test_a_coming_month_is_made_when_nobody_reads_for_long() -> None:
    """Whoever waited for that reader would hold up everybody who writes to the trail."""
    with transaction.atomic(using="seal"), connections["seal"].cursor() as cursor:
        cursor.execute("SELECT count(*) FROM audit_entry")
        assert partitions.ensure("owner", date(2032, 5, 1)) == []
        months.put(datetime.now(UTC).date(), cast.ADA)
    assert len(partitions.ensure("owner", date(2032, 5, 1))) == 3


def test_the_worker_lets_go_by_itself(october: list[str]) -> None:
    rounds.REGISTRY["audit.leave"].make()
    assert months.there() == [one for one in months.there() if one not in october]
    assert archives.checked(archives.path_of(NAME)).count == 2


def test_two_at_once_are_not_in_each_others_way(october: list[str]) -> None:
    with psycopg.connect(environment.server.url("aiaxis_owner", environment.platform_database)) as other:
        other.execute("SELECT pg_advisory_xact_lock(hashtextextended('audit.retention', 0))")
        assert leaving.leave(DUE) == []
        assert told("audit.month_kept_back") == []
    assert leaving.leave(DUE) == [NAME]


def test_a_month_that_is_empty_leaves_without_an_archive(monkeypatch: pytest.MonkeyPatch) -> None:
    partitions.ensure("owner", OCTOBER)
    assert leaving.leave(DUE) == []
    assert OLD not in months.pieces()
    assert {"piece": NAME, "file": "", "entries": 0, "sha256": ""} in told("audit.month_left")


def test_archives_and_exports_end_with_their_time(october: list[str]) -> None:
    """The promise is that entries are gone after a while; copies that stay would break it quietly."""
    leaving.leave(DUE)
    with connections["owner"].cursor() as cursor:
        for age in (6, 8):
            cursor.execute(
                "INSERT INTO audit_export (id, workspace_id, membership_id, format, status, filters, total, done, created_at) "
                "VALUES (%s, %s, %s, 'jsonl', 'ready', '{}', 0, 0, now() - %s * interval '1 day')",
                [new_id(), cast.ACME.id, cast.ALICE.membership_id, age],
            )
    leaving.leave(DUE)
    assert archives.path_of(NAME).exists()
    _left_days_ago(31)
    leaving.leave(DUE)
    leaving.leave(DUE)
    assert not list(archives.folder().iterdir())
    assert told("audit.archive_removed") == [{"file": f"{NAME}.jsonl.gz"}]
    with connections["owner"].cursor() as cursor:
        cursor.execute("SELECT count(*) FROM audit_export")
        assert cursor.fetchone() == (1,)
    assert verification.verify().holds


def _left_days_ago(days: int) -> None:
    with psycopg.connect(environment.server.superuser_url(), dbname=environment.platform_database) as line:
        line.execute("SET session_replication_role = replica")
        line.execute("UPDATE audit_archive SET left_at = left_at - %s * interval '1 day'", [days])


def test_new_pieces_carry_no_grants_and_show_nobody_anything(october: list[str]) -> None:
    """Asked directly, a piece would know no policy of its parent's: the grant alone would open it."""
    assert isolation.prove().findings == ()
    for alias in ("default", "ops", "audit", "seal"):
        with connections[alias].cursor() as cursor, pytest.raises(ProgrammingError, match="permission denied"):
            cursor.execute(f"SELECT * FROM {OLD}")
    with connections["owner"].cursor() as cursor:
        cursor.execute(f"GRANT SELECT ON {OLD} TO aiaxis_app")
    assert [finding.where for finding in isolation.prove().findings] == [OLD]
    with cast.acting(cast.ALICE), connections["default"].cursor() as cursor:
        cursor.execute(f"SELECT * FROM {OLD}")
        assert cursor.fetchall() == []


def test_no_role_that_runs_may_write_what_has_left() -> None:
    for alias in ("default", "ops", "queue", "audit", "seal"):
        for statement in ("INSERT INTO audit_archive VALUES ('x', 'x', now())", "DELETE FROM audit_archive"):
            with connections[alias].cursor() as cursor:
                cursor.execute("SET default_transaction_read_only = off")
                with pytest.raises(ProgrammingError, match="permission denied"):
                    cursor.execute(statement)


def test_the_command_makes_months_and_says_what_left(october: list[str], capsys: pytest.CaptureFixture[str]) -> None:
    call_command("keep_trail")
    assert f"{NAME} is archived and has left the trail." in capsys.readouterr().out
    assert archives.checked(archives.path_of(NAME)).count == 2
