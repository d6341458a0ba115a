"""Is it this workspace's turn?

Behind everything that reads the request: whoever waits here has sent all of it, and keeps nobody's thread by sending slowly.
"""

from __future__ import annotations

from collections.abc import Callable
from functools import partial

from django.http import HttpRequest
from django.http.response import HttpResponseBase

from accounts.http import Reason, Refusal, refuse, tenant_of
from accounts.problems import RETRY_AFTER, answer, is_api
from accounts.turns import TURNS
from accounts.waiting import NoPlace, in_line


class TurnsMiddleware:
    """Lets a workspace's requests through one after the other; those of its programs and of its people apart."""

    def __init__(self, get_response: Callable[[HttpRequest], HttpResponseBase]) -> None:
        self.get_response = get_response

    def __call__(self, request: HttpRequest) -> HttpResponseBase:
        """Wait for a turn, holding no database connection, and answer; 429 where very many wait already."""
        tenant = tenant_of(request)
        if tenant is None:
            return self.get_response(request)
        try:
            with TURNS.turn((tenant.workspace_id, is_api(request)), partial(in_line, tenant)):
                return self.get_response(request)
        except NoPlace as none:
            reason = Reason.OUTAGE if none.is_ours else Reason.THROTTLED
            refuse(request, Refusal(reason, "request.refused", "warning", {"place": "turn"}))
            response = answer(request, 503 if none.is_ours else 429, str(none))
            response["Retry-After"] = RETRY_AFTER
            return response
