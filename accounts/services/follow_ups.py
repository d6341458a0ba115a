"""A right password was not enough for the identity provider: what does it ask besides, and what finishes the sign-in?

Its pending token opens a session together with the answer, so it travels encrypted, in a cookie of ten minutes, and is never shown.
"""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import asdict, dataclass
from typing import Final

from accounts.identity import providers, vault
from accounts.identity.base import BadCredentials, Client, EmailUnverified, FollowUp, MfaRequired, Proof

SECONDS: Final = vault.COOKIE_SECONDS
EMAIL, CODE, ENROL = "email", "code", "enrol"
_FIELD: Final = "follow-up"


class Lost(Exception):
    """Nothing is under way in this browser, or it took longer than ten minutes."""


@dataclass(frozen=True, slots=True)
class Asked:
    """What is asked of whom: a code that was mailed, one of an authenticator, or the first one of an authenticator set up now."""

    kind: str
    pending: str
    email: str
    next: str
    challenge_id: str = ""
    uri: str = ""
    secret: str = ""

    def sealed(self) -> str:
        """The cookie that remembers it."""
        return vault.cookie(asdict(self), field=_FIELD)


def ask(refusal: FollowUp, *, wanted: str) -> Asked:
    """Turn what the provider wants besides into what a page asks. Raises ``BadCredentials`` for what no page here asks, ``Unavailable``."""
    provider = providers.workos()
    match refusal:
        case EmailUnverified():
            return Asked(EMAIL, refusal.pending, refusal.email, wanted)
        case MfaRequired() if refusal.must_enrol:
            made = provider.enrol(subject=refusal.subject, email=refusal.email)
            return Asked(
                ENROL, refusal.pending, refusal.email, wanted, made.challenge_id, uri=made.uri, secret=made.secret
            )
        case MfaRequired():
            challenge = provider.challenge(refusal.factors[0])
            return Asked(CODE, refusal.pending, refusal.email, wanted, challenge)
    # A company that takes single sign-on only, say: whoever typed a password learns no more than that it opens nothing.
    raise BadCredentials


def remembered(cookie: str) -> Asked:
    """What is under way in the browser that holds this cookie. Raises ``Lost``."""
    try:
        return Asked(**vault.from_cookie(cookie, field=_FIELD))
    except (vault.SealBroken, TypeError) as error:
        # A TypeError: another version of AiAxis asked for other things.
        raise Lost from error


def answer(asked: Asked, code: str, *, client: Client, reserve: Callable[[], None]) -> Proof:
    """Give the provider the code. Raises ``BadCredentials`` for a wrong one, another ``FollowUp``, ``throttling.Throttled``, ``Unavailable``."""
    reserve()
    provider = providers.workos()
    if asked.kind == EMAIL:
        return provider.verify_email(pending=asked.pending, code=code, client=client)
    return provider.answer_challenge(pending=asked.pending, challenge_id=asked.challenge_id, code=code, client=client)
