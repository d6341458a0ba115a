"""Into which other workspace does a person go on, and how does nothing of this one come along?"""

from __future__ import annotations

from django.contrib import messages
from django.http import HttpRequest
from django.http.response import HttpResponseBase
from django.middleware.csrf import rotate_token
from django.shortcuts import redirect, render
from django.views.decorators.http import require_GET, require_POST

from accounts import cookies, queries
from accounts.forms import ChoiceForm
from accounts.http import Reason, Refusal, TenantRequest, refuse
from accounts.identity.base import BadCredentials, Revoked, SsoRequired
from accounts.services import sessions, sign_ins
from accounts.views import attempts

NOT_NOW = "You cannot enter that workspace now, so you are still here. Choose another one."
OWN_SIGN_IN = (
    "Your company’s sign-in opens this workspace alone, so you are still here. Sign out, then sign in to the other one."
)


@require_GET
def workspaces(request: TenantRequest) -> HttpResponseBase:
    """The workspaces that the person may enter now."""
    session = sessions.current(request.tenant)
    places = queries.places_of(session.provider, session.subject)
    return render(request, "accounts/workspaces.html", {"places": places, "here": request.tenant.membership_id})


@require_POST
@attempts.patient
def switch(request: TenantRequest) -> HttpResponseBase:
    """Open a session in another workspace of the person, and end this one."""
    form = ChoiceForm(request.POST)
    if not form.is_valid():
        return _not_entered(request)
    try:
        opened = sign_ins.switch(
            actor=request.tenant,
            token=request.COOKIES[cookies.session_name()],
            membership_id=form.cleaned_data["place"],
            client=attempts.client_of(request),
        )
    except (BadCredentials, Revoked):
        return _not_entered(request)
    except SsoRequired:
        return _not_entered(request, OWN_SIGN_IN)
    return entered(request, opened)


def entered(request: HttpRequest, opened: sign_ins.Opened) -> HttpResponseBase:
    """Hand the browser its session in the other workspace. Forms of the old one, in other tabs, are worth nothing now."""
    rotate_token(request)
    response = redirect("/")
    cookies.give_session(response, opened.token)
    return response


def _not_entered(request: TenantRequest, words: str = NOT_NOW) -> HttpResponseBase:
    """An id from somewhere else, or of a membership that ended while the page was open: the person stays where they are."""
    refuse(request, Refusal(Reason.NOT_FOUND, "request.refused", "warning", {"check": "switch"}))
    messages.error(request, words)
    return redirect("accounts:workspaces")
