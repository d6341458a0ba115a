"""What may a field hold, in words that a developer reads at a glance?"""

from __future__ import annotations

from dataclasses import dataclass
from typing import Any, Final

from aiaxis.reference.document import choices, name_of, resolved, schemas

_TEXTS: Final = {"uuid": "id", "date": "day, such as 2026-11-23", "date-time": "moment", "binary": "file"}
_PLAIN: Final = {
    "integer": "whole number",
    "number": "number",
    "boolean": "true or false",
    "object": "object",
    "null": "null",
}


@dataclass(frozen=True, slots=True)
class Field:
    """A parameter, or a field of a body or an answer. `shape` is the named shape of what it holds, if it has one."""

    name: str
    kind: str
    shape: str
    is_needed: bool
    default: str
    text: str


def fields_of(schema: dict[str, Any]) -> list[Field]:
    """The fields of an object."""
    whole = resolved(schema)
    return [field(name, one, name in whole.get("required", ())) for name, one in whole.get("properties", {}).items()]


def field(name: str, schema: dict[str, Any], is_needed: bool, text: str = "") -> Field:
    """One field, told from its schema."""
    default = schema.get("default")
    shown = "" if default in (None, "", []) else str(default).lower() if isinstance(default, bool) else str(default)
    return Field(name, kind_of(schema), shape_of(schema), is_needed, shown, text or schema.get("description", ""))


def shape_of(schema: dict[str, Any]) -> str:
    """The named object that a value is, or is a list of; "" for plain values."""
    for one in (schema, schema.get("items", {}), *choices(schema)):
        name = name_of(one)
        if name and _is_object(schemas()[name]):
            return name
    return ""


def kind_of(schema: dict[str, Any]) -> str:
    """The kind of a value, with its limits."""
    if name := name_of(schema):
        return name if _is_object(schemas()[name]) else kind_of(schemas()[name])
    if allowed := choices(schema):
        is_nullable = any(one.get("type") == "null" for one in schema.get("anyOf", []))
        return " or ".join([*map(kind_of, allowed), *(["null"] if is_nullable else [])])
    if "const" in schema:
        return f"“{schema['const']}”"
    if "enum" in schema:
        return f"one of {', '.join(map(str, schema['enum']))}"
    if schema.get("type") == "array":
        return f"list{_limits(schema, 'Items')}{',' if 'maxItems' in schema else ''} of {kind_of(schema['items'])}"
    if schema.get("type") == "string":
        return _TEXTS.get(schema.get("format", ""), f"text{_limits(schema, 'Length', ' characters')}")
    return _PLAIN.get(schema.get("type", ""), "anything") + _limits(schema, "imum")


def _limits(schema: dict[str, Any], what: str, unit: str = "") -> str:
    least, most = schema.get(f"min{what}"), schema.get(f"max{what}")
    if most is None:
        return f", at least {least}{unit}" if least else ""
    return f", {least} to {most}{unit}" if least is not None else f", at most {most}{unit}"


def _is_object(schema: dict[str, Any]) -> bool:
    return schema.get("type") == "object"
