"""Does a key never get more than its limit through however many threads and processes, and almost never wait for the counter?"""

from __future__ import annotations

from concurrent.futures import ThreadPoolExecutor
from uuid import uuid4

import pytest
from django.db import connections
from django.test.utils import CaptureQueriesContext
from pytest_django import Settings

from accounts import allowances
from accounts.allowances import Allowance, Allowances
from accounts.identity.base import Unavailable
from tests.accounts.identity.test_outages import silent

in_a_transaction = pytest.mark.django_db(databases=["cache"])


@pytest.fixture
def credential(monkeypatch: pytest.MonkeyPatch) -> str:
    """A key that nobody has asked with; the clock stands still, so that no limit begins anew in the middle."""
    monkeypatch.setattr("accounts.allowances.time", lambda: 1_800_000_000.5)
    return str(uuid4())


def admitted(answers: list[Allowance]) -> int:
    return sum(not one.is_used_up for one in answers)


@in_a_transaction
def test_one_process_gives_out_the_whole_limit_and_says_exactly_what_is_left(
    settings: Settings, credential: str
) -> None:
    settings.API_RATE = "120/m"
    process = Allowances()
    answers = [process.admit(credential) for _ in range(123)]
    assert [one.left for one in answers] == [*range(119, -1, -1), -1, -1, -1]
    assert {(one.limit, one.window) for one in answers} == {(120, 60)}
    assert {1 <= one.seconds <= 60 for one in answers} == {True}


@in_a_transaction
def test_the_counter_is_asked_for_one_request_in_a_dozen(settings: Settings, credential: str) -> None:
    settings.API_RATE = "600/m"
    process = Allowances()
    process.admit(credential)
    with CaptureQueriesContext(connections["cache"]) as asked:
        for _ in range(119):
            process.admit(credential)
    assert len(asked) == 9


@in_a_transaction
def test_several_processes_together_admit_no_more_and_lose_little(settings: Settings, credential: str) -> None:
    settings.API_RATE = "100/m"
    processes = [Allowances() for _ in range(4)]
    # The others ask once and keep the rest of their pieces; one goes on until it is told to stop.
    answers = [one.admit(credential) for one in processes]
    answers += [processes[0].admit(credential) for _ in range(200)]
    assert 100 - 3 <= admitted(answers) <= 100
    # What they kept is good, and then nothing is.
    answers += [one.admit(credential) for one in processes for _ in range(5)]
    assert admitted(answers) == 100


def test_threads_of_several_processes_are_admitted_as_often_as_the_limit_says(
    settings: Settings, credential: str, committed: None
) -> None:
    """Check-then-count let 97 of 320 through at a limit of ten (measured, before the counters were one statement)."""
    settings.API_RATE = "100/m"
    processes = [Allowances(), Allowances()]

    def ask(number: int) -> list[Allowance]:
        try:
            return [processes[number % 2].admit(credential) for _ in range(40)]
        finally:
            connections["cache"].close()

    with ThreadPoolExecutor(8) as threads:
        answers = [one for found in threads.map(ask, range(8)) for one in found]
    assert len(answers) == 320
    assert admitted(answers) == 100


@in_a_transaction
def test_a_new_window_and_another_key_have_a_limit_of_their_own(
    settings: Settings, credential: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    settings.API_RATE = "2/m"
    process = Allowances()
    assert [process.admit(credential).left for _ in range(3)] == [1, 0, -1]
    assert process.admit(str(uuid4())).left == 1
    monkeypatch.setattr("accounts.allowances.time", lambda: 1_800_000_060.5)
    assert process.admit(credential).left == 1


@in_a_transaction
def test_what_is_over_in_this_very_second_is_no_outage(
    settings: Settings, credential: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    """The last second of a window was taken for a silent cache when the clock moved on between two looks at it."""
    settings.API_RATE = "600/m"
    for second in range(120):
        monkeypatch.setattr("accounts.allowances.time", lambda moment=1_800_000_000.999 + second: moment)
        assert 1 <= Allowances().admit(credential).seconds <= 60


def test_what_cannot_be_counted_is_not_admitted(settings: Settings, credential: str, committed: None) -> None:
    settings.API_RATE = "100/m"
    process = Allowances()
    with silent("cache"), pytest.raises(Unavailable):
        process.admit(credential)
    assert process.admit(credential).left == 99


@in_a_transaction
def test_a_process_forgets_who_asked_longest_ago(
    settings: Settings, credential: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    settings.API_RATE = "100/m"
    monkeypatch.setattr(allowances, "_MOST_KEYS", 2)
    process = Allowances()
    for key in (credential, "another", "a third"):
        process.admit(key)
    assert len(process._taken) == 2
    # It takes anew, from a counter that remembers what it took before.
    assert process.admit(credential).left == 97
