"""How does a receiver know that a webhook comes from us, is whole and is not an old one sent again?

By the Standard Webhooks specification (https://www.standardwebhooks.com): three headers and an HMAC.
"""

from __future__ import annotations

import base64
import hmac
import secrets
from hashlib import sha256
from typing import Final

PREFIX: Final = "whsec_"
KEY_BYTES: Final = 32


def new_secret() -> str:
    """A signing secret, in the form in which receivers keep it."""
    return PREFIX + base64.b64encode(secrets.token_bytes(KEY_BYTES)).decode()


def headers(secret: str, *, message: str, at: int, body: bytes) -> dict[str, str]:
    """The three headers of a message that is sent at this Unix time (seconds)."""
    key = base64.b64decode(secret.removeprefix(PREFIX))
    signature = hmac.new(key, f"{message}.{at}.".encode() + body, sha256).digest()
    return {
        "webhook-id": message,
        "webhook-timestamp": str(at),
        "webhook-signature": f"v1,{base64.b64encode(signature).decode()}",
    }
