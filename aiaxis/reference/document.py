"""What does the API say of itself, as plain JSON, and what is behind a reference in it?"""

from __future__ import annotations

import json
from functools import cache
from typing import Any, Final

from django.core.serializers.json import DjangoJSONEncoder

from aiaxis.api import described

_PLACE: Final = "#/components/schemas/"


@cache
def document() -> dict[str, Any]:
    """The OpenAPI document as clients get it."""
    return json.loads(json.dumps(described(), cls=DjangoJSONEncoder))  # type: ignore[no-any-return]  # JSON


def schemas() -> dict[str, dict[str, Any]]:
    """The shapes that the document names."""
    return document()["components"]["schemas"]  # type: ignore[no-any-return]  # JSON


def name_of(schema: dict[str, Any]) -> str:
    """The name of the shape that a schema refers to; "" where it says everything itself."""
    return str(schema.get("$ref", "")).removeprefix(_PLACE)


def choices(schema: dict[str, Any]) -> list[dict[str, Any]]:
    """What a schema allows one of, without null; nothing where it allows one thing alone."""
    return [one for one in schema.get("anyOf", schema.get("allOf", [])) if one.get("type") != "null"]


def resolved(schema: dict[str, Any]) -> dict[str, Any]:
    """The schema itself, behind references; of several that it allows, the first."""
    if "$ref" in schema:
        return resolved(schemas()[name_of(schema)])
    allowed = choices(schema)
    return resolved(allowed[0]) if allowed else schema
