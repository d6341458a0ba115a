"""How is a checkpoint of the trail signed, so that anybody who holds the public key can check it without us?

A signed note as the C2SP specifications "signed-note" and "tlog-checkpoint" lay it down: a few lines of text, a blank
line, and a line with an Ed25519 signature. The lines of a checkpoint are its origin, how many entries it covers, and a
digest in base64. Other programs that read transparency logs read it too.
"""

from __future__ import annotations

import base64
import binascii
import hashlib
from dataclasses import dataclass
from typing import Final

from cryptography.exceptions import InvalidSignature
from cryptography.hazmat.primitives.asymmetric.ed25519 import Ed25519PrivateKey, Ed25519PublicKey
from cryptography.hazmat.primitives.serialization import Encoding, PublicFormat

NAME: Final = "aiaxis-audit"
ORIGIN: Final = "aiaxis/audit"
_ED25519: Final = b"\x01"


class BadNote(Exception):
    """The text is no checkpoint, or nobody who holds the key signed it."""


@dataclass(frozen=True, slots=True)
class Checkpoint:
    """That a chain of ``size`` entries ends in ``digest``."""

    size: int
    digest: bytes

    def text(self) -> str:
        """The signed lines."""
        return f"{ORIGIN}\n{self.size}\n{base64.b64encode(self.digest).decode()}\n"


def signed(checkpoint: Checkpoint, key: bytes) -> str:
    """The note of a checkpoint, signed with the Ed25519 key whose seed is ``key`` (32 bytes)."""
    private = Ed25519PrivateKey.from_private_bytes(key)
    text = checkpoint.text()
    stamp = _key_id(private.public_key()) + private.sign(text.encode())
    return f"{text}\n— {NAME} {base64.b64encode(stamp).decode()}\n"


def opened(note: str, key: bytes) -> Checkpoint:
    """The checkpoint of a note that was signed with this key. Raises ``BadNote``."""
    text, _, signature = note.partition("\n\n")
    text += "\n"
    public = Ed25519PrivateKey.from_private_bytes(key).public_key()
    try:
        mark, name, stamp = signature.rstrip("\n").split(" ")
        raw = base64.b64decode(stamp, validate=True)
        if (mark, name, raw[:4]) != ("—", NAME, _key_id(public)):
            raise BadNote("signed by somebody else")
        public.verify(raw[4:], text.encode())
        origin, size, digest = text.splitlines()
        if origin != ORIGIN:
            raise BadNote("a note of something else")
        return Checkpoint(int(size), base64.b64decode(digest, validate=True))
    except (ValueError, binascii.Error, InvalidSignature) as error:
        raise BadNote("not signed with this installation's key") from error


def verifier_key(key: bytes) -> str:
    """The public key in the form that other readers of signed notes take: name, key id and key."""
    public = Ed25519PrivateKey.from_private_bytes(key).public_key()
    shown = base64.b64encode(_ED25519 + _raw(public)).decode()
    return f"{NAME}+{_key_id(public).hex()}+{shown}"


def _key_id(public: Ed25519PublicKey) -> bytes:
    return hashlib.sha256(NAME.encode() + b"\n" + _ED25519 + _raw(public)).digest()[:4]


def _raw(public: Ed25519PublicKey) -> bytes:
    return public.public_bytes(Encoding.Raw, PublicFormat.Raw)
