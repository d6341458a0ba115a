"""How does a person come in, and out again?"""

from __future__ import annotations

from django.conf import settings
from django.http import HttpRequest, HttpResponse
from django.http.response import HttpResponseBase
from django.shortcuts import redirect, render
from django.urls import reverse
from django.views.decorators.debug import sensitive_post_parameters
from django.views.decorators.http import require_GET, require_http_methods, require_POST

from accounts import cookies, throttling
from accounts.access import public
from accounts.forms import ChoiceForm, SignInForm
from accounts.http import Reason, Refusal, TenantRequest, refuse
from accounts.identity.base import BadCredentials, Proof, Revoked, Unavailable
from accounts.queries import Place
from accounts.services import sessions, sign_ins
from accounts.views import attempts, invitations


@public
@require_GET
def front(request: HttpRequest) -> HttpResponseBase:
    """The bare address: in for those who have a session, and to the sign-in page for everybody else."""
    # Whether the cookie opens anything is decided behind the next door, like for every other page.
    return redirect("conversations:list" if request.COOKIES.get(cookies.session_name()) else "accounts:sign_in")


@public
@sensitive_post_parameters("password")
@require_http_methods(["GET", "HEAD", "POST"])
def sign_in(request: HttpRequest) -> HttpResponseBase:
    """Show the form, and on POST have the password verified."""
    if request.method != "POST":
        return _page(request, SignInForm(initial={"next": request.GET.get("next", "")}))
    form = SignInForm(request.POST)
    if not form.is_valid():
        return _page(request, form, status=422)
    try:
        return _verify(request, form)
    except (BadCredentials, sign_ins.NoPlace):
        attempts.note_failure(request, form.cleaned_data["email"], action="sign_in.failed")
        form.add_error(None, attempts.WRONG)
        return _page(request, form, status=401)
    except throttling.Throttled as wait:
        return attempts.too_many(request, wait)
    except Unavailable as outage:
        return attempts.silent(request, outage)


@public
@require_http_methods(["GET", "HEAD", "POST"])
def choose(request: HttpRequest) -> HttpResponseBase:
    """Which of several workspaces? Asked after the password, answered once, never by a default."""
    token = request.COOKIES.get(cookies.CHOOSING, "")
    try:
        identity, places = sign_ins.choices(token)
        if request.method != "POST":
            return _choice_page(request, places)
        form = ChoiceForm(request.POST)
        if not form.is_valid():
            return _choice_page(request, places, form=form)
        client = attempts.client_of(request)
        opened = sign_ins.finish_choice(token, membership_id=form.cleaned_data["place"], client=client)
    except (BadCredentials, Revoked, sign_ins.NoPlace):
        refuse(request, Refusal(Reason.CREDENTIAL, "sign_in.failed", "notice", {"step": "choose"}))
        return redirect("accounts:sign_in")
    except Unavailable as outage:
        return attempts.silent(request, outage)
    return attempts.enter(
        request, opened, email=identity.email, to=attempts.safe_next(request, request.POST.get("next", ""))
    )


@require_POST
def sign_out(request: TenantRequest) -> HttpResponseBase:
    """End the session on the server, then take the cookie away."""
    sessions.sign_out(actor=request.tenant)
    response = redirect("accounts:sign_in")
    cookies.take_session(response)
    return response


def _verify(request: HttpRequest, form: SignInForm) -> HttpResponseBase:
    email, client = form.cleaned_data["email"], attempts.client_of(request)
    throttling.admit_address(request)
    proof = sign_ins.prove(
        email=email,
        password=form.cleaned_data["password"],
        client=client,
        reserve=attempts.reservation(request, email),
    )
    joined = invitations.finish(request, proof)
    if joined is not None:
        return joined
    places = sign_ins.places(proof.identity)
    if len(places) > 1:
        return _ask_where(request, proof, form)
    opened = sign_ins.open_at(places[0], proof=proof, client=client)
    return attempts.enter(request, opened, email=email, to=attempts.safe_next(request, form.cleaned_data["next"]))


def _ask_where(request: HttpRequest, proof: Proof, form: SignInForm) -> HttpResponseBase:
    response = redirect(
        reverse("accounts:choose", query={"next": attempts.safe_next(request, form.cleaned_data["next"])})
    )
    token = sign_ins.begin_choice(proof, client=attempts.client_of(request))
    cookies.give(response, cookies.CHOOSING, token, seconds=sign_ins.CHOICE_SECONDS)
    return response


def _page(request: HttpRequest, form: SignInForm, *, status: int = 200) -> HttpResponse:
    values = {"form": form, "again": "again" in request.GET, "lasts_days": settings.SIGN_IN_SECONDS // 86_400}
    return render(request, "accounts/sign_in.html", values, status=status)


def _choice_page(request: HttpRequest, places: list[Place], *, form: ChoiceForm | None = None) -> HttpResponse:
    values = {"places": places, "form": form, "next": attempts.safe_next(request, request.GET.get("next", ""))}
    return render(request, "accounts/workspace_choose.html", values, status=422 if form else 200)
