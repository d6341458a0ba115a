"""Was this request refused? Then somebody hears of it, whatever refused it.

Looks at the finished response, so it sees what a view raised or returned, what CSRF refused, what another middleware refused,
and what Django itself did. A record made inside the view would be rolled back with it.
"""

from __future__ import annotations

from collections.abc import Callable
from time import perf_counter
from typing import Final

from django.http import HttpRequest
from django.http.response import HttpResponseBase

from accounts.answered import Answered, note
from accounts.http import Reason, Refusal, tenant_of
from accounts.requests import answering, describe
from accounts.routes import route_of
from accounts.signals import access_denied

# Statuses that are refusals even if no check named a reason.
DENIALS: Final = {
    401: Refusal(Reason.CREDENTIAL, "request.refused", "notice"),
    403: Refusal(Reason.FORBIDDEN, "request.refused", "warning"),
    404: Refusal(Reason.NOT_FOUND, "request.refused", "notice"),
    429: Refusal(Reason.THROTTLED, "request.refused", "warning"),
    # Nothing was refused, but somebody did not get what they asked for, and an operator has to hear of it.
    500: Refusal(Reason.CRASH, "request.failed", "warning"),
    503: Refusal(Reason.OUTAGE, "request.failed", "critical"),
}


class DenialMiddleware:
    """Binds the request's context, sends `access_denied` for each response that refuses, and notes what became of the rest."""

    def __init__(self, get_response: Callable[[HttpRequest], HttpResponseBase]) -> None:
        self.get_response = get_response

    def __call__(self, request: HttpRequest) -> HttpResponseBase:
        """Answer inside a request context; name the request id in the answer, so that a person can quote it."""
        began = perf_counter()
        with answering(describe(request, route_of(request).pattern)) as context:
            number = str(context.request_id)
            request.request_id = number  # type: ignore[attr-defined]  # for error pages; see TenantRequest
            response = self.get_response(request)
            response.headers["X-Request-Id"] = number
            refusal = refusal_of(request, response)
            if refusal is not None:
                # Robust: a broken listener must not turn a refusal into anything else.
                access_denied.send_robust(sender=type(self), request=request, response=response, refusal=refusal)
            denied = refusal.action if refusal else ""
            note(Answered(context, response.status_code, perf_counter() - began, denied, tenant_of(request)))
            return response


def refusal_of(request: HttpRequest, response: HttpResponseBase) -> Refusal | None:
    """The reason that a check named on the request, else what the status says, else None: not a refusal."""
    named = getattr(request, "refusal", None)
    if isinstance(named, Refusal):
        return named
    return DENIALS.get(response.status_code)
