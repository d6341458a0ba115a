"""How does somebody of the cast come in, without typing a password in every test?

Both halves of a real credential are made, by the same services that the pages use; nothing is stubbed, and the request
that follows passes every gate. A test needs the aliases in `DOORS`, or the `committed` fixture.
"""

from __future__ import annotations

from collections.abc import Collection
from datetime import timedelta
from typing import Final

from django.conf import settings
from django.test import Client
from django.utils import timezone

from accounts.cookies import OPERATOR
from accounts.identity import base, tokens
from accounts.identity.store.models import Account
from accounts.queries import Place
from accounts.services import keys, operators, sign_ins
from accounts.tenancy.context import workspace
from tests.cast import PROVIDER, Person
from tests.workos import insisting

DOORS: Final = ("default", "identity", "cache")
BROWSER: Final = base.Client("198.51.100.7", "Mozilla/5.0 (X11; Linux x86_64; rv:140.0) Gecko/20100101 Firefox/140.0")


def session(person: Person) -> sign_ins.Opened:
    """Both halves of a session of this person; `.token` is the cookie's value."""
    if insisting.is_on():
        return sign_ins.open_at(
            insisting.place(place_of(person)), proof=insisting.proof(person, BROWSER), client=BROWSER
        )
    return sign_ins.open_at(place_of(person), proof=proof_of(person), client=BROWSER)


def browser(person: Person | None = None, *, csrf: bool = False) -> Client:
    """A browser in which this person is signed in, or nobody; with `csrf` it is checked as a real one's forms are."""
    client = Client(enforce_csrf_checks=csrf)
    if person is not None:
        client.cookies[settings.SESSION_COOKIE_NAME] = session(person).token
    return client


def key(person: Person, scopes: Collection[str] | None = None, *, days: int | None = 90) -> keys.Minted:
    """Both halves of an API key of this person, with every scope that the role allows; `.value` is what a program sends."""
    opened = session(person)
    scopes = opened.tenant.scopes if scopes is None else scopes
    with workspace(opened.tenant.workspace_id, opened.tenant.membership_id):
        once = f"test-{timezone.now().timestamp()}".replace(".", "-")
        return keys.mint(actor=opened.tenant, name="Test", scopes=scopes, days=days, once=once)


def program(person: Person | None = None, scopes: Collection[str] | None = None) -> Client:
    """A program that sends a key of this person; without a person, a key of the right form that nobody has."""
    value = tokens.new_key() if person is None else key(person, scopes).value
    return Client(headers={"Authorization": f"Bearer {value}"})


def operator(person: Person) -> Client:
    """A browser in which this operator is signed in to the console."""
    client = Client()
    client.cookies[OPERATOR] = operators.open_session(proof_of(person), client=BROWSER)
    return client


def place_of(person: Person) -> Place:
    """The membership of a person of the cast, as the platform would offer it."""
    assert person.company is not None
    assert person.role is not None
    return Place(person.membership_id, person.company.id, person.company.name, person.user_id, person.role)


def proof_of(person: Person) -> base.Proof:
    """What the local store keeps of a right password of a person of the cast: which of their passwords it was."""
    set_at = Account.objects.values_list("password_changed_at", flat=True).get(pk=person.subject)
    return base.Proof(identity_of(person), kept={"which_password": set_at.isoformat()})


def identity_of(person: Person) -> base.Identity:
    """What the local store says of a person of the cast after a right password."""
    return base.Identity(
        provider=PROVIDER,
        subject=person.subject,
        session_id="",
        email=person.email,
        email_verified=True,
        method="password",
        expires_at=timezone.now() + timedelta(hours=1),
    )
