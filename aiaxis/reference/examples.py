"""What does a program send that an operation accepts? Made from the operation's schema, for the page and for the tests' walks."""

from __future__ import annotations

import json
import shlex
from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any, Final
from urllib.parse import quote, urlencode

from django.conf import settings

from aiaxis.reference.document import resolved

JSON: Final = "application/json"
MULTIPART: Final = "multipart/form-data"
# What fields of these names hold, where their schema allows it; "words" for all others.
WORDS: Final = {
    "name": "Policy desk",
    "instructions": "Answer in two sentences.",
    "text": "How long is the guarantee?",
    "content": "How long is the guarantee?",
    "role": "user",
    "q": "guarantee",
    "tag": "contracts",
}
# Fields that may be left out and that take what no row stands for: addresses of members, beside a visibility that goes with them.
LEFT_OUT: Final = frozenset({"shared_with"})
# The rows that the page's examples name.
SAMPLES: Final = {
    "key": "policy-desk",
    "model": "policy-desk",
    "agent_id": "policy-desk",
    "file_id": "01980000-0000-7000-8000-0000000000f1",
    "version_id": "01980000-0000-7000-8000-0000000000a1",
    "conversation_id": "01980000-0000-7000-8000-0000000000c1",
    "message_id": "01980000-0000-7000-8000-0000000000e1",
}
# How curl is told to take what is no JSON: as a file, and as it comes.
_FLAGS: Final = {"/content": "-OJ", "/stream": "-N"}


@dataclass(frozen=True, slots=True)
class Maker:
    """Makes values that schemas accept; `ids` are the rows that they refer to. A short one leaves out what nobody needs."""

    ids: Mapping[str, str]
    is_short: bool = False

    def value(self, name: str, schema: dict[str, Any]) -> Any:
        """A value for the field of this name."""
        schema = resolved(schema)
        kind = schema.get("type")
        if "const" in schema:
            return schema["const"]
        if "enum" in schema:
            return WORDS[name] if WORDS.get(name) in schema["enum"] else schema["enum"][0]
        if kind == "object":
            return {
                key: self.value(key, one) for key, one in schema.get("properties", {}).items() if self._has(key, schema)
            }
        if kind == "array":
            return [self.value(name.removesuffix("s"), schema["items"])]
        if schema.get("format") == "uuid" or name in self.ids:
            return self.ids[name]
        if kind in ("integer", "number"):
            return schema.get("minimum", 1)
        if kind == "boolean":
            return False
        return WORDS.get(name, "words").ljust(schema.get("minLength", 0), ".")[: schema.get("maxLength", 200)]

    def _has(self, name: str, whole: dict[str, Any]) -> bool:
        """Does the object get this field?"""
        if name in whole.get("required", ()):
            return True
        if self.is_short:
            # An object of which nothing is needed still shows one field.
            is_only = not whole.get("required") and name == next(iter(whole["properties"]))
            return is_only or name in WORDS
        return name not in LEFT_OUT and not self._is_unknown(name, whole["properties"][name])

    def _is_unknown(self, name: str, schema: dict[str, Any]) -> bool:
        """Is it a reference that may be left out, and that there is no row for?"""
        may_be_null = any(one.get("type") == "null" for one in schema.get("anyOf", []))
        return may_be_null and resolved(schema).get("format") == "uuid" and name not in self.ids


def curl(method: str, address: str, operation: dict[str, Any]) -> str:
    """The command that asks for the operation, with the shortest body that it accepts."""
    content = operation.get("requestBody", {}).get("content", {})
    implied = "POST" if content else "GET"
    flags = [flag for end, flag in _FLAGS.items() if address.endswith(end)]
    lines = [
        " ".join(["curl", *flags, *([] if method == implied else ["-X", method]), f'"{_url(address, operation)}"'])
    ]
    lines.append('-H "Authorization: Bearer $KEY"')
    if JSON in content:
        body = Maker(SAMPLES, is_short=True).value("", content[JSON]["schema"])
        lines += [f'-H "Content-Type: {JSON}"', f"-d {shlex.quote(json.dumps(body))}"]
    elif MULTIPART in content:
        lines.append(f"-F {file_part(content[MULTIPART]['schema'])}=@guarantee.pdf")
    return " \\\n  ".join(lines)


def file_part(schema: dict[str, Any]) -> str:
    """The name of the part that holds the file."""
    [name] = [part for part, one in resolved(schema)["properties"].items() if resolved(one).get("format") == "binary"]
    return str(name)


def _url(address: str, operation: dict[str, Any]) -> str:
    parameters, maker = operation.get("parameters", []), Maker(SAMPLES, is_short=True)
    for one in parameters:
        if one["in"] == "path":
            value = quote(maker.value(one["name"], one["schema"]))
            address = address.replace(f"{{{one['name']}}}", value)
    asked = {
        one["name"]: maker.value(one["name"], one["schema"])
        for one in parameters
        if one["in"] == "query" and one["required"]
    }
    return f"{settings.PUBLIC_URL}{address}" + (f"?{urlencode(asked)}" if asked else "")
