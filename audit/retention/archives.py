"""In what file do entries rest that leave the trail, and how does anybody see that it holds what was sealed?

JSON lines, compressed, in the order of the chain: an entry's place in it, and its columns as PostgreSQL writes them. From
these the text that was sealed follows exactly, so the file is checked without a database. Beside it stands a signed note
(``notes.Archive``) with the file's SHA-256, the places, and a digest that the seals confirm.
"""

from __future__ import annotations

import gzip
import json
import re
import zlib
from collections.abc import Iterable, Iterator
from dataclasses import dataclass
from hashlib import sha256
from pathlib import Path
from typing import IO, Any, Final
from uuid import UUID

from django.conf import settings

from audit import disk, notes, sealing

FOLDER: Final = "archive"
SUFFIX: Final = ".jsonl.gz"
NOTE_SUFFIX: Final = ".note"
_NAMES: Final = sealing.COLUMNS.split(", ")
# How COPY writes what would break a line: https://www.postgresql.org/docs/current/sql-copy.html, "Text Format".
_SPECIAL: Final = {"b": "\b", "f": "\f", "n": "\n", "r": "\r", "t": "\t", "v": "\v"}
_ESCAPED: Final = {ord("\\"): "\\\\", **{ord(plain): f"\\{letter}" for letter, plain in _SPECIAL.items()}}
_encode = json.JSONEncoder(separators=(",", ":")).encode
_ESCAPE: Final = re.compile(r"\\(.)", re.DOTALL)


class Damaged(Exception):
    """The archive, or its note, is not what was written. The text says in which way."""


class NotAsSealed(Exception):
    """An entry that was to be archived is not what its seal says, so it must stay where it can be looked at."""


@dataclass(frozen=True, slots=True)
class Line:
    """An entry on its way into an archive: its place in the chain, the hash in its seal, and its text as COPY writes it."""

    place: int
    leaf: bytes
    text: bytes

    @property
    def entry_id(self) -> UUID:
        """The id, with which the text begins."""
        return UUID(self.text[:36].decode())


def folder() -> Path:
    """Where the archives of this installation are; several machines share it."""
    return Path(settings.AIAXIS_HOME) / FOLDER


def path_of(name: str) -> Path:
    """The file of the archive of this name. Names are made from classes, months and numbers, by us."""
    return folder() / f"{name}{SUFFIX}"


def note_of(path: Path) -> Path:
    """The file with the signed note of an archive."""
    return path.with_name(path.name + NOTE_SUFFIX)


def is_written(name: str) -> bool:
    """Is there an archive of this name? The note comes last: a file without one is no archive yet."""
    return note_of(path_of(name)).exists()


def write(name: str, lines: Iterable[Line]) -> None:
    """Write the archive and then its note, each whole or not at all, both on the disk before this returns.

    Raises ``NotAsSealed``, and ``OSError`` when the disk does not take it; what was begun is then gone.
    """
    path = path_of(name)
    path.parent.mkdir(mode=0o700, parents=True, exist_ok=True)
    # One of this name that was written before more entries came must not vouch for what is written now.
    note_of(path).unlink(missing_ok=True)
    with disk.created(path) as file:
        archive = _written(name, lines, file)
    with disk.created(note_of(path)) as file:
        file.write(notes.signed(archive, settings.SEAL_KEY).encode())


def checked(path: Path) -> notes.Archive:
    """Read the archive from the disk and return what it is. Raises ``Damaged``, and ``OSError`` when it cannot be read."""
    try:
        archive = notes.opened_archive(note_of(path).read_text(encoding="utf-8"), settings.SEAL_KEY)
        digest = disk.digest_of(path)
    except FileNotFoundError as error:
        raise Damaged(f"{Path(error.filename).name} is not there") from error
    except (notes.BadNote, UnicodeDecodeError) as error:
        raise Damaged(f"the note of {path.name} is {error}") from error
    if path.name != f"{archive.name}{SUFFIX}":
        raise Damaged(f"{path.name} carries the note of {archive.name}")
    # Before anything of it is unpacked: what follows was signed by us.
    if digest != archive.file:
        raise Damaged(f"{path.name} is not the file that was signed")
    found, places = sha256(), []
    for place, text in _read(path):
        found.update(UUID(text[:36].decode()).bytes + sha256(text).digest())
        places.append(place)
    if (len(places), found.digest(), notes.runs_of(places)) != (archive.count, archive.digest, archive.runs):
        raise Damaged(f"{path.name} does not hold the entries that its note names")
    return archive


def remove(path: Path) -> None:
    """Delete an archive and its note. Raises ``OSError``."""
    # The note first: one whose file is gone would pass for an archive that was lost, and nothing would leave after it.
    note_of(path).unlink(missing_ok=True)
    path.unlink(missing_ok=True)


class _Hashed:
    """Where the compressor writes: a file, and the hash of what went there."""

    def __init__(self, file: IO[bytes]) -> None:
        self.file, self.digest = file, sha256()

    def write(self, data: bytes) -> int:
        self.digest.update(data)
        return self.file.write(data)

    def flush(self) -> None:
        self.file.flush()


def _written(name: str, lines: Iterable[Line], file: IO[bytes]) -> notes.Archive:
    hashed, digest, places = _Hashed(file), sha256(), []
    # Without a time of its own, so that the same entries make the same file.
    with gzip.GzipFile(fileobj=hashed, mode="wb", filename="", mtime=0) as packed:
        for line in lines:
            if sha256(line.text).digest() != line.leaf:
                raise NotAsSealed(f"entry {line.entry_id} is not what was sealed")
            digest.update(line.entry_id.bytes + line.leaf)
            places.append(line.place)
            packed.write(_packed(line))
    return notes.Archive(name, len(places), hashed.digest.digest(), digest.digest(), notes.runs_of(places))


def _packed(line: Line) -> bytes:
    values = line.text.decode().removesuffix("\n").split("\t")
    plain = [None if value == "\\N" else _ESCAPE.sub(_unescaped, value) for value in values]
    entry = dict(zip(_NAMES, plain, strict=True))
    return _encode({"place": line.place, "entry": entry}).encode() + b"\n"


def _unescaped(found: re.Match[str]) -> str:
    return _SPECIAL.get(found[1], found[1])


def _read(path: Path) -> Iterator[tuple[int, bytes]]:
    """Each entry's place and the text that was sealed. Raises ``Damaged``."""
    try:
        with gzip.open(path, "rb") as packed:
            for line in packed:
                one: dict[str, Any] = json.loads(line)
                values = (r"\N" if value is None else value.translate(_ESCAPED) for value in one["entry"].values())
                yield one["place"], "\t".join(values).encode() + b"\n"
    except (ValueError, KeyError, AttributeError, TypeError, EOFError, zlib.error, gzip.BadGzipFile) as error:
        raise Damaged(f"{path.name} cannot be read as an archive") from error
