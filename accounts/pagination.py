"""How does a long list reach a page or an API client in parts, without skipping or repeating a row?

Newest first by primary key: ids are UUIDv7, so their order is the order of creation, unique, and served by `(workspace, id)`.
A cursor names the last row that was seen, so rows that arrive meanwhile shift nothing, unlike an offset.
"""

from __future__ import annotations

import base64
import binascii
from dataclasses import dataclass
from typing import Generic, TypeVar
from uuid import UUID

from django.core.exceptions import BadRequest
from django.db.models import Model, QuerySet

M = TypeVar("M", bound=Model)

# The most rows that one answer holds, whatever a client asks for.
LARGEST_PAGE = 100


class BadCursor(BadRequest):
    """The cursor was not made by this platform. Answered with 400."""


@dataclass(frozen=True, slots=True)
class Page(Generic[M]):
    """One part of a list. `next` is the cursor of the following part, or None at the end."""

    items: list[M]
    next: str | None


def paginate(queryset: QuerySet[M], cursor: str | None, limit: int) -> Page[M]:
    """Return up to `limit` rows (1 to `LARGEST_PAGE`) after `cursor`, newest first. Raises `BadCursor`.

    The queryset must not be sliced; its own order is replaced. The fence applies as to any query: a cursor made from another
    workspace's row is only a point in time, and opens nothing.
    """
    size = max(1, min(limit, LARGEST_PAGE))
    rows = queryset.order_by("-pk")
    if cursor:
        rows = rows.filter(pk__lt=_read(cursor))
    # One row more than asked for tells whether there is a next part, without counting.
    found = list(rows[: size + 1])
    return Page(items=found[:size], next=_write(found[size - 1].pk) if len(found) > size else None)


def _write(key: UUID) -> str:
    return base64.urlsafe_b64encode(key.bytes).rstrip(b"=").decode()


def _read(cursor: str) -> UUID:
    try:
        return UUID(bytes=base64.b64decode(f"{cursor}==", altchars=b"-_", validate=True))
    except (ValueError, binascii.Error) as exc:
        raise BadCursor("The cursor is not one that this list gave out. Start again without it.") from exc
