"""How is a text kept in a database that cannot read it, and by which key?

AES-GCM. In front stands the id of the key, so that a new key can come while older texts still open; and each text is bound to
the place that it was made for, so that moved elsewhere it opens nothing.
"""

from __future__ import annotations

import base64
import os
from collections.abc import Sequence
from dataclasses import dataclass
from hashlib import sha256
from typing import Final

from cryptography.exceptions import InvalidTag
from cryptography.hazmat.primitives.ciphers.aead import AESGCM

_NONCE: Final = 12
_ID: Final = 8


class Unopened(Exception):
    """It cannot be opened; the ones below say why."""


class KeyUnknown(Unopened):
    """The key under which it was kept is not configured."""


class Misplaced(Unopened):
    """It was changed, or belongs to another place."""


@dataclass(slots=True)
class Rotated:
    """What became of everything of one kind when keys were rotated; `setting` names the keys."""

    what: str
    setting: str
    renewed: int = 0
    kept: int = 0
    closed: int = 0


class Ring:
    """Some keys of 32 bytes, the newest first: that one seals, each of them opens."""

    def __init__(self, keys: Sequence[bytes]) -> None:
        self._keys = keys

    def sealed(self, plain: bytes, place: bytes) -> str:
        """Encrypt under the newest key, for this place."""
        key, nonce = self._keys[0], os.urandom(_NONCE)
        return f"{_id(key)}.{base64.b64encode(nonce + AESGCM(key).encrypt(nonce, plain, place)).decode()}"

    def opened(self, stored: str, place: bytes) -> bytes:
        """Decrypt what ``sealed`` returned for this place. Raises ``Unopened``."""
        key_id, _, text = stored.partition(".")
        key = next((one for one in self._keys if _id(one) == key_id), None)
        if key is None:
            raise KeyUnknown
        try:
            raw = base64.b64decode(text, validate=True)
            return AESGCM(key).decrypt(raw[:_NONCE], raw[_NONCE:], place)
        except (ValueError, InvalidTag) as error:
            raise Misplaced from error

    def is_outdated(self, stored: str) -> bool:
        """Was this sealed under another key than the newest?"""
        return stored.partition(".")[0] != _id(self._keys[0])


def named_keys(configured: str) -> list[bytes]:
    """The keys of a setting that names them with commas, the newest first."""
    return [part.strip().encode() for part in configured.split(",") if part.strip()]


def _id(key: bytes) -> str:
    return sha256(b"id:" + key).hexdigest()[:_ID]
