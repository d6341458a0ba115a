"""How are session tokens and API keys made, recognised and stored?

Both are 256 random bits, so a plain SHA-256 is enough to store them: there is nothing to guess. Each database holds
its *own* derivation, so that a dump of one is of no use for forging the other's half.
"""

from __future__ import annotations

import hmac
import re
import secrets
import string
import zlib
from hashlib import sha256

from django.conf import settings

KEY_PREFIX = "aiaxis_"
# What secret scanners should look for; the checksum lets them, and us, drop look-alikes without asking anybody.
KEY_PATTERN = r"\baiaxis_[0-9A-Za-z]{43}[0-9A-Za-z]{6}\b"
SHOWN_LENGTH = len(KEY_PREFIX) + 6  # What lists show of a key: 36 of its 256 bits.

_ALPHABET = string.digits + string.ascii_uppercase + string.ascii_lowercase
_SECRET_LENGTH = 43  # 43 base-62 digits hold 256 bits.
_CHECKSUM_LENGTH = 6  # 6 base-62 digits hold a CRC-32.
_VENDOR_KEY = re.compile(r"sk_[0-9A-Za-z_]{16,200}")
_TOKEN_LENGTHS = range(40, 65)


def new_token() -> str:
    """A fresh session token: 256 bits, URL-safe."""
    return secrets.token_urlsafe(32)


def derived_token(purpose: str, name: str) -> str:
    """The token of a link that is mailed: the same each time for one purpose and row, and unknown to both databases.

    So the row keeps a hash, the job that mails the link carries the row's id, and neither a dump nor the queue opens anything.
    """
    secret = hmac.new(settings.SECRET_KEY.encode(), f"{purpose}:{name}".encode(), sha256).digest()
    return _base62(int.from_bytes(secret, "big"), _SECRET_LENGTH)


def is_plausible_token(value: str) -> bool:
    """Could this be a token of ours? Keeps empty, null and oversized values away from the databases."""
    return len(value) in _TOKEN_LENGTHS and value.isascii() and value.replace("-", "a").replace("_", "a").isalnum()


def new_key() -> str:
    """A fresh API key: prefix, 256 bits in base 62, checksum."""
    secret = _base62(secrets.randbits(256), _SECRET_LENGTH)
    return KEY_PREFIX + secret + _checksum(secret)


def is_well_formed_key(value: str) -> bool:
    """Has this the form and the checksum of a key of ours? If not, no database needs to be asked."""
    if not value.startswith(KEY_PREFIX) or len(value) != len(KEY_PREFIX) + _SECRET_LENGTH + _CHECKSUM_LENGTH:
        return False
    body = value[len(KEY_PREFIX) :]
    if not (body.isascii() and body.isalnum()):
        return False
    return _checksum(body[:_SECRET_LENGTH]) == body[_SECRET_LENGTH:]


def is_vendor_key(value: str) -> bool:
    """Has this the form of a key that WorkOS mints? It has no checksum, so it says less than ours."""
    return _VENDOR_KEY.fullmatch(value) is not None


def is_server_key(value: str) -> bool:
    """Is this the key by which we speak to WorkOS? Compared in constant time: it must not be found out letter by letter."""
    return bool(settings.WORKOS_API_KEY) and hmac.compare_digest(value.encode(), settings.WORKOS_API_KEY.encode())


def shown_part(value: str) -> str:
    """The beginning of a key that may be shown in lists and trails."""
    return value[:SHOWN_LENGTH]


def platform_hash(credential: str) -> bytes:
    """What the platform's database stores of a credential."""
    return sha256(b"platform:" + credential.encode()).digest()


def identity_hash(credential: str) -> bytes:
    """What the identity store stores of a credential."""
    return sha256(b"identity:" + credential.encode()).digest()


def _checksum(secret: str) -> str:
    return _base62(zlib.crc32(secret.encode()), _CHECKSUM_LENGTH)


def _base62(number: int, length: int) -> str:
    digits = []
    for _ in range(length):
        number, remainder = divmod(number, 62)
        digits.append(_ALPHABET[remainder])
    return "".join(reversed(digits))
