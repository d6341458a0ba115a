"""At which page does an owner or administrator have their workspace's part of the sealed trail checked?"""

from __future__ import annotations

from django.contrib import messages
from django.http import HttpResponse
from django.shortcuts import redirect, render
from django.views.decorators.http import require_POST, require_safe

from accounts.access import role_required
from accounts.http import TenantRequest
from accounts.models import Role
from audit.checks import queries, services

_ANSWERS = {
    services.Answer.UNDER_WAY: "A check of this trail is under way already. This page shows how far it is.",
    services.Answer.TOO_SOON: "This trail was checked less than ten minutes ago. Read what was found, or ask again later.",
}


@require_safe
@role_required(Role.ADMIN)
def check(request: TenantRequest) -> HttpResponse:
    """What the latest check found, and the ones before."""
    found = queries.own()
    values = {"latest": found[0] if found else None, "earlier": found[1:]}
    return render(request, "audit/trail_check.html", values)


@require_POST
@role_required(Role.ADMIN)
def begin(request: TenantRequest) -> HttpResponse:
    """Ask for one; the worker makes it."""
    if told := _ANSWERS.get(services.ask_for_own_check(request.tenant)):
        messages.info(request, told)
    return redirect("audit:check")


@require_safe
@role_required(Role.ADMIN)
def state(request: TenantRequest) -> HttpResponse:
    """How far the latest is, as a fragment that asks again for itself until it is done."""
    return render(request, "audit/_own_check.html", {"latest": next(iter(queries.own()), None)})
