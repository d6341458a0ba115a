"""Was this request refused? Then somebody hears of it, whatever refused it.

Looks at the finished response, so it sees what a view raised or returned, what CSRF refused, what another middleware refused,
and what Django itself did. A record made inside the view would be rolled back with it.
"""

from __future__ import annotations

from collections.abc import Callable
from typing import Final

from django.http import HttpRequest
from django.http.response import HttpResponseBase

from accounts.http import Reason, Refusal
from accounts.requests import answering, describe
from accounts.routes import route_of
from accounts.signals import access_denied

# Statuses that are refusals even if no check named a reason.
DENIALS: Final = {
    401: Refusal(Reason.CREDENTIAL, "request.refused", "notice"),
    403: Refusal(Reason.FORBIDDEN, "request.refused", "warning"),
    404: Refusal(Reason.NOT_FOUND, "request.refused", "notice"),
    429: Refusal(Reason.THROTTLED, "request.refused", "warning"),
    503: Refusal(Reason.OUTAGE, "request.failed", "critical"),
}


class DenialMiddleware:
    """Binds the request's context, and sends `access_denied` for each response that refuses."""

    def __init__(self, get_response: Callable[[HttpRequest], HttpResponseBase]) -> None:
        self.get_response = get_response

    def __call__(self, request: HttpRequest) -> HttpResponseBase:
        """Answer inside a request context; name the request id in the answer, so that a person can quote it."""
        with answering(describe(request, route_of(request).pattern)) as context:
            request.request_id = str(context.request_id)  # type: ignore[attr-defined]  # for error pages; see TenantRequest
            response = self.get_response(request)
            response["X-Request-Id"] = str(context.request_id)
            refusal = refusal_of(request, response)
            if refusal is not None:
                # Robust: a broken listener must not turn a refusal into anything else.
                access_denied.send_robust(sender=type(self), request=request, response=response, refusal=refusal)
            return response


def refusal_of(request: HttpRequest, response: HttpResponseBase) -> Refusal | None:
    """The reason that a check named on the request, else what the status says, else None: not a refusal."""
    named = getattr(request, "refusal", None)
    if isinstance(named, Refusal):
        return named
    return DENIALS.get(response.status_code)
