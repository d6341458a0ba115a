"""How is somebody invited, and how do they come in by the link that they were mailed?"""

from __future__ import annotations

from typing import Any
from uuid import UUID

from django.contrib import messages
from django.http import HttpRequest, HttpResponse
from django.http.response import HttpResponseBase
from django.shortcuts import get_object_or_404, redirect, render
from django.views.decorators.debug import sensitive_post_parameters
from django.views.decorators.http import require_http_methods, require_POST

from accounts import cookies, queries, throttling
from accounts.access import accepts, public, recent_login_required, role_required
from accounts.forms import InviteForm, JoinForm
from accounts.http import Reason, Refusal, Tenant, TenantRequest, refuse
from accounts.identity import resolution
from accounts.identity.base import BadCredentials, Proof, Revoked, SsoRequired
from accounts.identity.local import EmailTaken
from accounts.identity.passwords import WeakPassword
from accounts.identity.spelling import email_key
from accounts.models import Invitation, Role
from accounts.services import invitations, sign_ins
from accounts.services.members import Refused
from accounts.views import attempts, sso, workspaces
from accounts.views.refusals import refuse_act

WAITS_SECONDS = 900  # how long a browser remembers an invitation while its reader signs in


@accepts("role")
@require_http_methods(["GET", "HEAD", "POST"])
@role_required(Role.ADMIN)
@recent_login_required
def invite(request: TenantRequest) -> HttpResponseBase:
    """Ask for an address and a role, and mail the link."""
    highest = request.tenant.role
    if request.method != "POST":
        return render(
            request, "accounts/invite.html", {"form": InviteForm(initial={"role": Role.MEMBER}, highest=highest)}
        )
    form = InviteForm(request.POST, highest=highest)
    if not form.is_valid():
        return render(request, "accounts/invite.html", {"form": form}, status=422)
    email, role = form.cleaned_data["email"], Role(form.cleaned_data["role"])
    try:
        invitations.send(actor=request.tenant, email=email, role=role)
    except Refused as refusal:
        refuse(request, Refusal(Reason.FORBIDDEN, "request.refused", "notice", {"check": refusal.why}))
        form.add_error(None, invitations.SENDING[refusal.why])
        return render(request, "accounts/invite.html", {"form": form}, status=422)
    messages.success(request, f"{email} is invited as {role.label.lower()}. The mail is on its way.")
    return redirect("accounts:people")


@require_POST
@role_required(Role.ADMIN)
def resend(request: TenantRequest, invitation_id: UUID) -> HttpResponseBase:
    """Mail a new link, good for another 72 hours."""
    found = get_object_or_404(Invitation, pk=invitation_id)
    try:
        invitations.resend(actor=request.tenant, invitation=found)
    except Refused as refusal:
        if refusal.why != "too_soon":
            refuse_act(request, refusal, invitations.SENDING)
        messages.info(request, invitations.SENDING["too_soon"])
        return redirect("accounts:people")
    messages.success(request, f"{found.email} gets a new link, and the one before no longer works.")
    return redirect("accounts:people")


@require_POST
@role_required(Role.ADMIN)
def withdraw(request: TenantRequest, invitation_id: UUID) -> HttpResponseBase:
    """Make the link void."""
    found = get_object_or_404(Invitation, pk=invitation_id)
    try:
        invitations.withdraw(actor=request.tenant, invitation=found)
    except Refused as refusal:
        refuse_act(request, refusal, invitations.SENDING)
    messages.success(request, f"The invitation of {found.email} is withdrawn. Its link no longer works.")
    return redirect("accounts:people")


@public
@require_http_methods(["GET", "HEAD"])
@attempts.patient
def from_workos(request: HttpRequest) -> HttpResponseBase:
    """On to the page of the invitation for which WorkOS's link stands."""
    token = invitations.link_behind(request.GET.get("invitation_token", ""))
    return redirect("accounts:invitation", token) if token else _refused(request, "", "unknown")


@public
@require_http_methods(["GET", "HEAD"])
@attempts.patient
def invitation(request: HttpRequest, token: str) -> HttpResponseBase:
    """What the link stands for, and the ways to accept it. Changes nothing: programs follow links in mails too."""
    return _page(request, token)


@public
@require_POST
@attempts.patient
def join(request: HttpRequest, token: str) -> HttpResponseBase:
    """Join as the person who is signed in here."""
    try:
        tenant = _signed_in(request)
        if tenant is None:
            return redirect("accounts:invitation", token)
        session_token = request.COOKIES[cookies.session_name()]
        known = sign_ins.behind(actor=tenant, token=session_token)
        place = invitations.accept(token, proof=Proof(known.identity), name=tenant.display_name)
        client = attempts.client_of(request)
        opened = sign_ins.go_on(place, known=known, actor=tenant, token=session_token, client=client)
    except Refused as refusal:
        return _refused(request, token, refusal.why)
    except (BadCredentials, SsoRequired):
        # A member now, whose sign-in of this moment does not open that workspace: it asks for one of its own.
        return redirect("accounts:sign_in")
    except Revoked:
        # The session ended between two looks: the page offers the other ways.
        return redirect("accounts:invitation", token)
    return workspaces.entered(request, opened)


@public
@require_POST
@attempts.patient
def sign_in_first(request: HttpRequest, token: str) -> HttpResponseBase:
    """Remember the invitation in this browser, and ask for the sign-in that accepts it."""
    shown = queries.invitation_of(token)
    if shown is None or shown.refusal is not None:
        return _page(request, token)
    response: HttpResponse = redirect("accounts:sign_in")
    if shown.insists_on is not None:
        response = sso.leave_to_join(request, organization=shown.insists_on, email=shown.email, invitation=token)
    cookies.give(response, cookies.INVITATION, token, seconds=WAITS_SECONDS)
    return response


@public
@sensitive_post_parameters("new")
@require_POST
@attempts.patient
def register(request: HttpRequest, token: str) -> HttpResponseBase:
    """Make an account for the reader of the mailbox, and join."""
    shown, form = queries.invitation_of(token), JoinForm(request.POST)
    if shown is None or shown.refusal is not None or not form.is_valid():
        return _page(request, token, form=form)
    try:
        throttling.admit_address(request)
        return _enter_new(request, token, shown, form)
    except EmailTaken:
        form.add_error(None, "There is an account with this address. Sign in with it to join.")
    except WeakPassword as weak:
        form.add_error("new", str(weak))
    except Refused as refusal:
        return _refused(request, token, refusal.why)
    return _page(request, token, form=form)


def _enter_new(request: HttpRequest, token: str, shown: queries.Invited, form: JoinForm) -> HttpResponseBase:
    place, proof = invitations.register(
        token,
        email=shown.email,
        name=form.cleaned_data["name"],
        password=form.cleaned_data["new"],
        workspace_name=shown.workspace_name,
    )
    opened = sign_ins.open_at(place, proof=proof, client=attempts.client_of(request))
    return attempts.enter(request, opened, email=shown.email, to="/")


def _signed_in(request: HttpRequest) -> Tenant | None:
    try:
        return resolution.resolve_session(request.COOKIES.get(cookies.session_name(), ""))
    except Revoked:
        # Nobody is signed in here, which is the usual case for somebody who is invited.
        return None


def _page(request: HttpRequest, token: str, *, form: JoinForm | None = None) -> HttpResponseBase:
    shown = queries.invitation_of(token)
    if shown is None or shown.refusal is not None:
        return _refused(request, token, shown.refusal if shown and shown.refusal else "unknown")
    tenant = _signed_in(request)
    is_theirs = tenant is not None and email_key(tenant.email) == email_key(shown.email)
    # Whoever came in otherwise is refused in the moment of joining (L30), so that is not offered.
    came_right = shown.insists_on is None or (tenant is not None and tenant.method == "sso")
    values: dict[str, Any] = {
        "token": token,
        "invited": shown,
        "person": tenant,
        "is_theirs": is_theirs,
        "can_join": is_theirs and came_right,
        "form": form or JoinForm(),
    }
    return render(request, "accounts/invitation.html", values, status=422 if form and form.errors else 200)


def _refused(request: HttpRequest, token: str, why: str) -> HttpResponse:
    """Say in one sentence why the link does not let anybody in, and what to do. Says nothing of any account."""
    refuse(request, Refusal(Reason.CREDENTIAL, "invitation.refused", "warning", {"check": why}))
    status = {"unknown": 404, "other_address": 403, "unverified": 403, "known_address": 403}.get(why, 410)
    return render(request, "accounts/invitation_refused.html", {"text": invitations.ACCEPTING[why]}, status=status)
