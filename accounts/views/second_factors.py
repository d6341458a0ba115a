"""Where does a person switch a second factor on and off, and get recovery codes?"""

from __future__ import annotations

from collections.abc import Callable

from django.contrib import messages
from django.http import HttpResponse
from django.http.response import HttpResponseBase
from django.shortcuts import redirect, render
from django.views.decorators.debug import sensitive_post_parameters
from django.views.decorators.http import require_GET, require_http_methods, require_POST

from accounts import qr, throttling
from accounts.access import recent_login_required
from accounts.forms import CodeForm, FirstCodeForm
from accounts.http import TenantRequest
from accounts.identity.changes import PasswordTooShort
from accounts.identity.second_factors import AlreadyOn, NotBegun, WrongCode
from accounts.services import second_factors
from accounts.views import attempts

FAILED = "second_factor.change_failed"
OFF = {
    "title": "Switch off the second factor",
    "lead": "Signing in then takes the password alone. Your authenticator and your recovery codes stop working.",
    "submit": "Switch off",
    "kind": "danger",
}
CODES = {
    "title": "Make new recovery codes",
    "lead": "The ten codes that you have now stop working. The new ones are shown once.",
    "submit": "Make new codes",
}


@require_GET
@attempts.patient
def second_factor(request: TenantRequest) -> HttpResponseBase:
    """Is it on, and how many recovery codes are left?"""
    return render(request, "accounts/second_factor.html", {"state": second_factors.state(actor=request.tenant)})


@require_POST
@recent_login_required
@attempts.patient
def begin(request: TenantRequest) -> HttpResponseBase:
    """Make a seed and go to the page that shows it. It counts for nothing before a code of it was typed."""
    try:
        second_factors.begin(actor=request.tenant)
    except AlreadyOn:
        messages.info(request, "The second factor is on already.")
        return redirect("accounts:second_factor")
    except NotBegun:
        return redirect("accounts:second_factor")  # which says where it is kept
    return redirect("accounts:second_factor_set_up")


@sensitive_post_parameters("code")
@require_http_methods(["GET", "HEAD", "POST"])
@recent_login_required
@attempts.patient
def set_up(request: TenantRequest) -> HttpResponseBase:
    """Show the seed as a picture and as text; a code of it switches the second factor on."""
    form = FirstCodeForm(request.POST if request.method == "POST" else None)
    try:
        if form.is_valid():
            codes = second_factors.confirm(
                actor=request.tenant, code=form.cleaned_data["code"], reserve=_reserve(request)
            )
            return _codes(request, codes)
        enrolment = second_factors.pending(actor=request.tenant)
    except NotBegun:
        return redirect("accounts:second_factor")
    except WrongCode:
        _note(request, form)
        enrolment = second_factors.pending(actor=request.tenant)
    values = {"form": form, "secret": enrolment.grouped, "picture": qr.picture(enrolment.uri)}
    return render(request, "accounts/second_factor_set_up.html", values, status=422 if form.errors else 200)


@sensitive_post_parameters("code")
@require_http_methods(["GET", "HEAD", "POST"])
@recent_login_required
@attempts.patient
def switch_off(request: TenantRequest) -> HttpResponseBase:
    """Against a code, if the password can stand alone."""

    def act(code: str) -> HttpResponseBase:
        second_factors.switch_off(actor=request.tenant, code=code, reserve=_reserve(request))
        throttling.code_succeeded(request, request.tenant.email)
        messages.success(request, "The second factor is off. Signing in takes the password alone.")
        return redirect("accounts:second_factor")

    try:
        return _against_a_code(request, act, OFF)
    except PasswordTooShort:
        messages.warning(
            request, "Your password has fewer than 15 characters, too few to stand alone. Change it first."
        )
        return redirect("accounts:password")


@sensitive_post_parameters("code")
@require_http_methods(["GET", "HEAD", "POST"])
@recent_login_required
@attempts.patient
def recovery_codes(request: TenantRequest) -> HttpResponseBase:
    """Against a code: ten new ones, shown once."""

    def act(code: str) -> HttpResponseBase:
        return _codes(request, second_factors.new_codes(actor=request.tenant, code=code, reserve=_reserve(request)))

    return _against_a_code(request, act, CODES)


def _against_a_code(
    request: TenantRequest, act: Callable[[str], HttpResponseBase], words: dict[str, str]
) -> HttpResponseBase:
    form = CodeForm(request.POST if request.method == "POST" else None)
    try:
        if form.is_valid():
            return act(form.cleaned_data["code"])
    except NotBegun:
        messages.info(request, "There is no second factor to change. It may have been switched off elsewhere.")
        return redirect("accounts:second_factor")
    except WrongCode:
        _note(request, form)
    return render(
        request, "accounts/second_factor_code.html", {"form": form, **words}, status=422 if form.errors else 200
    )


def _codes(request: TenantRequest, codes: list[str]) -> HttpResponse:
    throttling.code_succeeded(request, request.tenant.email)
    return render(request, "accounts/recovery_codes.html", {"codes": codes}, status=201)


def _reserve(request: TenantRequest) -> Callable[[], None]:
    return attempts.reservation(request, request.tenant.email)


def _note(request: TenantRequest, form: CodeForm) -> None:
    attempts.note_failure(request, request.tenant.email, action=FAILED)
    form.add_error("code", form.wrong)
