"""What can somebody do to an export on its way, and what can somebody do who can sign it?"""

from __future__ import annotations

import base64
import io
import json
import struct
import warnings
import zipfile
from collections.abc import Callable, Iterator
from hashlib import sha256
from typing import Any

from cryptography.hazmat.primitives.asymmetric.ed25519 import Ed25519PrivateKey
from django.conf import settings as configured

from accounts.tenancy.models import new_id
from aiaxis.exports import writing
from audit import notes
from tests.cast import ACME, VERA

# No page could show when it was.
EARLY = "0001-01-01T00:00:00+14:00"
WORDS = " ".join(f"word{number}" for number in range(90_000))


def packed(parts: dict[str, bytes], twice: str = "") -> bytes:
    target = io.BytesIO()
    with zipfile.ZipFile(target, "w", zipfile.ZIP_DEFLATED) as file:
        for name, content in parts.items():
            file.writestr(name, content)
        if twice:
            with warnings.catch_warnings():
                warnings.simplefilter("ignore", UserWarning)
                file.writestr(twice, b"another")
    return target.getvalue()


def unpacked(content: bytes) -> dict[str, bytes]:
    file = zipfile.ZipFile(io.BytesIO(content))
    return {name: file.read(name) for name in file.namelist()}


def resigned(parts: dict[str, bytes], *, key: bytes = b"", **said: Any) -> bytes:
    """Packed by somebody who can sign: what only the reading of rows can find."""
    key = key or configured.SEAL_KEY
    manifest = json.loads(parts[writing.MANIFEST]) | {"signed_by": notes.verifier_key(key)} | said
    body = {name: one for name, one in parts.items() if name not in (writing.MANIFEST, writing.SIGNATURE)}
    manifest["parts"] = [
        {"name": name, "bytes": len(one), "sha256": sha256(one).hexdigest()} for name, one in body.items()
    ]
    raw = json.dumps(manifest).encode()
    signature = base64.b64encode(Ed25519PrivateKey.from_private_bytes(key).sign(writing.SIGNED + raw))
    return packed({**body, writing.MANIFEST: raw, writing.SIGNATURE: signature})


def edited(parts: dict[str, bytes], part: str, change: Callable[[dict[str, Any]], object]) -> dict[str, bytes]:
    """The parts with each row of one changed."""
    rows = [json.loads(line) for line in parts[f"data/{part}.jsonl"].splitlines()]
    for row in rows:
        change(row)
    return {**parts, f"data/{part}.jsonl": "".join(f"{json.dumps(row)}\n" for row in rows).encode()}


def tamperings(content: bytes) -> Iterator[tuple[str, str, bytes]]:
    """What was done to it, the word of the refusal, and the file."""
    parts = unpacked(content)
    file = next(name for name in parts if name.startswith("files/"))
    without = {name: one for name, one in parts.items() if name != file}
    row = parts["data/agents.jsonl"].replace(b"Be kind.", b"Be rude.")
    yield "an edited row", "hash", packed({**parts, "data/agents.jsonl": row})
    yield "an edited byte of a file", "hash", packed({**parts, file: b"X" + parts[file][1:]})
    yield "a missing file", "parts", packed(without)
    yield "an extra file", "parts", packed({**parts, f"files/{new_id()}": b"more"})
    yield "a name that climbs out", "parts", packed({**parts, "../../escaped.txt": b"out"})
    yield "a name twice", "parts", packed(parts, twice=file)
    yield (
        "an edited list",
        "signature",
        packed({**parts, "manifest.json": parts["manifest.json"].replace(b"Acme", b"Acne")}),
    )
    yield "somebody else's key", "signer", resigned(parts, key=b"k" * 32)
    yield "a cut file", "no_zip", content[: len(content) // 2]
    yield "no file at all", "no_zip", b""
    yield "no export", "no_export", packed({"README.txt": b"hello"})
    yield "words behind its end", "no_zip", content + b"more"
    yield "a bomb", "hash", packed({**parts, "trail.jsonl": b"0" * 50_000_000})
    yield "a list without end", "too_large", packed({**parts, "manifest.json": b"[" + b"[]," * 1_200_000 + b"0]"})
    # Of a directory the end says how large it is, and so much is read.
    yield "a vast directory", "too_large", content[:-10] + struct.pack("<L", 2_000_000) + content[-6:]
    yield "a later version", "version", resigned(parts, format="aiaxis-export/2")
    yield "a table that nobody knows", "version", resigned({**parts, "data/secrets.jsonl": b"{}\n"})


def signed_tamperings(content: bytes) -> Iterator[tuple[str, str, bytes]]:
    """The same by whom the owner trusts: what a hand on the other installation, or a mistake there, could have written."""
    parts = unpacked(content)
    yield (
        "a column that nobody knows",
        "version",
        resigned(edited(parts, "files", lambda row: row.update(storage_key="x"))),
    )
    yield (
        "another workspace",
        "version",
        resigned(edited(parts, "files", lambda row: row.update(workspace_id=str(ACME.id)))),
    )
    yield (
        "another's key",
        "links",
        resigned(edited(parts, "messages", lambda row: row.update(conversation_id=str(new_id())))),
    )
    yield (
        "an owner from elsewhere",
        "links",
        resigned(edited(parts, "files", lambda row: row.update(owner_id=str(VERA.user_id)))),
    )
    yield "a circle", "links", resigned(edited(parts, "messages", lambda row: row.update(parent_id=row["id"])))
    yield "made for nobody", "links", resigned(parts, made_for=str(new_id()))
    yield "a row twice", "rows", resigned({**parts, "data/agents.jsonl": parts["data/agents.jsonl"] * 2})
    yield "NUL", "rows", resigned(edited(parts, "agents", lambda row: row.update(instructions="a\x00b")))
    yield "a role that is none", "rows", resigned(edited(parts, "members", lambda row: row.update(role="god")))
    yield "a number as a word", "rows", resigned(edited(parts, "messages", lambda row: row.update(position="1")))
    yield "before all time", "rows", resigned(edited(parts, "agents", lambda row: row.update(updated_at=EARLY)))
    yield (
        "more words than an index holds",
        "rows",
        resigned(edited(parts, "messages", lambda row: row.update(text=WORDS))),
    )
    yield "no JSON", "rows", resigned({**parts, "data/messages.jsonl": b"{'id': 1}\n"})
    yield "two of one place", "rows", resigned(edited(parts, "agents", lambda row: row.update(slug="same")))
    yield from _of_files(parts)


def _of_files(parts: dict[str, bytes]) -> Iterator[tuple[str, str, bytes]]:
    """What is said of files, and of the tags that hang on them."""
    yield "a tag that deceives", "rows", resigned(edited(parts, "file-tags", lambda row: row.update(name="a\u202eb")))
    yield "a tag twice", "rows", resigned(edited(parts, "file-tags", lambda row: row.update(name="same")))
    yield "another file's hash", "files", resigned(edited(parts, "files", lambda row: row.update(sha256="0" * 64)))
    yield "a program", "files", resigned(edited(parts, "files", lambda row: row.update(name="a.exe")))
    emptied = dict.fromkeys(("data/files.jsonl", "data/file-tags.jsonl", "data/agent-files.jsonl"), b"")
    yield "bytes of no row", "files", resigned({**parts, **emptied})
