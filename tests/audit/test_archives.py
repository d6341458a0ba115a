"""Is what left the trail known for ever, can anybody check its archive, and does nothing else excuse a gap?"""

from __future__ import annotations

import json
import re
from collections.abc import Callable, Iterator
from hashlib import sha256
from pathlib import Path
from typing import Any

import psycopg
import pytest
from django.conf import settings as configured
from django.core.management import call_command
from django.db import connections
from pytest_django import Settings

from audit import notes, verification
from audit.retention import archives, leaving
from tests import environment
from tests.audit import children, months
from tests.audit.months import DUE, NAME, OLD
from tests.waiting import PATIENCE

pytestmark = pytest.mark.usefixtures("committed")


@pytest.fixture(autouse=True)
def home(settings: Settings, tmp_path: Path) -> Iterator[Path]:
    """A folder of its own, and the tables as they were."""
    settings.AIAXIS_HOME = tmp_path
    with months.as_before():
        yield tmp_path


def test_a_month_that_was_dropped_by_hand_is_missing(october: list[str], superuser: psycopg.Connection[Any]) -> None:
    superuser.execute(f"DROP TABLE {OLD}")
    assert sorted(verification.verify().missing) == sorted(october)


def test_the_archive_of_one_month_does_not_excuse_another(
    october: list[str], superuser: psycopg.Connection[Any]
) -> None:
    leaving.leave(DUE)
    superuser.execute("DELETE FROM audit_entry WHERE id = %s", months.there())
    report = verification.verify()
    assert len(report.missing) == 1
    assert report.archived == 2


def _without_note(line: psycopg.Connection[Any]) -> None:
    line.execute("DELETE FROM audit_archive")


def _wider(line: psycopg.Connection[Any]) -> None:
    """Claim one entry more, with a signature of one's own."""
    [note] = line.execute("SELECT note FROM audit_archive").fetchone() or [""]
    found = notes.opened_archive(note, configured.SEAL_KEY)
    wider = notes.Archive(found.name, 3, found.file, found.digest, ((0, 2),))
    line.execute("UPDATE audit_archive SET note = %s", [notes.signed(wider, bytes(range(32)))])


def _of_other_places(line: psycopg.Connection[Any]) -> None:
    """Even with the very key: the seals say what stood there."""
    [note] = line.execute("SELECT note FROM audit_archive").fetchone() or [""]
    found = notes.opened_archive(note, configured.SEAL_KEY)
    wider = notes.Archive(found.name, 3, found.file, found.digest, ((0, 2),))
    line.execute("UPDATE audit_archive SET note = %s", [notes.signed(wider, configured.SEAL_KEY)])


@pytest.mark.parametrize("sabotage", [_without_note, _wider, _of_other_places])
def test_a_note_that_is_gone_or_forged_excuses_nothing(
    sabotage: Callable[[psycopg.Connection[Any]], None], october: list[str], superuser: psycopg.Connection[Any]
) -> None:
    leaving.leave(DUE)
    assert verification.verify().holds
    sabotage(superuser)
    assert not verification.verify().holds


def test_an_archive_is_verified_without_a_database(
    october: list[str], home: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    leaving.leave(DUE)
    nowhere = "postgresql://nobody:x@/aiaxis?host=/nonexistent-socket"
    changes = dict.fromkeys(environment.ROLE_VARIABLES, nowhere)
    path = str(archives.path_of(NAME))
    process = children.start_command(home, "verify_audit", "--archive", path, "--json", **changes)
    out, err = process.communicate(timeout=PATIENCE)
    assert json.loads(out)["entries"] == 2, err
    assert json.loads(out)["places"] == [[0, 0], [2, 2]]
    months.spoil(archives.path_of(NAME))
    with pytest.raises(SystemExit):
        call_command("verify_audit", "--archive", path)


def test_anybody_can_recompute_an_archive_from_its_lines(october: list[str]) -> None:
    """Written anew from what docs/deploy.md says of the format, and not with our own reader."""
    leaving.leave(DUE)
    with connections["seal"].cursor() as cursor:
        cursor.execute("SELECT leaves FROM audit_seal ORDER BY seq")
        leaves = b"".join(bytes(one) for (one,) in cursor.fetchall())
    escapes = {"\\": r"\\", "\b": r"\b", "\f": r"\f", "\n": r"\n", "\r": r"\r", "\t": r"\t", "\v": r"\v"}
    for one in months.archived():
        values = [
            r"\N" if value is None else re.sub(r"[\\\b\f\n\r\t\v]", lambda found: escapes[found[0]], value)
            for value in one["entry"].values()
        ]
        leaf = sha256("\t".join(values).encode() + b"\n").digest()
        assert leaves[one["place"] * 32 : one["place"] * 32 + 32] == leaf


def test_an_archive_is_for_its_owner_alone(october: list[str]) -> None:
    leaving.leave(DUE)
    found = [archives.folder(), *archives.folder().iterdir()]
    assert [path.stat().st_mode & 0o077 for path in found] == [0, 0, 0]
    assert not any(path.name.endswith(".new") for path in found)
