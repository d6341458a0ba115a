"""What does a part of JSON lines say, and is each line a row as this version writes it?

Stricter than JSON: a name twice, a number that is none, a column nobody knows, a text that PostgreSQL cannot hold, a value of
another kind than its column, each is the end of the import. What an older version did not write yet is what a new row has.
"""

from __future__ import annotations

import json
from collections.abc import Iterable, Iterator
from typing import Any, Final
from uuid import UUID

from django.apps import apps
from django.contrib.postgres.fields import ArrayField
from django.core.exceptions import ValidationError
from django.db import models
from django.utils.dateparse import parse_datetime

from accounts.tenancy.models import WorkspaceForeignKey, WorkspaceModel
from aiaxis.exports.contents import GOES
from aiaxis.imports.package import Package
from aiaxis.imports.refusals import ImportRefused

LONGEST_LINE: Final = 16 * 1024 * 1024
Row = dict[str, Any]
# Kinds of JSON that a column of this kind takes; the first that fits the field counts.
KINDS: Final[tuple[tuple[type[models.Field[Any, Any]], tuple[type, ...]], ...]] = (
    (models.UUIDField, (str,)),
    (models.ForeignKey, (str,)),
    (models.DateTimeField, (str,)),
    (models.BooleanField, (bool,)),
    (models.FloatField, (int, float)),
    (models.IntegerField, (int,)),
    (models.CharField, (str,)),
    (models.TextField, (str,)),
    (models.JSONField, (dict,)),
    (ArrayField, (list,)),
)


def part_name(label: str) -> str:
    """The name of the part in which the rows of a model are."""
    return f"data/{GOES[label].name}.jsonl"


def rows(package: Package, label: str) -> Iterator[Row]:
    """The rows of a model, as values of its columns; keys are still those of the other workspace. Raises ``ImportRefused``."""
    name = part_name(label)
    if not package.has(name):
        return
    fields = fields_of(label)
    for line in _lines(package.read(name), name):
        written = _parsed(line, name)
        if not set(written) <= set(fields) or "id" not in written:
            raise ImportRefused("version" if set(written) - set(fields) else "rows", name)
        try:
            yield {column: _written(field, written) for column, field in fields.items()}
        except (ValidationError, ValueError, TypeError, OverflowError) as error:
            raise ImportRefused("rows", name) from error


def fields_of(label: str) -> dict[str, models.Field[Any, Any]]:
    """The columns of a model that go into an export, by name."""
    model: type[WorkspaceModel] = apps.get_model(label)
    return {field.attname: field for field in model._meta.concrete_fields if field.attname in GOES[label].columns}


def check_values(label: str, values: Row) -> None:
    """Raise ``ValueError`` where a column of the model would not take its value."""
    fields = {field.attname: field for field in apps.get_model(label)._meta.concrete_fields}
    try:
        for column, value in values.items():
            _value(fields[column], value)
    except ValidationError as error:
        raise ValueError(label) from error


def links(label: str) -> dict[str, tuple[str, bool]]:
    """Which columns of a model's part name other rows: of which model, and whether they may name none."""
    model = apps.get_model(label)
    return {
        field.attname: (field.related_model._meta.label, field.null)
        for field in model._meta.concrete_fields
        if isinstance(field, WorkspaceForeignKey) and field.attname in GOES[label].columns
    }


def _lines(pieces: Iterable[bytes], name: str) -> Iterator[bytes]:
    rest = b""
    for piece in pieces:
        *whole, rest = (rest + piece).split(b"\n")
        yield from whole
        if len(rest) > LONGEST_LINE:
            raise ImportRefused("rows", name)
    if rest:
        # Every line that an export writes is ended.
        raise ImportRefused("rows", name)


def _parsed(line: bytes, name: str) -> dict[str, Any]:
    try:
        found = json.loads(line, object_pairs_hook=_once, parse_constant=_no_number)
    except (ValueError, RecursionError) as error:
        raise ImportRefused("rows", name) from error
    if not isinstance(found, dict):
        raise ImportRefused("rows", name)
    return found


def _once(pairs: list[tuple[str, Any]]) -> dict[str, Any]:
    found = dict(pairs)
    if len(found) != len(pairs):
        # Of two values under one name, one would be checked and the other kept.
        raise ValueError("a name twice")
    return found


def _no_number(word: str) -> None:
    raise ValueError(word)


def _written(field: models.Field[Any, Any], row: Row) -> Any:
    if field.attname in row:
        return _value(field, row[field.attname])
    if not (field.has_default() or field.null):
        raise ValueError(field.attname)
    # A column that came after the version that wrote this.
    return field.get_default()


def _value(field: models.Field[Any, Any], value: Any) -> Any:
    """The value as the column holds it. Raises ``ValidationError`` or ``ValueError`` for what the column would not take."""
    if value is None:
        if not field.null:
            raise ValueError(field.attname)
        return None
    wanted = next(kinds for kind, kinds in KINDS if isinstance(field, kind))
    if not any(type(value) is kind for kind in wanted):
        raise ValueError(field.attname)
    _check_text(value)
    return _column(field, value)


def _column(field: models.Field[Any, Any], value: Any) -> Any:
    if isinstance(field, models.UUIDField | models.ForeignKey):
        return UUID(value)
    if isinstance(field, models.DateTimeField):
        moment = parse_datetime(value)
        # Neither Python nor a page can say a time that lies beyond these in somebody's zone; PostgreSQL can keep it.
        if moment is None or moment.tzinfo is None or not 1900 <= moment.year < 3000:
            raise ValueError(field.attname)
        return moment
    if isinstance(field, models.EmailField):
        # Shown to nobody and written to nobody: it is not kept.
        return value[:254]
    if value in ("", []):
        # What a form asks for is not what a column does: pages have let it be empty.
        return value
    return field.clean(value, None)


def _check_text(value: Any) -> None:
    """Refuse what PostgreSQL's text cannot hold, wherever in the value it stands: NUL, and halves of letters."""
    if isinstance(value, str):
        if "\x00" in value:
            raise ValueError("NUL")
        value.encode()
    elif isinstance(value, dict):
        for key, one in value.items():
            _check_text(key)
            _check_text(one)
    elif isinstance(value, list):
        for one in value:
            _check_text(one)
