"""Is this address shut out for the time being? Then nothing behind this door sees its request."""

from __future__ import annotations

from collections.abc import Callable

from django.http import HttpRequest
from django.http.response import HttpResponseBase

from accounts.http import Reason, Refusal, refuse
from accounts.problems import answer
from accounts.requests import client_address
from audit import services
from audit.reviews.blocks import Blocks

SENTENCE = (
    "Requests from your address are turned away for the time being. If you think that this is a mistake, write to whoever "
    "runs this installation."
)


class BlockMiddleware:
    """Refuses, and has recorded, what comes from an address that an operator blocked."""

    def __init__(self, get_response: Callable[[HttpRequest], HttpResponseBase]) -> None:
        self.get_response = get_response
        self.blocks = Blocks()

    def __call__(self, request: HttpRequest) -> HttpResponseBase:
        """Answer 403 to a blocked address, before anybody is looked up."""
        if self.blocks.hold(client_address(request), services.spool_folder):
            refuse(request, Refusal(Reason.BLOCKED, "request.refused", "notice"))
            return answer(request, 403, SENTENCE)
        return self.get_response(request)
