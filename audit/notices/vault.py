"""How do a channel's address and secret lie in a database, so that whoever reads it can neither use nor move them?

Encrypted with AES-GCM under ``NOTIFY_KEY``, with the channel's id as associated data: moved to another channel's row it
opens nothing. In front stands the id of the key; ``NOTIFY_KEY`` may name several with commas, the newest first, and what
lies under an older one can still be opened.
"""

from __future__ import annotations

import base64
import json
import os
from dataclasses import dataclass, field
from hashlib import sha256
from typing import Final
from uuid import UUID

from cryptography.exceptions import InvalidTag
from cryptography.hazmat.primitives.ciphers.aead import AESGCM
from django.conf import settings

_NONCE: Final = 12
_ID: Final = 8


class Unopened(Exception):
    """It cannot be opened: its key is not configured, it was changed, or it belongs to another channel."""


@dataclass(frozen=True, slots=True)
class Secrets:
    """Where a channel leads, and the key with which its webhooks are signed; "" where it has none."""

    address: str = field(repr=False)
    signing: str = field(default="", repr=False)


def sealed(secrets: Secrets, channel: UUID) -> str:
    """Encrypt under the newest key, for this channel."""
    key, nonce = _keys()[0], os.urandom(_NONCE)
    plain = json.dumps([secrets.address, secrets.signing]).encode()
    return f"{_id(key)}.{base64.b64encode(nonce + AESGCM(key).encrypt(nonce, plain, channel.bytes)).decode()}"


def opened(stored: str, channel: UUID) -> Secrets:
    """Decrypt what ``sealed`` returned for this channel. Raises ``Unopened``."""
    key_id, _, text = stored.partition(".")
    key = next((one for one in _keys() if _id(one) == key_id), None)
    if key is None:
        raise Unopened("NOTIFY_KEY does not contain the key under which this channel was stored.")
    try:
        raw = base64.b64decode(text, validate=True)
        address, signing = json.loads(AESGCM(key).decrypt(raw[:_NONCE], raw[_NONCE:], channel.bytes))
    except (ValueError, InvalidTag) as error:
        raise Unopened("What was stored for this channel was changed, or belongs to another.") from error
    return Secrets(address, signing)


def _keys() -> list[bytes]:
    given = (part.strip() for part in settings.NOTIFY_KEY.split(","))
    return [sha256(b"audit.notices:" + part.encode()).digest() for part in given if part]


def _id(key: bytes) -> str:
    return sha256(b"id:" + key).hexdigest()[:_ID]
