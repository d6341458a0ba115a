"""How does a workspace's key for a model vendor lie in the database, so that whoever reads it can neither use nor move it?

Encrypted under a key of the workspace's own, made from ``MODEL_KEY``, and bound to the provider's row, kind and address: with
another address in the row it opens nothing, so no key ever travels to a place that it was not entered for (L12, L44). A provider
without a key is sealed as well: a row that somebody wrote past us has nothing that opens.
"""

from __future__ import annotations

import hmac
from hashlib import sha256
from uuid import UUID

from django.conf import settings

from accounts.sealed import Ring, Unopened, named_keys

__all__ = ["Unopened", "is_outdated", "opened", "sealed"]


def sealed(key: str, *, workspace: UUID, provider: UUID, kind: str, base_url: str) -> str:
    """Encrypt under the newest key, for this provider at this address."""
    return _ring(workspace).sealed(key.encode(), _place(provider, kind, base_url))


def opened(stored: str, *, workspace: UUID, provider: UUID, kind: str, base_url: str) -> str:
    """Decrypt what ``sealed`` returned for this provider at this address. Raises ``Unopened``."""
    return _ring(workspace).opened(stored, _place(provider, kind, base_url)).decode()


def is_outdated(stored: str, *, workspace: UUID) -> bool:
    """Was this sealed under another key than the newest?"""
    return _ring(workspace).is_outdated(stored)


def _ring(workspace: UUID) -> Ring:
    purpose = b"agents.vendors:" + workspace.bytes
    return Ring([hmac.new(key, purpose, sha256).digest() for key in named_keys(settings.MODEL_KEY)])


def _place(provider: UUID, kind: str, base_url: str) -> bytes:
    return f"{provider.hex}\n{kind}\n{base_url}".encode()
