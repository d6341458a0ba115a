"""How does a long list reach a page or an API client in parts, without skipping or repeating a row?

Newest first by primary key: ids are UUIDv7, so their order is the order of creation, unique, and served by `(workspace, id)`.
What has a number of its own place, as messages have in their conversation, goes by that: ids are as right as the clocks of the
machines that made them, and within one millisecond an import tells nothing of their order.
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
LARGEST_NUMBER = 2**31 - 1  # of PostgreSQL's integers; a key taken for one is beyond it
FOREIGN = "The cursor is not one that this list gave out. Start again without it."


class BadCursor(BadRequest):
    """The cursor was not made by this platform. Answered with 400."""


@dataclass(frozen=True, slots=True)
class Page(Generic[M]):
    """One part of a list. `next` is the cursor of the following part, or None at the end."""

    items: list[M]
    next: str | None


def paginate(queryset: QuerySet[M], cursor: str | None, limit: int, *, by: str = "pk") -> Page[M]:
    """Return up to `limit` rows (1 to `LARGEST_PAGE`) after `cursor`, newest first. Raises `BadCursor`.

    `by` names the column that says which is newer, and is no two rows' alike: the key, or a whole number that is not negative.

    The queryset must not be sliced; its own order is replaced. The fence applies as to any query: a cursor made from another
    workspace's row is only a point in time, and opens nothing.
    """
    size = max(1, min(limit, LARGEST_PAGE))
    rows = queryset.order_by(f"-{by}")
    if cursor:
        rows = rows.filter(**{f"{by}__lt": _read(cursor) if by == "pk" else _number(cursor)})
    # One row more than asked for tells whether there is a next part, without counting.
    found = list(rows[: size + 1])
    return Page(items=found[:size], next=_write(getattr(found[size - 1], by)) if len(found) > size else None)


def _write(place: UUID | int) -> str:
    key = place if isinstance(place, UUID) else UUID(int=place)
    return base64.urlsafe_b64encode(key.bytes).rstrip(b"=").decode()


def _number(cursor: str) -> int:
    number = _read(cursor).int
    if number > LARGEST_NUMBER:
        raise BadCursor(FOREIGN)
    return number


def _read(cursor: str) -> UUID:
    try:
        return UUID(bytes=base64.b64decode(f"{cursor}==", altchars=b"-_", validate=True))
    except (ValueError, binascii.Error) as exc:
        raise BadCursor(FOREIGN) from exc
