"""Who plays in the tests?

Alice owns Acme, Ada administers it, Bob is a member there, Vera a viewer. Charlie owns Birch: a stranger with his own
twin of every row, to be treated as an attacker (L51). Olga is an operator. Their rows are committed once into every
test database; what a test adds is rolled back, or removed by the `committed` fixture.
"""

from __future__ import annotations

import uuid
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from functools import cache

from django.db import transaction

from accounts.http import Tenant
from accounts.identity import hashing
from accounts.identity.store.models import Account
from accounts.models import IdentityLink, Membership, Role, User, Workspace
from accounts.tenancy.context import whole_workspace, workspace

_NAMES = uuid.UUID("0193b0c4-7a00-7000-8000-000000000000")
PROVIDER = "local"
PASSWORD = "correct horse battery staple of the cast"


def _id(name: str) -> uuid.UUID:
    return uuid.uuid5(_NAMES, name)


@dataclass(frozen=True)
class Company:
    """A workspace of the cast."""

    name: str

    @property
    def id(self) -> uuid.UUID:
        """Return the workspace's id."""
        return _id(f"workspace {self.name}")


@dataclass(frozen=True)
class Person:
    """Somebody of the cast; `company` is None for an operator."""

    name: str
    company: Company | None
    role: Role | None

    @property
    def email(self) -> str:
        """Return the address the person signs in with."""
        return f"{self.name.lower()}@{self.company.name.lower() if self.company else 'aiaxis'}.test"

    @property
    def user_id(self) -> uuid.UUID:
        """Return the id of the person's user row."""
        return _id(f"user {self.name}")

    @property
    def membership_id(self) -> uuid.UUID:
        """Return the id of the person's membership row."""
        return _id(f"membership {self.name}")

    @property
    def subject(self) -> str:
        """Return the id of the person's account in the local identity store."""
        return str(_id(f"account {self.name}"))

    @property
    def tenant(self) -> Tenant:
        """Return what the middleware would attach to this person's request."""
        assert self.company is not None
        assert self.role is not None
        return Tenant(
            workspace_id=self.company.id,
            workspace_name=self.company.name,
            user_id=self.user_id,
            membership_id=self.membership_id,
            role=self.role,
            scopes=frozenset(),
            method="password",
            credential_id=_id(f"session {self.name}"),
            display_name=self.name,
            email=self.email,
        )


ACME, BIRCH = Company("Acme"), Company("Birch")
ALICE = Person("Alice", ACME, Role.OWNER)
ADA = Person("Ada", ACME, Role.ADMIN)
BOB = Person("Bob", ACME, Role.MEMBER)
VERA = Person("Vera", ACME, Role.VIEWER)
CHARLIE = Person("Charlie", BIRCH, Role.OWNER)
OLGA = Person("Olga", None, None)
EVERYONE = (ALICE, ADA, BOB, VERA, CHARLIE, OLGA)


@contextmanager
def acting(person: Person) -> Iterator[Tenant]:
    """Run the block as this person, in the fence, as a request of theirs would."""
    assert person.company is not None
    with workspace(person.company.id, person.membership_id):
        yield person.tenant


def enter() -> None:
    """Write the cast's platform rows as the owner, or put them back as they were. Safe to repeat."""
    with transaction.atomic(using="owner"):
        for company in (ACME, BIRCH):
            Workspace.objects.using("owner").update_or_create(
                id=company.id,
                defaults={
                    "name": company.name,
                    "slug": company.name.lower(),
                    "status": "active",
                    "status_reason": "",
                    "erase_after": None,
                    "most_bytes": None,
                    "most_files": None,
                    "organization_id": None,
                    "requires_sso": False,
                    "joins_as": "",
                },
            )
        for person in EVERYONE:
            enter_one(person)


@cache
def _stored_password() -> str:
    return hashing.encoded(PASSWORD)


def enter_one(person: Person) -> None:
    """Write one person's rows: of the cast, or of somebody whom a test adds. `committed` removes who is not of the cast."""
    User.objects.using("owner").update_or_create(
        id=person.user_id,
        defaults={
            "email": person.email,
            "display_name": person.name,
            "is_active": True,
            "is_operator": person.company is None,
        },
    )
    Account.objects.update_or_create(
        id=person.subject,
        defaults={
            "email": person.email,
            "email_key": person.email,
            "email_verified": True,
            "password": _stored_password(),
            "password_stands_alone": True,
            "is_active": True,
        },
    )
    IdentityLink.objects.using("owner").update_or_create(
        provider=PROVIDER, subject=person.subject, defaults={"user_id": person.user_id}
    )
    if person.company is not None:
        with whole_workspace(person.company.id):
            Membership.objects.using("owner").update_or_create(
                id=person.membership_id,
                defaults={
                    "user_id": person.user_id,
                    "role": person.role,
                    "status": "active",
                    "display_name": person.name,
                    "email": person.email,
                },
            )
