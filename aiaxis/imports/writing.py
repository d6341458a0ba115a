"""How do the rows of an export become rows here?

As they were, each column by itself, but for their keys and for what is made anew: bytes lie in a new place, text is checked and
indexed by a job as after an upload, Markdown is rendered here. What was being written when the export was made was interrupted.
"""

from __future__ import annotations

from collections.abc import Callable, Iterable, Iterator
from itertools import islice
from typing import Any, Final
from uuid import UUID

from django.apps import apps
from django.db import connection

from accounts.tenancy.context import current_workspace_id
from accounts.tenancy.models import WorkspaceModel
from aiaxis.exports.contents import GOES
from aiaxis.imports import lines
from aiaxis.imports.checking import FILES, MEMBERS, MESSAGES, TAGS, VERSIONS, Contents
from aiaxis.imports.keys import Keys
from aiaxis.imports.package import Package
from conversations.models import UNFINISHED, Message, ToolCall
from conversations.owning import OfConversation
from conversations.rendering import render
from files import names, types
from files.models import File
from files.refusals import SENTENCES, DocumentRefused, Reason
from files.tags.words import key_of

BATCH: Final = 500
CALLS: Final = "conversations.ToolCall"
OWNERS: Final = ("conversations.Conversation", MESSAGES)
OPEN: Final = (ToolCall.State.READY, ToolCall.State.WAITING, ToolCall.State.CONFIRMED, ToolCall.State.RUNNING)
Values = dict[str, Any]


class Rows:
    """Writes the rows of one export. ``places`` says under which key of the storage the bytes of a file lie already."""

    def __init__(self, package: Package, contents: Contents, keys: Keys, places: dict[UUID, str]) -> None:
        self.package = package
        self.contents = contents
        self.keys = keys
        self.places = places
        # Of each conversation and of what is in it, under their keys here.
        self._owners: dict[UUID, UUID] = {}
        self._made: dict[str, Callable[[Values, Values], None]] = {
            FILES: self._file,
            TAGS: self._tag,
            MESSAGES: self._message,
            VERSIONS: self._version,
            CALLS: self._call,
        }

    def write(self) -> dict[str, int]:
        """Write all but the members, in the caller's transaction; returns how many of each part."""
        with connection.cursor() as cursor:
            # A message may stand before its parent in the export; whether all is whole is asked when it ends.
            cursor.execute("SET CONSTRAINTS ALL DEFERRED")
        counts = {GOES[label].name: self._write(label) for label in GOES if label != MEMBERS}
        with connection.cursor() as cursor:
            cursor.execute("SET CONSTRAINTS ALL IMMEDIATE")
        return counts

    def _write(self, label: str) -> int:
        model: type[WorkspaceModel] = apps.get_model(label)
        fields = [field for field in model._meta.concrete_fields if not field.generated]
        count = 0
        rows = self._rows(label, model)
        while batch := list(islice(rows, BATCH)):
            # Raw: `auto_now` would write today's date over each of theirs.
            model._base_manager._insert(batch, fields=fields, using="default", raw=True)  # type: ignore[attr-defined]  # no public way keeps their times
            count += len(batch)
        return count

    def _rows(self, label: str, model: type[WorkspaceModel]) -> Iterator[WorkspaceModel]:
        links = lines.links(label)
        for row in lines.rows(self.package, label):
            values = {**row, "id": self.keys.of(label, row["id"])}
            for column, (target, _) in links.items():
                values[column] = self._linked(target, row[column])
            if label in self._made:
                self._made[label](row, values)
            if issubclass(model, OfConversation):
                # So that the stamp need not ask for it, row by row.
                values["owner_id"] = self._owners[values[f"{model.PART_OF}_id"]]
            if label in OWNERS:
                self._owners[values["id"]] = values["owner_id"]
            made = model(**values)
            made.stamp(current_workspace_id())
            yield made

    def _linked(self, target: str, old: UUID | None) -> UUID | None:
        """The key of what a row names; none, where it names what was not in the export."""
        return self.keys.of(target, old) if old is not None and self.contents.holds(target, old) else None

    def _file(self, row: Values, values: Values) -> None:
        values["name"] = names.display_name(row["name"])
        values["storage_key"] = self.places[row["id"]]
        values["pages"] = None
        try:
            # By this media type it is served: the export's word for it counts for nothing.
            values["media_type"] = types.by_name(values["name"]).media_type
        except DocumentRefused:
            values["media_type"] = "application/octet-stream"
        if row["status"] == File.Status.REFUSED:
            return
        values["status"], values["refusal"] = File.Status.RECEIVED, ""
        if not self.package.has(f"files/{row['id']}"):
            values["status"], values["refusal"] = File.Status.REFUSED, SENTENCES[Reason.LOST]

    def _tag(self, row: Values, values: Values) -> None:
        values["key"] = key_of(row["name"])

    def _message(self, row: Values, values: Values) -> None:
        if row["status"] in UNFINISHED:
            values["status"] = Message.Status.INTERRUPTED
        if row["role"] == Message.Role.ASSISTANT and row["text"]:
            numbers = self.contents.quotes.get(row["id"], [])
            values["html"] = render(row["text"], message_id=values["id"], numbers=numbers)

    def _call(self, row: Values, values: Values) -> None:
        if row["state"] in OPEN:
            # Nobody is asked for a word on what another installation wanted to call.
            values["state"] = ToolCall.State.DROPPED

    def _version(self, row: Values, values: Values) -> None:
        content = dict(row["content"])
        # Servers of tools did not come along.
        content.pop("tool_ids", None)
        content["file_ids"] = sorted(self._mapped(FILES, content["file_ids"]))
        [content["model_provider_id"]] = self._mapped("agents.ModelProvider", [content["model_provider_id"]])
        values["content"] = content

    def _mapped(self, label: str, written: Iterable[str | None]) -> list[Any]:
        """Keys in a value that is no column. Of what is not here they name nothing, as they would have there."""
        return [str(self.keys.of(label, UUID(one))) if one else one for one in written]
