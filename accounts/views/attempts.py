"""What does every page on which a password is typed have in common?

The order of its checks, how a wrong guess is told to the trail, and how too many of them are answered. Nothing here ever
says whether an account exists: one sentence for unknown, wrong, inactive and nowhere to go.
"""

from __future__ import annotations

from collections.abc import Callable
from functools import wraps
from typing import ParamSpec, cast

from django.http import HttpRequest, HttpResponse, HttpResponseRedirect
from django.http.response import HttpResponseBase
from django.middleware.csrf import rotate_token
from django.shortcuts import redirect
from django.utils.http import url_has_allowed_host_and_scheme

from accounts import cookies, devices, problems, throttling
from accounts.http import Reason, Refusal, refuse
from accounts.identity.base import Client, Unavailable
from accounts.requests import client_address
from accounts.services import sessions, sign_ins

P = ParamSpec("P")

WRONG = (
    "This e-mail and password do not open a workspace. Check both. If they are right, ask the owner of your workspace "
    "whether your membership is active."
)


def client_of(request: HttpRequest) -> Client:
    """Where the attempt comes from."""
    # Control and bidi characters would be stored, and shown in a list, as something that they are not.
    user_agent = "".join(letter for letter in request.headers.get("User-Agent", "")[:300] if letter.isprintable())
    return Client(client_address(request), user_agent)


def reservation(request: HttpRequest, email: str) -> Callable[[], None]:
    """What the identity system calls right before it hashes: the attempt is counted there, or refused."""
    return lambda: throttling.reserve(request, email)


def note_failure(request: HttpRequest, email: str, *, action: str) -> None:
    """Name the failed attempt for the trail. The account is a keyed hash: people type passwords into this field."""
    throttling.failed(request, email)
    detail = {"account": throttling.account_key(request, {"email": email})[:32], "mask": masked(email)}
    refuse(request, Refusal(Reason.CREDENTIAL, action, "warning", detail))


def masked(email: str) -> str:
    """Enough of an address to recognise one's own: its first letter and its domain."""
    name, _, domain = email.rpartition("@")
    return f"{name[:1]}…@{domain[:100]}"


def too_many(request: HttpRequest, wait: throttling.Throttled) -> HttpResponse:
    """429 with Retry-After, in minutes that a person can use."""
    refuse(request, Refusal(Reason.THROTTLED, "sign_in.throttled", "warning", {"limit": wait.limit}))
    minutes = (wait.retry_after + 59) // 60
    response = problems.answer(
        request,
        429,
        f"There were too many attempts. Wait {minutes} minute{'s' if minutes > 1 else ''}, then try again. A browser in "
        "which you signed in before is not affected by attempts from elsewhere.",
    )
    response["Retry-After"] = str(wait.retry_after)
    return response


def silent(request: HttpRequest, outage: Unavailable) -> HttpResponse:
    """503: a system could not be asked, or as many sign-ins are at work as this process takes."""
    return problems.unavailable(request, outage.system, str(outage.retry_after))


def enter(request: HttpRequest, opened: sign_ins.Opened, *, email: str, to: str) -> HttpResponseRedirect:
    """Give the browser its new session; the old one, if it brought one, ends on the server."""
    with sign_ins.dropped_on_failure(opened):
        sessions.leave(request.COOKIES.get(cookies.session_name(), ""))
    # A form from before this sign-in was opened by somebody else, or as somebody else.
    rotate_token(request)
    response = redirect(to)
    cookies.give_session(response, opened.token)
    cookies.take(response, cookies.CHOOSING)
    cookies.take(response, cookies.INVITATION)
    cookies.take(response, cookies.SECOND)
    if opened.tenant.method != "password":
        # Another system's word for an address proves nothing about the account that has a password under it: it must not make
        # this browser one whose guesses at that password are counted apart.
        return response
    devices.remember(request, response, throttling.account_key(request, {"email": email}))
    throttling.succeeded(request, email)
    return response


def patient(view: Callable[P, HttpResponseBase]) -> Callable[P, HttpResponseBase]:
    """Answer too many attempts with 429 and silence of a system with 503, whatever the view was about to do."""

    @wraps(view)
    def answered(*args: P.args, **kwargs: P.kwargs) -> HttpResponseBase:
        request = cast("HttpRequest", args[0])
        try:
            return view(*args, **kwargs)
        except throttling.Throttled as wait:
            return too_many(request, wait)
        except Unavailable as outage:
            return silent(request, outage)

    return answered


def safe_next(request: HttpRequest, wanted: str) -> str:
    """Where to go afterwards: a path of ours, or the start page. ``next=`` never leaves the site."""
    is_path = wanted.startswith("/") and not wanted.startswith(("//", "/\\"))
    if is_path and url_has_allowed_host_and_scheme(wanted, allowed_hosts=None):
        return wanted
    return "/"
