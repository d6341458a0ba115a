"""What does an operator see of a workspace's conversations while a visit is open? To read, and nothing else.

Messages are shown as the text that was written, never as the HTML that was made of it: whatever a model or a person wrote is
inert in the console.
"""

from __future__ import annotations

from uuid import UUID

from django.template.response import TemplateResponse

from accounts.glass.models import Visit
from accounts.glass.sections import Page, shown, shows
from accounts.operators import OperatorRequest
from accounts.pagination import paginate
from conversations import access, queries
from conversations.models import Conversation

ROWS_ON_A_PAGE = 50


def conversation_list(request: OperatorRequest, visit: Visit) -> TemplateResponse:
    """Every member's conversations that are kept, newest first."""
    kept = Conversation.objects.select_related("owner", "agent").filter(erased_after=None)
    page = paginate(kept, request.GET.get("cursor"), ROWS_ON_A_PAGE)
    return shown(request, "conversations/operator_glass_conversations.html", visit, page=page)


def conversation_page(request: OperatorRequest, visit: Visit, row_id: UUID) -> TemplateResponse:
    """One conversation: the latest of what was asked and answered, with the quotes."""
    conversation = access.get_conversation_or_refuse(row_id)
    before = request.GET.get("before", "")
    at = int(before) if before.isascii() and before.isdigit() and len(before) < 9 else None
    messages, has_more = queries.page_of(conversation, at)
    values = {"conversation": conversation, "turns": messages, "has_more": has_more}
    return shown(request, "conversations/operator_glass_conversation.html", visit, **values)


shows(
    "conversations",
    "Conversations",
    pages=[
        Page("", "glass_conversations", "", conversation_list),
        Page("<uuid:row_id>/", "glass_conversation", "conversation", conversation_page),
    ],
)
