"""Which requests put a conversation away, and take it out again?"""

from __future__ import annotations

from uuid import UUID

from django.contrib import messages
from django.http import HttpResponse
from django.shortcuts import redirect
from django.views.decorators.http import require_POST

from accounts.access import role_required
from accounts.http import TenantRequest
from accounts.models import Role
from conversations import access
from conversations.archiving import services


@require_POST
@role_required(Role.MEMBER)
def archive(request: TenantRequest, conversation_id: UUID) -> HttpResponse:
    """Put a conversation away."""
    services.archive(access.get_own_conversation_or_refuse(conversation_id), actor=request.tenant)
    messages.success(request, "The conversation was archived.")
    return redirect("conversations:list")


@require_POST
@role_required(Role.MEMBER)
def restore(request: TenantRequest, conversation_id: UUID) -> HttpResponse:
    """Take a conversation out of the archive."""
    conversation = access.get_own_conversation_or_refuse(conversation_id)
    services.restore(conversation, actor=request.tenant)
    return redirect("conversations:detail", conversation.pk)
