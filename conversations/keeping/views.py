"""At which page does a member see what will be deleted, and an owner choose it?"""

from __future__ import annotations

from django.contrib import messages
from django.http import HttpResponse
from django.http.response import HttpResponseBase
from django.shortcuts import redirect, render
from django.views.decorators.http import require_POST, require_safe

from accounts.access import has_role, recent_login_required, role_required
from accounts.http import TenantRequest
from accounts.models import Role
from accounts.views.refusals import refuse_choice
from conversations.keeping import queries, services
from conversations.keeping.forms import KeepingForm


@require_safe
def keeping(request: TenantRequest) -> HttpResponse:
    """What is kept, what goes next of the reader's own, and, for owners, what a change would delete."""
    is_preview = has_role(request.tenant, Role.OWNER) and bool(request.GET)
    return _page(request, KeepingForm(request.GET) if is_preview else None, status=200)


@require_POST
@role_required(Role.OWNER)
@recent_login_required
def choose(request: TenantRequest) -> HttpResponseBase:
    """Change what is kept, a week from now."""
    form = KeepingForm(request.POST)
    if not form.is_valid():
        return _page(request, form, status=422)
    try:
        begins = services.choose(actor=request.tenant, **form.chosen())
    except services.Refused as refusal:
        return refuse_choice(request, refusal, services.SENTENCES, page="kept:page")
    if any(days is not None for days in form.chosen().values()):
        day = f"{begins.day} {begins:%B %Y}"
        messages.success(
            request, f"Changed. From {day} on, what nobody uses for so long is deleted. Until then nothing is."
        )
    else:
        messages.success(request, "Changed. Nothing is deleted for its age any more.")
    return redirect("kept:page")


def _page(request: TenantRequest, form: KeepingForm | None, *, status: int) -> HttpResponse:
    chosen = queries.choice()
    initial = {"conversation_days": chosen.conversations, "file_days": chosen.files} if chosen else {}
    is_valid = form is not None and form.is_valid()
    values = {
        "chosen": chosen,
        "own": queries.own(chosen) if chosen and chosen.is_on else None,
        "is_owner": has_role(request.tenant, Role.OWNER),
        "form": form or KeepingForm(initial=initial),
        "wanted": form.chosen() if form is not None and is_valid else None,
        "preview": queries.preview(**form.chosen()) if form is not None and is_valid else None,
    }
    return render(request, "conversations/keeping.html", values, status=status)
