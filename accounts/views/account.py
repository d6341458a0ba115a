"""What can a person see and change about their own account?"""

from __future__ import annotations

from uuid import UUID

from django.contrib import messages
from django.http import HttpResponse
from django.http.response import HttpResponseBase
from django.middleware.csrf import rotate_token
from django.shortcuts import get_object_or_404, redirect, render
from django.views.decorators.debug import sensitive_post_parameters
from django.views.decorators.http import require_GET, require_http_methods, require_POST

from accounts import cookies, queries, throttling
from accounts.forms import PasswordForm
from accounts.http import TenantRequest
from accounts.identity.base import BadCredentials
from accounts.identity.passwords import WeakPassword
from accounts.models import Session
from accounts.services import passwords, sessions
from accounts.views import attempts


@require_GET
@attempts.patient
def account(request: TenantRequest) -> HttpResponseBase:
    """Who the person is here, and where they are signed in."""
    return render(request, "accounts/account.html", {"signed_in": queries.signed_in_places(request.tenant)})


@sensitive_post_parameters("current", "new", "again")
@require_http_methods(["GET", "HEAD", "POST"])
@attempts.patient
def password(request: TenantRequest) -> HttpResponseBase:
    """Replace the password; every session ends, and this browser gets a new one."""
    if not passwords.is_kept_here(actor=request.tenant):
        return render(request, "accounts/password_elsewhere.html")
    form = PasswordForm(request.POST if request.method == "POST" else None)
    if not form.is_valid():
        return _password_page(request, form)
    try:
        return _replace(request, form)
    except BadCredentials:
        attempts.note_failure(request, request.tenant.email, action="password.change_failed")
        form.add_error("current", "This is not your password. Nothing was changed.")
    except WeakPassword as weak:
        form.add_error("new", str(weak))
    return _password_page(request, form)


@require_POST
def end_session(request: TenantRequest, session_id: UUID) -> HttpResponseBase:
    """Sign out one browser."""
    # A session of somebody else's is missing, and the attempt is recorded like any other reach for what is not there.
    get_object_or_404(Session, pk=session_id)
    if sessions.revoke(actor=request.tenant, session_id=session_id):
        messages.success(request, "That browser is signed out.")
    else:
        messages.info(request, "That browser was signed out already.")
    return redirect("accounts:account")


@require_POST
@attempts.patient
def end_all_sessions(request: TenantRequest) -> HttpResponseBase:
    """Sign out everywhere, here too."""
    sessions.revoke_everywhere(actor=request.tenant)
    response = redirect("accounts:sign_in")
    cookies.take_session(response)
    return response


def _replace(request: TenantRequest, form: PasswordForm) -> HttpResponseBase:
    email = request.tenant.email
    opened = passwords.change(
        actor=request.tenant,
        current=form.cleaned_data["current"],
        new=form.cleaned_data["new"],
        client=attempts.client_of(request),
        reserve=attempts.reservation(request, email),
    )
    throttling.succeeded(request, email)
    messages.success(request, "Your password is changed. Every other browser is signed out.")
    rotate_token(request)
    response = redirect("accounts:account")
    cookies.give_session(response, opened.token)
    return response


def _password_page(request: TenantRequest, form: PasswordForm) -> HttpResponse:
    return render(request, "accounts/password_change.html", {"form": form}, status=422 if form.errors else 200)
