"""What is in the file of an export, and how is it written without holding it in memory?

A ZIP: a part of JSON lines for each table, the trail, the bytes of each file under its id, and a manifest that names every
part with its size and SHA-256. The manifest is signed with the key that signs the trail's checkpoints, so whoever has the
public key can tell an export that was changed.
"""

from __future__ import annotations

import base64
import json
import zipfile
from collections.abc import Callable, Iterator
from dataclasses import dataclass
from datetime import UTC, datetime
from hashlib import sha256
from typing import IO, Any, BinaryIO, Final
from uuid import UUID

from cryptography.hazmat.primitives.asymmetric.ed25519 import Ed25519PrivateKey
from django.apps import apps
from django.conf import settings
from django.core.serializers.json import DjangoJSONEncoder
from django.db import connection, transaction

from accounts.http import Tenant
from accounts.tenancy.context import current_member_id
from aiaxis.exports.contents import GOES, Part
from audit import notes, queries
from audit.schemas import EntryOut
from files import storage

FORMAT: Final = "aiaxis-export/1"
SIGNED: Final = b"aiaxis.export.1\n"
MANIFEST, SIGNATURE, README, TRAIL = "manifest.json", "manifest.sig", "README.txt", "trail.jsonl"
BATCH: Final = 500
CHUNK: Final = 1024 * 1024
_SNAPSHOT: Final = "SET TRANSACTION ISOLATION LEVEL REPEATABLE READ, READ ONLY"
_TOLD: Final = """This is an export of the workspace {name}, made on {day} for {person}.

It holds what {person} may read: the members, what is shared with the workspace, {person}'s own private files, agents and
conversations, and the trail. What colleagues keep private is not in it.

data/*.jsonl   one JSON object a line, one part for each kind of thing
trail.jsonl    the entries of the trail, newest first, in the fields of the API
files/         the bytes of each file, under the id that data/files.jsonl gives it
manifest.json  every part with its size and SHA-256
manifest.sig   the Ed25519 signature of "aiaxis.export.1", a line break, and manifest.json, in Base64
"""


class _Encoder(DjangoJSONEncoder):
    """Django's, but that a time keeps its microseconds: they tell which of two rows came first, and an import brings them back."""

    def default(self, o: Any) -> Any:
        """The text of what JSON has no kind for."""
        return o.isoformat(timespec="microseconds") if isinstance(o, datetime) else super().default(o)


_encode = _Encoder(ensure_ascii=False, separators=(",", ":")).encode


@dataclass(frozen=True, slots=True)
class Bytes:
    """A file whose bytes go."""

    id: UUID
    key: str
    size: int


class Writer:
    """Writes the parts of one export, each counted and hashed on its way."""

    def __init__(self, packed: zipfile.ZipFile) -> None:
        self.zip = packed
        self.parts: list[dict[str, Any]] = []

    def add(self, name: str, pieces: Iterator[bytes]) -> None:
        """Write a part from its pieces."""
        digest, size = sha256(), 0
        with self.zip.open(name, "w", force_zip64=True) as part:
            for piece in pieces:
                part.write(piece)
                digest.update(piece)
                size += len(piece)
        self.parts.append({"name": name, "bytes": size, "sha256": digest.hexdigest()})

    def finish(self, about: dict[str, Any]) -> None:
        """Write the manifest and its signature, which come last."""
        manifest = json.dumps({**about, "parts": self.parts}, indent=1).encode()
        key = Ed25519PrivateKey.from_private_bytes(settings.SEAL_KEY)
        self.zip.writestr(MANIFEST, manifest)
        self.zip.writestr(SIGNATURE, base64.b64encode(key.sign(SIGNED + manifest)))


def write(target: IO[bytes], *, actor: Tenant, total: Callable[[int], None], progress: Callable[[int], None]) -> None:
    """Write all that the bound member may read. Says first how many bytes of files there are, then how many are written."""
    with zipfile.ZipFile(target, "w", zipfile.ZIP_DEFLATED, allowZip64=True) as packed:
        _write_parts(Writer(packed), actor, total, progress)


def _write_parts(writer: Writer, actor: Tenant, total: Callable[[int], None], progress: Callable[[int], None]) -> None:
    now = datetime.now(UTC)
    told = _TOLD.format(name=actor.workspace_name, day=f"{now:%Y-%m-%d}", person=actor.display_name or actor.email)
    writer.add(README, iter([told.encode()]))
    with transaction.atomic(), connection.cursor() as cursor:
        # Of one moment: no message without its conversation, however long it takes.
        cursor.execute(_SNAPSHOT)
        for label, part in GOES.items():
            writer.add(f"data/{part.name}.jsonl", _lines(label, part))
        writer.add(TRAIL, _trail())
        files = list(_files())
    total(sum(file.size for file in files))
    missing = _write_bytes(writer, files, progress)
    about = {
        "format": FORMAT,
        "made_at": now.isoformat(timespec="seconds"),
        "workspace": {"id": str(actor.workspace_id), "name": actor.workspace_name},
        "made_for": str(actor.membership_id),
        "missing_files": missing,
        "signed_by": notes.verifier_key(settings.SEAL_KEY),
    }
    writer.finish(about)


def _write_bytes(writer: Writer, files: list[Bytes], progress: Callable[[int], None]) -> list[str]:
    """The bytes of each file; returns the ids of those whose bytes are not there (any more)."""
    missing, done = [], 0
    for file in files:
        try:
            stored = storage.open_bytes(file.key)
        except storage.BytesMissing:
            missing.append(str(file.id))
        else:
            with stored:
                writer.add(f"files/{file.id}", _pieces(stored))
        done += file.size
        progress(done)
    return missing


def _pieces(stored: BinaryIO) -> Iterator[bytes]:
    try:
        yield from iter(lambda: stored.read(CHUNK), b"")
    except OSError as error:
        # An object store may go away between two pieces.
        raise storage.StorageUnavailable(storage.OUT_OF_REACH) from error


def _lines(label: str, part: Part) -> Iterator[bytes]:
    model = apps.get_model(label)
    found = model._default_manager.order_by("pk")
    for key in part.visible:
        # An inner join, behind which the policy of the other table stands.
        found = found.filter(**{f"{key}__pk__isnull": False, f"{key}__owner_id__isnull": False})
    if part.conversation is not None:
        start = f"{part.conversation}__" if part.conversation else ""
        # Of conversations only one's own, since of a colleague's that is shared the reader may not see every answer; and none that
        # goes by itself.
        found = found.filter(**{f"{start}owner_id": current_member_id(), f"{start}erased_after__isnull": True})
    last: UUID | None = None
    while rows := list((found.filter(pk__gt=last) if last else found).values(*part.columns)[:BATCH]):
        yield "".join(f"{_encode(row)}\n" for row in rows).encode()
        last = rows[-1]["id"]


def _trail() -> Iterator[bytes]:
    found, last = queries.trail(queries.Chosen()), None
    while rows := list((found.filter(id__lt=last) if last else found)[:BATCH]):
        yield "".join(f"{json.dumps(EntryOut.of(row).model_dump(mode='json'))}\n" for row in rows).encode()
        last = rows[-1].pk


def _files() -> Iterator[Bytes]:
    model = apps.get_model("files.File")
    found = model._default_manager.exclude(status="refused").order_by("pk")
    for row in found.values_list("pk", "storage_key", "size"):
        yield Bytes(*row)
