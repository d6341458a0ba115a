"""How does somebody who forgot their password get a new one, without anybody learning who has an account?

Asking is answered in one way, after the same work, for every address: whether there is an account is found out by a round
of the worker. A link that opens nothing is refused in one way, whatever is wrong with it (incident L43).
"""

from __future__ import annotations

from django.contrib import messages
from django.http import HttpRequest, HttpResponse
from django.http.response import HttpResponseBase
from django.shortcuts import redirect, render
from django.views.decorators.debug import sensitive_post_parameters
from django.views.decorators.http import require_http_methods

from accounts import devices, throttling
from accounts.access import public
from accounts.forms import ForgottenForm, ResetForm
from accounts.http import Reason, Refusal, refuse
from accounts.identity.links import LinkRefused
from accounts.identity.passwords import WeakPassword
from accounts.services import passwords
from accounts.views import attempts


@public
@require_http_methods(["GET", "HEAD", "POST"])
@attempts.patient
def forgotten(request: HttpRequest) -> HttpResponseBase:
    """Ask for the address, and have a link mailed to it if it is one of somebody's."""
    form = ForgottenForm(request.POST if request.method == "POST" else None)
    if not form.is_valid():
        return render(request, "accounts/forgotten.html", {"form": form}, status=422 if form.is_bound else 200)
    email = form.cleaned_data["email"]
    if throttling.admit_reset(request, email):
        account = throttling.account_key(request, {"email": email})[:32]
        passwords.ask_reset(email=email, account=account, mask=attempts.masked(email))
    return render(request, "accounts/forgotten_sent.html", {"email": email})


@public
@sensitive_post_parameters("new", "again", "link")
@require_http_methods(["GET", "HEAD", "POST"])
@attempts.patient
def reset(request: HttpRequest) -> HttpResponseBase:
    """Set a new password by a mailed link; signing in comes after, with the second factor where there is one."""
    token = (request.POST if request.method == "POST" else request.GET).get("link", "")[:200]
    form = ResetForm(request.POST) if request.method == "POST" else ResetForm(initial={"link": token})
    try:
        # First, so that a bad link is refused in the same way whatever else was typed.
        passwords.check_reset(token)
        if form.is_valid():
            throttling.admit_address(request)
            return _reset(request, token, form.cleaned_data["new"])
    except LinkRefused as refused:
        return link_refused(request, refused, action="password.reset_failed", again="accounts:forgotten")
    except WeakPassword as weak:
        form.add_error("new", str(weak))
    return render(request, "accounts/reset.html", {"form": form}, status=422 if form.errors else 200)


def _reset(request: HttpRequest, token: str, new: str) -> HttpResponseBase:
    email = passwords.reset(token=token, new=new)
    messages.success(request, "Your password is changed. Every browser is signed out; sign in with it now.")
    response = redirect("accounts:sign_in")
    # Whoever reads the mailbox is its owner: what others have guessed meanwhile must not keep them out of what they set anew.
    devices.remember(request, response, throttling.account_key(request, {"email": email}))
    return response


def link_refused(request: HttpRequest, refused: LinkRefused, *, action: str, again: str) -> HttpResponse:
    """One page for every link that opens nothing; ``again`` names the page on which a new one is asked for."""
    refuse(request, Refusal(Reason.CREDENTIAL, action, "warning", {"why": refused.why}))
    return render(request, "accounts/link_refused.html", {"again": again}, status=400)
