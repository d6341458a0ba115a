"""Does everything in an export fit together, before the first row of it is written?

Read once from the beginning to the end: each part against its hash, each row against its columns, each key against the rows that
there are, each file against the row that describes it. What is not in the export because its owner keeps it to himself is named by
nobody but by columns that may name nothing; those come in empty.
"""

from __future__ import annotations

from collections import Counter
from collections.abc import Callable
from dataclasses import dataclass, field
from itertools import chain
from typing import Any, Final
from uuid import UUID

from accounts.models import Membership
from agents.models import AgentVersion
from agents.versions.content import FIELDS
from aiaxis.exports.contents import GOES
from aiaxis.exports.writing import README, TRAIL
from aiaxis.imports import lines
from aiaxis.imports.package import Package
from aiaxis.imports.refusals import ImportRefused
from conversations.models import Citation, Message
from files import types
from files.models import MOST_TAGS, File, FileTag
from files.refusals import DocumentRefused
from files.tags import words

# Keys of all rows are held in memory while they are compared.
MOST_ROWS: Final = 2_000_000
MEMBERS: Final = Membership._meta.label
FILES: Final = File._meta.label
MESSAGES: Final = Message._meta.label
CITATIONS: Final = Citation._meta.label
VERSIONS: Final = AgentVersion._meta.label
TAGS: Final = FileTag._meta.label


@dataclass(slots=True)
class Contents:
    """What was found: the keys of the rows of each model, and what belongs together over more than one of them."""

    keys: dict[str, set[UUID]] = field(default_factory=dict)
    with_bytes: list[UUID] = field(default_factory=list)
    bytes: int = 0
    """Of all files, those without their bytes too: that is what the room of a workspace counts."""
    quotes: dict[UUID, list[int]] = field(default_factory=dict)
    """The numbers of each message's quotes."""

    def holds(self, label: str, key: UUID | None) -> bool:
        """Is a row of this key in the export?"""
        return key in self.keys.get(label, ())


def checked(package: Package, progress: Callable[[int], None]) -> Contents:
    """Read everything, and return what it is. Raises ``ImportRefused``."""
    found = Contents()
    for label in GOES:
        found.keys[label] = _keys(package, label, sum(map(len, found.keys.values())))
    for label in GOES:
        _check_links(package, label, found)
    if not found.holds(MEMBERS, package.said.made_for):
        raise ImportRefused("links", lines.part_name(MEMBERS))
    _check_versions(package)
    _check_tags(package)
    _note_quotes(package, found)
    _check_files(package, found)
    _check_tree(package)
    # The parts without rows of ours: read to their end, they are what the list says.
    for name in chain((README, TRAIL), (f"files/{key}" for key in found.with_bytes)):
        for _ in package.read(name, progress):
            pass
    return found


def _keys(package: Package, label: str, so_far: int) -> set[UUID]:
    keys: set[UUID] = set()
    for row in lines.rows(package, label):
        if row["id"] in keys:
            raise ImportRefused("rows", lines.part_name(label))
        keys.add(row["id"])
        if so_far + len(keys) > MOST_ROWS:
            raise ImportRefused("too_large")
    return keys


def _check_links(package: Package, label: str, found: Contents) -> None:
    links = lines.links(label)
    if not links:
        return
    for row in lines.rows(package, label):
        for column, (target, may_be_none) in links.items():
            if not may_be_none and not found.holds(target, row.get(column)):
                # A row of another workspace, or one that was taken out: it hangs on nothing.
                raise ImportRefused("links", lines.part_name(label))


def _check_versions(package: Package) -> None:
    """What an agent was is one JSON value, in which ids and settings stand as a version of this installation has them."""
    for row in lines.rows(package, VERSIONS):
        content = row["content"]
        known = {*FIELDS, "provider", "model_provider_id", "file_ids", "tool_ids"}
        if not set(content) <= known or not {"provider", "model_provider_id", "file_ids"} <= set(content):
            raise ImportRefused("rows", lines.part_name(VERSIONS))
        try:
            keys = [UUID(key) for key in content["file_ids"]]
            keys += [UUID(key) for key in content.get("tool_ids", [])]
            keys += [UUID(content["model_provider_id"])] if content["model_provider_id"] else []
            lines.check_values("agents.Agent", {name: content[name] for name in FIELDS if name in content})
        except (ValueError, TypeError, AttributeError) as error:
            raise ImportRefused("rows", lines.part_name(VERSIONS)) from error


def _check_tags(package: Package) -> None:
    """Each tag is one that could have been typed here, and no file has more of them than one may have."""
    count: Counter[UUID] = Counter()
    for row in lines.rows(package, TAGS):
        count[row["file_id"]] += 1
        try:
            is_one = words.cleaned(row["name"]) == row["name"]
        except words.NoTag as error:
            raise ImportRefused("rows", lines.part_name(TAGS)) from error
        if not is_one or count[row["file_id"]] > MOST_TAGS:
            raise ImportRefused("rows", lines.part_name(TAGS))


def _note_quotes(package: Package, found: Contents) -> None:
    for row in lines.rows(package, CITATIONS):
        found.quotes.setdefault(row["message_id"], []).append(row["number"])


def _check_files(package: Package, found: Contents) -> None:
    """Each file that was not refused there has its bytes here, of this size and hash, or is named as missing."""
    missing = set(package.said.missing_files)
    for row in lines.rows(package, FILES):
        name = f"files/{row['id']}"
        found.bytes += _size(row)
        if row["status"] == File.Status.REFUSED:
            if package.has(name):
                raise ImportRefused("files")
            continue
        if (row["id"] in missing) == package.has(name):
            raise ImportRefused("files")
        if package.has(name):
            part = package.parts[name]
            if (part.bytes, part.sha256) != (row["size"], row["sha256"]):
                raise ImportRefused("files")
            found.with_bytes.append(row["id"])
    if len(found.with_bytes) != sum(1 for name in package.parts if name.startswith("files/")):
        # Bytes of which no row says whose they are.
        raise ImportRefused("files")


def _size(row: dict[str, Any]) -> int:
    try:
        types.by_name(row["name"])
    except DocumentRefused as error:
        if row["status"] != File.Status.REFUSED:
            raise ImportRefused("files") from error
    if row["size"] < 0:
        raise ImportRefused("files")
    return int(row["size"])


def _check_tree(package: Package) -> None:
    """A message comes after its parent in the same conversation, so that no branch ends in itself."""
    places = {row["id"]: (row["conversation_id"], row["position"]) for row in lines.rows(package, MESSAGES)}
    for row in lines.rows(package, MESSAGES):
        if row["parent_id"] is None:
            continue
        talk, position = places.get(row["parent_id"], (None, 0))
        if talk != row["conversation_id"] or position >= row["position"]:
            raise ImportRefused("links", lines.part_name(MESSAGES))
