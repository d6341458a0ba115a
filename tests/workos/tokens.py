"""How does this WorkOS sign its access tokens, and how would somebody else?

``Signer`` has the real keys, which can be rotated. The forgeries are what an attacker, or a mistake, would put in a token's place.
"""

from __future__ import annotations

import base64
import hmac
import json
import time
from collections.abc import Callable
from functools import cache
from hashlib import sha256
from typing import Any

import jwt
from cryptography.hazmat.primitives.asymmetric import rsa
from cryptography.hazmat.primitives.serialization import Encoding, PublicFormat

Claims = dict[str, Any]


@cache
def _key(number: int) -> rsa.RSAPrivateKey:
    # Making one takes as long as ten tests; they are kept, and each environment has names of its own for them.
    return rsa.generate_private_key(public_exponent=65537, key_size=2048)


FORGERS_KEY = -1


def _number(value: int) -> str:
    size = (value.bit_length() + 7) // 8
    return _text(value.to_bytes(size, "big"))


def _text(value: bytes) -> str:
    return base64.urlsafe_b64encode(value).rstrip(b"=").decode()


class Signer:
    """The key pairs of an environment; the last one signs, all of them are published."""

    def __init__(self) -> None:
        self._keys: dict[str, rsa.RSAPrivateKey] = {}
        self._made = 0
        self.rotate()

    def rotate(self, *, keep_old: bool = True) -> None:
        """Sign with a new key from now on."""
        if not keep_old:
            self._keys.clear()
        self._made += 1
        self._keys[f"key_{self._made}_{time.monotonic_ns()}"] = _key(self._made)

    @property
    def kid(self) -> str:
        """The id of the key that signs."""
        return list(self._keys)[-1]

    @property
    def private(self) -> rsa.RSAPrivateKey:
        """The key that signs."""
        return self._keys[self.kid]

    def jwks(self) -> dict[str, Any]:
        """The public halves, as they are published."""
        rows = []
        for kid, key in self._keys.items():
            numbers = key.public_key().public_numbers()
            row = {"kty": "RSA", "use": "sig", "alg": "RS256", "kid": kid, "x5c": [], "x5t#S256": ""}
            rows.append({**row, "n": _number(numbers.n), "e": _number(numbers.e)})
        return {"keys": rows}

    def signed(self, claims: Claims, *, kid: str | None = None) -> str:
        """A token as this environment makes it."""
        return jwt.encode(claims, self.private, algorithm="RS256", headers={"kid": kid or self.kid})


Forger = Callable[[Signer, Claims], str]


def _unsigned(signer: Signer, claims: Claims) -> str:
    return signer.signed(claims).rpartition(".")[0] + "."


def _alg_none(signer: Signer, claims: Claims) -> str:
    return jwt.encode(claims, "", algorithm="none", headers={"kid": signer.kid})


def _hs256_with_public_key(signer: Signer, claims: Claims) -> str:
    # By hand: the library refuses to sign with a public key, which is exactly what an attacker would do.
    public = signer.private.public_key().public_bytes(Encoding.PEM, PublicFormat.SubjectPublicKeyInfo)
    head = _text(json.dumps({"alg": "HS256", "typ": "JWT", "kid": signer.kid}).encode())
    signed = f"{head}.{_text(json.dumps(claims).encode())}"
    return f"{signed}.{_text(hmac.new(public, signed.encode(), sha256).digest())}"


def _another_key(signer: Signer, claims: Claims) -> str:
    return jwt.encode(claims, _key(FORGERS_KEY), algorithm="RS256", headers={"kid": signer.kid})


def _unknown_kid(signer: Signer, claims: Claims) -> str:
    return jwt.encode(claims, _key(FORGERS_KEY), algorithm="RS256", headers={"kid": "key_of_nobody"})


def _changed(signer: Signer, claims: Claims) -> str:
    head, _, signature = signer.signed(claims).split(".")
    body = _text(json.dumps({**claims, "jti": "changed"}).encode())
    return f"{head}.{body}.{signature}"


def _with(**changes: Any) -> Forger:
    return lambda signer, claims: signer.signed({**claims, **changes})


def _without(name: str) -> Forger:
    return lambda signer, claims: signer.signed({key: value for key, value in claims.items() if key != name})


def _future(signer: Signer, claims: Claims) -> str:
    return signer.signed({**claims, "iat": int(time.time()) + 3600, "exp": int(time.time()) + 7200})


FORGERIES: dict[str, Forger] = {
    "unsigned": _unsigned,
    "alg none": _alg_none,
    "HS256 with the public key": _hs256_with_public_key,
    "signed by another key": _another_key,
    "unknown kid": _unknown_kid,
    "changed after signing": _changed,
    "wrong issuer": _with(iss="https://elsewhere.test"),
    "wrong client": _with(client_id="client_of_somebody_else"),
    "no issuer": _without("iss"),
    "no client": _without("client_id"),
    "no expiry": _without("exp"),
    "no session": _without("sid"),
    "no subject": _without("sub"),
    "no beginning": _without("iat"),
    "from the future": _future,
    "somebody else's session": _with(sid="session_of_somebody_else"),
    "somebody else": _with(sub="user_somebody_else"),
    "another organisation": _with(org_id="org_of_somebody_else"),
    "no token at all": lambda signer, claims: "",
    "no token but words": lambda signer, claims: "not a token",
}
