"""Is a breached password found in a file that is too large to load, and is a file that cannot be used told at the start?"""

from __future__ import annotations

import hashlib
from pathlib import Path
from typing import BinaryIO

import pytest
from django.core.checks import run_checks
from django.core.management import call_command
from django.core.management.base import SystemCheckError
from hypothesis import HealthCheck, given
from hypothesis import settings as hypothesis_settings
from hypothesis import strategies as st
from pytest_django import Settings

from accounts.identity import breaches, hashing, passwords
from accounts.identity.base import Unavailable

BREACHED = "a password that somebody lost in 2019"
ALONE = "seventeen unrelated herons"


def digest(password: str) -> str:
    return hashlib.sha1(password.encode(), usedforsecurity=False).hexdigest().upper()


def write(path: Path, listed: list[str], end: str = "\n") -> Path:
    lines = sorted(f"{digest(password)}:{number + 1}" for number, password in enumerate(listed))
    path.write_bytes((end.join(lines) + end).encode())
    return path


@pytest.fixture
def listed(tmp_path: Path, settings: Settings) -> Path:
    path = write(tmp_path / "breached.txt", [BREACHED, *(f"filler {number}" for number in range(5000))])
    settings.BREACHED_PASSWORDS_FILE = str(path)
    return path


def test_a_breached_password_is_refused_and_says_why(listed: Path) -> None:
    with pytest.raises(passwords.WeakPassword, match="somebody else’s breach"):
        passwords.check(BREACHED)
    passwords.check(ALONE)


def test_without_a_file_nothing_is_looked_up(settings: Settings) -> None:
    settings.BREACHED_PASSWORDS_FILE = ""
    passwords.check(BREACHED)


@pytest.mark.parametrize("end", ["\n", "\r\n"])
def test_the_first_the_last_and_every_other_line_is_found(tmp_path: Path, settings: Settings, end: str) -> None:
    every = [f"password {number}" for number in range(257)]
    settings.BREACHED_PASSWORDS_FILE = str(write(tmp_path / "list.txt", every, end))
    assert all(breaches.contains(password) for password in every)
    assert not any(breaches.contains(f"other {number}") for number in range(257))


@given(st.lists(st.text(min_size=1, max_size=20), max_size=30), st.text(min_size=1, max_size=20))
@hypothesis_settings(suppress_health_check=[HealthCheck.function_scoped_fixture], max_examples=60)
def test_it_says_what_a_set_would_say(
    tmp_path_factory: pytest.TempPathFactory, settings: Settings, every: list[str], asked: str
) -> None:
    path = tmp_path_factory.mktemp("lists") / "list.txt"
    normal = [hashing.normalized(password) for password in every]
    settings.BREACHED_PASSWORDS_FILE = str(write(path, normal))
    assert breaches.contains(asked) == (hashing.normalized(asked) in set(normal))


def test_it_reads_a_few_lines_and_not_the_file(listed: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    real, reads = breaches._line_from, []

    def counted(file: BinaryIO, position: int) -> bytes:
        reads.append(position)
        return real(file, position)

    monkeypatch.setattr(breaches, "_line_from", counted)
    assert breaches.contains(BREACHED)
    assert len(reads) <= 25


@pytest.mark.parametrize(
    ("content", "says"),
    [
        (None, "cannot be read"),
        (b"", "does not begin with a line such as"),
        (b"password\nletmein\n", "does not begin with a line such as"),
        (("F" * 40 + ":1\n" + "0" * 40 + ":1\n").encode() * 40, "is not sorted"),
    ],
)
def test_a_file_that_cannot_be_used_stops_the_start_with_a_sentence(
    tmp_path: Path, settings: Settings, content: bytes | None, says: str
) -> None:
    path = tmp_path / "list.txt"
    if content is not None:
        path.write_bytes(content)
    settings.BREACHED_PASSWORDS_FILE = str(path)
    with pytest.raises(SystemCheckError, match=rf"BREACHED_PASSWORDS_FILE: \S+ {says}"):
        call_command("check")


def test_a_good_file_lets_it_start(listed: Path) -> None:
    assert not [message for message in run_checks() if message.id == "accounts.E007"]


def test_a_file_that_goes_away_accepts_no_password(listed: Path) -> None:
    listed.unlink()
    with pytest.raises(Unavailable, match="breached"):
        passwords.check(ALONE)
