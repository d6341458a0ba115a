"""From where may operators come? Where that is configured, everybody else finds nothing below /operator/."""

from __future__ import annotations

from collections.abc import Callable
from ipaddress import ip_address, ip_network
from typing import Final

from django.conf import settings
from django.http import HttpRequest
from django.http.response import HttpResponseBase

from accounts.http import Reason, Refusal, refuse
from accounts.problems import answer
from accounts.requests import client_address
from accounts.routes import OPERATOR_PREFIX

_ACTION: Final = "operator.address_refused"


class OperatorNetworkMiddleware:
    """Answers 404 for the operators' sign-in and console to clients outside ``OPERATOR_NETWORKS``."""

    def __init__(self, get_response: Callable[[HttpRequest], HttpResponseBase]) -> None:
        self.get_response = get_response

    def __call__(self, request: HttpRequest) -> HttpResponseBase:
        """Let the request pass unless it wants the operators' pages from elsewhere."""
        wanted = f"{request.path_info}/".startswith(OPERATOR_PREFIX)
        if wanted and settings.OPERATOR_NETWORKS and not _is_inside(client_address(request)):
            # A password and a code that were both stolen still open nothing from outside; and who tries is news.
            refuse(request, Refusal(Reason.FORBIDDEN, _ACTION, "critical"))
            return answer(request, 404)
        return self.get_response(request)


def _is_inside(address: str) -> bool:
    # Over a Unix socket without a trusted proxy's word there is no address, which is in no network.
    return bool(address) and any(ip_address(address) in ip_network(network) for network in settings.OPERATOR_NETWORKS)
