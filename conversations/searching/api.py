"""Which operation finds a program's member's own words again? `/api/v1/conversations/search`."""

from datetime import datetime
from typing import Annotated
from uuid import UUID

from annotated_types import MaxLen, MinLen
from ninja import Router, Schema

from accounts.access import scope_required
from accounts.http import TenantRequest
from accounts.schemas import Limit, Listing
from conversations.searching import queries
from conversations.searching.queries import LONGEST_SEARCH

router = Router(tags=["conversations"])


class SaidOut(Schema):
    """A message in which the words stand; `text` is an excerpt, and `marked` the words of it that were found."""

    id: UUID
    role: str
    text: str
    marked: list[str]

    @classmethod
    def of(cls, said: queries.Said) -> "SaidOut":
        """What the API says about this message."""
        marked = [part.text for part in said.excerpt if part.is_marked]
        return cls(id=said.id, role=said.role, text=said.text, marked=marked)


class FoundOut(Schema):
    """A conversation that was found. `matches` counts its messages with the words; `messages` are the newest of them."""

    id: UUID
    title: str
    agent_id: UUID | None
    archived: bool
    created_at: datetime
    updated_at: datetime
    matches: int
    messages: list[SaidOut]

    @classmethod
    def of(cls, hit: queries.Hit) -> "FoundOut":
        """What the API says about this conversation."""
        one = hit.conversation
        return cls(
            id=one.pk,
            title=one.title,
            agent_id=one.agent_id,
            archived=one.archived_at is not None,
            created_at=one.created_at,
            updated_at=one.updated_at,
            matches=hit.matches,
            messages=[SaidOut.of(said) for said in hit.said],
        )


@router.get("/conversations/search", response=Listing[FoundOut], summary="Search in conversations")
@scope_required("conversations:read")
def search_conversations(
    request: TenantRequest,
    q: Annotated[str, MinLen(1), MaxLen(LONGEST_SEARCH)],
    cursor: str = "",
    limit: Limit = 50,
) -> Listing[FoundOut]:
    """The key's member's own conversations in whose title or messages the words stand, newest first."""
    found = queries.found(q, request.tenant.membership_id, cursor, limit)
    return Listing(items=[FoundOut.of(hit) for hit in found.items], next=found.next)
