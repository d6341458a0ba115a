"""How does a whole run of tests play in workspaces that insist on single sign-on?

A run that is told where a WorkOS of ours answers (the variable below) lets the cast's two companies be organisations there that insist
on it, and its people come in by that alone: `tests.doors` makes their sessions and keys over the wire. Who starts the run fills the
double with `fill`; what was asked of it says afterwards that nobody came in otherwise.
"""

from __future__ import annotations

import os
from dataclasses import replace
from typing import Final
from urllib.parse import parse_qs, urlsplit

import httpx

from accounts.identity import providers
from accounts.identity.base import Client, Proof
from accounts.models import IdentityLink, Workspace
from accounts.queries import Place
from tests.cast import ACME, BIRCH, EVERYONE, Person
from tests.workos import world
from tests.workos.__main__ import fill as people
from tests.workos.server import Double
from tests.workos.walking import TRUST

VARIABLE: Final = "TESTS_INSIST_AT"
ORGANIZATIONS: Final = {ACME: "org_01ACME", BIRCH: "org_01BIRCH"}
MEMBERS: Final = [person for person in EVERYONE if person.company is not None]
BACK: Final = "http://testserver/sign-in/sso/callback/"


def is_on() -> bool:
    """Is this such a run?"""
    return VARIABLE in os.environ


def environment(double: Double) -> dict[str, str]:
    """What a process has to be told to be one, and to speak to this double."""
    return {
        VARIABLE: double.url,
        "WORKOS_API_KEY": world.SERVER_KEY,
        "WORKOS_CLIENT_ID": world.CLIENT_ID,
        "WORKOS_ISSUER": double.issuer,
        "WORKOS_WEBHOOK_SECRET": world.WEBHOOK_SECRET,
        "WORKOS_BASE_URL": double.url,
    }


def fill(double: Double) -> None:
    """Let the double know the cast."""
    rows = []
    for person in MEMBERS:
        assert person.company is not None
        rows.append(
            {
                "email": person.email,
                "id": _subject(person),
                "organization": person.company.name,
                "organization_id": ORGANIZATIONS[person.company],
                "domain": person.email.partition("@")[2],
            }
        )
    people(double.world, rows)


def insist() -> None:
    """Let both workspaces insist, and link their people to their accounts there. Safe to repeat."""
    for company, organization in ORGANIZATIONS.items():
        place = Workspace.objects.using("owner").filter(pk=company.id)
        place.update(organization_id=organization, requires_sso=True)
    for person in MEMBERS:
        IdentityLink.objects.using("owner").update_or_create(
            provider=providers.WORKOS, subject=_subject(person), defaults={"user_id": person.user_id}
        )


def place(known: Place) -> Place:
    """The place as the platform would offer it."""
    organization = next(value for company, value in ORGANIZATIONS.items() if company.id == known.workspace_id)
    return replace(known, organization_id=organization, requires_sso=True)


def proof(person: Person, client: Client) -> Proof:
    """The person goes to their company's sign-in and comes back, as a browser would."""
    assert person.company is not None
    provider = providers.single_sign_on()
    begun = provider.start_sso(
        redirect_uri=BACK, organization_id=ORGANIZATIONS[person.company], email_hint=person.email
    )
    brought = parse_qs(urlsplit(httpx.get(begun.url, verify=TRUST).headers["Location"]).query)
    assert brought["state"] == [begun.state]
    return provider.finish_sso(
        code=brought["code"][0], code_verifier=begun.code_verifier, nonce=begun.nonce, client=client
    )


def _subject(person: Person) -> str:
    return f"user_01{person.name.upper()}"
