"""Who may read the installation's numbers? A program that has the token, from a network that is named if any are.

One way in: a scraper has no session, and an operator's console shows the same in words. Without a token there is no such address.
"""

from __future__ import annotations

import hmac
import threading
from hashlib import sha256
from ipaddress import ip_address, ip_network
from typing import Final

from django.conf import settings
from django.http import HttpRequest, HttpResponse
from django.http.response import HttpResponseBase
from django.views.decorators.cache import never_cache
from django.views.decorators.http import require_safe

from accounts import answered
from accounts.access import public
from accounts.http import Reason, Refusal, refuse
from accounts.problems import answer, problem
from accounts.requests import client_address
from aiaxis.metrics import tallies

ACTION: Final = "metrics.refused"
# One reading at a time: with a database that hangs, a scraper that comes again and again would end up holding every thread.
_reading: Final = threading.Lock()


@public
@never_cache
@require_safe
def metrics(request: HttpRequest) -> HttpResponseBase:
    """The numbers of this machine, as Prometheus reads them."""
    if not settings.METRICS_TOKEN:
        return answer(request, 404)
    if not _is_near(client_address(request)):
        # As if nothing were here: whoever comes from elsewhere needs not know that a token would do.
        refuse(request, Refusal(Reason.FORBIDDEN, ACTION, "warning", {"check": "network"}))
        return answer(request, 404)
    if not _is_known(request.META.get("HTTP_AUTHORIZATION", "")):
        refuse(request, Refusal(Reason.CREDENTIAL, ACTION, "warning", {"check": "token"}))
        detail = "Send the token of this installation: Authorization: Bearer <METRICS_TOKEN>."
        response = problem(request, 401, detail=detail)
        response["WWW-Authenticate"] = 'Bearer realm="AiAxis metrics"'
        return response
    if not _reading.acquire(blocking=False):
        return HttpResponse("The numbers are being read already.\n", status=429, content_type="text/plain")
    try:
        return _page()
    finally:
        _reading.release()


def _page() -> HttpResponse:
    # Here, since it takes a tenth of a second to load, which no start and no request without it should wait for.
    from prometheus_client import CONTENT_TYPE_LATEST, generate_latest
    from prometheus_client.registry import CollectorRegistry

    from aiaxis.metrics.families import Installation

    answered.hand_over()
    tallies.write()
    registry = CollectorRegistry(auto_describe=False)
    registry.register(Installation())
    return HttpResponse(generate_latest(registry), content_type=CONTENT_TYPE_LATEST)


def _is_near(address: str) -> bool:
    if not settings.METRICS_NETWORKS:
        return True
    return bool(address) and any(ip_address(address) in ip_network(one) for one in settings.METRICS_NETWORKS)


def _is_known(header: str) -> bool:
    """Compared as hashes, so that neither the length nor the beginning of the token shows in the time that it takes."""
    scheme, _, given = header.partition(" ")
    told, wanted = (sha256(text.encode("utf-8", "replace")).digest() for text in (given, settings.METRICS_TOKEN))
    return scheme.lower() == "bearer" and hmac.compare_digest(told, wanted)
