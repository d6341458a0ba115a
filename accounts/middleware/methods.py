"""Is this a method that anything here answers? Then what is none is refused in one place, and recorded like every refusal."""

from __future__ import annotations

from collections.abc import Callable

from django.http import HttpRequest, HttpResponseNotAllowed
from django.http.response import HttpResponseBase

from accounts.http import Reason, Refusal, refuse
from accounts.requests import METHODS


class MethodMiddleware:
    """Answers 405 to what no address takes; an address that takes some of the others says so itself."""

    def __init__(self, get_response: Callable[[HttpRequest], HttpResponseBase]) -> None:
        self.get_response = get_response

    def __call__(self, request: HttpRequest) -> HttpResponseBase:
        """Refuse before anybody is looked up."""
        if request.method in METHODS:
            return self.get_response(request)
        # TRACE echoes a request's headers, cookies with them, to whoever made the browser send it; plain Django answers 200.
        refuse(request, Refusal(Reason.METHOD, "request.refused", "warning"))
        return HttpResponseNotAllowed(METHODS)
