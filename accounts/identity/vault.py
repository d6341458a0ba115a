"""How is a secret kept that has to be read again, so that a dump of the database shows nothing and no row can borrow another's?

AES-256-GCM under ``IDENTITY_KEY``. Each ciphertext names its key, so that a new key can come while old ciphertexts live; and each
is bound to the row and field that it was made for: moved elsewhere it does not open.
"""

from __future__ import annotations

import base64
import hmac
import json
import os
import time
from collections.abc import Mapping
from hashlib import sha256
from typing import Any, Final

from cryptography.exceptions import InvalidTag
from cryptography.hazmat.primitives.ciphers.aead import AESGCM
from django.conf import settings

Stored = bytes | memoryview
"""As psycopg may return what was stored."""

_ID_LENGTH: Final = 4
_NONCE_LENGTH: Final = 12
COOKIE_SECONDS: Final = 600
_COOKIE: Final = "cookie"


class SealBroken(Exception):
    """The ciphertext cannot be opened; the ones below say why."""


class Tampered(SealBroken):
    """The ciphertext was changed, or belongs to another row or field."""


class KeyUnknown(SealBroken):
    """The ciphertext was made under a key that this installation does not have."""


class Late(SealBroken):
    """It is whole and ours, and older than it may be."""


def sealed(text: str, *, field: str, row: str) -> bytes:
    """Encrypt ``text`` under the newest key, for this field of this row."""
    key = settings.IDENTITY_KEYS[0]
    nonce = os.urandom(_NONCE_LENGTH)
    return _key_id(key) + nonce + AESGCM(_derived(key, "encrypt")).encrypt(nonce, text.encode(), _place(field, row))


def opened(ciphertext: Stored, *, field: str, row: str) -> str:
    """Decrypt what ``sealed`` made for this field of this row. Raises ``Tampered`` or ``KeyUnknown``."""
    data = bytes(ciphertext)
    key_id, nonce, rest = (
        data[:_ID_LENGTH],
        data[_ID_LENGTH : _ID_LENGTH + _NONCE_LENGTH],
        data[_ID_LENGTH + _NONCE_LENGTH :],
    )
    key = next((key for key in settings.IDENTITY_KEYS if _key_id(key) == key_id), None)
    if key is None:
        raise KeyUnknown
    try:
        return AESGCM(_derived(key, "encrypt")).decrypt(nonce, rest, _place(field, row)).decode()
    except (InvalidTag, ValueError) as error:
        raise Tampered from error


def cookie(values: Mapping[str, object], *, field: str) -> str:
    """Seal a few values, with the moment, for a cookie that comes back within ``COOKIE_SECONDS``."""
    text = json.dumps({"values": values, "begun": time.time()})
    return base64.urlsafe_b64encode(sealed(text, field=field, row=_COOKIE)).decode()


def from_cookie(text: str, *, field: str) -> dict[str, Any]:
    """The values of a cookie that ``cookie`` made. Raises ``Late``, and ``SealBroken`` for anything else that came instead."""
    try:
        kept = json.loads(opened(base64.urlsafe_b64decode(text.encode()), field=field, row=_COOKIE))
        values, begun = kept["values"], kept["begun"]
    except (ValueError, KeyError, TypeError) as error:
        raise Tampered from error
    if time.time() - begun > COOKIE_SECONDS:
        raise Late
    return dict(values)


def is_outdated(ciphertext: Stored) -> bool:
    """Was this sealed under another key than the newest?"""
    return bytes(ciphertext)[:_ID_LENGTH] != _key_id(settings.IDENTITY_KEYS[0])


def fingerprint(value: str, *, purpose: str) -> bytes:
    """A keyed hash of a value, to look it up by: without the key a dump cannot even be compared with guesses."""
    return fingerprints(value, purpose=purpose)[0]


def fingerprints(value: str, *, purpose: str) -> list[bytes]:
    """The same under each key, the newest first: what is not stored itself cannot be hashed anew when a key comes."""
    keys = (_derived(key, purpose) for key in settings.IDENTITY_KEYS)
    return [hmac.new(key, value.encode(), sha256).digest() for key in keys]


def _key_id(key: bytes) -> bytes:
    return _derived(key, "name")[:_ID_LENGTH]


def _derived(key: bytes, purpose: str) -> bytes:
    return hmac.new(key, f"aiaxis.vault.{purpose}".encode(), sha256).digest()


def _place(field: str, row: str) -> bytes:
    return f"{field}\n{row}".encode()
