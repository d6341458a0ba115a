"""How do a channel's address and secret lie in a database, so that whoever reads it can neither use nor move them?

Encrypted with AES-GCM under ``NOTIFY_KEY``, with the channel's id as associated data: moved to another channel's row it
opens nothing. In front stands the id of the key; ``NOTIFY_KEY`` may name several with commas, the newest first, and what
lies under an older one can still be opened.
"""

from __future__ import annotations

import json
from dataclasses import dataclass, field
from hashlib import sha256
from uuid import UUID

from django.conf import settings

from accounts.sealed import KeyUnknown, Misplaced, Ring, named_keys


class Unopened(Exception):
    """It cannot be opened: its key is not configured, it was changed, or it belongs to another channel."""


@dataclass(frozen=True, slots=True)
class Secrets:
    """Where a channel leads, and the key with which its webhooks are signed; "" where it has none."""

    address: str = field(repr=False)
    signing: str = field(default="", repr=False)


def sealed(secrets: Secrets, channel: UUID) -> str:
    """Encrypt under the newest key, for this channel."""
    return _ring().sealed(json.dumps([secrets.address, secrets.signing]).encode(), channel.bytes)


def opened(stored: str, channel: UUID) -> Secrets:
    """Decrypt what ``sealed`` returned for this channel. Raises ``Unopened``."""
    try:
        address, signing = json.loads(_ring().opened(stored, channel.bytes))
    except KeyUnknown as error:
        raise Unopened("NOTIFY_KEY does not contain the key under which this channel was stored.") from error
    except (ValueError, Misplaced) as error:
        raise Unopened("What was stored for this channel was changed, or belongs to another.") from error
    return Secrets(address, signing)


def is_outdated(stored: str) -> bool:
    """Was this sealed under another key than the newest?"""
    return _ring().is_outdated(stored)


def _ring() -> Ring:
    return Ring([sha256(b"audit.notices:" + key).digest() for key in named_keys(settings.NOTIFY_KEY)])
