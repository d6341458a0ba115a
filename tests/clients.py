"""How does somebody of the cast come to the door, with a browser or with a program?

Real credentials: rows in both databases, made by the services that make them for customers, so a request in a test passes exactly
the checks that it passes in production.
"""

from __future__ import annotations

from collections.abc import Collection
from typing import Any
from uuid import uuid4

from django.conf import settings
from django.test import Client

from accounts import cookies
from accounts.identity import tokens
from accounts.identity.base import Client as Where
from accounts.identity.base import Identity, Proof
from accounts.queries import Place
from accounts.scopes import within
from accounts.services import keys, operators, sign_ins
from accounts.tenancy.context import workspace
from tests.cast import PASSWORD, PROVIDER, Person

WHERE = Where(address="192.0.2.10", user_agent="tests")


def session_of(person: Person) -> sign_ins.Opened:
    """Open a session for the person, as a right password would, without the price of checking one."""
    assert person.company is not None
    assert person.role is not None
    place = Place(person.membership_id, person.company.id, person.company.name, person.user_id, person.role)
    identity = Identity(PROVIDER, person.subject, "", person.email, True, "password", None)
    return sign_ins.open_at(place, proof=Proof(identity), client=WHERE)


def browser(person: Person | None = None, **options: Any) -> Client:
    """A browser in which the person is signed in (nobody, without one)."""
    client = Client(**options)
    if person is not None:
        client.cookies[settings.SESSION_COOKIE_NAME] = session_of(person).token
    return client


def operators_browser(person: Person, **options: Any) -> Client:
    """A browser in which an operator is signed in to the operators' site."""
    token = operators.sign_in(email=person.email, password=PASSWORD, client=WHERE, reserve=lambda: None)
    client = Client(**options)
    client.cookies[cookies.OPERATOR] = token
    return client


def key_of(person: Person, scopes: Collection[str] | None = None) -> str:
    """Make an API key for the person; every scope that their role allows unless told otherwise."""
    tenant = session_of(person).tenant
    with workspace(tenant.workspace_id, tenant.membership_id):
        allowed = within(tenant.role) if scopes is None else scopes
        return keys.mint(actor=tenant, name="tests", scopes=allowed, days=1, once=uuid4().hex).value


def program(person: Person | None = None, scopes: Collection[str] | None = None, **options: Any) -> Client:
    """A program with the person's key; without a person, with a key of the right form that nobody has."""
    value = tokens.new_key() if person is None else key_of(person, scopes)
    return Client(headers={"authorization": f"Bearer {value}"}, **options)
