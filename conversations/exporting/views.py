"""At which address does a member get a conversation as a file?"""

from __future__ import annotations

from uuid import UUID

from django.core.exceptions import BadRequest
from django.http import HttpResponse
from django.views.decorators.http import require_safe

from accounts.http import TenantRequest
from accounts.middleware.headers import SANDBOX
from conversations import access
from conversations.exporting import services
from conversations.exporting.formats import Format


@require_safe
def export(request: TenantRequest, conversation_id: UUID) -> HttpResponse:
    """Give the conversation out as Markdown, or with `?format=json` as JSON."""
    conversation = access.get_own_conversation_or_refuse(conversation_id)
    asked = request.GET.get("format", Format.MARKDOWN.value)
    if asked not in Format.values:
        raise BadRequest("A conversation is given out as markdown or json.")
    return attachment(services.export(conversation, actor=request.tenant, kind=Format(asked)))


def attachment(file: services.Export) -> HttpResponse:
    """Answer with a file that a browser only ever saves."""
    response = HttpResponse(file.content, content_type=file.media_type)
    response["Content-Disposition"] = f'attachment; filename="{file.name}"'
    response["Content-Security-Policy"] = SANDBOX
    response["Cache-Control"] = "private, no-store"
    return response
