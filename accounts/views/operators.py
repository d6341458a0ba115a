"""How do operators come in and out? At an address, with a cookie and for a time of their own."""

from __future__ import annotations

from django.conf import settings
from django.http import HttpRequest, HttpResponse
from django.http.response import HttpResponseBase
from django.shortcuts import redirect, render
from django.views.decorators.debug import sensitive_post_parameters
from django.views.decorators.http import require_http_methods, require_POST

from accounts import cookies, throttling
from accounts.access import public
from accounts.forms import SignInForm
from accounts.identity.base import BadCredentials
from accounts.operators import OperatorRequest, operator_required
from accounts.services import operators
from accounts.views import attempts, operator_second


@public
@sensitive_post_parameters("password")
@require_http_methods(["GET", "HEAD", "POST"])
@attempts.patient
def sign_in(request: HttpRequest) -> HttpResponseBase:
    """Show the form, and on POST have the password and the operator's flag verified."""
    form = SignInForm(request.POST if request.method == "POST" else None, initial={"next": request.GET.get("next", "")})
    if not form.is_valid():
        return _page(request, form, status=422 if form.is_bound else 200)
    try:
        return _enter(request, form)
    except BadCredentials:
        attempts.note_failure(request, form.cleaned_data["email"], action="operator.sign_in_failed")
        form.add_error(None, "This e-mail and password do not open the operator console. Check both.")
        return _page(request, form, status=401)


@require_POST
@operator_required
@attempts.patient
def sign_out(request: OperatorRequest) -> HttpResponseBase:
    """End the operator's session on the server, then take the cookie away."""
    operators.sign_out(request.operator, token=request.COOKIES[cookies.OPERATOR])
    response = redirect("accounts:operator_sign_in")
    cookies.take(response, cookies.OPERATOR)
    return response


def _enter(request: HttpRequest, form: SignInForm) -> HttpResponseBase:
    email = form.cleaned_data["email"]
    throttling.admit_address(request)
    proof, has_factor = operators.prove(
        email=email,
        password=form.cleaned_data["password"],
        client=attempts.client_of(request),
        reserve=attempts.reservation(request, email),
    )
    # The attempt is not given back: only the second factor shows that it was the owner's.
    return operator_second.ask(request, proof, has_factor=has_factor, wanted=form.cleaned_data["next"])


def _page(request: HttpRequest, form: SignInForm, *, status: int) -> HttpResponse:
    values = {"form": form, "lasts_minutes": settings.OPERATOR_SECONDS // 60}
    return render(request, "accounts/operator_sign_in.html", values, status=status)
