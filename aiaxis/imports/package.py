"""Is this file an export that the expected installation signed, whole and unchanged?

Nothing in it is believed before the signature, and no name in it ever becomes a path: parts are asked for by the names that the
signed list gives them. How much is unpacked is bounded before the first byte, by what the list says, and counted while it comes.
"""

from __future__ import annotations

import base64
import binascii
import json
import re
import struct
import zipfile
import zlib
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from datetime import datetime
from hashlib import sha256
from typing import IO, BinaryIO, Final
from uuid import UUID

from cryptography.exceptions import InvalidSignature
from pydantic import AwareDatetime, BaseModel, ConfigDict, Field, ValidationError

from aiaxis.exports import fingerprints
from aiaxis.exports.contents import GOES
from aiaxis.exports.writing import CHUNK, FORMAT, MANIFEST, README, SIGNATURE, SIGNED, TRAIL
from aiaxis.imports.refusals import ImportRefused
from files.quota import MEGABYTE

# A directory and a list are held in memory as a whole, many times as large as they are in the file, before anything is known of who
# made them: so each has what the parts of so many files need, and little more.
LARGEST_NAME_IN_DIRECTORY: Final = 160
LARGEST_NAME_IN_MANIFEST: Final = 320
PARTS_BESIDE: Final = 200
# Rows and the trail, beside the files, for which the workspace has room or not.
MOST_BYTES_OF_ROWS: Final = 8 * 1024 * MEGABYTE
_NAME: Final = re.compile(r"data/[a-z][a-z-]{0,40}\.jsonl|files/[0-9a-f]{8}(?:-[0-9a-f]{4}){3}-[0-9a-f]{12}")
_END: Final = struct.Struct("<4s4H2LH")
_END_64: Final = struct.Struct("<4sQ2H2L4Q")
_DAMAGED: Final = (
    *(zipfile.BadZipFile, zlib.error, EOFError, NotImplementedError, RuntimeError, ValueError),
    *(struct.error, OverflowError, LookupError),
)


class PartSaid(BaseModel):
    """What the signed list says of one part."""

    model_config = ConfigDict(extra="forbid", strict=True)
    name: str
    bytes: int = Field(ge=0)
    sha256: str = Field(pattern="^[0-9a-f]{64}$")


class WorkspaceSaid(BaseModel):
    """Of which workspace it is."""

    model_config = ConfigDict(extra="forbid")
    id: UUID
    name: str = Field(max_length=120)


class Said(BaseModel):
    """The signed list."""

    model_config = ConfigDict(extra="forbid")
    format: str
    made_at: AwareDatetime
    workspace: WorkspaceSaid
    made_for: UUID
    missing_files: list[UUID]
    signed_by: str
    parts: list[PartSaid]


@dataclass(frozen=True, slots=True)
class Package:
    """An export whose list was signed by whom the person expects, and which holds exactly the parts of that list."""

    archive: zipfile.ZipFile
    said: Said
    parts: dict[str, PartSaid]

    @property
    def size(self) -> int:
        """How many bytes all parts have together."""
        return sum(part.bytes for part in self.parts.values())

    @property
    def made_at(self) -> datetime:
        """When it was made."""
        return self.said.made_at

    def has(self, name: str) -> bool:
        """Is there a part of this name?"""
        return name in self.parts

    def read(self, name: str, progress: Callable[[int], None] | None = None) -> Iterator[bytes]:
        """A part in pieces. Raises ``ImportRefused`` behind the last one, or before it, if it is not what the list says."""
        part, digest, size = self.parts[name], sha256(), 0
        with _unpacking(name):
            stream = self.archive.open(name)
        with stream:
            while piece := _piece(stream, name):
                size += len(piece)
                if size > part.bytes:
                    # A bomb: it unpacks to more than the list says, and is not unpacked any further.
                    raise ImportRefused("hash", name)
                digest.update(piece)
                if progress:
                    progress(len(piece))
                yield piece
        if size != part.bytes or digest.hexdigest() != part.sha256:
            raise ImportRefused("hash", name)


def opened(stream: BinaryIO, *, expected: str, room: int, most_files: int) -> Package:
    """The package in a file, after everything that can be asked without reading its parts. Raises ``ImportRefused``.

    ``expected`` is the fingerprint of who must have signed it, empty for this very installation; ``room`` is how many bytes
    of files there is room for, ``most_files`` how many files a workspace may have.
    """
    most_parts = most_files + PARTS_BESIDE
    _check_directory(stream, most_parts * LARGEST_NAME_IN_DIRECTORY)
    with _unpacking(""):
        archive = zipfile.ZipFile(stream)
    names = _names(archive)
    said = _signed(archive, names, expected, most_parts * LARGEST_NAME_IN_MANIFEST)
    parts = {part.name: part for part in said.parts}
    if len(parts) != len(said.parts) or set(parts) != names - {MANIFEST, SIGNATURE}:
        raise ImportRefused("parts")
    _check_parts(archive, parts, room, most_files)
    return Package(archive, said, parts)


def _check_directory(stream: BinaryIO, most: int) -> None:
    """Find the end of the archive where the export wrote it, and refuse a directory that would fill the memory."""
    size = stream.seek(0, 2)
    if size < _END.size:
        raise ImportRefused("no_zip")
    stream.seek(-_END.size, 2)
    mark, _, _, _, count, directory, _, comment = _END.unpack(stream.read(_END.size))
    # Our exports carry no comment: what stands behind the end, or instead of it, was put there by somebody else.
    if mark != b"PK\x05\x06" or comment:
        raise ImportRefused("no_zip")
    if count == 0xFFFF or directory == 0xFFFFFFFF:
        directory = _directory_64(stream, size)
    if directory > most:
        raise ImportRefused("too_large")


def _directory_64(stream: BinaryIO, size: int) -> int:
    """The size of the directory of a large archive, which its end says in another place."""
    place = size - _END.size - 20 - _END_64.size
    if place < 0:
        raise ImportRefused("no_zip")
    stream.seek(place)
    mark, *_, directory, _ = _END_64.unpack(stream.read(_END_64.size))
    if mark != b"PK\x06\x06":
        raise ImportRefused("no_zip")
    return int(directory)


def _names(archive: zipfile.ZipFile) -> set[str]:
    """The names in the archive, of which each is one that an export has, once, packed as exports are."""
    names: set[str] = set()
    for entry in archive.infolist():
        known = entry.filename in (MANIFEST, SIGNATURE, README, TRAIL) or _NAME.fullmatch(entry.filename)
        # A name with "..", a slash in front or a drive is none of these; nor is one that stands there twice (L27, L28).
        if not known or entry.filename in names or entry.filename != entry.orig_filename:
            raise ImportRefused("parts")
        if entry.flag_bits & 0x1 or entry.compress_type not in (zipfile.ZIP_STORED, zipfile.ZIP_DEFLATED):
            raise ImportRefused("damaged")
        names.add(entry.filename)
    return names


def _signed(archive: zipfile.ZipFile, names: set[str], expected: str, most: int) -> Said:
    """The list, after its signature. Whether its form is right is asked last: until then it is a stranger's bytes."""
    if not {MANIFEST, SIGNATURE} <= names:
        raise ImportRefused("no_export")
    raw = _small(archive, MANIFEST, most)
    try:
        # Only the name of the key is taken from it here; that the right one signed is asked below, of these very bytes.
        signer = fingerprints.public_key(str(json.loads(raw)["signed_by"]))
        signature = base64.b64decode(_small(archive, SIGNATURE, 1024), validate=True)
    except (ValueError, LookupError, TypeError, RecursionError, binascii.Error) as error:
        raise ImportRefused("no_export") from error
    try:
        signer.verify(signature, SIGNED + raw)
    except InvalidSignature as error:
        raise ImportRefused("signature") from error
    if fingerprints.of(signer) != (expected or fingerprints.own()):
        # Anybody can sign with a key of their own; whose key it must be is said by the person, not by the file.
        raise ImportRefused("signer")
    try:
        said = Said.model_validate_json(raw)
    except ValidationError as error:
        raise ImportRefused("version") from error
    if said.format != FORMAT:
        raise ImportRefused("version")
    return said


def _piece(stream: IO[bytes], name: str) -> bytes:
    with _unpacking(name):
        return stream.read(CHUNK)


def _small(archive: zipfile.ZipFile, name: str, most: int) -> bytes:
    with _unpacking(name), archive.open(name) as stream:
        raw = stream.read(most + 1)
    if len(raw) > most:
        raise ImportRefused("too_large", name)
    return raw


def _check_parts(archive: zipfile.ZipFile, parts: dict[str, PartSaid], room: int, most_files: int) -> None:
    """Every part is one that this version knows, and together they are no more than there is room for."""
    known = {f"data/{part.name}.jsonl" for part in GOES.values()}
    if not {README, TRAIL} <= set(parts):
        raise ImportRefused("parts")
    if {name for name in parts if name.startswith("data/")} - known:
        # A newer version wrote a table that nobody here would keep. What an older one did not write yet has no rows.
        raise ImportRefused("version")
    files = sum(part.bytes for name, part in parts.items() if name.startswith("files/"))
    rows = sum(part.bytes for name, part in parts.items() if not name.startswith("files/"))
    count = sum(1 for name in parts if name.startswith("files/"))
    if files > room or rows > MOST_BYTES_OF_ROWS:
        raise ImportRefused("too_large")
    if count > most_files:
        raise ImportRefused("no_room")
    for name, part in parts.items():
        # The directory's word is believed for nothing; where it differs from the signed list, somebody packed it anew.
        if archive.getinfo(name).file_size != part.bytes:
            raise ImportRefused("hash", name)


@contextmanager
def _unpacking(name: str) -> Iterator[None]:
    """Whatever Python says of a damaged archive is one refusal."""
    try:
        yield
    except ImportRefused:
        raise
    except _DAMAGED as error:
        raise ImportRefused("damaged" if name else "no_zip", name) from error
