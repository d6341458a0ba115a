"""How does every app shape what its API takes and gives?

Conventions for an app's `api.py` (a `ninja.Router` that `aiaxis/api.py` mounts):

- A body is a subclass of `Body`: unknown fields are refused (422), so nothing that a client adds can reach a model. What comes
  back is a subclass of `ninja.Schema`, with each field named: never a model's whole row.
- A list answers `Listing[FileOut]`: `{"items": […], "next": cursor or null}`, from `accounts.pagination.paginate`; its parameters
  are `cursor: str = ""` and `limit: Limit = 50`.
- Each operation stands under `@scope_required("files:read")` (or `:write`), below the router's decorator. The Bearer key was
  resolved before: `request.tenant` is there, the fence is bound.
- Raise, do not build errors: `Http404` (missing or not visible), `PermissionDenied("sentence")`, a service's own exception mapped
  with `Refused(409, "What happened. What to do.")`. `aiaxis/api.py` turns each into an RFC 9457 problem.
- Operations are plain `def`. No `from __future__ import annotations` in `api.py`: ninja reads annotations at run time.
- Do not take a field named `id`, `workspace`, `owner`, `user`, `role` … in a body: those are reserved names. A route that truly
  needs one declares it, by its schema alone, and validates it itself.
"""

import re
from dataclasses import dataclass
from datetime import date
from typing import Annotated, Any, Final, Generic, TypeVar

from annotated_types import Ge, Le
from ninja import Header, Schema
from pydantic import BaseModel, ConfigDict, Field, GetCoreSchemaHandler, Strict, model_validator
from pydantic_core import core_schema

from accounts.days import EARLIEST, LATEST
from accounts.pagination import LARGEST_PAGE
from accounts.submissions import LONGEST_KEY

Item = TypeVar("Item")

_SURROGATE: Final = re.compile("[\ud800-\udfff]")

# How many rows a client asks for at once.
Limit = Annotated[int, Ge(1), Le(LARGEST_PAGE)]
# True or false in a body: no number and no word that somebody may have meant so.
Flag = Annotated[bool, Strict()]
# A day in UTC, such as 2026-11-23.
Day = Annotated[date, Field(ge=EARLIEST, le=LATEST)]
# A client that got no answer repeats the request with the same one, and makes nothing twice.
IdempotencyKey = Annotated[str | None, Header(alias="Idempotency-Key", max_length=LONGEST_KEY)]


@dataclass(frozen=True)
class Trimmed:
    """Text in a body, without what is blank around it. Its length counts as it was sent, and once more as it is kept.

    Pydantic's own `strip_whitespace` counts only afterwards, and takes what our description calls too long.
    """

    least: int
    most: int

    def __get_pydantic_core_schema__(self, source: object, handler: GetCoreSchemaHandler) -> core_schema.CoreSchema:
        """Check, trim, check again; the description shows the first."""
        sent = core_schema.str_schema(min_length=self.least, max_length=self.most)
        return core_schema.chain_schema([sent, core_schema.str_schema(strip_whitespace=True, min_length=self.least)])


class Refused(Exception):
    """An operation's own refusal: its status, and in `detail` a sentence for the client's developer.

    `code` and `param` are words for OpenAI's clients; `is_lasting` tells them that the same request will fail again.
    """

    def __init__(
        self,
        status: int,
        detail: str,
        retry_after: int | None = None,
        *,
        code: str = "",
        param: str = "",
        is_lasting: bool = False,
    ) -> None:
        super().__init__(detail)
        self.code, self.param, self.is_lasting = code, param, is_lasting
        self.status = status
        self.detail = detail
        self.retry_after = retry_after  # seconds, for 429


class Body(BaseModel):
    """A JSON body: only declared fields, and no text that PostgreSQL cannot hold.

    Not ninja's `Schema`, which reads attributes off objects: what came over the wire is a dictionary and stays one.
    """

    model_config = ConfigDict(extra="forbid")

    @model_validator(mode="before")
    @classmethod
    def _storable(cls, data: Any) -> Any:
        # Without this, a text that the database cannot hold would be a 500 from it (L42).
        if not _is_storable(data):
            raise ValueError("text cannot contain the NUL character or half of a surrogate pair")
        return data


class Listing(Schema, Generic[Item]):
    """One part of a list; `next` is the cursor of the following part, or null at the end."""

    items: list[Item]
    next: str | None


class Problem(Schema):
    """What was refused or failed, as RFC 9457 says it."""

    type: str
    title: str
    status: int
    detail: str
    instance: str | None


class OpenAIError(Schema):
    """A refusal or failure as OpenAI's clients know it: `error` with message, type, param and code."""

    error: dict[str, str | None]


def _is_storable(value: object) -> bool:
    """Can PostgreSQL hold every text in this JSON value? It takes neither NUL nor half of a surrogate pair."""
    if isinstance(value, str):
        return "\x00" not in value and (value.isascii() or not _SURROGATE.search(value))
    if isinstance(value, dict):
        return all(_is_storable(part) for part in value.values())
    if isinstance(value, list):
        return all(_is_storable(part) for part in value)
    return True
