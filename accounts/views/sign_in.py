"""How does a person come in, and out again?"""

from __future__ import annotations

from django.conf import settings
from django.http import HttpRequest, HttpResponse
from django.http.response import HttpResponseBase
from django.shortcuts import redirect, render
from django.views.decorators.debug import sensitive_post_parameters
from django.views.decorators.http import require_GET, require_http_methods, require_POST

from accounts import cookies, throttling
from accounts.access import public
from accounts.forms import AddressForm, ChoiceForm, SignInForm
from accounts.http import Reason, Refusal, TenantRequest, refuse
from accounts.identity.base import BadCredentials, FollowUp, Revoked
from accounts.identity.second_factors import SecondFactorRequired
from accounts.queries import Place
from accounts.services import organizations, sessions, sign_ins
from accounts.views import arrivals, attempts, follow_ups, second_step


@public
@require_GET
def front(request: HttpRequest) -> HttpResponseBase:
    """The bare address: in for those who have a session, and to the sign-in page for everybody else."""
    # Whether the cookie opens anything is decided behind the next door, like for every other page.
    return redirect("conversations:list" if request.COOKIES.get(cookies.session_name()) else "accounts:sign_in")


@public
@sensitive_post_parameters("password")
@require_http_methods(["GET", "HEAD", "POST"])
@attempts.patient
def sign_in(request: HttpRequest) -> HttpResponseBase:
    """Ask for the e-mail address; on POST have the password verified."""
    if request.method != "POST":
        return _first_page(request, AddressForm(initial={"next": request.GET.get("next", "")}))
    form = SignInForm(request.POST)
    if not form.is_valid():
        return _page(request, form, status=422)
    try:
        return _verify(request, form)
    except SecondFactorRequired as required:
        return second_step.ask(request, required.proof, wanted=form.cleaned_data["next"])
    except (BadCredentials, sign_ins.NoPlace):
        return _wrong(request, form)
    except FollowUp as more:
        return _more(request, more, form)


@public
@require_http_methods(["GET", "HEAD", "POST"])
def address(request: HttpRequest) -> HttpResponseBase:
    """Offer what the address's domain may use. Nobody is looked up, so that it cannot say whether there is an account."""
    if request.method != "POST":
        return redirect("accounts:sign_in")
    form = AddressForm(request.POST)
    if not form.is_valid():
        return _first_page(request, form, status=422)
    return _page(request, SignInForm(initial=form.cleaned_data))


@public
@require_http_methods(["GET", "HEAD", "POST"])
@attempts.patient
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
    return arrivals.arrive(request, proof, email=email, wanted=form.cleaned_data["next"])


def _more(request: HttpRequest, more: FollowUp, form: SignInForm) -> HttpResponseBase:
    """On to what the identity provider asks besides; or the same refusal as for a wrong password where no page here asks it."""
    try:
        return follow_ups.ask(request, more, wanted=form.cleaned_data["next"])
    except BadCredentials:
        return _wrong(request, form)


def _wrong(request: HttpRequest, form: SignInForm) -> HttpResponse:
    attempts.note_failure(request, form.cleaned_data["email"], action="sign_in.failed")
    form.add_error(None, attempts.WRONG)
    return _page(request, form, status=401)


def _first_page(request: HttpRequest, form: AddressForm, *, status: int = 200) -> HttpResponse:
    values = {"form": form, "again": "again" in request.GET, "lasts_days": _lasts_days()}
    return render(request, "accounts/sign_in.html", values, status=status)


def _page(request: HttpRequest, form: SignInForm, *, status: int = 200) -> HttpResponse:
    if "email" in form.errors:
        # Only the first page lets somebody correct the address.
        first = AddressForm(request.POST)
        first.full_clean()
        return _first_page(request, first, status=status)
    form.fields["password"].widget.attrs["autofocus"] = True
    email = form["email"].value()
    values = {"form": form, "address": email, "ways": organizations.ways(email), "lasts_days": _lasts_days()}
    return render(request, "accounts/sign_in_ways.html", values, status=status)


def _lasts_days() -> int:
    return int(settings.SIGN_IN_SECONDS // 86_400)


def _choice_page(request: HttpRequest, places: list[Place], *, form: ChoiceForm | None = None) -> HttpResponse:
    values = {"places": places, "form": form, "next": attempts.safe_next(request, request.GET.get("next", ""))}
    return render(request, "accounts/workspace_choose.html", values, status=422 if form else 200)
