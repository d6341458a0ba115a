"""How do the walks over every address share what they ask with, instead of making it anew for each address?

A module's own transactions hold a session and a key of everybody, and one of everything for some of them. Each test runs in a
savepoint and is undone by it, whatever it deleted, so the next finds the same. Nothing is ever committed, as in any test
with `django_db`, which such a module has no use for beside this.
"""

from __future__ import annotations

from collections.abc import Collection, Iterator
from contextlib import ExitStack, contextmanager
from typing import Final

import pytest
from django.conf import settings
from django.db import transaction
from django.test import Client

from accounts.cookies import OPERATOR
from conversations.watching import HUB
from tests import doors
from tests.addresses import Address
from tests.cast import ADA, ALICE, BOB, CHARLIE, OLGA, VERA, Person
from tests.factories import Desk, a_full_desk

ALIASES: Final = ("default", "identity", "cache", "ops", "audit")
MEMBERS: Final = (ALICE, ADA, BOB, VERA, CHARLIE)


@contextmanager
def undone(aliases: Collection[str] = ALIASES) -> Iterator[None]:
    """Let the block write whatever it likes, and take it all back."""
    with ExitStack() as blocks:
        for alias in aliases:
            block = transaction.atomic(using=alias)
            # What must be the outermost may stand inside this one, as in Django's own tests.
            block._from_testcase = True  # type: ignore[attr-defined]  # the stubs leave it out
            blocks.enter_context(block)
        try:
            yield
        finally:
            for alias in aliases:
                transaction.set_rollback(True, using=alias)


class Standing:
    """Credentials of everybody, and desks: private ones, and of Alice and her stranger one that is shared as well."""

    def __init__(self) -> None:
        self.desks: dict[Person, Desk] = {person: a_full_desk(person) for person in (ALICE, BOB, VERA, CHARLIE)}
        self.shared: dict[Person, Desk] = {person: a_full_desk(person, "workspace") for person in (ALICE, CHARLIE)}
        self._sessions = {person: doors.session(person).token for person in MEMBERS}
        self._keys = {person: doors.key(person).value for person in MEMBERS}
        self._operator = doors.operator(OLGA).cookies[OPERATOR].value

    def browser(self, person: Person) -> Client:
        """A browser in which this person is signed in: to the console if it is an operator."""
        client = Client()
        if person is OLGA:
            client.cookies[OPERATOR] = self._operator
        else:
            client.cookies[settings.SESSION_COOKIE_NAME] = self._sessions[person]
        return client

    def program(self, person: Person) -> Client:
        """A program with a key of this person."""
        return Client(headers={"Authorization": f"Bearer {self._keys[person]}"})

    def client_for(self, address: Address, person: Person) -> Client:
        """Whatever this person would use at this address."""
        return self.program(person) if address.is_api else self.browser(person)


@pytest.fixture(scope="module")
def for_the_module(django_db_setup: None, django_db_blocker: pytest.FixtureRequest) -> Iterator[Standing]:
    with django_db_blocker.unblock(), undone():  # type: ignore[attr-defined]  # pytest-django's blocker
        yield Standing()
    # Streams are asked as well, and the line on which they listen would outlive the tests' server.
    HUB.close()


@pytest.fixture
def standing(for_the_module: Standing) -> Iterator[Standing]:
    """What stands for the module, for one test, which may do with it what it likes."""
    with undone():
        yield for_the_module
