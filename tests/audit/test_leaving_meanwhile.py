"""Does a month leave the trail in its time, whatever goes on beside it, whoever dies, and whatever the clocks were?"""

from __future__ import annotations

from collections.abc import Iterator
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path
from typing import Any

import psycopg
import pytest
from django.db import connections
from pytest_django import Settings

from audit import partitions, verification
from audit.retention import archives, leaving
from tests.audit import months
from tests.audit.months import DUE, NAME

pytestmark = pytest.mark.usefixtures("committed")


@pytest.fixture(autouse=True)
def home(settings: Settings, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Iterator[Path]:
    """A folder of its own, no waiting, and the tables as they were."""
    settings.AIAXIS_HOME = tmp_path
    monkeypatch.setattr(leaving, "PAUSE_SECONDS", 0.01)
    monkeypatch.setattr(partitions, "LOCK_MILLISECONDS", 20)
    with months.as_before():
        yield tmp_path


def leave_beside() -> list[str]:
    """As another process does it: on connections of its own."""
    try:
        return leaving.leave(DUE)
    finally:
        connections.close_all()


def test_a_month_that_would_leave_while_the_trail_is_verified_waits(
    october: list[str], monkeypatch: pytest.MonkeyPatch
) -> None:
    """A table that is dropped is gone from a picture that was taken before, and the note of its archive is not in it."""
    look, left = verification._Archives, list[str]()

    def looks(*about: Any) -> Any:
        found = look(*about)
        with ThreadPoolExecutor(1) as beside:
            left.extend(beside.submit(leave_beside).result())
        return found

    with monkeypatch.context() as meanwhile:
        meanwhile.setattr(verification, "_Archives", looks)
        assert verification.verify().missing == []
    assert left == []
    assert leaving.leave(DUE) == [NAME]
    assert verification.verify().holds


def test_what_a_clock_made_that_was_days_ahead_leaves_with_the_month_of_its_id(
    october: list[str], superuser: psycopg.Connection[Any], monkeypatch: pytest.MonkeyPatch
) -> None:
    """It was sealed before that month began, and kept the whole month in the trail for ever."""
    superuser.execute("UPDATE audit_seal SET sealed_at = '2025-09-20' WHERE seq = 1")
    assert leaving.leave(DUE) == [NAME]
    assert [one["entry"]["id"] for one in months.archived()] == october
    months.seal(monkeypatch)
    assert verification.verify().holds


def test_a_clock_that_is_ahead_lets_nothing_go(october: list[str], ahead: None) -> None:
    """Of the machine's clock and the database's the earlier one counts."""
    assert leaving.leave() == [NAME]
    assert len(months.there()) == 1


def test_a_clock_that_is_ahead_removes_no_archive(october: list[str], request: pytest.FixtureRequest) -> None:
    """When its entries have just left, there is nothing but the archive that holds them."""
    leaving.leave(DUE)
    request.getfixturevalue("ahead")
    assert leaving.leave(DUE) == []
    assert archives.checked(archives.path_of(NAME)).count == 2


def test_one_killed_while_it_takes_an_archive_back_is_gone_on_with(
    october: list[str], monkeypatch: pytest.MonkeyPatch
) -> None:
    """Of an archive to which entries came, half was removed: what is left must not pass for one whose file was lost."""
    unlink = Path.unlink
    gone: list[Path] = []

    def killed(path: Path, *, missing_ok: bool = False) -> None:
        if gone:
            raise KeyboardInterrupt
        gone.append(path)
        unlink(path, missing_ok=missing_ok)

    def grown(*args: Any) -> None:
        raise leaving.Grown

    with monkeypatch.context() as patch:
        patch.setattr(leaving, "_remove", grown)
        take_back = archives.remove

        def dying(path: Path) -> None:
            patch.setattr(Path, "unlink", killed)
            take_back(path)

        patch.setattr(archives, "remove", dying)
        with pytest.raises(KeyboardInterrupt):
            leaving.leave(DUE)
    assert leaving.leave(DUE) == [NAME]
    assert [one["entry"]["id"] for one in months.archived()] == october
    assert verification.verify().holds
