"""How does a person leave for their company's sign-in, and what happens when they come back?"""

from __future__ import annotations

from django.http import Http404, HttpRequest, HttpResponse
from django.http.response import HttpResponseBase
from django.shortcuts import redirect, render
from django.urls import reverse
from django.views.decorators.http import require_GET, require_POST

from accounts import cookies, mail, throttling
from accounts.access import accepts, public
from accounts.forms import SsoForm
from accounts.http import Reason, Refusal, Tenant, refuse
from accounts.identity import providers
from accounts.identity.base import BadCredentials, EmailUnverified, IdentityRefusal, SsoRequired, Unavailable
from accounts.services import organizations, sign_ins, sso
from accounts.views import arrivals, attempts

AGAIN = "This sign-in was begun in another browser, was used already, or took longer than ten minutes. Begin again on the sign-in page."
WORDS = {
    "denied": "Your company’s sign-in did not let you through. Try again, or ask whoever runs it there.",
    "impersonation": "Somebody acted for you at your sign-in provider. AiAxis accepts nobody but the person. Sign in yourself.",
    "unverified": "Your sign-in provider has not verified your e-mail address. Verify it there, then sign in again.",
    "nowhere": "You proved who you are, and no workspace here is open to you. Ask the owner of your workspace for an invitation.",
    "provider": "Your sign-in provider did not confirm this sign-in. Begin again on the sign-in page.",
}


@public
@require_POST
@accepts("organization")
@attempts.patient
def start(request: HttpRequest) -> HttpResponseBase:
    """Send the browser to its company's sign-in: that of an organisation, or the one that belongs to an e-mail address."""
    _require_sso()
    form = SsoForm(request.POST)
    if not form.is_valid():
        return redirect("accounts:sign_in")
    wanted = form.cleaned_data
    return _leave(
        request,
        organization=wanted["organization"],
        email=wanted["email"],
        to=attempts.safe_next(request, wanted["next"]),
        anew=wanted["anew"],
    )


@public
@require_GET
@attempts.patient
def callback(request: HttpRequest) -> HttpResponseBase:
    """Take somebody in who comes back with a proof; everybody else gets a page that says what to do."""
    _require_sso()
    if "code" in request.GET and "state" not in request.GET:
        # Begun there and not here, so nothing binds it to this browser. What it brought is left alone; we begin one of our own.
        refuse(
            request, Refusal(Reason.CREDENTIAL, "sign_in.failed", "notice", {"step": "sso", "check": "begun_elsewhere"})
        )
        return _leave(request, organization="", email="", to="/")
    try:
        return _arrive(request)
    except Unavailable:
        raise  # An outage is no refusal, though it is one of the provider's answers.
    except (sso.NotOurs, sso.Impersonated, sign_ins.NoPlace, IdentityRefusal) as refusal:
        return _refused(request, refusal)


def _arrive(request: HttpRequest) -> HttpResponseBase:
    said = request.GET
    if "error" in said:
        raise sso.NotOurs("denied")
    throttling.admit_arrival(request)
    client = attempts.client_of(request)
    arrived = sso.finish(
        cookie=request.COOKIES.get(cookies.SSO, ""),
        state=said.get("state", ""),
        code=said.get("code", ""),
        client=client,
    )
    response = _go_on(request, arrived)
    cookies.take(response, cookies.SSO)
    return response


def _go_on(request: HttpRequest, arrived: sso.Arrived) -> HttpResponseBase:
    proof, email = arrived.proof, arrived.proof.identity.email
    if arrived.purpose == sso.CONNECT:
        response = redirect("accounts:single_sign_on")
        kept = organizations.brought(proof, membership=arrived.next, client=attempts.client_of(request))
        cookies.give(response, cookies.CONNECTING, kept, seconds=sso.SECONDS)
        return response
    if len(arrived.undecided) > 1:
        return arrivals.ask_where(request, proof, wanted=arrived.next)
    if arrived.undecided:
        opened = sign_ins.open_at(arrived.undecided[0], proof=proof, client=attempts.client_of(request))
        return attempts.enter(request, opened, email=email, to=attempts.safe_next(request, arrived.next))
    try:
        return arrivals.arrive(request, proof, email=email, wanted=arrived.next)
    except (sign_ins.NoPlace, BadCredentials):
        providers.single_sign_on().abandon(proof)
        raise


def leave_to_connect(request: HttpRequest, *, owner: Tenant) -> HttpResponse:
    """Send an owner to their company's sign-in, to show which one it is. What they bring back is for this workspace alone."""
    return _leave(request, organization="", email=owner.email, to=str(owner.membership_id), purpose=sso.CONNECT)


def leave_to_join(request: HttpRequest, *, organization: str, email: str, invitation: str) -> HttpResponse:
    """Send somebody who is invited to the sign-in of the company whose workspace takes no other."""
    return _leave(request, organization=organization, email=email, to="/", invitation=invitation)


def _leave(
    request: HttpRequest,
    *,
    organization: str,
    email: str,
    to: str,
    purpose: str = sso.SIGN_IN,
    anew: bool = False,
    invitation: str = "",
) -> HttpResponse:
    """A page that goes on by itself. Not a redirect: browsers hold a form's redirects to `form-action`, wherever they lead."""
    started = sso.start(
        redirect_uri=mail.link(reverse("accounts:sso_callback")),
        organization_id=organization,
        email_hint=email,
        to=to,
        purpose=purpose,
        invitation=invitation or request.COOKIES.get(cookies.INVITATION, ""),
        anew=anew,
    )
    response = render(request, "accounts/sso_leave.html", {"url": started.url})
    cookies.give(response, cookies.SSO, started.cookie, seconds=sso.SECONDS)
    return response


def _refused(request: HttpRequest, refusal: Exception) -> HttpResponse:
    check, severity = _check(refusal)
    refuse(request, Refusal(Reason.CREDENTIAL, "sign_in.failed", severity, {"step": "sso", "check": check}))
    response = render(request, "accounts/sso_refused.html", {"words": WORDS.get(check, AGAIN)}, status=401)
    cookies.take(response, cookies.SSO)
    return response


def _check(refusal: Exception) -> tuple[str, str]:
    """What did not fit, and how soon somebody should look."""
    match refusal:
        case sso.NotOurs():
            return refusal.check, "notice" if refusal.check in ("denied", "late") else "warning"
        case sso.Impersonated():
            return "impersonation", "critical"
        case EmailUnverified():
            return "unverified", "warning"
        case sign_ins.NoPlace():
            return "nowhere", "notice"
        case SsoRequired():
            return "provider", "notice"
        case _:
            return "provider", "warning"


def _require_sso() -> None:
    if not providers.has_workos():
        # Not a part of this installation. Nothing is wrong, so nobody need be told of an outage.
        raise Http404
