"""Whom does this WorkOS know, who belongs where, and what has happened there?

Everything that a test, or somebody at a terminal, can change; each change that WorkOS would tell of leaves an event.
"""

from __future__ import annotations

import secrets
import threading
import time
from collections.abc import Callable
from dataclasses import dataclass, field
from typing import Any

import pyotp

from tests.workos.faults import Faults

SERVER_KEY = "sk_test_server_key_of_the_double_0001"
CLIENT_ID = "client_01DOUBLE"
WEBHOOK_SECRET = "whsec_of_the_double"


def new_id(kind: str) -> str:
    """An id in WorkOS's style."""
    return f"{kind}_01{secrets.token_hex(12).upper()}"


@dataclass
class Person:
    """A user of the environment."""

    id: str
    email: str
    password: str | None = None
    email_verified: bool = True
    first_name: str | None = None
    must_enrol: bool = False  # WorkOS asks for a second factor, and there is none yet.
    needs_sso: bool = False  # The organisation takes no passwords.


@dataclass
class Organization:
    """An organisation; ``domains`` by their state, "verified" or "pending"."""

    id: str
    name: str
    domains: dict[str, str] = field(default_factory=dict)


@dataclass
class Membership:
    """A person's place in an organisation."""

    id: str
    user_id: str
    organization_id: str
    role: str = "member"
    status: str = "active"


@dataclass
class Session:
    """A signed-in browser, as WorkOS counts them."""

    id: str
    user_id: str
    organization_id: str | None
    method: str
    begun: float
    status: str = "active"
    ip_address: str | None = None
    user_agent: str | None = None
    impersonator: str | None = None


@dataclass
class Key:
    """An API key; ``owner`` is "user" or "organization"."""

    id: str
    value: str
    name: str
    owner: str
    user_id: str | None
    organization_id: str
    expires_at: str | None = None
    is_live: bool = True


@dataclass
class Invitation:
    """A mail that was sent to somebody, with a link to come in by."""

    id: str
    email: str
    organization_id: str | None
    role: str | None
    until: float
    inviter_id: str | None = None
    state: str = "pending"
    accepted_by: str | None = None
    token: str = field(default_factory=lambda: secrets.token_hex(13)[:25], repr=False)


@dataclass
class Factor:
    """A person's authenticator app."""

    id: str
    user_id: str
    secret: str = field(default_factory=pyotp.random_base32, repr=False)


@dataclass
class Code:
    """What an authorisation leaves for the exchange."""

    user_id: str
    organization_id: str | None
    challenge: str
    redirect_uri: str
    method: str
    until: float
    impersonator: str | None = None


class World:
    """The environment's state. Whoever reads or changes it holds ``lock``."""

    def __init__(self) -> None:
        self.lock = threading.RLock()
        self.faults = Faults()
        self.people: dict[str, Person] = {}
        self.organizations: dict[str, Organization] = {}
        self.memberships: dict[str, Membership] = {}
        self.sessions: dict[str, Session] = {}
        self.refresh_tokens: dict[str, str] = {}  # token -> session id; used once
        self.codes: dict[str, Code] = {}
        self.pending: dict[str, Code] = {}  # pending_authentication_token -> what was proven so far
        self.email_codes: dict[str, str] = {}  # pending_authentication_token -> the code that was mailed
        self.factors: dict[str, Factor] = {}
        self.challenges: dict[str, str] = {}  # challenge id -> factor id
        self.keys: dict[str, Key] = {}
        self.invitations: dict[str, Invitation] = {}
        self.invitation_page = ""  # where a mailed link leads: a page of this server, unless the dashboard says another
        self.mail: Callable[[str, str], None] = lambda email, link: None  # what becomes of the mails that it sends
        self.roles = {"admin", "member"}  # what every environment has; others are made at its dashboard
        self.events: list[dict[str, Any]] = []
        self.token_seconds = 300
        self.clock_skew = 0.0  # seconds that this WorkOS's clock is ahead
        self.extra_claims: dict[str, Any] = {}

    # ── who is there ────────────────────────────────────────────────────────────────────────────────────────────

    def person(self, email: str, **properties: Any) -> Person:
        """Make a user."""
        one = Person(new_id("user"), email.lower(), **properties)
        with self.lock:
            self.people[one.id] = one
        return one

    def organization(self, name: str, **domains: str) -> Organization:
        """Make an organisation; a domain is given with underscores for its dots: ``acme_test="verified"``."""
        named = {domain.replace("_", "."): state for domain, state in domains.items()}
        one = Organization(new_id("org"), name, named)
        with self.lock:
            self.organizations[one.id] = one
        return one

    def join(self, person: Person, organization: Organization, *, role: str = "member") -> Membership:
        """Put a person into an organisation."""
        one = Membership(new_id("om"), person.id, organization.id, role)
        with self.lock:
            self.memberships[one.id] = one
            self._tell("organization_membership.created", one.id)
        return one

    def key_of(self, person: Person, organization: Organization, **properties: Any) -> Key:
        """Make an API key of a person."""
        value = f"sk_test_{secrets.token_hex(20)}"
        one = Key(new_id("api_key"), value, "Test", "user", person.id, organization.id, **properties)
        with self.lock:
            self.keys[one.id] = one
        return one

    def factor_of(self, person: Person) -> Factor:
        """Give a person an authenticator app; from then on a password alone is not enough."""
        one = Factor(new_id("auth_factor"), person.id)
        with self.lock:
            self.factors[one.id] = one
        return one

    # ── what happens ────────────────────────────────────────────────────────────────────────────────────────────

    def leave(self, membership: Membership) -> None:
        """Take a person out of an organisation."""
        with self.lock:
            self._tell("organization_membership.deleted", membership.id)
            del self.memberships[membership.id]

    def change(self, membership: Membership, **properties: str) -> None:
        """Change a membership's status or role."""
        with self.lock:
            for name, value in properties.items():
                setattr(membership, name, value)
            self._tell("organization_membership.updated", membership.id)

    def delete_person(self, person: Person) -> None:
        """Delete a user, with the memberships and sessions."""
        with self.lock:
            for one in [one for one in self.memberships.values() if one.user_id == person.id]:
                self.leave(one)
            for session in self.sessions_of(person.id):
                session.status = "revoked"
            self._tell("user.deleted", person.id)
            del self.people[person.id]

    def end_session(self, session_id: str) -> bool:
        """Revoke a session; False if there is none that is active."""
        with self.lock:
            session = self.sessions.get(session_id)
            if session is None or session.status != "active":
                return False
            session.status = "revoked"
            self._tell("session.revoked", session_id)
            return True

    def invite(self, email: str, organization: Organization | None, **properties: Any) -> Invitation:
        """Mail an invitation. Somebody who is known already waits in the organisation from now on."""
        place = organization.id if organization else None
        one = Invitation(
            new_id("invitation"), email.lower(), place, until=time.time() + 7 * 86_400, **{"role": None, **properties}
        )
        with self.lock:
            self.invitations[one.id] = one
            person = self.person_with(email)
            if person is not None and organization is not None:
                self.join(person, organization, role=one.role or "member").status = "pending"
            self._tell("invitation.created", one.id)
        self.mail(one.email, f"{self.invitation_page}?invitation_token={one.token}")
        return one

    def accept(self, invitation: Invitation, person: Person) -> None:
        """Let the person take an invitation, and with it a place in the organisation."""
        with self.lock:
            invitation.state, invitation.accepted_by = "accepted", person.id
            waiting = [
                one
                for one in self.memberships_of(person.id, frozenset({"pending"}))
                if one.organization_id == invitation.organization_id
            ]
            if waiting:
                self.change(waiting[0], status="active")
            elif invitation.organization_id is not None:
                self.join(person, self.organizations[invitation.organization_id], role=invitation.role or "member")
            self._tell("invitation.accepted", invitation.id)

    def withdraw(self, invitation: Invitation) -> None:
        """Let an invitation's link lead nowhere."""
        with self.lock:
            invitation.state = "revoked"
            person = self.person_with(invitation.email)
            for one in self.memberships_of(person.id, frozenset({"pending"})) if person else []:
                if one.organization_id == invitation.organization_id:
                    self.leave(one)
            self._tell("invitation.revoked", invitation.id)

    def end_key(self, key: Key) -> None:
        """Withdraw an API key."""
        with self.lock:
            key.is_live = False
            self._tell("api_key.revoked", key.id)

    def authorized(self, person: Person, **properties: Any) -> str:
        """A code as if the person had just proven who they are in the hosted page."""
        code = secrets.token_urlsafe(24)
        rest = {"organization_id": None, "challenge": "", "redirect_uri": "", "method": "SSO", **properties}
        with self.lock:
            self.codes[code] = Code(user_id=person.id, until=time.time() + 600, **rest)
        return code

    # ── questions ───────────────────────────────────────────────────────────────────────────────────────────────

    def person_with(self, email: str) -> Person | None:
        """The user with this address."""
        return next((one for one in self.people.values() if one.email == email.lower()), None)

    def open_invitation(self, token: str) -> Invitation | None:
        """The invitation of this token that can be taken now."""
        found = (one for one in self.invitations.values() if one.token == token)
        return next((one for one in found if one.state == "pending" and one.until > time.time()), None)

    def memberships_of(self, user_id: str, statuses: frozenset[str] = frozenset({"active"})) -> list[Membership]:
        """A person's memberships in these states."""
        return [one for one in self.memberships.values() if one.user_id == user_id and one.status in statuses]

    def sessions_of(self, user_id: str) -> list[Session]:
        """A person's active sessions."""
        return [one for one in self.sessions.values() if one.user_id == user_id and one.status == "active"]

    def _tell(self, kind: str, subject: str) -> None:
        from tests.workos import shapes  # the shapes know this module

        if kind.startswith("organization_membership"):
            member = self.memberships[subject]
            data = shapes.membership(member, self.people[member.user_id], "")
        elif kind.startswith("session"):
            data = shapes.session(self.sessions[subject])
        elif kind.startswith("api_key"):
            data = shapes.key(self.keys[subject])
        elif kind.startswith("invitation"):
            data = shapes.invitation(self.invitations[subject])
        else:
            data = shapes.person(self.people[subject])
        row = {"object": "event", "id": new_id("event"), "event": kind, "data": data, "created_at": shapes.stamp()}
        self.events.append(row)
