"""What must an identity system be able to say, and how does it say no?

Two systems have to agree on every request: an identity provider (this protocol) and the platform's own database. A
provider knows *people and their proofs*; it knows no workspace, no role and no permission. The local store implements
the protocol today; WorkOS fits the same shape, which is why a proof may carry an organisation, tokens to keep, and
an impersonator.
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field
from datetime import datetime
from typing import Protocol


@dataclass(frozen=True, slots=True)
class Identity:
    """A person, as one identity system vouches for them at this moment.

    People are matched on ``(provider, subject)`` and on nothing else: an e-mail address can be claimed by another
    system, a subject cannot.
    """

    provider: str
    subject: str
    session_id: str
    email: str
    email_verified: bool
    method: str  # "password", "sso" or "key": how this person proved who they are.
    expires_at: datetime | None  # When the provider stops vouching, UTC; None for a key without an expiry.
    organization_id: str | None = None
    impersonator: str | None = None


@dataclass(frozen=True, slots=True)
class Client:
    """Where an attempt comes from, as far as an identity system may want to know it."""

    address: str
    user_agent: str


@dataclass(frozen=True, slots=True)
class Proof:
    """The outcome of a successful proof, before any session exists.

    ``kept`` is what the provider has to keep on the server for the coming session (for WorkOS its two tokens); it never
    reaches a browser and never shows in a ``repr``. The local store keeps nothing.
    """

    identity: Identity
    kept: Mapping[str, str] = field(default_factory=dict, repr=False)


@dataclass(frozen=True, slots=True)
class IssuedKey:
    """An API key at the one moment when its value is known."""

    id: str
    value: str = field(repr=False)


@dataclass(frozen=True, slots=True)
class SsoStart:
    """Where to send the browser, and what must come back with it: single use, bound to that browser."""

    url: str
    state: str
    nonce: str
    code_verifier: str = field(repr=False)


class Passwords(Protocol):
    """A provider that verifies passwords."""

    def authenticate_password(self, *, email: str, password: str, client: Client) -> Proof:
        """Verify a password. Raises ``BadCredentials``, ``EmailUnverified``, ``MfaRequired``, ``SsoRequired``,
        ``OrganizationChoice`` or ``Unavailable``; the same answer in the same time for unknown, wrong and inactive.
        """

    def change_password(self, *, subject: str, current: str, new: str) -> Identity:
        """Replace the password and end every session of the person. Raises ``BadCredentials`` if ``current`` is wrong."""


class SingleSignOn(Protocol):
    """A provider that can send a browser away to prove who it is."""

    def start_sso(self, *, redirect_uri: str, organization_id: str | None, email_hint: str | None) -> SsoStart:
        """Prepare a sign-in elsewhere; the caller binds state, nonce and verifier to the browser."""

    def finish_sso(self, *, code: str, code_verifier: str, nonce: str, client: Client) -> Proof:
        """Exchange the code. Raises ``BadCredentials`` for anything that does not fit, ``Unavailable`` if unheard."""


class Sessions(Protocol):
    """A provider that vouches for a signed-in browser, again and again."""

    def open_session(self, proof: Proof, *, token: str, client: Client, lifetime: int) -> Identity:
        """Begin vouching for the browser that holds ``token`` for at most ``lifetime`` seconds."""

    def verify_session(self, token: str) -> Identity:
        """Does this system still vouch for the holder of the token? Raises ``Revoked`` or ``Unavailable``."""

    def revoke_session(self, session_id: str) -> bool:
        """Stop vouching for one session; False if it was over already."""

    def revoke_sessions(self, subject: str, *, keep: str | None = None) -> int:
        """Stop vouching for every session of the person but ``keep``; returns how many ended."""

    def live_sessions(self, subject: str) -> frozenset[str]:
        """The ids of the sessions that this system would vouch for now."""


class Keys(Protocol):
    """A provider that issues and recognises API keys."""

    def issue_key(
        self, *, subject: str, name: str, expires_at: datetime | None, organization_id: str | None
    ) -> IssuedKey:
        """Mint a key for the person. The value exists nowhere after this call but with its holder."""

    def verify_key(self, value: str) -> Identity:
        """Does this system recognise the key? Raises ``Revoked`` or ``Unavailable``."""

    def revoke_key(self, key_id: str) -> bool:
        """Stop recognising a key; False if it was over already."""


class Provider(Passwords, Sessions, Keys, Protocol):
    """What every provider can do; ``SingleSignOn`` comes on top where the provider has it."""

    name: str


class IdentityRefusal(Exception):
    """The identity system said no, or could not say yes. Never shown to a person as it stands."""

    reason = "refused"


class BadCredentials(IdentityRefusal):
    """Unknown account, wrong password, inactive account: one refusal, so that nobody learns which."""

    reason = "bad_credentials"


class EmailUnverified(IdentityRefusal):
    """The proof was right, but nobody has shown that the address belongs to the person."""

    reason = "email_unverified"


class MfaRequired(IdentityRefusal):
    """The first factor was right; a second one is asked for."""

    reason = "mfa_required"


class SsoRequired(IdentityRefusal):
    """The person's workspace accepts single sign-on only."""

    reason = "sso_required"


class OrganizationChoice(IdentityRefusal):
    """The person belongs to several places and has to say which; never answered by a default."""

    reason = "organization_choice"


class Revoked(IdentityRefusal):
    """The credential is unknown, over, or withdrawn.

    ``by`` says which system refused: "platform", "identity", "disagreement" or "form" (nobody had to be asked); ``why``
    is a word for the trail. ``known`` is True if the credential was good and somebody or something withdrew it: its use is
    news, while an unknown one is noise, and one that ended by itself is every morning's business.
    """

    reason = "revoked"

    def __init__(self, by: str, *, why: str = "", known: bool = False) -> None:
        super().__init__(f"refused by {by} ({why})")
        self.by = by
        self.why = why
        self.known = known


class Unavailable(IdentityRefusal):
    """A system could not be asked, or asked too much at once. Answered with 503, never by letting somebody in."""

    reason = "unavailable"

    def __init__(self, system: str, *, retry_after: int = 5) -> None:
        super().__init__(f"{system} cannot be asked")
        self.system = system
        self.retry_after = retry_after  # seconds
