"""How does an operator show, or first set up, the second factor without which no console opens?"""

from __future__ import annotations

from django.conf import settings
from django.http import HttpRequest, HttpResponse
from django.http.response import HttpResponseBase
from django.middleware.csrf import rotate_token
from django.shortcuts import redirect, render
from django.urls import reverse
from django.views.decorators.debug import sensitive_post_parameters
from django.views.decorators.http import require_http_methods

from accounts import cookies, devices, qr, throttling
from accounts.access import public
from accounts.forms import CodeForm, FirstCodeForm, SecondStepForm
from accounts.http import Reason, Refusal, refuse
from accounts.identity import second_factors as store
from accounts.identity.base import BadCredentials, Identity, Proof, Revoked
from accounts.services import operators, second_factors
from accounts.views import attempts

HOME = "/operator/"
FAILED = "operator.sign_in_failed"


def ask(request: HttpRequest, proof: Proof, *, has_factor: bool, wanted: str) -> HttpResponseBase:
    """Send the browser on to show the second factor, or to set one up; with a factor, to the page ``wanted`` afterwards."""
    token = operators.begin(proof, client=attempts.client_of(request), enrol=not has_factor)
    second = reverse("accounts:operator_second", query={"next": wanted} if wanted else None)
    response = redirect(second if has_factor else "accounts:operator_enrol")
    cookies.give(response, cookies.OPERATOR_SECOND, token, seconds=second_factors.SECONDS)
    return response


@public
@sensitive_post_parameters("code")
@require_http_methods(["GET", "HEAD", "POST"])
@attempts.patient
def second(request: HttpRequest) -> HttpResponseBase:
    """Ask for a code; a right one opens the console."""
    form = SecondStepForm(
        request.POST if request.method == "POST" else None, initial={"next": request.GET.get("next", "")}
    )
    identity = _waiting(request)
    if identity is None:
        return _begin_anew(request)
    try:
        if form.is_valid():
            return _finish(request, identity, form)
    except store.WrongCode:
        _note(request, identity, form)
    except BadCredentials:
        return _begin_anew(request)
    return render(request, "accounts/operator_second.html", {"form": form}, status=401 if form.errors else 200)


@public
@sensitive_post_parameters("code")
@require_http_methods(["GET", "HEAD", "POST"])
@attempts.patient
def enrol(request: HttpRequest) -> HttpResponseBase:
    """Show the seed; its first code switches the second factor on and opens the console."""
    form = FirstCodeForm(request.POST if request.method == "POST" else None)
    identity = _waiting(request)
    if identity is None:
        return _begin_anew(request)
    try:
        if form.is_valid():
            return _enrolled(request, identity, form.cleaned_data["code"])
    except store.WrongCode:
        _note(request, identity, form)
    except (BadCredentials, store.NotBegun):
        return _begin_anew(request)
    return _enrol_page(request, identity, form)


def _waiting(request: HttpRequest) -> Identity | None:
    """The operator whose password was right in this browser, or None."""
    try:
        return operators.waiting(request.COOKIES.get(cookies.OPERATOR_SECOND, ""))
    except Revoked:
        return None


def _finish(request: HttpRequest, identity: Identity, form: SecondStepForm) -> HttpResponseBase:
    throttling.admit_address(request)
    reserve = attempts.reservation(request, identity.email)
    code = form.cleaned_data["code"]
    token = operators.finish(identity, code=code, client=attempts.client_of(request), reserve=reserve)
    # This sign-in opens the console, and leads nowhere else.
    wanted = attempts.safe_next(request, form.cleaned_data["next"])
    return _enter(request, redirect(wanted if wanted.startswith(HOME) else HOME), identity, token)


def _enrolled(request: HttpRequest, identity: Identity, code: str) -> HttpResponseBase:
    throttling.admit_address(request)
    reserve = attempts.reservation(request, identity.email)
    token, codes = operators.enrol(identity, code=code, client=attempts.client_of(request), reserve=reserve)
    page = render(request, "accounts/operator_codes.html", {"codes": codes, "home": HOME}, status=201)
    return _enter(request, page, identity, token)


def _enter(request: HttpRequest, response: HttpResponse, identity: Identity, token: str) -> HttpResponseBase:
    rotate_token(request)
    cookies.give(response, cookies.OPERATOR, token, seconds=settings.OPERATOR_SECONDS)
    cookies.take(response, cookies.OPERATOR_SECOND)
    devices.remember(request, response, throttling.account_key(request, {"email": identity.email}))
    # Two attempts were counted, the password's and the code's; both were right.
    throttling.succeeded(request, identity.email)
    throttling.succeeded(request, identity.email)
    return response


def _enrol_page(request: HttpRequest, identity: Identity, form: CodeForm) -> HttpResponseBase:
    try:
        enrolment = store.pending(identity.subject)
    except store.NotBegun:
        return _begin_anew(request)
    values = {"form": form, "secret": enrolment.grouped, "picture": qr.picture(enrolment.uri)}
    return render(request, "accounts/operator_enrol.html", values, status=401 if form.errors else 200)


def _note(request: HttpRequest, identity: Identity, form: CodeForm) -> None:
    attempts.note_failure(request, identity.email, action=FAILED)
    form.add_error("code", form.wrong)


def _begin_anew(request: HttpRequest) -> HttpResponseBase:
    # No right password before it, or too long ago, or used; or no operator any more.
    refuse(request, Refusal(Reason.CREDENTIAL, FAILED, "notice", {"step": "second"}))
    response = redirect("accounts:operator_sign_in")
    cookies.take(response, cookies.OPERATOR_SECOND)
    return response
