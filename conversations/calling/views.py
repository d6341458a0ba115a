"""Which requests say whether a call of a tool may be made?

Only a person's, in a browser: no key of a program reaches these, and another member's conversation is a 404, or, where
it is shared to be read, a 403.
"""

from __future__ import annotations

from uuid import UUID

from django.contrib import messages
from django.http import HttpResponse
from django.shortcuts import redirect
from django.urls import reverse
from django.views.decorators.http import require_POST

from accounts.access import role_required
from accounts.http import TenantRequest
from accounts.models import Role
from conversations import access
from conversations.calling import services
from conversations.calling.forms import DecisionForm


@require_POST
@role_required(Role.MEMBER)
def confirm(request: TenantRequest, conversation_id: UUID, call_id: UUID) -> HttpResponse:
    """Let a call be made."""
    return _decided(request, conversation_id, call_id, confirmed=True)


@require_POST
@role_required(Role.MEMBER)
def decline(request: TenantRequest, conversation_id: UUID, call_id: UUID) -> HttpResponse:
    """Let a call not be made."""
    return _decided(request, conversation_id, call_id, confirmed=False)


def _decided(request: TenantRequest, conversation_id: UUID, call_id: UUID, *, confirmed: bool) -> HttpResponse:
    conversation = access.get_own_conversation_or_refuse(conversation_id)
    call = access.get_call_or_refuse(conversation, call_id)
    form = DecisionForm(request.POST)
    try:
        seen = form.cleaned_data["seen"] if form.is_valid() else ""
        services.decide(conversation, call, seen=seen, confirmed=confirmed, actor=request.tenant)
    except services.NotDecidable as refusal:
        messages.error(request, str(refusal))
    return redirect(f"{reverse('conversations:detail', args=[conversation.pk])}#message-{call.message_id}")
