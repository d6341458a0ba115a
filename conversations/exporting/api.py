"""Which operation gives a conversation out as a file? `/api/v1/conversations/{id}/export`."""

from typing import Annotated, Literal
from uuid import UUID

from django.http import HttpResponse
from ninja import Query, Router

from accounts.access import scope_required
from accounts.http import TenantRequest
from conversations import access
from conversations.exporting import services
from conversations.exporting.formats import Format
from conversations.exporting.views import attachment

router = Router(tags=["conversations"])


@router.get("/conversations/{uuid:conversation_id}/export", response=None, summary="Export a conversation")
@scope_required("conversations:read")
def export_conversation(
    request: TenantRequest,
    conversation_id: UUID,
    form: Annotated[Literal["markdown", "json"], Query(alias="format")] = "json",
) -> HttpResponse:
    """The whole conversation as a file, with its citations: JSON, or with `format=markdown` Markdown with footnotes."""
    conversation = access.get_own_conversation_or_refuse(conversation_id)
    return attachment(services.export(conversation, actor=request.tenant, kind=Format(form)))
