"""Is a round made by one worker at a time, again after a failure, at once when somebody is in a hurry, and by another when that one dies?"""

from __future__ import annotations

import threading
from collections.abc import Iterator

import psycopg
import pytest
from django.conf import settings

from accounts import rounds
from tests.waiting import PATIENCE


class Made:
    """Counts how often the round was made; lets a test wait for the next time."""

    def __init__(self) -> None:
        self.count = 0
        self.failing = False
        self.happened = threading.Semaphore(0)

    def __call__(self) -> None:
        """Be made once."""
        self.count += 1
        self.happened.release()
        if self.failing:
            raise RuntimeError("this round fails")

    def wait(self) -> bool:
        """Wait until it was made once more."""
        return self.happened.acquire(timeout=PATIENCE)


@pytest.fixture
def made(monkeypatch: pytest.MonkeyPatch, committed: None) -> Iterator[Made]:
    """A round that would come again in an hour, kept by two workers until the test is over."""
    made = Made()
    monkeypatch.setattr(rounds, "REGISTRY", {"tests.round": rounds.Round("tests.round", 3600, made)})
    stop = threading.Event()
    threads = rounds.start(stop) + rounds.start(stop)
    yield made
    stop.set()
    for thread in threads:
        thread.join(PATIENCE)


def test_one_of_two_workers_makes_it(made: Made) -> None:
    assert made.wait()
    rounds.hurry("tests.round")
    assert made.wait()
    assert made.count == 2


def test_it_is_made_again_after_a_failure(made: Made) -> None:
    made.failing = True
    assert made.wait()
    rounds.hurry("tests.round")
    assert made.wait()


def test_another_takes_over_when_the_one_who_made_it_is_gone(made: Made) -> None:
    assert made.wait()
    with psycopg.connect(settings.DATABASE_QUEUE_URL, autocommit=True) as line:
        line.execute(
            "SELECT pg_terminate_backend(pid) FROM pg_stat_activity "
            "WHERE application_name = 'tests.round' AND datname = current_database()"
        )
    assert made.wait()
