"""Which view will answer this request, behind which door does it stand, and what does it declare to take?

Middleware decides before Django resolves the address, so it is resolved here, once, and remembered on the request.
"""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass
from enum import StrEnum
from functools import lru_cache
from typing import Any, cast

from django.http import Http404, HttpRequest
from django.urls import get_resolver
from ninja.operation import Operation, PathView
from pydantic import BaseModel

from accounts.access import accepted_names, is_public

View = Callable[..., Any]
# Where programs ask: our own API, and the addresses that OpenAI's clients know.
OPENAI_PREFIX = "/v1/"
API_PREFIXES = ("/api/", OPENAI_PREFIX)
OPERATOR_PREFIX = "/operator/"


class Door(StrEnum):
    """Which credential opens the view. A cookie never opens the API, a key never opens pages, a member is no operator."""

    PUBLIC = "public"
    PAGE = "page"
    API = "api"
    OPERATOR = "operator"
    NOWHERE = "nowhere"  # no view answers this address


@dataclass(frozen=True, slots=True)
class Route:
    """A resolved address: its view, its pattern (never a secret, unlike the path), its door, and what stands in it by name."""

    view: View | None
    pattern: str
    door: Door
    arguments: tuple[tuple[str, str], ...] = ()


@dataclass(frozen=True, slots=True)
class Declaration:
    """What a view says that it takes: reserved names as ordinary data, and the media type of its body ("" for no claim)."""

    names: frozenset[str]
    media: str = ""


def route_of(request: HttpRequest) -> Route:
    """Resolve the request's address, once. An address that nothing answers has the door NOWHERE, or API where programs ask."""
    known = getattr(request, "_route", None)
    if isinstance(known, Route):
        return known
    route = _resolve(request.path_info)
    request._route = route  # type: ignore[attr-defined]  # remembered for the other middleware of this request
    return route


def _resolve(path: str) -> Route:
    is_api = path.startswith(API_PREFIXES)
    try:
        match = get_resolver().resolve(path)
    except Http404:
        # Where programs ask an unknown address is as closed as a known one, so that nobody without a key learns which exist.
        return Route(None, "", Door.API if is_api else Door.NOWHERE)
    if is_public(match.func):
        door = Door.PUBLIC
    elif is_api:
        door = Door.API
    else:
        door = Door.OPERATOR if path.startswith(OPERATOR_PREFIX) else Door.PAGE
    return Route(match.func, f"/{match.route}", door, tuple((name, str(value)) for name, value in match.kwargs.items()))


@lru_cache(maxsize=1024)
def declaration(view: View, method: str) -> Declaration:
    """What `view` declares for `method`: by `accepts(…)`, or by the schema of its API operation."""
    names = accepted_names(view)
    operation = operation_of(view, method)
    if operation is None:
        # The view says that it does not take the method; what it declares for another one is no trick beside that.
        return Declaration(names.union(*(_declared(one) for one in _operations(view))))
    sources = {model.__ninja_param_source__ for model in operation.models}
    declared = names | _declared(operation)
    if sources & {"file", "form"}:
        return Declaration(declared, "multipart/form-data")
    return Declaration(declared, "application/json" if "body" in sources else "")


def operation_of(view: View, method: str) -> Operation | None:
    """The API operation behind a view and method, or None where the view is not ninja's or does not take the method."""
    return next((one for one in _operations(view) if method in one.methods), None)


def _operations(view: View) -> list[Operation]:
    """The API operations behind a view; none where it is not ninja's.

    Ninja gives Django a closure over its PathView and offers no other way to it; `tests/accounts/test_reserved_names.py`
    notices if a new version changes that.
    """
    cells = getattr(view, "__closure__", None) or ()
    return [one for cell in cells if isinstance(cell.cell_contents, PathView) for one in cell.cell_contents.operations]


def _declared(operation: Operation) -> frozenset[str]:
    """The names that an operation declares, in whatever part of a request."""
    return accepted_names(operation.view_func).union(*(_fields(model) for model in operation.models))


def _fields(model: Any) -> frozenset[str]:
    """The names that a client may use for one parameter model of an operation."""
    flattened = getattr(model, "__ninja_flatten_map__", None)
    if flattened is not None:
        return frozenset(flattened)
    single = getattr(model, "__read_from_single_attr__", None)
    fields = cast("dict[str, Any]", model.model_fields)
    annotation = fields[single].annotation if single else None
    # A body with one parameter is that parameter's own schema.
    if isinstance(annotation, type) and issubclass(annotation, BaseModel):
        fields = cast("dict[str, Any]", annotation.model_fields)
    return frozenset(field.alias or name for name, field in fields.items())
