"""Who is asking, and do both systems say so?

Every view is closed unless it is marked public. A closed view runs only with a tenant that one function made from one verified
credential, and only inside that tenant's fence.
"""

from __future__ import annotations

from collections.abc import Callable
from typing import Any
from urllib.parse import urlencode

from django.conf import settings
from django.db import InterfaceError, OperationalError
from django.http import HttpRequest, HttpResponse
from django.http.response import HttpResponseBase
from django.shortcuts import redirect
from django.urls import reverse
from psycopg.errors import DiskFull

from accounts.access import is_public
from accounts.allowances import PROGRAMS, Allowance
from accounts.http import Reason, Refusal, Tenant, note_reached, refuse, tenant_of
from accounts.identity import resolution
from accounts.identity.base import IdentityRefusal, Revoked, Unavailable
from accounts.problems import answer, as_page, as_problem, problem, unavailable
from accounts.routes import OPENAI_PREFIX, Door, Route, route_of
from accounts.streams import fence_stream
from accounts.tenancy.context import workspace
from accounts.waiting import hold_nothing

# Other places in which clients of other products put keys. Here they open nothing, and beside a real credential they are a second.
STRAY_HEADERS = ("HTTP_X_API_KEY", "HTTP_X_AUTH_TOKEN", "HTTP_API_KEY", "HTTP_PROXY_AUTHORIZATION")
STRAY_PARAMETERS = ("api_key", "apikey", "access_token", "key", "token")
FULL = "The disk of the database is full, so nothing was stored. Tell whoever runs this installation."
CHALLENGE = 'Bearer realm="AiAxis"'


class TenantMiddleware:
    """Resolves one credential into a frozen `request.tenant`, and runs the view inside that tenant's fence."""

    def __init__(self, get_response: Callable[[HttpRequest], HttpResponseBase]) -> None:
        self.get_response = get_response

    def __call__(self, request: HttpRequest) -> HttpResponseBase:
        """Open the one door behind which the view stands, or refuse, before any query for data."""
        route = route_of(request)
        if route.door is Door.PUBLIC or route.door is Door.OPERATOR:
            # The operators' site asks for its own credential; `process_view` holds it to that.
            return self.get_response(request)
        refused = _credentials(request, route)
        if refused is not None:
            return refused
        try:
            tenant = _resolve(request, route)
        except IdentityRefusal as refusal:
            if route.door is Door.NOWHERE:
                return self.get_response(request)
            return _answer_refusal(request, route, refusal)
        if tenant is None:
            return self.get_response(request)
        request.tenant = tenant  # type: ignore[attr-defined]  # declared on TenantRequest
        if route.door is Door.API:
            return self._counted(request, tenant)
        return as_page(request, self._answered(request, tenant))

    def _counted(self, request: HttpRequest, tenant: Tenant) -> HttpResponseBase:
        """What a program is answered, with what its key may still ask."""
        try:
            allowance = PROGRAMS.admit(str(tenant.credential_id))
        except Unavailable as silent:
            return unavailable(request, silent.system, str(silent.retry_after))
        if allowance.is_used_up:
            # One program that asks without end takes the threads of everybody's.
            refuse(request, Refusal(Reason.THROTTLED, "request.refused", "warning", {"limit": "api"}))
            response: HttpResponseBase = problem(request, 429)
            response["Retry-After"] = str(allowance.seconds)
        else:
            response = as_problem(request, self._answered(request, tenant))
        return _with_allowance(request, response, allowance)

    def _answered(self, request: HttpRequest, tenant: Tenant) -> HttpResponseBase:
        with workspace(tenant.workspace_id, tenant.membership_id):
            response = self.get_response(request)
            fence_stream(response)
        hold_nothing(response)
        return response

    def process_view(
        self, request: HttpRequest, view: Callable[..., Any], args: tuple[Any, ...], kwargs: dict[str, Any]
    ) -> HttpResponseBase | None:
        """The second lock: whatever Django is about to call, it is public or somebody was verified for it."""
        if is_public(view) or tenant_of(request) is not None:
            return None
        if route_of(request).door is Door.OPERATOR and getattr(view, "is_operator_view", False):
            return None
        # A middleware that swapped the URL configuration or the path after the address was resolved would come out here.
        refuse(request, Refusal(Reason.ANONYMOUS, "request.refused", "critical", {"check": "process_view"}))
        return answer(request, 404)

    def process_exception(self, request: HttpRequest, exception: Exception) -> HttpResponseBase | None:
        """A database that went away in the middle of a view is an outage, which a client may retry, not a fault.

        What a view could not find is named for the record; the answer stays Django's.
        """
        note_reached(request, exception)
        if isinstance(exception, OperationalError | InterfaceError):
            return unavailable(request, "platform", detail=FULL if isinstance(exception.__cause__, DiskFull) else "")
        return None


def _with_allowance(request: HttpRequest, response: HttpResponseBase, allowance: Allowance) -> HttpResponseBase:
    """Say what is left, in the words of the IETF's draft, and where OpenAI's clients ask in those that they know."""
    left = max(0, allowance.left)
    response["RateLimit-Policy"] = f'"key";q={allowance.limit};w={allowance.window}'
    response["RateLimit"] = f'"key";r={left};t={allowance.seconds}'
    if request.path_info.startswith(OPENAI_PREFIX):
        response["X-RateLimit-Limit-Requests"] = str(allowance.limit)
        response["X-RateLimit-Remaining-Requests"] = str(left)
        response["X-RateLimit-Reset-Requests"] = f"{allowance.seconds}s"
    return response


def _credentials(request: HttpRequest, route: Route) -> HttpResponseBase | None:
    """Refuse a request whose credentials are more than one, of the wrong kind, or none. Asks no database."""
    cookie = bool(request.COOKIES.get(settings.SESSION_COOKIE_NAME))
    header = "HTTP_AUTHORIZATION" in request.META
    stray = any(name in request.META for name in STRAY_HEADERS) or (
        route.door is Door.API and any(name in request.GET for name in STRAY_PARAMETERS)
    )
    if cookie + header + stray > 1 or _is_doubled(request):
        # Two credentials let an attacker have one checked and the other obeyed (L14).
        refuse(request, Refusal(Reason.TWO_CREDENTIALS, "request.refused", "warning"))
        return answer(
            request,
            400,
            "This request carries two credentials. Send exactly one: a page takes the sign-in, the API a key.",
        )
    if route.door is Door.NOWHERE:
        return None
    own, other = (header, cookie or stray) if route.door is Door.API else (cookie, header or stray)
    if own:
        return None
    # A cookie at the API would make every API call forgeable by another site; a key at a page would live on in a browser.
    refuse(request, Refusal(Reason.WRONG_DOOR if other else Reason.ANONYMOUS, "request.refused", "notice"))
    return _ask_for_credential(request, route)


def _is_doubled(request: HttpRequest) -> bool:
    """Does one header carry two credentials? Of two cookies or keys, each program on the way may read another."""
    cookies, keys = str(request.META.get("HTTP_COOKIE", "")), str(request.META.get("HTTP_AUTHORIZATION", ""))
    return cookies.count(f"{settings.SESSION_COOKIE_NAME}=") > 1 or keys.lower().count("bearer") > 1


def _resolve(request: HttpRequest, route: Route) -> Any:
    """The tenant behind the credential of this door, None for nobody at an address that nothing answers."""
    if route.door is Door.API:
        scheme, _, key = request.META["HTTP_AUTHORIZATION"].partition(" ")
        if scheme.lower() != "bearer":
            raise Revoked("form", why="scheme")
        return resolution.resolve_key(key.strip())
    token = request.COOKIES.get(settings.SESSION_COOKIE_NAME, "")
    return resolution.resolve_session(token) if token else None


def _answer_refusal(request: HttpRequest, route: Route, refusal: IdentityRefusal) -> HttpResponseBase:
    """A no is a refusal, silence is an outage: never a way in, and silence signs nobody out."""
    if isinstance(refusal, Unavailable):
        return unavailable(request, refusal.system, str(refusal.retry_after))
    detail = {"by": refusal.by, "why": refusal.why} if isinstance(refusal, Revoked) else {}
    # The use of a credential that was withdrawn is somebody's second attempt with something stolen, or a forgotten program.
    known = isinstance(refusal, Revoked) and refusal.known
    refuse(request, Refusal(Reason.CREDENTIAL, "credential.refused", "critical" if known else "warning", detail))
    return _ask_for_credential(request, route)


def _ask_for_credential(request: HttpRequest, route: Route) -> HttpResponseBase:
    if route.door is Door.API:
        response = problem(
            request,
            401,
            detail="Send a valid key of your workspace: Authorization: Bearer <key>. Keys are made on the page /keys/.",
        )
        response["WWW-Authenticate"] = CHALLENGE
        return response
    here = request.get_full_path() if request.method in ("GET", "HEAD") else ""
    if request.headers.get("HX-Request") == "true":
        # A fragment is no place for a sign-in page: htmx takes the whole browser there.
        return HttpResponse(status=401, headers={"HX-Redirect": _sign_in("")})
    return redirect(_sign_in(here))


def _sign_in(back_to: str) -> str:
    """The sign-in page's address; `back_to` is a path of ours, which that page checks once more before it goes there."""
    query = f"?{urlencode({'next': back_to})}" if back_to and back_to != "/" else ""
    return f"{reverse('accounts:sign_in')}{query}"
