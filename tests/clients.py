"""Who asks: somebody of the cast through a door (`tests.doors`), or nobody at all?"""

from __future__ import annotations

from collections.abc import Collection
from typing import Any

from django.conf import settings
from django.test import Client

from accounts.cookies import OPERATOR
from accounts.identity import tokens
from accounts.scopes import within
from accounts.services import sign_ins
from tests import doors
from tests.cast import Person


def session_of(person: Person) -> sign_ins.Opened:
    """Both halves of a session of the person."""
    return doors.session(person)


def browser(person: Person | None = None, **options: Any) -> Client:
    """A browser in which the person is signed in; nobody, without one."""
    client = Client(**options)
    if person is not None:
        client.cookies[settings.SESSION_COOKIE_NAME] = session_of(person).token
    return client


def operators_browser(person: Person) -> Client:
    """A browser in which an operator is signed in to the console."""
    client = doors.operator(person)
    assert OPERATOR in client.cookies
    return client


def key_of(person: Person, scopes: Collection[str] | None = None) -> str:
    """An API key of the person; with every scope that their role allows unless told otherwise."""
    assert person.role is not None
    return doors.key(person, within(person.role) if scopes is None else scopes).value


def program(person: Person | None = None, scopes: Collection[str] | None = None) -> Client:
    """A program with the person's key; without a person, with a key of the right form that nobody has."""
    value = tokens.new_key() if person is None else key_of(person, scopes)
    return Client(headers={"authorization": f"Bearer {value}"})
