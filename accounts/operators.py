"""Who runs this installation, and how do they look across workspaces without being a member of any?

An operator is a person with a separate flag, a separate sign-in, a separate cookie and a short session, which opens no
workspace. ``across()`` is the single hatch past the fence: it reads, as the role ``aiaxis_ops``, the metadata columns that
``accounts/grants.py`` lists and nothing else. The architecture test holds the list of files that may use it.
"""

from __future__ import annotations

from collections.abc import Callable, Sequence
from dataclasses import dataclass
from datetime import datetime
from functools import wraps
from http import HTTPStatus
from typing import Any, Concatenate, Final, Generic, ParamSpec, TypeVar, cast
from uuid import UUID

from django.conf import settings
from django.contrib import admin, messages
from django.db.models import Model, QuerySet
from django.http import Http404, HttpRequest
from django.http.response import HttpResponseBase
from django.shortcuts import redirect
from django.template.response import TemplateResponse
from django.urls import include, path, reverse
from django.utils import timezone
from django.views.decorators.cache import never_cache
from django.views.decorators.http import require_POST, require_safe

from accounts import cookies
from accounts.http import Reason, Refusal, refuse
from accounts.identity import asking, providers, tokens
from accounts.identity.base import Revoked, Unavailable
from accounts.identity.store.models import StoreSession
from accounts.problems import unavailable
from accounts.routes import route_of
from accounts.signals import operator_read

P = ParamSpec("P")
Row = TypeVar("Row", bound=Model)

OPS_DATABASE: Final = "ops"
# With which a form that will not do comes back on its page: something in it is wrong, or it cannot be done now.
COMES_BACK: Final = (HTTPStatus.UNPROCESSABLE_ENTITY, HTTPStatus.CONFLICT)
_SQL: Final = (
    "SELECT refusal, session_id, provider, subject, identity_reference, method, signed_in_at, expires_at, user_id, "
    "display_name, email FROM fence.resolve_operator(%s)"
)


@dataclass(frozen=True, slots=True)
class Operator:
    """A verified operator. Has no workspace, so nothing that needs one can be done as an operator."""

    user_id: UUID
    display_name: str
    email: str
    method: str
    session_id: UUID
    signed_in_at: datetime
    expires_at: datetime


class OperatorRequest(HttpRequest):
    """A request that passed ``operator_required``."""

    operator: Operator


def resolve_operator(token: str) -> Operator:
    """The operator behind a cookie, if both systems say so now. Raises ``Revoked`` or ``Unavailable``."""
    if not tokens.is_plausible_token(token):
        raise Revoked("form", why="malformed")
    row = asking.one_row("default", _SQL, [tokens.platform_hash(token)], system="platform database")
    if row is None:
        raise Revoked("platform", why="unknown")
    refusal, session_id, provider, subject, reference, method, signed_in_at, expires_at, *person = row
    if refusal is not None:
        raise Revoked("platform", why=refusal, known=refusal != "session_expired")
    if provider != providers.LOCAL.name:
        raise Unavailable(f"identity provider {provider!r}")
    identity = providers.LOCAL.verify_session(token, purpose=StoreSession.Purpose.OPERATOR)
    if (identity.subject, identity.session_id) != (subject, reference):
        # Both systems know the token and mean different people by it: one of the two rows was forged.
        raise Revoked("disagreement", why="disagreement", known=True)
    user_id, display_name, email = person
    return Operator(user_id, display_name, email, method, session_id, signed_in_at, expires_at)


def operator_required(
    view: Callable[Concatenate[OperatorRequest, P], HttpResponseBase],
) -> Callable[Concatenate[HttpRequest, P], HttpResponseBase]:
    """Open the view to operators only; everybody else is sent to the operators' sign-in, and it is recorded."""

    @wraps(view)
    def closed(request: HttpRequest, /, *args: P.args, **kwargs: P.kwargs) -> HttpResponseBase:
        refused = admit(request)
        return refused or view(request, *args, **kwargs)  # type: ignore[arg-type]  # admit() made it an OperatorRequest

    closed.is_operator_view = True  # type: ignore[attr-defined]  # a mark that TenantMiddleware asks for
    return closed


def admit(request: HttpRequest) -> HttpResponseBase | None:
    """Put the verified operator on the request and return None, or return the refusal."""
    token = request.COOKIES.get(cookies.OPERATOR, "")
    try:
        request.operator = resolve_operator(token)  # type: ignore[attr-defined]  # declared on OperatorRequest
    except Unavailable as outage:
        return unavailable(request, outage.system, str(outage.retry_after))
    except Revoked as refusal:
        reason = Reason.CREDENTIAL if token else Reason.ANONYMOUS
        detail = {"by": refusal.by, "why": refusal.why}
        refuse(request, Refusal(reason, "operator.refused", "critical" if refusal.known else "warning", detail))
        return redirect(_sign_in_before(request))
    return None


def _sign_in_before(request: HttpRequest) -> str:
    """The sign-in, and behind it the page that was asked for: a message of an alarm says where to look."""
    address, home = reverse("accounts:operator_sign_in"), reverse("operator:index")
    if request.method not in ("GET", "HEAD") or request.path == home or request.headers.get("HX-Request"):
        return address
    return reverse("accounts:operator_sign_in", query={"next": request.get_full_path()})


def across(model: type[Row]) -> QuerySet[Row]:
    """Every workspace's rows of the model, to read: metadata columns only, as the role ``aiaxis_ops``.

    The caller names the columns (``only``, ``values``): a column that is not granted is refused by the database.
    """
    return QuerySet(model=model, using=OPS_DATABASE)


def operator_of(request: HttpRequest) -> Operator | None:
    """The verified operator of a request, or None where nobody was verified as one."""
    operator: Any = getattr(request, "operator", None)
    return operator if isinstance(operator, Operator) else None


def _announce(request: OperatorRequest) -> None:
    """Put an operator's look at a page on record. Raises ``Unavailable`` when no sink takes it."""
    page = route_of(request).pattern
    operator_read.send(OperatorSite, operator=request.operator, page=page, names=sorted(request.GET))


class OperatorSite(admin.AdminSite):
    """Django's admin site, cut down to what operators may do here: look at lists and rows, and change nothing.

    It has its own sign-in, its own look and no catch-all; every page is announced as a fact before it is made, and is
    not made when nobody can record it. `django.contrib.admin` is not installed: neither its log nor its templates serve.
    """

    index_template = "aiaxis/operator_overview.html"
    # What the first page tells of the whole installation: known to the roof, which sets it.
    overview: Callable[[OperatorRequest], dict[str, Any]]

    def has_permission(self, request: HttpRequest) -> bool:
        """Operators, verified for this very request."""
        return operator_of(request) is not None

    def admin_view(self, view: Callable[..., Any], cacheable: bool = False) -> Any:
        """Open ``view`` to operators only, once their looking is on record."""

        @operator_required
        def closed(request: OperatorRequest, /, *args: Any, **kwargs: Any) -> HttpResponseBase:
            try:
                _announce(request)
            except Unavailable as outage:
                # An operator who cannot be seen does not get to see.
                return unavailable(request, outage.system, str(outage.retry_after))
            response: HttpResponseBase = view(request, *args, **kwargs)
            return response

        return never_cache(require_safe(closed))

    def progress_view(self, view: Callable[..., HttpResponseBase]) -> Any:
        """Open ``view``, which draws again how far something is on a page that was recorded when it was opened."""
        return never_cache(require_safe(operator_required(view)))

    def act_view(self, view: Callable[..., HttpResponseBase], *, is_sensitive: bool = False) -> Any:
        """Open ``view``, which changes something, to operators only. It records what it does, or does nothing.

        What is sensitive asks for a sign-in that is not older than ``RECENT_LOGIN_SECONDS``.
        """

        @operator_required
        @wraps(view)
        def closed(request: OperatorRequest, /, *args: Any, **kwargs: Any) -> HttpResponseBase:
            if is_sensitive and not _signed_in_recently(request.operator):
                # A console that was left open must not be enough to close a customer's workspace.
                refuse(request, Refusal(Reason.STALE_LOGIN, "request.refused", "notice"))
                messages.warning(
                    request, "Nothing was done: this needs a fresh sign-in. Sign in again, then repeat it."
                )
                return redirect("accounts:operator_sign_in")
            try:
                answer = view(request, *args, **kwargs)
                if isinstance(answer, TemplateResponse) and answer.status_code in COMES_BACK:
                    # A form that will not do comes back on its page, with the rows of it: that is a look, too.
                    _announce(request)
                return answer
            except Unavailable as outage:
                # An act that cannot be recorded is not done.
                return unavailable(request, outage.system, str(outage.retry_after))

        return never_cache(require_POST(closed))

    def get_urls(self) -> list[Any]:
        """The index, and each registered model's list and rows: no log-in, no password, no autocomplete of Django's."""
        urls: list[Any] = [path("", self.admin_view(self.index), name="index")]
        for model, model_admin in self._registry.items():
            urls.append(path(f"{model._meta.app_label}/{model._meta.model_name}/", include(model_admin.urls)))
        return urls

    def each_context(self, request: HttpRequest) -> dict[str, Any]:
        """What every page of the console shows: who is looking, and which lists there are."""
        lists = [
            {
                "label": getattr(pages, "label", "") or str(model._meta.verbose_name_plural).capitalize(),
                "purpose": getattr(pages, "purpose", ""),
                "url": reverse(f"{self.name}:{model._meta.app_label}_{model._meta.model_name}_changelist"),
                "room": getattr(pages, "room", ""),
            }
            for model, pages in sorted(self._registry.items(), key=lambda pair: getattr(pair[1], "place", 50))
        ]
        return {"operator": operator_of(request), "lists": lists, "rooms": _rooms(lists, request.path)}

    def index(self, request: HttpRequest, extra_context: dict[str, Any] | None = None) -> TemplateResponse:
        """The console's first page."""
        told = self.overview(cast("OperatorRequest", request))
        values = {**self.each_context(request), **told, **(extra_context or {})}
        return TemplateResponse(request, self.index_template, values)


class OperatorAdmin(admin.ModelAdmin, Generic[Row]):  # type: ignore[type-arg]  # generic only in the stubs
    """A model's pages in the console: read across all workspaces, as the role ``aiaxis_ops``, and never written."""

    purpose = ""  # one sentence for the console's first page
    label = ""  # in the navigation; without it, what the model is called
    room = ""  # under which word of the navigation it stands; without one, by itself
    place = 50  # the order in the navigation, from the left
    detail_template: str

    def get_queryset(self, request: HttpRequest) -> QuerySet[Row]:
        """Every workspace's rows; columns that are not granted to operators are refused by the database."""
        return across(self.model)

    def get_urls(self) -> list[Any]:
        """The list and one row."""
        name = f"{self.opts.app_label}_{self.opts.model_name}"
        view = self.admin_site.admin_view
        return [
            path("", view(self.changelist_view), name=f"{name}_changelist"),
            path("<uuid:row_id>/", view(self.row_view), name=f"{name}_change"),
        ]

    def row_view(self, request: HttpRequest, row_id: UUID) -> TemplateResponse:
        """One row, or 404."""
        row = self.get_queryset(request).filter(pk=row_id).first()
        if row is None:
            raise Http404(f"No {self.opts.verbose_name} has this id.")
        return TemplateResponse(request, self.detail_template, {**self.admin_site.each_context(request), "row": row})

    def has_view_permission(self, request: HttpRequest, obj: Row | None = None) -> bool:
        """Operators."""
        return self.admin_site.has_permission(request)

    def has_module_permission(self, request: HttpRequest) -> bool:
        """Operators."""
        return self.admin_site.has_permission(request)

    def has_add_permission(self, request: HttpRequest) -> bool:
        """Nobody: the role behind these pages may only read."""
        return False

    def has_change_permission(self, request: HttpRequest, obj: Row | None = None) -> bool:
        """Nobody: the role behind these pages may only read."""
        return False

    def has_delete_permission(self, request: HttpRequest, obj: Row | None = None) -> bool:
        """Nobody: the role behind these pages may only read."""
        return False


def _rooms(lists: Sequence[dict[str, str]], here: str) -> list[dict[str, Any]]:
    """The navigation: what belongs together under one word, in the order of the first of each, and whether one is there."""
    found: dict[str, dict[str, Any]] = {}
    for one in lists:
        link = {**one, "current": here.startswith(one["url"])}
        room = found.setdefault(one["room"] or one["url"], {"label": one["room"] or one["label"], "links": []})
        room["links"].append(link)
    for room in found.values():
        room["current"] = any(link["current"] for link in room["links"])
        room["is_menu"] = len(room["links"]) > 1
    return list(found.values())


def _signed_in_recently(operator: Operator) -> bool:
    return (timezone.now() - operator.signed_in_at).total_seconds() <= settings.RECENT_LOGIN_SECONDS


site: Final = OperatorSite(name="operator")
"""The one console. Apps register their pages in ``admin.py``."""
