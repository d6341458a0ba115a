"""May this person come in here, and in which role?

Every view is closed unless it says `@public`. The other decorators narrow a closed view further. Each also leaves a mark on the
view, so that a test can read the whole table of doors without opening one.
"""

from __future__ import annotations

from collections.abc import Callable
from datetime import timedelta
from functools import wraps
from typing import TYPE_CHECKING, Any, Concatenate, ParamSpec, TypeVar, cast
from urllib.parse import urlencode, urlsplit

from django.conf import settings
from django.core.exceptions import PermissionDenied
from django.http import HttpRequest, HttpResponseBase
from django.shortcuts import redirect
from django.urls import reverse
from django.utils import timezone

from accounts.http import Reason, Refusal, Tenant, TenantRequest, refuse

if TYPE_CHECKING:
    from accounts.models import Role

P = ParamSpec("P")
R = TypeVar("R")
Anything = TypeVar("Anything", bound=Callable[..., Any])
# A page view answers with a response; an API operation with whatever its schema turns into JSON.
Closed = Callable[Concatenate[TenantRequest, P], R]


def public(view: Anything) -> Anything:
    """Mark a view as open to anybody. `tests/test_every_url.py` holds the list of those that may carry this mark."""
    view.is_public = True  # type: ignore[attr-defined]  # functions take attributes, which their type does not say
    return view


def is_public(view: Callable[..., object]) -> bool:
    """Was this view marked `@public`? Anything else is closed."""
    return getattr(view, "is_public", False) is True


def accepts(*names: str) -> Callable[[Anything], Anything]:
    """Declare that this route takes a reserved name as ordinary data: `@accepts("role")` on an invitation form.

    The route then validates that field itself; `ReservedNamesMiddleware` lets exactly these names pass, here only.
    """

    def mark(view: Anything) -> Anything:
        view.accepted_names = accepted_names(view) | frozenset(names)  # type: ignore[attr-defined]  # as above
        return view

    return mark


def accepted_names(view: Callable[..., object]) -> frozenset[str]:
    """The reserved names that a route declared with `accepts`."""
    return cast("frozenset[str]", getattr(view, "accepted_names", frozenset()))


def has_role(tenant: Tenant, least: Role) -> bool:
    """Is the tenant's role at least `least`? The role comes from the membership, read with this very request."""
    return tenant.role.rank >= least.rank


def role_required(
    least: Role, *, unless: Callable[[TenantRequest], bool] | None = None
) -> Callable[[Closed[P, R]], Closed[P, R]]:
    """Refuse members below `least` with 403: their own workspace, but not their place in it.

    `unless` tells of a request that takes no role, only that the thing is the asker's own, which the view sees to.
    """

    def decorate(view: Closed[P, R]) -> Closed[P, R]:
        @wraps(view)
        def closed(request: TenantRequest, /, *args: P.args, **kwargs: P.kwargs) -> R:
            if unless is None or not unless(request):
                _require_role(request, least)
            return view(request, *args, **kwargs)

        closed.least_role = least  # type: ignore[attr-defined]  # a mark for the role x route table
        return closed

    return decorate


def scope_required(scope: str) -> Callable[[Closed[P, R]], Closed[P, R]]:
    """Refuse keys without `scope` ("files:read", "files:write" …) with 403. Writing also takes the role of a member.

    A scope narrows what a key may do and never widens its member's role: a viewer's key with a write scope writes nothing.
    """

    def decorate(view: Closed[P, R]) -> Closed[P, R]:
        @wraps(view)
        def closed(request: TenantRequest, /, *args: P.args, **kwargs: P.kwargs) -> R:
            if scope not in request.tenant.scopes:
                # A key that was given for one purpose and leaked must not serve another.
                refuse(request, Refusal(Reason.SCOPE, "request.refused", "warning", {"scope": scope}))
                raise PermissionDenied(
                    f"This key does not have the scope {scope}. Make a key that has it, and use that one."
                )
            if scope.endswith(":write"):
                from accounts.models import Role  # models load after this module is first imported, by settings

                _require_role(request, Role.MEMBER)
            return view(request, *args, **kwargs)

        closed.required_scope = scope  # type: ignore[attr-defined]  # a mark for the scope x operation table
        return closed

    return decorate


def recent_login_required(view: Closed[P, HttpResponseBase]) -> Closed[P, HttpResponseBase]:
    """Send people whose sign-in is older than `RECENT_LOGIN_SECONDS` to sign in again before a sensitive act."""

    @wraps(view)
    def closed(request: TenantRequest, /, *args: P.args, **kwargs: P.kwargs) -> HttpResponseBase:
        if not _signed_in_recently(request.tenant):
            # A browser left open, or a stolen cookie, must not be enough to make keys or to change who belongs here.
            refuse(request, Refusal(Reason.STALE_LOGIN, "request.refused", "notice"))
            # That page decides by the session's provider how this person proves anew who they are.
            return redirect(f"{reverse('accounts:again')}?{urlencode({'next': _page_of(request)})}")
        return view(request, *args, **kwargs)

    closed.needs_recent_login = True  # type: ignore[attr-defined]  # a mark for the table of doors
    return closed


def _require_role(request: HttpRequest, least: Role) -> None:
    tenant = cast("TenantRequest", request).tenant
    if not has_role(tenant, least):
        # A member who types the address of an administrator's page, or replays an administrator's form.
        refuse(
            request,
            Refusal(Reason.ROLE, "request.refused", "warning", {"needs": least.value, "has": tenant.role.value}),
        )
        raise PermissionDenied(
            f"You are {'an' if tenant.role.value == 'admin' else 'a'} {tenant.role.label.lower()} here. "
            f"Only {least.label.lower()}s can do this; an owner can change your role."
        )


def _page_of(request: HttpRequest) -> str:
    """The page on which somebody is: this one, or the one whose form they sent, which nobody can open by a link."""
    if request.method in ("GET", "HEAD"):
        return request.get_full_path()
    form = urlsplit(request.headers.get("Referer", ""))
    if form.netloc != request.get_host():
        return reverse("accounts:account")
    return form.path + (f"?{form.query}" if form.query else "")


def _signed_in_recently(tenant: Tenant) -> bool:
    from accounts.models import Session  # models load after this module is first imported, by settings

    since = timezone.now() - timedelta(seconds=settings.RECENT_LOGIN_SECONDS)
    return bool(Session.objects.filter(pk=tenant.credential_id, signed_in_at__gte=since).exists())
