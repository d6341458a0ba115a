"""Is an access token one of WorkOS's, for us, for this person and session, and good now? Decided here, without asking anybody.

The keys come from one JWKS client, which keeps them for five minutes. A token that was verified is not verified again until it
expires: on the way of every request a signature would cost more than the rest of the question.
"""

from __future__ import annotations

import threading
import time
from dataclasses import dataclass
from hashlib import sha256
from typing import Any, Final

import jwt
from jwt import PyJWK, PyJWKClient

from accounts.identity.base import Revoked, Unavailable

SYSTEM: Final = "WorkOS keys"
LEEWAY: Final = 5  # seconds between our clock and theirs
_MOST_KEPT: Final = 20_000  # verified tokens; about 200 bytes each
_PAUSE_SECONDS: Final = 2.0
# WorkOS's tokens name no audience; the client that they are for is a claim of its own, which is compared below.
_OPTIONS: Final[Any] = {"require": ["exp", "iat", "sub", "sid", "iss"], "verify_aud": False}


class Expired(Exception):
    """The token was good, and its time is over."""


@dataclass(frozen=True, slots=True)
class Claims:
    """What a verified token says."""

    subject: str
    session: str
    organization_id: str
    expires: float
    is_acted: bool  # somebody else acts as the person


class Verifier:
    """Verifies tokens of one issuer for one client."""

    def __init__(self, *, jwks_url: str, issuer: str, client_id: str) -> None:
        self._jwks = PyJWKClient(jwks_url, timeout=3, lifespan=300)
        self._issuer = issuer
        self._client_id = client_id
        self._lock = threading.Lock()
        self._silent_until = 0.0
        self._verified: dict[tuple[str, bytes], Claims] = {}

    def remembered(self, row: str, ciphertext: bytes) -> Claims | None:
        """What this row's encrypted token was found to say before, if it is still good. Raises ``Expired``."""
        claims = self._verified.get((row, sha256(ciphertext).digest()))
        if claims is not None and time.time() >= claims.expires + LEEWAY:
            raise Expired
        return claims

    def remember(self, row: str, ciphertext: bytes, claims: Claims) -> None:
        """Keep what a row's token says until it expires."""
        if len(self._verified) >= _MOST_KEPT:
            # Rare, and rebuilt by the next requests; a cleverer order would cost every request.
            self._verified.clear()
        self._verified[row, sha256(ciphertext).digest()] = claims

    def claims(self, token: str) -> Claims:
        """What the token says. Raises ``Expired``, ``Revoked`` for one that is not WorkOS's for us, ``Unavailable``."""
        try:
            kid = jwt.get_unverified_header(token).get("kid")
            key = self._key(kid) if isinstance(kid, str) else None
            if key is None:
                raise _bad("unknown_key")
            # RS256 only, whatever the token says of itself: `none`, or HMAC with the public key as its secret, is a forgery.
            said = jwt.decode(token, key, algorithms=["RS256"], issuer=self._issuer, leeway=LEEWAY, options=_OPTIONS)
        except jwt.ExpiredSignatureError:
            raise Expired from None
        except jwt.PyJWTError as error:
            raise _bad(type(error).__name__) from None
        if said.get("client_id") != self._client_id:
            # A token of another application of the same environment is as well signed as ours.
            raise _bad("client")
        return Claims(
            subject=said["sub"],
            session=str(said["sid"]),
            organization_id=str(said.get("org_id") or ""),
            expires=float(said["exp"]),
            is_acted="act" in said,
        )

    def _key(self, kid: str) -> PyJWK | None:
        """The published key of this name, asked for once more if it is a new one; None if there is none."""
        with self._lock:
            if time.monotonic() < self._silent_until:
                raise Unavailable(SYSTEM)
            try:
                return self._published(kid, refresh=False) or self._published(kid, refresh=True)
            except (jwt.PyJWTError, ValueError, OSError):
                # Not heard, or not understood. Those who wait for the lock would each wait for another time-out.
                self._silent_until = time.monotonic() + _PAUSE_SECONDS
                raise Unavailable(SYSTEM) from None

    def _published(self, kid: str, *, refresh: bool) -> PyJWK | None:
        keys = self._jwks.get_jwk_set(refresh).keys
        return next((key for key in keys if key.key_id == kid and key.public_key_use in ("sig", None)), None)


def _bad(why: str) -> Revoked:
    # It stood encrypted in our own row: whatever is wrong with it, somebody ought to look.
    return Revoked("identity", why=f"token_{why}"[:40], known=True)
