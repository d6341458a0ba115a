"""How does somebody who is signed in show, before a sensitive act, that it is still them?"""

from __future__ import annotations

from django.http import HttpResponse
from django.http.response import HttpResponseBase
from django.middleware.csrf import rotate_token
from django.shortcuts import redirect, render
from django.urls import reverse
from django.views.decorators.debug import sensitive_post_parameters
from django.views.decorators.http import require_http_methods

from accounts import cookies, throttling
from accounts.forms import AgainForm, AgainWithCodeForm
from accounts.http import TenantRequest
from accounts.identity.base import BadCredentials
from accounts.services import step_ups
from accounts.views import attempts


@sensitive_post_parameters("password", "code")
@require_http_methods(["GET", "HEAD", "POST"])
@attempts.patient
def again(request: TenantRequest) -> HttpResponseBase:
    """Ask for the password, and the code where there is one; then a new session, and back to where one wanted to go."""
    way = step_ups.way_of(request.tenant)
    wanted = attempts.safe_next(request, (request.POST or request.GET).get("next", ""))
    if way is step_ups.Way.SIGN_IN:
        return redirect(reverse("accounts:sign_in", query={"next": wanted, "again": "1"}))
    if way is step_ups.Way.ELSEWHERE:
        organization = step_ups.organization_of(request.tenant)
        return render(request, "accounts/again_elsewhere.html", {"next": wanted, "organization": organization})
    kind = AgainWithCodeForm if step_ups.needs_code(request.tenant) else AgainForm
    if request.method != "POST":
        return _page(request, kind(initial={"next": wanted}))
    form = kind(request.POST)
    if not form.is_valid():
        return _page(request, form, status=422)
    try:
        return _renew(request, form, wanted)
    except BadCredentials:
        attempts.note_failure(request, request.tenant.email, action="member.step_up_failed")
        form.add_error(
            None, "This does not fit. Check the password" + (" and the code." if "code" in form.fields else ".")
        )
        return _page(request, form, status=401)


def _renew(request: TenantRequest, form: AgainForm, wanted: str) -> HttpResponseBase:
    email = request.tenant.email
    throttling.admit_address(request)
    opened = step_ups.step_up(
        actor=request.tenant,
        password=form.cleaned_data["password"],
        code=form.cleaned_data.get("code", ""),
        client=attempts.client_of(request),
        reserve=attempts.reservation(request, email),
    )
    throttling.succeeded(request, email)
    # A form from before was opened under the session that has ended.
    rotate_token(request)
    response = redirect(wanted)
    cookies.give_session(response, opened.token)
    return response


def _page(request: TenantRequest, form: AgainForm, *, status: int = 200) -> HttpResponse:
    return render(request, "accounts/sign_in_again.html", {"form": form}, status=status)
