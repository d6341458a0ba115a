"""How does an owner connect the workspace to their company's sign-in, and decide what it insists on?"""

from __future__ import annotations

from collections.abc import Callable

from django.contrib import messages
from django.http import Http404, HttpResponse
from django.http.response import HttpResponseBase
from django.shortcuts import redirect, render
from django.views.decorators.http import require_GET, require_POST

from accounts import cookies
from accounts.access import recent_login_required, role_required
from accounts.forms import SignInRulesForm
from accounts.http import TenantRequest
from accounts.identity import providers
from accounts.identity.base import BadCredentials, Revoked
from accounts.models import Role
from accounts.services import organizations
from accounts.services.members import Refused
from accounts.views import attempts, sso
from accounts.views.refusals import refuse_choice


@require_GET
@role_required(Role.OWNER)
def single_sign_on(request: TenantRequest) -> HttpResponse:
    """Show which organisation is connected, and what follows from that."""
    _require_sso()
    return _page(request)


@require_POST
@role_required(Role.OWNER)
@recent_login_required
@attempts.patient
def connect(request: TenantRequest) -> HttpResponseBase:
    """Send the owner to their company's sign-in, to show which one it is and that they run it."""
    _require_sso()
    return sso.leave_to_connect(request, owner=request.tenant)


@require_POST
@role_required(Role.OWNER)
@recent_login_required
@attempts.patient
def connected(request: TenantRequest) -> HttpResponseBase:
    """Trust the organisation that the owner came back from."""
    _require_sso()
    try:
        proof = organizations.remembered(request.COOKIES.get(cookies.CONNECTING, ""), actor=request.tenant)
        organizations.connect(actor=request.tenant, proof=proof)
    except (BadCredentials, Revoked):
        messages.error(
            request, "This took longer than ten minutes, was done already, or was begun elsewhere. Connect once more."
        )
    except Refused as refusal:
        return _refused(request, refusal)
    else:
        messages.success(request, "The organisation is connected. Its people can sign in with its own sign-in now.")
    response = redirect("accounts:single_sign_on")
    cookies.take(response, cookies.CONNECTING)
    return response


@require_POST
@role_required(Role.OWNER)
@recent_login_required
def change_rules(request: TenantRequest) -> HttpResponseBase:
    """Insist on single sign-on, or not; let people of the domains in, or not."""
    _require_sso()
    form = SignInRulesForm(request.POST)
    if not form.is_valid():
        return _page(request, form, status=422)
    wanted = form.cleaned_data
    return _changed(
        request,
        lambda: organizations.set_rules(
            actor=request.tenant, requires_sso=wanted["insists"], joins_as=wanted["joining"]
        ),
        "The rules are changed. They count from everybody’s next request.",
    )


@require_POST
@role_required(Role.OWNER)
@recent_login_required
def disconnect(request: TenantRequest) -> HttpResponseBase:
    """Trust the organisation no longer."""
    _require_sso()
    return _changed(
        request,
        lambda: organizations.disconnect(actor=request.tenant),
        "The organisation is disconnected. Its sign-in opens this workspace no more, and what it had opened has ended.",
    )


def _changed(request: TenantRequest, act: Callable[[], None], done: str) -> HttpResponseBase:
    try:
        act()
    except Refused as refusal:
        return _refused(request, refusal)
    messages.success(request, done)
    return redirect("accounts:single_sign_on")


def _refused(request: TenantRequest, refusal: Refused) -> HttpResponseBase:
    """What the database would not do. Somebody else's organisation, or account there, is worth a look."""
    page, sentences = "accounts:single_sign_on", organizations.SENTENCES
    response = refuse_choice(request, refusal, sentences, page=page, severity="warning")
    cookies.take(response, cookies.CONNECTING)
    return response


def _page(request: TenantRequest, form: SignInRulesForm | None = None, *, status: int = 200) -> HttpResponse:
    found = organizations.rules(request.tenant)
    initial = {"insists": found.requires_sso, "joining": found.joins_as}
    values = {
        "rules": found,
        "form": form or SignInRulesForm(initial=initial),
        "waiting": organizations.is_waiting(request.COOKIES.get(cookies.CONNECTING, ""), actor=request.tenant),
        "method": request.tenant.method,
    }
    return render(request, "accounts/single_sign_on.html", values, status=status)


def _require_sso() -> None:
    if not providers.has_workos():
        # Not a part of this installation; the page about the installation says how it would become one.
        raise Http404
