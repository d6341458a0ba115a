"""By which few letters does a person recognise the key with which an installation signs?

An export carries the public key that signed it, and whoever made a forgery carries theirs. So the importer does not ask
the file whom to believe: a person reads the fingerprint on the page of the installation that they come from.
"""

from __future__ import annotations

import base64
import binascii
import re
from hashlib import sha256
from typing import Final

from cryptography.hazmat.primitives.asymmetric.ed25519 import Ed25519PrivateKey, Ed25519PublicKey
from cryptography.hazmat.primitives.serialization import Encoding, PublicFormat
from django.conf import settings

# 128 bits: nobody finds a second key with the same ones.
LETTERS: Final = 32
_GROUP: Final = 4
_ED25519: Final = b"\x01"
_SEPARATORS: Final = re.compile(r"[\s:.-]+")


def own() -> str:
    """The fingerprint of this installation."""
    return of(Ed25519PrivateKey.from_private_bytes(settings.SEAL_KEY).public_key())


def of(key: Ed25519PublicKey) -> str:
    """The fingerprint of a public key: 32 hexadecimal letters."""
    return sha256(key.public_bytes(Encoding.Raw, PublicFormat.Raw)).hexdigest()[:LETTERS]


def shown(fingerprint: str) -> str:
    """The same in groups of four, as people read it to each other."""
    return " ".join(fingerprint[place : place + _GROUP] for place in range(0, len(fingerprint), _GROUP))


def typed(text: str) -> str:
    """What somebody typed or pasted, as it compares; whether it is a fingerprint at all is for the caller to ask."""
    return _SEPARATORS.sub("", text).lower()


def public_key(verifier: str) -> Ed25519PublicKey:
    """The key in the line that `audit.notes.verifier_key` writes. Raises ``ValueError`` for anything else."""
    try:
        _, _, shown_key = verifier.split("+", 2)
        raw = base64.b64decode(shown_key, validate=True)
    except binascii.Error as error:
        raise ValueError("not a key") from error
    if raw[:1] != _ED25519:
        raise ValueError("a key of another kind")
    return Ed25519PublicKey.from_public_bytes(raw[1:])
