"""Is it this workspace's turn?

Behind everything that reads the request: whoever waits here has sent all of it, and keeps nobody's thread by sending slowly.
"""

from __future__ import annotations

from collections.abc import Callable

from django.http import HttpRequest
from django.http.response import HttpResponseBase

from accounts.http import Reason, Refusal, refuse, tenant_of
from accounts.problems import answer, is_api
from accounts.turns import TURNS, TooManyAtOnce
from accounts.waiting import give_connections_back


class TurnsMiddleware:
    """Lets a workspace's requests through a few at a time; those of its programs and of its people apart."""

    def __init__(self, get_response: Callable[[HttpRequest], HttpResponseBase]) -> None:
        self.get_response = get_response

    def __call__(self, request: HttpRequest) -> HttpResponseBase:
        """Wait for a turn, holding no database connection, and answer; 429 where very many wait already."""
        tenant = tenant_of(request)
        if tenant is None:
            return self.get_response(request)
        try:
            name = (tenant.workspace_id, is_api(request))
            with TURNS.turn(name, tenant.membership_id, before_waiting=give_connections_back):
                return self.get_response(request)
        except TooManyAtOnce as many:
            refuse(request, Refusal(Reason.THROTTLED, "request.refused", "warning", {"limit": "turns"}))
            response = answer(request, 429, str(many))
            response["Retry-After"] = "1"
            return response
