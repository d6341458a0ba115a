"""At which page does an owner choose how long the trail is kept?"""

from __future__ import annotations

from datetime import UTC, datetime

from django.contrib import messages
from django.http import HttpResponse
from django.shortcuts import redirect, render
from django.views.decorators.http import require_POST, require_safe

from accounts.access import has_role, recent_login_required, role_required
from accounts.http import TenantRequest
from accounts.models import Role
from accounts.views.refusals import refuse_choice
from audit.retention import choosing
from audit.retention.forms import RetentionForm
from audit.rules import Retention


@require_safe
@role_required(Role.ADMIN)
def retention(request: TenantRequest) -> HttpResponse:
    """How long entries are kept, since when, and what a change would mean."""
    return _page(request, None, status=200)


@require_POST
@role_required(Role.OWNER)
@recent_login_required
def choose(request: TenantRequest) -> HttpResponse:
    """Keep entries for another time, from a coming day on."""
    form = RetentionForm(request.POST)
    if not form.is_valid():
        return _page(request, form, status=422)
    wanted = Retention(form.cleaned_data["keep"])
    try:
        since = choosing.choose(actor=request.tenant, retention=wanted)
    except choosing.Refused as refusal:
        return refuse_choice(request, refusal, choosing.SENTENCES, page="audit:retention")
    day = f"{since.day} {since:%B %Y}"
    messages.success(request, f"Entries from {day} on are kept for {wanted.label}. Those before stay as they were.")
    return redirect("audit:retention")


def _page(request: TenantRequest, form: RetentionForm | None, *, status: int) -> HttpResponse:
    now = datetime.now(UTC)
    periods = choosing.periods(now.date())
    values = {
        "form": form or RetentionForm(initial={"keep": periods[0].retention}),
        "options": choosing.options(periods, now),
        "periods": periods,
        "is_owner": has_role(request.tenant, Role.OWNER),
    }
    return render(request, "audit/retention.html", values, status=status)
