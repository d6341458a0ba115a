"""How do the cast's people come to be known at the double, and how do they come in by it?

Acme and Birch are organisations there; Alice, Ada, Bob and Vera belong to the first, Charlie to the second. Each is linked to
their user here, as an accepted invitation would have linked them. Sessions and keys are real ones, made over the wire.
"""

from __future__ import annotations

import secrets
from collections.abc import Iterator
from contextlib import contextmanager
from typing import Any

from django.conf import settings
from django.test import Client

from accounts import queries
from accounts.identity import providers
from accounts.identity.base import Proof
from accounts.identity.store.models import VendorSession
from accounts.models import IdentityLink, Workspace
from accounts.services import sign_ins
from tests.cast import ACME, ADA, ALICE, BIRCH, BOB, CHARLIE, VERA, Company, Person
from tests.doors import BROWSER
from tests.workos import world
from tests.workos.server import Double
from tests.workos.world import Membership, World

MEMBERS = (ALICE, ADA, BOB, VERA, CHARLIE)


class Stage:
    """The double with the cast in it."""

    def __init__(self, double: Double) -> None:
        self.double = double
        self.world: World = double.world
        self.organizations = {
            ACME: self.world.organization("Acme", acme_test="verified"),
            BIRCH: self.world.organization("Birch", birch_test="verified"),
        }
        self.people: dict[Person, world.Person] = {}
        self.memberships: dict[Person, Membership] = {}
        for company, organization in self.organizations.items():
            Workspace.objects.using("owner").filter(pk=company.id).update(organization_id=organization.id)
        for person in MEMBERS:
            self._enter(person)
        self.world.events.clear()

    def _enter(self, person: Person) -> None:
        assert person.company is not None
        known = self.world.person(person.email, password="password at the double")
        self.people[person] = known
        role = "admin" if person.role and person.role.rank > 1 else str(person.role)
        self.memberships[person] = self.world.join(known, self.organizations[person.company], role=role)
        IdentityLink.objects.using("owner").create(user_id=person.user_id, provider="workos", subject=known.id)

    def proof(self, person: Person, **code: Any) -> Proof:
        """What WorkOS says of the person after their company's sign-in."""
        value = self.world.authorized(self.people[person], **code)
        nonce = secrets.token_urlsafe(16)
        return providers.workos().finish_sso(code=value, code_verifier="", nonce=nonce, client=BROWSER)

    def session(self, person: Person, **code: Any) -> sign_ins.Opened:
        """Both halves of a session of the person; `.token` is the cookie's value."""
        proof = self.proof(person, **code)
        return sign_ins.open_at(queries.places_of("workos", proof.identity.subject)[0], proof=proof, client=BROWSER)

    def session_in(self, person: Person, company: Company) -> str:
        """The cookie of a session in one of the person's several workspaces, by that company's own sign-in."""
        proof = self.proof(person, organization_id=self.organizations[company].id)
        return sign_ins.open_at(sign_ins.places(proof.identity)[0], proof=proof, client=BROWSER).token

    def browser(self, person: Person) -> Client:
        """A browser in which the person is signed in."""
        client = Client()
        client.cookies[settings.SESSION_COOKIE_NAME] = self.session(person).token
        return client

    def row(self) -> VendorSession:
        """The only session in the identity database."""
        return VendorSession.objects.get(purpose="session")

    def let_expire(self, **session: Any) -> None:
        """Let the access tokens that WorkOS made for these sessions be over, as if minutes had passed."""
        from accounts.identity import vault

        for row in VendorSession.objects.filter(**session):
            there = self.world.sessions[row.vendor_session]
            claims = {**self.double.authenticator.claims(there), "iat": 1_700_000_000, "exp": 1_700_000_300}
            row.access_token = vault.sealed(self.double.signer.signed(claims), field="access", row=str(row.pk))
            row.save(update_fields=["access_token"])


@contextmanager
def configured(double: Double) -> Iterator[dict[str, str]]:
    """The settings under which this process speaks to the double; its client is closed afterwards."""
    from accounts.identity.workos import connection

    yield {
        "WORKOS_API_KEY": world.SERVER_KEY,
        "WORKOS_CLIENT_ID": world.CLIENT_ID,
        "WORKOS_ISSUER": double.issuer,
        "WORKOS_WEBHOOK_SECRET": world.WEBHOOK_SECRET,
        "WORKOS_BASE_URL": double.url,
    }
    connection.forget()
