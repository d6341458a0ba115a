"""Which request is the running code answering, and from where did it come?

`DenialMiddleware` binds one frozen `RequestContext` per request. Services, signals and the audit trail read it from here, so
that none of them needs the request object, and none of them resolves a client's address in its own way.
"""

from __future__ import annotations

from collections.abc import Mapping
from contextvars import ContextVar
from dataclasses import dataclass
from datetime import UTC, datetime
from functools import lru_cache
from ipaddress import IPv4Address, IPv4Network, IPv6Address, IPv6Network, ip_address, ip_network
from types import MappingProxyType
from urllib.parse import unquote_plus, urlsplit
from uuid import UUID

from django.conf import settings
from django.http import HttpRequest
from uuid_utils.compat import uuid7

from accounts.tracing import Origin, accepted, followed

Address = IPv4Address | IPv6Address
Network = IPv4Network | IPv6Network

METHODS = ("GET", "HEAD", "OPTIONS", "POST", "PUT", "PATCH", "DELETE")
OTHER_METHOD = "OTHER"
_NAMED_METHODS = frozenset({*METHODS, "TRACE", "CONNECT"})

# The longest string that a record keeps of anything a client sent.
LONGEST = 512

# Headers that a record may hold. Never Authorization, Cookie or a CSRF token; Referer is kept without its query, where codes travel.
RECORDED_HEADERS = MappingProxyType(
    {
        "HTTP_ACCEPT": "accept",
        "HTTP_ACCEPT_LANGUAGE": "accept-language",
        "HTTP_HOST": "host",
        "HTTP_ORIGIN": "origin",
        "HTTP_SEC_FETCH_SITE": "sec-fetch-site",
        "HTTP_SEC_FETCH_MODE": "sec-fetch-mode",
        "HTTP_SEC_FETCH_DEST": "sec-fetch-dest",
        "HTTP_HX_REQUEST": "hx-request",
    }
)


@dataclass(frozen=True, slots=True)
class RequestContext:
    """The circumstances of one request, safe to record: names of query keys without values, and an allow-list of headers."""

    request_id: UUID
    received_at: datetime
    method: str
    path: str
    route: str
    query_keys: tuple[str, ...]
    headers: Mapping[str, str]
    content_type: str
    content_length: int | None
    client_address: str
    peer: str
    forwarded_for: str
    user_agent: str
    traceparent: str


_current: ContextVar[RequestContext | None] = ContextVar("aiaxis_request", default=None)


def current_request() -> RequestContext | None:
    """The request that the running code answers, or None in a job, a command or a shell."""
    return _current.get()


def current_origin() -> Origin:
    """What the running code goes back to: the request that it answers, or the one that its job came from."""
    request = _current.get()
    return Origin(request.request_id, request.traceparent) if request else followed()


class answering:  # noqa: N801 - read as a word: `with answering(context):`
    """Bind `context` as the current request until the block ends. A class, which every request enters faster than a generator."""

    __slots__ = ("_context", "_token")

    def __init__(self, context: RequestContext) -> None:
        self._context = context

    def __enter__(self) -> RequestContext:
        self._token = _current.set(self._context)
        return self._context

    def __exit__(self, *failure: object) -> None:
        _current.reset(self._token)


def describe(request: HttpRequest, route: str) -> RequestContext:
    """Read the recordable circumstances of `request`. The id is ours, made here: a client cannot choose or repeat it.

    `route` is the URL pattern that the path matched ("" when none did), which unlike the path never holds a secret.
    """
    meta = request.META
    headers = {name: str(meta[key])[:LONGEST] for key, name in RECORDED_HEADERS.items() if key in meta}
    if "HTTP_REFERER" in meta:
        headers["referer"] = _without_query(str(meta["HTTP_REFERER"]))
    length = str(meta.get("CONTENT_LENGTH") or "")
    return RequestContext(
        request_id=uuid7(),
        received_at=datetime.now(UTC),
        # A word of ours: it is a label in the metrics and stands in the log, and a client may write what it likes.
        method=request.method if request.method in _NAMED_METHODS else OTHER_METHOD,
        path=request.path[:LONGEST],
        route=route,
        query_keys=_query_keys(str(meta.get("QUERY_STRING") or "")),
        headers=MappingProxyType(headers),
        content_type=str(meta.get("CONTENT_TYPE") or "")[:LONGEST],
        content_length=int(length) if length.isdecimal() and len(length) < 19 else None,
        client_address=client_address(request),
        peer=str(meta.get("REMOTE_ADDR") or ""),
        forwarded_for=str(meta.get("HTTP_X_FORWARDED_FOR") or "")[:LONGEST],
        user_agent=str(meta.get("HTTP_USER_AGENT") or "")[:LONGEST],
        traceparent=accepted(str(meta["HTTP_TRACEPARENT"])) if "HTTP_TRACEPARENT" in meta else "",
    )


def _query_keys(query: str) -> tuple[str, ...]:
    """The first fifty names in a query.

    Not through `request.GET`, which raises on too many fields: a request that can break its own description would be
    refused outside every record of it.
    """
    parts = query.split("&", 50)[:50]
    return tuple(dict.fromkeys(unquote_plus(part.partition("=")[0])[:64] for part in parts if part))


def client_address(request: HttpRequest) -> str:
    """The address of the client, as far as proxies that we trust vouch for it ("" over a Unix socket without one).

    Walks X-Forwarded-For from the right, and only while the hop that reported an address is in `TRUSTED_PROXIES`: whatever stands
    further left was written by the client, who may write anything. Throttling, lockout, audit and error reports all ask here.
    """
    hop = _address(str(request.META.get("REMOTE_ADDR") or ""))
    reported = str(request.META.get("HTTP_X_FORWARDED_FOR") or "").split(",")
    trusted = _networks(tuple(settings.TRUSTED_PROXIES))
    while reported and hop is not None and any(hop in network for network in trusted):
        # An entry that is no address was not written by a proxy of ours: trust ends at the last hop that we could read.
        further = _address(reported.pop()[:LONGEST])
        if further is None:
            break
        hop = further
    return "" if hop is None else str(hop)


@lru_cache(maxsize=1024)
def _address(text: str) -> Address | None:
    """Parse one address; `::ffff:192.0.2.1` is 192.0.2.1, so that one client cannot have two names.

    Remembered, because every request asks it two or three times of the same few proxies and clients.
    """
    try:
        # Without a zone ("fe80::1%eth0"), which is this machine's name for a cable and no part of the address.
        address = ip_address(text.strip().partition("%")[0])
    except ValueError:
        return None
    mapped = address.ipv4_mapped if isinstance(address, IPv6Address) else None
    return mapped or address


@lru_cache(maxsize=8)
def _networks(configured: tuple[str, ...]) -> tuple[Network, ...]:
    return tuple(ip_network(network) for network in configured)


def _without_query(url: str) -> str:
    try:
        parts = urlsplit(url)
    except ValueError:
        return ""
    # The host without user information: a URL's userinfo can carry a password.
    return f"{parts.scheme}://{parts.netloc.rpartition('@')[2]}{parts.path}"[:LONGEST]
