"""At which pages does a member share a conversation, and find what is shared with them?"""

from __future__ import annotations

from uuid import UUID

from django.contrib import messages
from django.http import HttpResponse
from django.shortcuts import redirect, render
from django.views.decorators.http import require_GET, require_http_methods

from accounts.access import role_required
from accounts.http import TenantRequest
from accounts.models import Role
from accounts.pagination import paginate
from accounts.sharing import takes_back
from conversations import access
from conversations.sharing import queries, services
from conversations.sharing.forms import SharingForm

PAGE_SIZE = 30


@require_http_methods(["GET", "POST"])
@role_required(Role.MEMBER, unless=takes_back)
def share(request: TenantRequest, conversation_id: UUID) -> HttpResponse:
    """Choose who can read a conversation of one's own."""
    conversation = access.get_own_conversation_or_refuse(conversation_id)
    is_sent = request.method == "POST"
    form = SharingForm(request.POST, reader=request.tenant) if is_sent else SharingForm.of(conversation, request.tenant)
    if not form.is_valid():
        context = {"form": form, "conversation": conversation, "quoted": queries.quoted_in(conversation)}
        return render(request, "conversations/conversation_share.html", context, status=422 if is_sent else 200)
    try:
        services.share(conversation, actor=request.tenant, **form.chosen())
        messages.success(request, queries.who_can_read(conversation, request.tenant))
    except services.NotShareable as refusal:
        messages.error(request, str(refusal))
    return redirect("conversations:detail", conversation.pk)


@require_GET
def shared(request: TenantRequest) -> HttpResponse:
    """Show what colleagues share with this member, newest first."""
    search = request.GET.get("q", "").replace("\x00", "").strip()
    page = paginate(queries.with_reader(search), request.GET.get("cursor"), PAGE_SIZE)
    return render(request, "conversations/conversation_shared.html", {"page": page, "search": search})
