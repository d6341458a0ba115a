"""Did this program send this very request before? Then it is told what it was told then.

In front of every operation that a program posts to, so that none can forget it. Only what succeeded is kept; what was refused
made nothing, and may be tried again under the same key.
"""

from __future__ import annotations

from collections.abc import Callable

from django.http import HttpRequest, HttpResponse
from django.http.response import HttpResponseBase

from accounts.http import Tenant, tenant_of
from accounts.models import Role
from accounts.problems import problem
from accounts.repeats import services
from accounts.repeats.services import AtWork, KeyReused
from accounts.routes import OPENAI_PREFIX, Door, operation_of, route_of
from accounts.submissions import LONGEST_KEY

HEADER = "Idempotency-Key"
_AS_KEPT = "HTTP_IDEMPOTENCY_KEY"  # by WSGI
AT_WORK = "The first request with this key is still at work. Send it again in a second, with the same key."
REUSED = "This idempotency key was used for another request. Send each request with a key of its own."
WRONG_LENGTH = f"An idempotency key has 1 to {LONGEST_KEY} characters."


class RepeatsMiddleware:
    """Answers a repeated POST of a program as the first one was answered."""

    def __init__(self, get_response: Callable[[HttpRequest], HttpResponseBase]) -> None:
        self.get_response = get_response

    def __call__(self, request: HttpRequest) -> HttpResponseBase:
        """Let the first request through and keep its answer; tell that to all others."""
        # From the raw names: `request.headers` is made anew for each request, and nothing else on the way of a page asks for it.
        key, tenant = request.META.get(_AS_KEPT), tenant_of(request)
        if key is None or tenant is None or not _is_meant(request, tenant):
            return self.get_response(request)
        if not 1 <= len(key) <= LONGEST_KEY:
            return problem(request, 422, detail=WRONG_LENGTH)
        try:
            row, is_first = services.first(request, key, actor=tenant)
        except KeyReused:
            return problem(request, 422, detail=REUSED)
        except AtWork:
            response = problem(request, 409, detail=AT_WORK)
            response["Retry-After"] = "1"
            return response
        if not is_first:
            again = HttpResponse(row.body, status=row.status, content_type="application/json; charset=utf-8")
            again["Idempotent-Replayed"] = "true"
            return again
        answer = self.get_response(request)
        if isinstance(answer, HttpResponse) and 200 <= answer.status_code < 300:
            services.answered(row, answer.status_code, answer.content.decode())
        else:
            services.forget(row)
        return answer


def _is_meant(request: HttpRequest, tenant: Tenant) -> bool:
    """Is it a POST of our own API, which this key may make? One that may not is refused by the operation itself."""
    route = route_of(request)
    if request.method != "POST" or route.door is not Door.API or route.view is None:
        return False
    operation = None if request.path_info.startswith(OPENAI_PREFIX) else operation_of(route.view, "POST")
    if operation is None:
        return False
    scope = getattr(operation.view_func, "required_scope", "")
    # Checked here as well: what was allowed when it was first asked may have been taken away since.
    return (not scope or scope in tenant.scopes) and tenant.role is not Role.VIEWER
