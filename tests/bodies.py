"""What does a program send that an operation of the API accepts? Made from the API's own description of itself.

An empty body is refused for its form before anybody looks for the row that the address names, so a walk with empty
bodies shows nothing about rows.
"""

from __future__ import annotations

import json
import re
from collections.abc import Mapping
from functools import cache
from typing import Any

from django.http.response import HttpResponseBase
from django.test import Client

from aiaxis.api import described
from tests.addresses import Address

BOUNDARY = "x"
# Fields that may be left out and that take what no desk holds: addresses of members, beside a visibility that goes with them.
LEFT_OUT = {"shared_with"}


@cache
def description() -> dict[str, Any]:
    """The OpenAPI document."""
    return json.loads(json.dumps(described(), default=str))  # type: ignore[no-any-return]  # JSON


def body_of(address: Address, method: str, ids: Mapping[str, str]) -> tuple[bytes, str]:
    """A valid body, whose references are `ids`, and its type; no body where the operation takes none."""
    path = re.sub(r"<(?:\w+:)?(\w+)>", r"{\1}", address.pattern)
    operation = description()["paths"].get(path, {}).get(method.lower(), {})
    content = operation.get("requestBody", {}).get("content", {})
    if "application/json" in content:
        return json.dumps(_value("", content["application/json"]["schema"], ids)).encode(), "application/json"
    if "multipart/form-data" in content:
        parts = _resolved(content["multipart/form-data"]["schema"])["properties"]
        [name] = [part for part, schema in parts.items() if _resolved(schema).get("format") == "binary"]
        head = f'--{BOUNDARY}\r\nContent-Disposition: form-data; name="{name}"; filename="a.txt"\r\nContent-Type: text/plain'
        return (
            f"{head}\r\n\r\nwords of a walk\r\n--{BOUNDARY}--\r\n".encode(),
            f"multipart/form-data; boundary={BOUNDARY}",
        )
    return b"", "application/octet-stream"


def send_valid(client: Client, method: str, address: Address, path: str, ids: Mapping[str, str]) -> HttpResponseBase:
    """Ask with a body that the operation accepts."""
    body, media = body_of(address, method, ids)
    return client.generic(method, path, body, media)


def _resolved(schema: dict[str, Any]) -> dict[str, Any]:
    if "$ref" in schema:
        return _resolved(description()["components"]["schemas"][schema["$ref"].rpartition("/")[2]])
    choices = [one for one in schema.get("anyOf", schema.get("allOf", [])) if one.get("type") != "null"]
    return _resolved(choices[0]) if choices else schema


def _is_unknown(name: str, schema: dict[str, Any], ids: Mapping[str, str]) -> bool:
    """Is it a reference that may be left out, and that the desk has no row for?"""
    return any(one.get("type") == "null" for one in schema.get("anyOf", [])) and (
        _resolved(schema).get("format") == "uuid" and name not in ids
    )


def _value(name: str, schema: dict[str, Any], ids: Mapping[str, str]) -> Any:
    schema = _resolved(schema)
    if "enum" in schema or "const" in schema:
        return schema.get("const", schema.get("enum", [None])[0])
    kind = schema.get("type")
    if kind == "object":
        properties = schema.get("properties", {})
        named = {key: one for key, one in properties.items() if key not in LEFT_OUT}
        return {key: _value(key, one, ids) for key, one in named.items() if not _is_unknown(key, one, ids)}
    if kind == "array":
        return [_value(name.removesuffix("s"), schema["items"], ids)]
    if schema.get("format") == "uuid" or name in ids:
        return ids[name]
    if kind in ("integer", "number"):
        return schema.get("minimum", 1)
    if kind == "boolean":
        return False
    return "words of a walk".ljust(schema.get("minLength", 0), ".")[: schema.get("maxLength", 200)]
