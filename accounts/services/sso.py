"""How does somebody go away to prove who they are, and come back as nobody but themselves?

What goes out (state, nonce, PKCE verifier) is bound to the browser by one encrypted cookie of ten minutes, and is good for one
return: whoever comes back with another state, in another browser, late or twice has no session (incident L31). People are found by
the provider's own id of them and by nothing else, whatever address they are said to have (L32), and no membership is ever made here.
"""

from __future__ import annotations

import hmac
from dataclasses import asdict, dataclass, field

from accounts.identity import providers, vault
from accounts.identity.base import Client, EmailUnverified, Identity, OrganizationChoice, Proof
from accounts.queries import Place
from accounts.services import sign_ins

SIGN_IN, CONNECT = "sign_in", "connect"
"""What somebody goes away for: to come in, or to show which organisation's sign-in their workspace is to trust."""
SECONDS = vault.COOKIE_SECONDS  # between going and coming back
_FIELD = "sso"


class NotOurs(Exception):
    """The return does not belong to a sign-in that this browser began a moment ago; ``check`` says what did not fit."""

    def __init__(self, check: str) -> None:
        super().__init__(check)
        self.check = check


class Impersonated(Exception):
    """Somebody at the provider acts as the person; that opens nothing here."""


@dataclass(frozen=True, slots=True)
class Started:
    """Where to send the browser, and what it has to bring back."""

    url: str
    cookie: str


@dataclass(frozen=True, slots=True)
class Arrived:
    """Who came back, for what, and where they wanted to go: for ``CONNECT`` it is the membership of the owner who left.

    ``undecided`` are the places of somebody who belongs to several organisations there and has to say which: their proof waits for it.
    """

    proof: Proof
    next: str
    purpose: str
    undecided: list[Place] = field(default_factory=list)


@dataclass(frozen=True, slots=True)
class _Away:
    """What the cookie remembers of a sign-in that is under way."""

    state: str
    nonce: str
    verifier: str
    organization: str
    next: str
    purpose: str


def start(
    *,
    redirect_uri: str,
    organization_id: str,
    email_hint: str,
    to: str,
    purpose: str = SIGN_IN,
    invitation: str = "",
    anew: bool = False,
) -> Started:
    """Prepare a sign-in elsewhere; ``invitation`` is the link with which the person came, ``anew`` asks for a fresh proof there.

    Raises ``Unavailable`` where there is none.
    """
    begun = providers.single_sign_on().start_sso(
        redirect_uri=redirect_uri,
        organization_id=organization_id or None,
        email_hint=email_hint or None,
        invitation=providers.workos().invitation_token(invitation) if invitation else None,
        anew=anew,
    )
    away = _Away(begun.state, begun.nonce, begun.code_verifier, organization_id, to, purpose)
    return Started(begun.url, vault.cookie(asdict(away), field=_FIELD))


def finish(*, cookie: str, state: str, code: str, client: Client) -> Arrived:
    """Turn a return into a proof. Raises ``NotOurs``, ``Impersonated``, ``EmailUnverified`` or another refusal of the provider's;
    ``sign_ins.NoPlace`` only for somebody undecided.
    """
    away = _remembered(cookie)
    if not hmac.compare_digest(away.state.encode(), state.encode()):
        # An attacker's own sign-in, sent to somebody else's browser, would make that person act in the attacker's account.
        raise NotOurs("state")
    if not code:
        raise NotOurs("code")
    provider = providers.single_sign_on()
    try:
        proof = provider.finish_sso(code=code, code_verifier=away.verifier, nonce=away.nonce, client=client)
    except OrganizationChoice as choice:
        waiting, places = _undecided(choice)
        return Arrived(waiting, away.next, away.purpose, places)
    try:
        _require_fit(proof.identity, away)
    except Exception:
        provider.abandon(proof)
        raise
    return Arrived(proof, away.next, away.purpose)


def _remembered(cookie: str) -> _Away:
    try:
        return _Away(**vault.from_cookie(cookie, field=_FIELD))
    except vault.Late as error:
        raise NotOurs("late") from error
    except (vault.SealBroken, TypeError) as error:
        # No cookie at all (another browser), one that we did not make, or one of a version that remembered other things.
        raise NotOurs("browser") from error


def _require_fit(identity: Identity, away: _Away) -> None:
    if identity.impersonator is not None:
        raise Impersonated
    if away.organization and identity.organization_id != away.organization:
        raise NotOurs("organization")
    if not identity.email_verified:
        raise EmailUnverified(subject=identity.subject, email=identity.email)


def _undecided(choice: OrganizationChoice) -> tuple[Proof, list[Place]]:
    """The person belongs to several organisations there: the places here that are one of those, and a proof that waits for it."""
    proof = sign_ins.undecided(choice, method="authkit")  # what it really was, the answer to the choice will say
    found = [place for place in sign_ins.places(proof.identity) if place.organization_id in choice.organizations]
    if not found:
        raise sign_ins.NoPlace
    return proof, found
