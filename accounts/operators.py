"""Who runs this installation, and how do they look across workspaces without being a member of any?

An operator is a person with a separate flag, a separate sign-in, a separate cookie and a short session, which opens no
workspace. ``across()`` is the single hatch past the fence: it reads, as the role ``aiaxis_ops``, the metadata columns that
``accounts/grants.py`` lists and nothing else. The architecture test holds the list of files that may use it.
"""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass
from datetime import datetime
from functools import wraps
from typing import Any, Concatenate, Final, ParamSpec, TypeVar
from uuid import UUID

from django.db.models import Model, QuerySet
from django.http import HttpRequest
from django.http.response import HttpResponseBase
from django.shortcuts import redirect

from accounts import cookies
from accounts.http import Reason, Refusal, refuse
from accounts.identity import asking, providers, tokens
from accounts.identity.base import Revoked, Unavailable
from accounts.identity.store.models import StoreSession
from accounts.problems import unavailable

P = ParamSpec("P")
Row = TypeVar("Row", bound=Model)

OPS_DATABASE: Final = "ops"
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
        raise Revoked("platform", why=refusal, known=True)
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
        return redirect("accounts:operator_sign_in")
    return None


def across(model: type[Row]) -> QuerySet[Row]:
    """Every workspace's rows of the model, to read: metadata columns only, as the role ``aiaxis_ops``.

    The caller names the columns (``only``, ``values``): a column that is not granted is refused by the database.
    """
    return QuerySet(model=model, using=OPS_DATABASE)


def operator_of(request: HttpRequest) -> Operator | None:
    """The verified operator of a request, or None where nobody was verified as one."""
    operator: Any = getattr(request, "operator", None)
    return operator if isinstance(operator, Operator) else None
