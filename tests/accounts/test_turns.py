"""Do the requests of one workspace wait for each other, and nobody else for them (a noisy neighbour)?"""

from __future__ import annotations

import threading
from collections.abc import Callable, Iterator
from contextlib import ExitStack, contextmanager, nullcontext
from dataclasses import replace
from uuid import uuid4

import pytest
from django.test import Client

from accounts import turns
from accounts.turns import MOST_AT_WORK, TURNS, Turns
from accounts.waiting import MOST_IN_LINE_OF_MEMBER, MOST_IN_LINE_OF_WORKSPACE, in_line
from tests.cast import ACME, ADA, BOB, CHARLIE, Person
from tests.doors import DOORS, browser, program
from tests.waiting import until

Asking = Callable[[Person], Client]


@pytest.fixture(autouse=True)
def _everybody_works_long(monkeypatch: pytest.MonkeyPatch) -> None:
    """Where a test does not ask what a quarter of a second does, none goes by."""
    monkeypatch.setattr(turns, "LONGEST", 3600.0)


@contextmanager
def all_at_work(own: Turns, name: object) -> Iterator[None]:
    with ExitStack() as held:
        for _ in range(MOST_AT_WORK):
            held.enter_context(own.turn(name, nullcontext))
        yield


class Waiter(threading.Thread):
    """One request that notes when it gave back what it held, and when it began."""

    def __init__(self, own: Turns, name: object, said: list[str], word: str) -> None:
        super().__init__(daemon=True)
        self._own, self._name, self._said, self._word = own, name, said, word
        before = own.waiting(name)
        self.start()
        assert until(lambda: own.waiting(name) > before or not self.is_alive())

    def run(self) -> None:
        with self._own.turn(self._name, self.in_line):
            self._said.append(f"begins {self._word}")

    @contextmanager
    def in_line(self) -> Iterator[None]:
        self._said.append(f"waits {self._word}")
        yield


def test_it_waits_for_its_own_only_and_in_the_order_of_coming() -> None:
    own, said = Turns(), list[str]()
    with all_at_work(own, "acme"):
        first = Waiter(own, "acme", said, "first")
        second = Waiter(own, "acme", said, "second")
        assert own.waiting("acme") == 2
        Waiter(own, "birch", said, "other").join()
        assert said == ["waits first", "waits second", "begins other"]
    first.join()
    second.join()
    assert said[3:] == ["begins first", "begins second"]
    assert (own._at_work, own._waiting) == ({}, {}), "who is done is forgotten"


def test_who_waits_for_a_model_or_a_stranger_keeps_nobody_waiting(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(turns, "LONGEST", 0.05)
    own, said = Turns(), list[str]()
    with all_at_work(own, "acme"):
        Waiter(own, "acme", said, "second").join()
        assert said == ["waits second", "begins second"], "it began only after it had waited"


@pytest.mark.django_db(databases=DOORS)
@pytest.mark.parametrize(("ask", "path", "other"), [(program, "/api/v1/files", browser), (browser, "/files/", program)])
def test_a_request_waits_for_its_colleagues_and_for_nobody_else(ask: Asking, path: str, other: Asking) -> None:
    """Another workspace goes on, and so does this one through its other door."""
    name = (ACME.id, ask is program)
    ada, bob, charlie = ask(ADA), ask(BOB), ask(CHARLIE)
    with all_at_work(TURNS, name), ExitStack() as held:
        # Bob has as many in line as one member may; Ada finds a place behind them.
        for _ in range(MOST_IN_LINE_OF_MEMBER):
            held.enter_context(in_line(BOB.tenant))
        refused = bob.get(path)
        assert (refused.status_code, refused["Retry-After"]) == (429, "5")
        assert "Very many requests of your workspace came at once." in refused.content.decode()
        assert charlie.get(path).status_code == 200
        assert other(BOB).get("/files/" if ask is program else "/api/v1/files").status_code == 200
        with in_line(ADA.tenant):
            pass
        for _ in range(MOST_IN_LINE_OF_WORKSPACE - MOST_IN_LINE_OF_MEMBER):
            held.enter_context(in_line(replace(ADA.tenant, membership_id=uuid4())))
        assert ada.get(path).status_code == 429
    assert bob.get(path).status_code == 200
