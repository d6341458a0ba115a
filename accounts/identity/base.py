"""What must an identity system be able to say, and how does it say no?

Two systems have to agree on every request: an identity provider (this protocol) and the platform's own database. A
provider knows *people and their proofs*; it knows no workspace, no role and no permission. The local store and WorkOS
implement it, which is why a proof may carry an organisation, tokens to keep, and an impersonator.
"""

from __future__ import annotations

from collections.abc import Callable, Mapping
from dataclasses import dataclass, field
from datetime import datetime
from typing import Final, Protocol
from uuid import UUID

PENDING: Final = "pending"
"""In what a proof keeps: what finishes it once the person has said for which of their organisations."""


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
    method: str  # "password", "sso", "authkit" (another way of the provider's own page) or "key": how they proved it.
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

    ``kept`` is what the provider has to keep on the server for the coming session (for WorkOS its two tokens, for the local
    store which password it was that was right); it never reaches a browser and never shows in a ``repr``.
    """

    identity: Identity
    kept: Mapping[str, str] = field(default_factory=dict, repr=False)


@dataclass(frozen=True, slots=True)
class IssuedKey:
    """An API key at the one moment when its value is known."""

    id: str
    value: str = field(repr=False)


@dataclass(frozen=True, slots=True)
class Enrolment:
    """A second factor that is being set up: what an authenticator app needs, and what its first code answers."""

    uri: str = field(repr=False)
    secret: str = field(repr=False)
    challenge_id: str


@dataclass(frozen=True, slots=True)
class SsoStart:
    """Where to send the browser, and what must come back with it: single use, bound to that browser."""

    url: str
    state: str
    nonce: str
    code_verifier: str = field(repr=False)


class Passwords(Protocol):
    """A provider that verifies passwords."""

    def authenticate_password(
        self, *, email: str, password: str, client: Client, reserve: Callable[[], None] | None = None
    ) -> Proof:
        """Verify a password; ``reserve`` counts the attempt, and may refuse it, right before. Raises ``BadCredentials``, ``EmailUnverified``, ``MfaRequired``, ``SsoRequired``,
        ``OrganizationChoice`` or ``Unavailable``; the same answer in the same time for unknown, wrong and inactive.
        """

    def change_password(self, *, subject: str, current: str, new: str) -> Proof:
        """Replace the password and end every session of the person. Raises ``BadCredentials`` if ``current`` is wrong."""


class SingleSignOn(Protocol):
    """A provider that can send a browser away to prove who it is."""

    def start_sso(
        self,
        *,
        redirect_uri: str,
        organization_id: str | None,
        email_hint: str | None,
        invitation: str | None = None,
        anew: bool = False,
    ) -> SsoStart:
        """Prepare a sign-in elsewhere; the caller binds state, nonce and verifier to the browser. ``invitation``: the provider's
        token of one that the person is about to accept. ``anew``: being signed in there is not enough, they prove it once more.
        """

    def finish_sso(self, *, code: str, code_verifier: str, nonce: str, client: Client) -> Proof:
        """Exchange the code, once for each nonce.

        Raises ``BadCredentials`` for anything that does not fit, ``OrganizationChoice`` where the person has to say which,
        ``Unavailable`` if unheard.
        """

    def choose_organization(self, *, pending: str, organization_id: str, client: Client) -> Proof:
        """Finish what ``OrganizationChoice`` interrupted. Raises ``BadCredentials`` or ``Unavailable``."""

    def abandon(self, proof: Proof) -> None:
        """The proof is not going to be used: let the provider forget it, if it can be told."""

    def verified_domains(self, organization_id: str) -> tuple[str, ...]:
        """The domains that an organisation has shown to be its own. Raises ``BadCredentials`` for no such organisation."""

    def administers(self, subject: str, *, organization_id: str) -> bool:
        """Does this person run the organisation, according to its own directory?"""


class Invitations(Protocol):
    """A provider that mails invitations of ours, each standing for one link of the platform that is mailed to nobody."""

    def send_invitation(
        self, *, invitation: UUID, nonce: str, link: str, email: str, organization_id: str, role: str | None
    ) -> None:
        """Mail it, unless it was for this nonce. Raises ``BadCredentials`` if the provider will not, ``Unavailable``; then it did not."""

    def invitation_behind(self, token: str) -> tuple[UUID, str] | None:
        """The invitation and nonce for which the provider's token stands; None if there is none."""

    def invitation_token(self, link: str) -> str | None:
        """The provider's token behind a link of ours, for whoever goes there to sign in."""

    def accept_invitation(self, link: str) -> None:
        """The person is about to join here: make them a member there first. Raises ``BadCredentials``, ``Unavailable``."""

    def accepted_invitation(self, identity: Identity) -> tuple[UUID, str] | None:
        """The invitation and nonce that this very person accepted at the provider itself."""

    def end_invitations(self, invitations: list[UUID]) -> None:
        """Let the provider's links for these lead nowhere."""

    def used_invitation(self, link: str) -> None:
        """The link was taken."""


class Sessions(Protocol):
    """A provider that vouches for a signed-in browser, again and again."""

    def open_session(
        self, proof: Proof, *, token: str, client: Client, lifetime: int, purpose: str = "session"
    ) -> Identity:
        """Begin vouching for the browser that holds ``token`` for at most ``lifetime`` seconds.

        Raises ``BadCredentials`` where the proof has become void since, as by a new password; ``Unavailable``.
        """

    def verify_session(self, token: str, *, purpose: str = "session") -> Identity:
        """Does this system still vouch for the holder of the token? Raises ``Revoked`` or ``Unavailable``."""

    def use_up(self, identity: Identity) -> Proof:
        """The proof that a session for choosing remembered, which ends by this. Raises ``BadCredentials`` where it had ended."""

    def within(self, proof: Proof, *, organization_id: str) -> Proof:
        """The same proof, for this organisation. Raises ``BadCredentials`` where the person does not belong to it.

        A provider that knows no organisations returns the proof as it is.
        """

    def move_session(self, token: str, *, organization_id: str | None) -> Proof:
        """A proof for another place, made of a session of the person, for changing workspaces; None: for one without an organisation.

        A provider whose sessions belong to one organisation ends the old one by this. Raises ``BadCredentials`` where the person does
        not belong there, ``Revoked``, ``Unavailable``.
        """

    def knew(self, credential: str) -> bool:
        """Was this token or key ever one of this provider's? For the colour of a refusal; nobody outside is asked."""

    def revoke_session(self, session_id: str) -> bool:
        """Stop vouching for one session; False if it was over already."""

    def revoke_sessions(self, subject: str) -> int:
        """Stop vouching for every session of the person; returns how many ended."""

    def live_sessions(self, subject: str) -> frozenset[str]:
        """The ids of the sessions that this system would vouch for now."""


class Keys(Protocol):
    """A provider that issues and recognises API keys."""

    def issue_key(
        self, *, subject: str, name: str, expires_at: datetime | None, organization_id: str | None
    ) -> IssuedKey:
        """Mint a key for the person. The value exists nowhere after this call but with its holder.

        Raises ``NoOrganization`` where the provider needs one, ``BadCredentials`` if it will not, ``Unavailable``.
        """

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


class FollowUp(IdentityRefusal):
    """The proof was right and is not enough; ``pending`` is what the provider wants back with the rest of it.

    ``pending`` opens a session together with the rest, so it stays on the server and is never shown.
    """

    def __init__(self, *, pending: str = "", subject: str = "", email: str = "") -> None:
        super().__init__(self.reason)
        self.pending = pending
        self.subject = subject
        self.email = email


class BadCredentials(IdentityRefusal):
    """Unknown account, wrong password, inactive account: one refusal, so that nobody learns which."""

    reason = "bad_credentials"


class EmailUnverified(FollowUp):
    """The proof was right, but nobody has shown that the address belongs to the person."""

    reason = "email_unverified"


class MfaRequired(FollowUp):
    """The first factor was right; a second one is asked for. ``factors`` are the ids of those that the person has.

    Without any (``must_enrol``), one has to be set up first.
    """

    reason = "mfa_required"

    def __init__(self, *, pending: str = "", subject: str = "", email: str = "", factors: tuple[str, ...] = ()) -> None:
        super().__init__(pending=pending, subject=subject, email=email)
        self.factors = factors

    @property
    def must_enrol(self) -> bool:
        """Has the person no second factor yet?"""
        return not self.factors


class SsoRequired(FollowUp):
    """The person's workspace accepts single sign-on only."""

    reason = "sso_required"


class OrganizationChoice(FollowUp):
    """The person belongs to several places and has to say which; never answered by a default.

    ``organizations`` are the provider's ids of those places.
    """

    reason = "organization_choice"

    def __init__(
        self, *, pending: str = "", subject: str = "", email: str = "", organizations: tuple[str, ...] = ()
    ) -> None:
        super().__init__(pending=pending, subject=subject, email=email)
        self.organizations = organizations


class NoOrganization(IdentityRefusal):
    """The provider does this only for people of an organisation, and the workspace is connected to none."""

    reason = "no_organization"


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
