"""How does a person get another address: asked here, confirmed in the mailbox, told to the old one?"""

from __future__ import annotations

from django.contrib import messages
from django.http import HttpResponse
from django.http.response import HttpResponseBase
from django.shortcuts import redirect, render
from django.views.decorators.debug import sensitive_post_parameters
from django.views.decorators.http import require_http_methods

from accounts import devices, throttling
from accounts.access import recent_login_required
from accounts.forms import EmailForm, LinkForm
from accounts.http import TenantRequest
from accounts.identity.base import BadCredentials
from accounts.identity.changes import SameAddress
from accounts.identity.links import LinkRefused
from accounts.services import emails
from accounts.services.second_factors import NotLocal
from accounts.views import attempts
from accounts.views.forgotten import link_refused


@sensitive_post_parameters("password")
@require_http_methods(["GET", "HEAD", "POST"])
@recent_login_required
@attempts.patient
def change(request: TenantRequest) -> HttpResponseBase:
    """Ask for the new address and the password; the answer is the same for taken and for free addresses."""
    form = EmailForm(request.POST if request.method == "POST" else None)
    try:
        if form.is_valid():
            return _ask(request, form)
    except BadCredentials:
        attempts.note_failure(request, request.tenant.email, action="email.change_failed")
        form.add_error("password", "This is not your password. Nothing was changed.")
    except SameAddress:
        form.add_error("email", "This is the address that you have now.")
    except NotLocal:
        return _kept_elsewhere(request)
    return render(request, "accounts/email_change.html", {"form": form}, status=422 if form.errors else 200)


@sensitive_post_parameters("link")
@require_http_methods(["GET", "HEAD", "POST"])
@attempts.patient
def confirm(request: TenantRequest) -> HttpResponseBase:
    """The page that the mailed link opens: a button changes the address, since programs follow links by themselves."""
    if request.method != "POST":
        form = LinkForm(initial={"link": request.GET.get("link", "")[:200]})
        return render(request, "accounts/email_confirm.html", {"form": form})
    try:
        email = emails.confirm(actor=request.tenant, token=request.POST.get("link", ""))
    except LinkRefused as refused:
        return link_refused(request, refused, action="email.change_failed", again="accounts:email")
    except NotLocal:
        return _kept_elsewhere(request)
    messages.success(request, f"Your address is {email} now. Sign in with it from now on.")
    response = redirect("accounts:account")
    # The browser is known under the new address as it was under the old one.
    devices.remember(request, response, throttling.account_key(request, {"email": email}))
    return response


def _kept_elsewhere(request: TenantRequest) -> HttpResponseBase:
    messages.info(request, "You sign in through your company, which keeps your address. Change it there.")
    return redirect("accounts:account")


def _ask(request: TenantRequest, form: EmailForm) -> HttpResponse:
    before, new = request.tenant.email, form.cleaned_data["email"]
    throttling.admit_address(request)
    emails.ask(
        actor=request.tenant,
        new=new,
        password=form.cleaned_data["password"],
        reserve=attempts.reservation(request, before),
    )
    throttling.succeeded(request, before)
    return render(request, "accounts/email_asked.html", {"email": new})
