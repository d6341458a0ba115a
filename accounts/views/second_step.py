"""What is asked after a right password of somebody who has a second factor?

No session exists meanwhile: a cookie of ten minutes, which opens nothing, remembers whose password was right. A wrong code
counts like a wrong password, and the right password before it took nothing off the count.
"""

from __future__ import annotations

from django.http import HttpRequest, HttpResponse
from django.http.response import HttpResponseBase
from django.shortcuts import redirect, render
from django.urls import reverse
from django.views.decorators.debug import sensitive_post_parameters
from django.views.decorators.http import require_http_methods

from accounts import cookies, throttling
from accounts.access import public
from accounts.forms import SecondStepForm
from accounts.http import Reason, Refusal, refuse
from accounts.identity.base import BadCredentials, Identity, Proof, Revoked
from accounts.services import second_factors, sign_ins
from accounts.views import arrivals, attempts

FAILED = "sign_in.second_failed"


def ask(request: HttpRequest, proof: Proof, *, wanted: str) -> HttpResponseBase:
    """Send the browser to the second step, with a cookie that remembers whose password was right."""
    token = second_factors.begin_showing(proof, client=attempts.client_of(request))
    response = redirect(reverse("accounts:second", query={"next": attempts.safe_next(request, wanted)}))
    cookies.give(response, cookies.SECOND, token, seconds=second_factors.SECONDS)
    return response


@public
@sensitive_post_parameters("code")
@require_http_methods(["GET", "HEAD", "POST"])
@attempts.patient
def second(request: HttpRequest) -> HttpResponseBase:
    """Ask for a code, and on POST have it checked; then on to the workspace."""
    try:
        identity = second_factors.showing(request.COOKIES.get(cookies.SECOND, ""))
    except Revoked:
        return _begin_anew(request)
    if request.method != "POST":
        return _page(request, SecondStepForm(initial={"next": request.GET.get("next", "")}))
    form = SecondStepForm(request.POST)
    if not form.is_valid():
        return _page(request, form, status=422)
    try:
        return _finish(request, identity, form)
    except BadCredentials:
        attempts.note_failure(request, identity.email, action=FAILED)
        form.add_error("code", form.wrong)
    except sign_ins.NoPlace:
        attempts.note_failure(request, identity.email, action=FAILED)
        form.add_error(None, attempts.WRONG)
    return _page(request, form, status=401)


def _finish(request: HttpRequest, identity: Identity, form: SecondStepForm) -> HttpResponseBase:
    throttling.admit_address(request)
    reserve = attempts.reservation(request, identity.email)
    second_factors.show(identity, form.cleaned_data["code"], reserve=reserve)
    # Of two submits of one form the first one goes on, and uses the remembered password up.
    proof = second_factors.end_showing(identity)
    # The password's attempt, which was counted and not given back before now; the code's is given back on entering.
    throttling.succeeded(request, identity.email)
    return arrivals.arrive(request, proof, email=identity.email, wanted=form.cleaned_data["next"])


def _begin_anew(request: HttpRequest) -> HttpResponseBase:
    # No right password before it, or too long ago, or used: there is nothing to show a second factor for.
    refuse(request, Refusal(Reason.CREDENTIAL, FAILED, "notice", {"step": "second"}))
    response = redirect("accounts:sign_in")
    cookies.take(response, cookies.SECOND)
    return response


def _page(request: HttpRequest, form: SecondStepForm, *, status: int = 200) -> HttpResponse:
    return render(request, "accounts/second_step.html", {"form": form}, status=status)
