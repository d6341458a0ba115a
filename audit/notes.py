"""How is a checkpoint of the trail signed, so that anybody who holds the public key can check it without us?

A signed note as the C2SP specifications "signed-note" and "tlog-checkpoint" lay it down: a few lines of text, a blank
line, and a line with an Ed25519 signature. The lines of a checkpoint are its origin, how many entries it covers, and a
digest in base64. Other programs that read transparency logs read it too. An archive of entries that leave the trail has a
note of the same form, with another origin, so that neither can be taken for the other.
"""

from __future__ import annotations

import base64
import binascii
import hashlib
from collections.abc import Iterable
from dataclasses import dataclass
from typing import Final, Protocol

from cryptography.exceptions import InvalidSignature
from cryptography.hazmat.primitives.asymmetric.ed25519 import Ed25519PrivateKey, Ed25519PublicKey
from cryptography.hazmat.primitives.serialization import Encoding, PublicFormat

NAME: Final = "aiaxis-audit"
ORIGIN: Final = "aiaxis/audit"
ARCHIVE_ORIGIN: Final = "aiaxis/audit/archive"
_ED25519: Final = b"\x01"


class BadNote(Exception):
    """The text is no note of this kind, or nobody who holds the key signed it."""


class Statement(Protocol):
    """Something that can be signed."""

    def text(self) -> str:
        """The signed lines."""


@dataclass(frozen=True, slots=True)
class Checkpoint:
    """That a chain of ``size`` entries ends in ``digest``."""

    size: int
    digest: bytes

    def text(self) -> str:
        """The signed lines."""
        return f"{ORIGIN}\n{self.size}\n{base64.b64encode(self.digest).decode()}\n"


Runs = tuple[tuple[int, int], ...]


@dataclass(frozen=True, slots=True)
class Archive:
    """That a file with this SHA-256 holds ``count`` entries of the chain, at the places of ``runs``, whose digest is this.

    A run is its first place in the chain and its last; places count from 0. The digest is over the id and the hash of each
    entry, in the order of the chain, so that it can be compared with the seals alone, without the file.
    """

    name: str
    count: int
    file: bytes
    digest: bytes
    runs: Runs

    def text(self) -> str:
        """The signed lines."""
        places = " ".join(f"{first}-{last}" for first, last in self.runs)
        shown = (base64.b64encode(one).decode() for one in (self.file, self.digest))
        return "\n".join((ARCHIVE_ORIGIN, self.name, str(self.count), *shown, places, ""))


def signed(statement: Statement, key: bytes) -> str:
    """The note of a statement, signed with the Ed25519 key whose seed is ``key`` (32 bytes)."""
    private = Ed25519PrivateKey.from_private_bytes(key)
    text = statement.text()
    stamp = _key_id(private.public_key()) + private.sign(text.encode())
    return f"{text}\n— {NAME} {base64.b64encode(stamp).decode()}\n"


def opened(note: str, key: bytes) -> Checkpoint:
    """The checkpoint of a note that was signed with this key. Raises ``BadNote``."""
    size, digest = _lines(note, key, ORIGIN, 2)
    try:
        return Checkpoint(int(size), base64.b64decode(digest, validate=True))
    except (ValueError, binascii.Error) as error:
        raise BadNote("not a checkpoint") from error


def opened_archive(note: str, key: bytes) -> Archive:
    """What a note that was signed with this key says of an archive. Raises ``BadNote``."""
    name, count, file, digest, places = _lines(note, key, ARCHIVE_ORIGIN, 5)
    try:
        pairs = (run.split("-") for run in places.split(" "))
        runs = tuple((int(first), int(last)) for first, last in pairs)
        return Archive(
            name, int(count), base64.b64decode(file, validate=True), base64.b64decode(digest, validate=True), runs
        )
    except (ValueError, TypeError, binascii.Error) as error:
        raise BadNote("not the note of an archive") from error


def runs_of(places: Iterable[int]) -> Runs:
    """Growing places as runs of neighbours."""
    runs: list[tuple[int, int]] = []
    for place in places:
        if runs and runs[-1][1] == place - 1:
            runs[-1] = (runs[-1][0], place)
        else:
            runs.append((place, place))
    return tuple(runs)


def _lines(note: str, key: bytes, origin: str, count: int) -> list[str]:
    """The lines of a signed note behind its origin."""
    text, _, signature = note.partition("\n\n")
    text += "\n"
    public = Ed25519PrivateKey.from_private_bytes(key).public_key()
    try:
        mark, name, stamp = signature.rstrip("\n").split(" ")
        raw = base64.b64decode(stamp, validate=True)
        if (mark, name, raw[:4]) != ("—", NAME, _key_id(public)):
            raise BadNote("signed by somebody else")
        public.verify(raw[4:], text.encode())
    except (ValueError, binascii.Error, InvalidSignature) as error:
        raise BadNote("not signed with this installation's key") from error
    lines = text.split("\n")[:-1]
    if lines[0] != origin or len(lines) != count + 1:
        raise BadNote("a note of something else")
    return lines[1:]


def verifier_key(key: bytes) -> str:
    """The public key in the form that other readers of signed notes take: name, key id and key."""
    public = Ed25519PrivateKey.from_private_bytes(key).public_key()
    shown = base64.b64encode(_ED25519 + _raw(public)).decode()
    return f"{NAME}+{_key_id(public).hex()}+{shown}"


def _key_id(public: Ed25519PublicKey) -> bytes:
    return hashlib.sha256(NAME.encode() + b"\n" + _ED25519 + _raw(public)).digest()[:4]


def _raw(public: Ed25519PublicKey) -> bytes:
    return public.public_bytes(Encoding.Raw, PublicFormat.Raw)
