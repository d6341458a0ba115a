"""How does a secret that has to be read again (a second factor's seed, a provider's token) lie in a database?

Encrypted, under a key that no database holds. Each value is bound to what it belongs to: its key is derived from the
installation's key and that name, so a value that was moved to another account's row opens nothing there. In front of it
stands the id of the installation's key; ``IDENTITY_KEY`` may name several with commas between them, the newest first, and
values under an older one can still be opened until they have been sealed anew.
"""

from __future__ import annotations

import base64
import hmac
from hashlib import sha256
from typing import Final

from cryptography.fernet import Fernet, InvalidToken
from django.conf import settings

_ID_LENGTH: Final = 8
_BETWEEN: Final = "."


class SealBroken(Exception):
    """The value cannot be opened: its key is not configured, it was changed, or it belongs to something else."""


def sealed(plain: str, *, bound_to: str) -> str:
    """Encrypt a secret under the newest key; only the same ``bound_to`` opens it again."""
    newest = _keys()[0]
    return _id(newest) + _BETWEEN + _box(newest, bound_to).encrypt(plain.encode()).decode()


def opened(stored: str, *, bound_to: str) -> str:
    """Decrypt what ``sealed`` returned. Raises ``SealBroken``."""
    key_id, _, token = stored.partition(_BETWEEN)
    key = next((one for one in _keys() if _id(one) == key_id), None)
    if key is None:
        raise SealBroken(f"IDENTITY_KEY does not contain the key {key_id[:_ID_LENGTH]!r}, under which this was sealed.")
    try:
        return _box(key, bound_to).decrypt(token.encode()).decode()
    except InvalidToken as error:
        raise SealBroken("A sealed value was changed, or belongs to something else.") from error


def is_outdated(stored: str) -> bool:
    """Was this sealed under another key than the newest?"""
    return not stored.startswith(_id(_keys()[0]) + _BETWEEN)


def _keys() -> list[bytes]:
    return [part.strip().encode() for part in settings.IDENTITY_KEY.split(",") if part.strip()]


def _id(key: bytes) -> str:
    return sha256(b"vault id:" + key).hexdigest()[:_ID_LENGTH]


def _box(key: bytes, bound_to: str) -> Fernet:
    # Fernet takes no associated data, so what would be that decides the key instead.
    return Fernet(base64.urlsafe_b64encode(hmac.new(key, b"vault:" + bound_to.encode(), sha256).digest()))
