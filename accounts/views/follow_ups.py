"""On which page does somebody answer what their identity provider asks after a right password?"""

from __future__ import annotations

from typing import Any, Final

from django.http import HttpRequest, HttpResponse
from django.http.response import HttpResponseBase
from django.shortcuts import redirect, render
from django.views.decorators.debug import sensitive_post_parameters
from django.views.decorators.http import require_http_methods

from accounts import cookies, qr, throttling
from accounts.access import public
from accounts.forms import CodeForm, FollowUpForm
from accounts.http import Reason, Refusal, refuse
from accounts.identity.base import BadCredentials, FollowUp
from accounts.services import follow_ups, sign_ins
from accounts.views import arrivals, attempts

FAILED: Final = "sign_in.second_failed"
WORDS: Final[dict[str, dict[str, str]]] = {
    follow_ups.EMAIL: {
        "title": "Check your mail",
        "lead": "Your sign-in provider wants to know that this address is yours. Type the code that it has mailed you.",
    },
    follow_ups.CODE: {
        "title": "Enter your code",
        "lead": "Your account asks for a second factor. Open your authenticator app and type the code that it shows.",
    },
    follow_ups.ENROL: {
        "title": "Set up a second factor",
        "lead": "Your company asks for a second factor. Scan this with an authenticator app, then type the code that it shows.",
    },
}


def ask(request: HttpRequest, refusal: FollowUp, *, wanted: str) -> HttpResponseBase:
    """Send the browser to the page that asks. Raises ``BadCredentials`` where there is none, ``Unavailable``."""
    asked = follow_ups.ask(refusal, wanted=attempts.safe_next(request, wanted))
    response = redirect("accounts:follow_up")
    cookies.give(response, cookies.FOLLOW_UP, asked.sealed(), seconds=follow_ups.SECONDS)
    return response


@public
@sensitive_post_parameters("code")
@require_http_methods(["GET", "HEAD", "POST"])
@attempts.patient
def follow_up(request: HttpRequest) -> HttpResponseBase:
    """Ask for the code, and on POST give it to the provider; then on to the workspace."""
    try:
        asked = follow_ups.remembered(request.COOKIES.get(cookies.FOLLOW_UP, ""))
    except follow_ups.Lost:
        refuse(request, Refusal(Reason.CREDENTIAL, FAILED, "notice", {"step": "follow_up"}))
        return redirect("accounts:sign_in")
    form = FollowUpForm(request.POST if request.method == "POST" else None)
    if not form.is_valid():
        return _page(request, asked, form, status=422 if form.is_bound else 200)
    try:
        return _finish(request, asked, form.cleaned_data["code"])
    except (BadCredentials, sign_ins.NoPlace) as error:
        attempts.note_failure(request, asked.email, action=FAILED)
        form.add_error("code", CodeForm.wrong if isinstance(error, BadCredentials) else attempts.WRONG)
        return _page(request, asked, form, status=401)


def _finish(request: HttpRequest, asked: follow_ups.Asked, code: str) -> HttpResponseBase:
    throttling.admit_address(request)
    reserve = attempts.reservation(request, asked.email)
    try:
        proof = follow_ups.answer(asked, code, client=attempts.client_of(request), reserve=reserve)
    except FollowUp as more:
        # An address first and then a second factor: each in its turn.
        return ask(request, more, wanted=asked.next)
    throttling.succeeded(request, asked.email)
    response = arrivals.arrive(request, proof, email=asked.email, wanted=asked.next)
    cookies.take(response, cookies.FOLLOW_UP)
    return response


def _page(request: HttpRequest, asked: follow_ups.Asked, form: FollowUpForm, *, status: int) -> HttpResponse:
    values: dict[str, Any] = {"form": form, **WORDS[asked.kind]}
    if asked.kind == follow_ups.ENROL:
        values |= {"picture": qr.picture(asked.uri), "secret": asked.secret}
    return render(request, "accounts/follow_up.html", values, status=status)
