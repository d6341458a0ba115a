"""How is a secret kept that has to be read again, so that a dump of the database shows nothing and no row can borrow another's?

AES-256-GCM under ``IDENTITY_KEY``. Each ciphertext names its key, so that a new key can come while old ciphertexts live; and each
is bound to the row and field that it was made for: moved elsewhere it does not open.
"""

from __future__ import annotations

import hmac
import os
from hashlib import sha256
from typing import Final

from cryptography.exceptions import InvalidTag
from cryptography.hazmat.primitives.ciphers.aead import AESGCM
from django.conf import settings

_ID_LENGTH: Final = 4
_NONCE_LENGTH: Final = 12


class Tampered(Exception):
    """The ciphertext was changed, or belongs to another row or field."""


class KeyUnknown(Exception):
    """The ciphertext was made under a key that this installation does not have."""


def sealed(text: str, *, field: str, row: str) -> bytes:
    """Encrypt ``text`` under the newest key, for this field of this row."""
    key = settings.IDENTITY_KEYS[0]
    nonce = os.urandom(_NONCE_LENGTH)
    return _key_id(key) + nonce + AESGCM(_derived(key, "encrypt")).encrypt(nonce, text.encode(), _place(field, row))


def opened(ciphertext: bytes | memoryview, *, field: str, row: str) -> str:
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


def fingerprint(value: str, *, purpose: str) -> bytes:
    """A keyed hash of a value, to look it up by: without the key a dump cannot even be compared with guesses."""
    return hmac.new(_derived(settings.IDENTITY_KEYS[0], purpose), value.encode(), sha256).digest()


def _key_id(key: bytes) -> bytes:
    return _derived(key, "name")[:_ID_LENGTH]


def _derived(key: bytes, purpose: str) -> bytes:
    return hmac.new(key, f"aiaxis.vault.{purpose}".encode(), sha256).digest()


def _place(field: str, row: str) -> bytes:
    return f"{field}\n{row}".encode()
