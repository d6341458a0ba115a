"""How does a vendor's client library call the address that somebody typed, when it brings an HTTP client of its own?

Over this transport: the same judgement and the same pinned connection as every other outgoing call, for an answer that comes
piece by piece. It sends to the one place that it was made for, puts the credential on the request itself (no library can carry it
elsewhere, or borrow another from its environment), lets through only headers that are listed, follows nothing, takes nothing
compressed, and ends at a time, a silence or a size.
"""

from __future__ import annotations

import socket
import ssl
import threading
import time
from collections.abc import Iterator, Mapping
from dataclasses import dataclass, field
from http.client import HTTPException, HTTPResponse
from typing import Final

import httpx2

from accounts.outbound import AGENT, Forbidden, Pinned, Target, judged, parse

# What a request may carry of what the library says. Everything else tells about the machine, or was set by its environment.
HEADERS: Final = frozenset(
    {
        *("accept", "content-type", "anthropic-version"),
        *("mcp-session-id", "mcp-protocol-version", "mcp-method", "mcp-name"),
    }
)
PIECE: Final = 64 * 1024  # bytes that are handed on at once, at most


class TooLarge(Exception):
    """The answer had more bytes than it may have, and was cut off."""


class Compressed(Exception):
    """The answer came in a form that was not asked for: what it would unfold to has no limit."""


@dataclass(frozen=True, slots=True)
class Limits:
    """Seconds to connect, seconds of silence, seconds and bytes of the whole answer."""

    connect: float = 10.0
    silence: float = 60.0
    seconds: float = 300.0
    size: int = 8 * 1024 * 1024


@dataclass(frozen=True, slots=True)
class Place:
    """Where calls may go, and the credential that they carry there and nowhere else."""

    base_url: str
    credential: Mapping[str, str] = field(default_factory=dict, repr=False)

    def target(self, url: str) -> Target:
        """Take the address of a request apart. Raises ``Forbidden`` unless it leads to this place."""
        home, target = parse(self.base_url), parse(url)
        if (target.scheme, target.host, target.port) != (home.scheme, home.host, home.port):
            # Whatever made the library ask elsewhere, the key must not travel there (L12).
            raise Forbidden("The call would have left the address that the key belongs to. It was not made.")
        return target


class PinnedTransport(httpx2.BaseTransport):
    """What a client library sends through. One for each piece of work: ``end`` breaks off whatever it has open."""

    def __init__(self, place: Place, limits: Limits) -> None:
        """Take the place apart before any library does. Raises ``Forbidden`` for an address that can be read in two ways."""
        parse(place.base_url)
        self.place, self.limits = place, limits
        self.until = time.monotonic() + limits.seconds
        self._lock = threading.Lock()
        self._open: set[Pinned] = set()
        self._ended = False
        # A server that sends a byte now and then would outlive every time-out of a socket.
        self._timer = threading.Timer(limits.seconds, self.end)
        self._timer.daemon = True
        self._timer.start()

    def handle_request(self, request: httpx2.Request) -> httpx2.Response:
        """Send the request and return the answer, whose body comes as it arrives. Raises ``Forbidden`` or httpx2's errors."""
        target = self.place.target(str(request.url))
        self._check_time(request)
        if self._ended:
            # The library would try once more what nobody waits for any longer.
            raise httpx2.ConnectError("The work was ended.", request=request)
        now = time.monotonic()
        # The connection has its own, shorter time; then the socket waits as long as the vendor may be silent.
        until = min(now + self.limits.connect, self.until)
        connection = Pinned(target, judged(target, until)[0], until)
        try:
            response = self._asked(connection, request)
        except ssl.SSLCertVerificationError as error:
            self._let_go(connection)
            raise httpx2.ConnectError("Its certificate was not accepted.", request=request) from error
        except TimeoutError as error:
            self._let_go(connection)
            raise httpx2.ReadTimeout("It did not answer in time.", request=request) from error
        except (OSError, HTTPException, ValueError) as error:
            self._let_go(connection)
            self._check_time(request, error)
            raise httpx2.ConnectError("It could not be reached, or broke off.", request=request) from error
        if response.headers.get("Content-Encoding", "identity").strip().lower() != "identity":
            self._let_go(connection)
            raise Compressed
        return httpx2.Response(
            response.status,
            headers=[(name, value) for name, value in response.headers.items() if name.isascii()],
            stream=_Body(self, connection, response, request),
            request=request,
        )

    def end(self) -> None:
        """Break every open connection off, from another thread, and make no other."""
        with self._lock:
            self._ended = True
            for connection in self._open:
                connection.end()

    def close(self) -> None:
        """End what is open, and the clock."""
        self._timer.cancel()
        self.end()

    def _asked(self, connection: Pinned, request: httpx2.Request) -> HTTPResponse:
        body = request.read()
        headers = {name: value for name, value in request.headers.items() if name.lower() in HEADERS}
        with self._lock:
            self._open.add(connection)
        connection.connect()
        if self._ended:
            raise OSError("The work was ended.")
        self._wait_at_most(connection, self.limits.silence)
        # Whatever compression the library would take, ours is none: a few bytes could unfold to gigabytes.
        own = {"User-Agent": AGENT, "Accept-Encoding": "identity", **self.place.credential}
        connection.request(request.method, connection.target.path, body or None, {**headers, **own})
        return connection.getresponse()

    def _wait_at_most(self, connection: Pinned, seconds: float) -> None:
        left = self.until - time.monotonic()
        if left <= 0:
            raise TimeoutError
        if isinstance(connection.sock, socket.socket):
            connection.sock.settimeout(min(seconds, left))

    def _check_time(self, request: httpx2.Request, error: Exception | None = None) -> None:
        # What broke off because the time was over did not break off by itself.
        if time.monotonic() >= self.until:
            raise httpx2.ReadTimeout("The time for this call is over.", request=request) from error

    def _let_go(self, connection: Pinned) -> None:
        with self._lock:
            self._open.discard(connection)
        connection.close()


class _Body(httpx2.SyncByteStream):
    """An answer's bytes as they arrive, up to the limits."""

    def __init__(
        self, transport: PinnedTransport, connection: Pinned, response: HTTPResponse, request: httpx2.Request
    ) -> None:
        self._transport, self._connection, self._response, self._request = transport, connection, response, request

    def __iter__(self) -> Iterator[bytes]:
        """Yield pieces until the answer is complete. Raises ``TooLarge`` or httpx2's errors."""
        size = 0
        try:
            while piece := self._piece():
                size += len(piece)
                if size > self._transport.limits.size:
                    raise TooLarge
                yield piece
            if self._response.length:
                # It said how much would come; the connection ended before.
                raise httpx2.ReadError("It broke off half-way.", request=self._request)
        finally:
            self.close()

    def close(self) -> None:
        """Give the connection back. Safe to repeat."""
        self._response.close()
        self._transport._let_go(self._connection)

    def _piece(self) -> bytes:
        try:
            self._transport._wait_at_most(self._connection, self._transport.limits.silence)
            return self._response.read1(PIECE)
        except TimeoutError as error:
            raise httpx2.ReadTimeout("It fell silent.", request=self._request) from error
        except (OSError, HTTPException, ValueError) as error:
            self._transport._check_time(self._request, error)
            raise httpx2.ReadError("It broke off half-way.", request=self._request) from error
