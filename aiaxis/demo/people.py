"""Who lives in the demo, and how do they come to be?

Acme has an owner, a member and a viewer; Birch has an owner, who is a stranger to all of them; one operator runs the
platform. Their rows are written by the owner's role, as an installation's first workspaces are; their passwords go to
the identity store by the same function that any other account takes.
"""

from __future__ import annotations

import secrets
import time
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass

import pyotp
from django.db import transaction

from accounts.http import Tenant
from accounts.identity import hashing, providers, second_factors
from accounts.identity.base import Client
from accounts.identity.local import EmailTaken
from accounts.identity.spelling import email_key
from accounts.identity.store.models import Account
from accounts.models import ApiKey, IdentityLink, Membership, Role, User, Workspace
from accounts.scopes import within
from accounts.services import keys, sessions, sign_ins
from accounts.tenancy.context import whole_workspace, workspace
from aiaxis.demo.sign_ins import Key

HERE = Client(address="127.0.0.1", user_agent="the demo")
KEY_NAME = "Demo key with every scope"


@dataclass(frozen=True, slots=True)
class Person:
    """Somebody of the demo; an operator has neither workspace nor role."""

    name: str
    workspace: str = ""
    role: Role | None = None

    @property
    def email(self) -> str:
        """Return the address the person signs in with; `.example` belongs to nobody (RFC 2606)."""
        return f"{self.name.lower()}@{(self.workspace or 'aiaxis').lower()}.example"


PEOPLE = (
    Person("Alice", "Acme", Role.OWNER),
    Person("Bob", "Acme", Role.MEMBER),
    Person("Vera", "Acme", Role.VIEWER),
    Person("Charlie", "Birch", Role.OWNER),
)
OPERATORS = (Person("Olga"),)
EVERYBODY = (*PEOPLE, *OPERATORS)
OWNERS = tuple(person for person in PEOPLE if person.role is Role.OWNER)


def all_there() -> bool:
    """Say whether both systems know everybody, and whether each operator has a second factor."""
    emails = [person.email for person in EVERYBODY]
    known_here = User.objects.using("owner").filter(email__in=emails).count()
    accounts = Account.objects.filter(email_key__in=map(email_key, emails))
    operators = accounts.filter(email_key__in=[email_key(one.email) for one in OPERATORS])
    with_factor = operators.filter(second_factor__confirmed_at__isnull=False).count()
    return known_here == len(emails) == accounts.count() and with_factor == len(OPERATORS)


def ensure(person: Person, password: str) -> None:
    """Make this person in both systems, or give the one who is there this password."""
    subject = _account(person, password)
    with transaction.atomic(using="owner"):
        user, _ = User.objects.using("owner").update_or_create(
            email=person.email, defaults={"display_name": person.name, "is_operator": person.role is None}
        )
        IdentityLink.objects.using("owner").update_or_create(
            provider=providers.LOCAL.name, subject=subject, defaults={"user": user}
        )
        if person.role is not None:
            _membership(person, user)


def _account(person: Person, password: str) -> str:
    try:
        return providers.LOCAL.create_account(email=person.email, password=password).identity.subject
    except EmailTaken:
        # The file with the sign-ins was lost: nobody knows the old password any more, so nobody loses by a new one.
        account = Account.objects.get(email_key=email_key(person.email))
        with hashing.slot():
            account.password = hashing.encoded(password)
        account.save(update_fields=["password"])
        return str(account.pk)


def authenticator(person: Person, known: str | None) -> str:
    """Give an operator the second factor without which no console opens; returns its seed, the known one if it still is on."""
    subject = str(Account.objects.get(email_key=email_key(person.email)).pk)
    if second_factors.is_on(subject):
        if known:
            return known
        # The file that held the seed was lost, or comes from a version without one: nobody has it, so nobody loses it.
        second_factors.switch_off(subject, record=lambda: None)
    second_factors.begin(subject)
    seed = second_factors.pending(subject).secret
    # With the code of a moment ago, so that the one of this moment is still good for whoever signs in at once.
    before = pyotp.TOTP(seed).at(int(time.time()) - second_factors.STEP_SECONDS)
    second_factors.confirm(subject, before, record=lambda: None)
    return seed


def _membership(person: Person, user: User) -> None:
    place, _ = Workspace.objects.using("owner").get_or_create(
        slug=person.workspace.lower(), defaults={"name": person.workspace}
    )
    with whole_workspace(place.pk):
        Membership.objects.using("owner").update_or_create(
            user_id=user.pk, defaults={"role": person.role, "display_name": person.name, "email": person.email}
        )


@contextmanager
def signed_in(person: Person, password: str) -> Iterator[Tenant]:
    """Sign in as the person, run the block inside the fence as a request of theirs would, and sign out again."""
    proof = sign_ins.prove(email=person.email, password=password, client=HERE, reserve=lambda: None)
    place = next(found for found in sign_ins.places(proof.identity) if found.workspace_name == person.workspace)
    opened = sign_ins.open_at(place, proof=proof, client=HERE)
    with workspace(place.workspace_id, place.membership_id):
        yield opened.tenant
        sessions.sign_out(actor=opened.tenant)


def key_of(actor: Tenant) -> Key:
    """Mint a key with every scope for the acting owner; one of an earlier load ends."""
    for old in ApiKey.objects.filter(name=KEY_NAME, revoked_at__isnull=True):
        keys.revoke(actor=actor, key_id=old.pk)
    scopes = sorted(within(actor.role))
    minted = keys.mint(actor=actor, name=KEY_NAME, scopes=scopes, days=None, once=secrets.token_urlsafe(16))
    return Key(workspace=actor.workspace_name, email=actor.email, key=minted.value, scopes=scopes)
