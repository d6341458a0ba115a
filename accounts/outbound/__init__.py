"""How does AiAxis call an address that somebody typed, without being turned against the network that it stands in?

The address is taken apart once, its name is resolved once, and the connection goes to that very number: a second parser
or a second answer of the name server would be a way in (L24, L26). What is not plainly out on the internet is refused,
also where it is wrapped into another form of address (L23). Nothing is followed (L25), and time and size have an end.
`OUTBOUND_ALLOWED_NETWORKS` admits networks of the installation's own, there without TLS too; nobody else can.
"""

from __future__ import annotations

import ipaddress
import os
import queue
import re
import socket
import ssl
import threading
import time
from collections.abc import Iterator, Mapping
from contextlib import contextmanager
from dataclasses import dataclass
from http.client import HTTPConnection, HTTPException
from typing import Final
from urllib.parse import urlsplit

from django.conf import settings

Address = ipaddress.IPv4Address | ipaddress.IPv6Address

LONGEST_URL: Final = 2000
LARGEST_ANSWER: Final = 64 * 1024  # bytes
SECONDS: Final = 10.0  # for everything together: name, connection, TLS, request and answer
AGENT: Final = "AiAxis"

# What `ipaddress` calls global although nobody out there answers from it, or only the host's own provider does.
NEVER: Final = tuple(
    ipaddress.ip_network(one)
    for one in (
        "192.0.0.0/24",  # protocol assignments
        "192.88.99.0/24",  # relays of 6to4
        "168.63.129.16/32",  # the wire server of one large provider's machines
        "64:ff9b:1::/48",  # NAT64 inside one network
        "5f00::/16",  # segment routing
    )
)
NAT64: Final = ipaddress.IPv6Network("64:ff9b::/96")
COMPATIBLE: Final = ipaddress.IPv6Network("::/96")
_NAME: Final = re.compile(
    r"(?=.{1,253}$)([a-z0-9_]([a-z0-9_-]{0,61}[a-z0-9])?\.)*[a-z]([a-z0-9-]{0,61}[a-z0-9])?", re.ASCII
)
_VISIBLE: Final = re.compile(r"[!-~]+", re.ASCII)


class Forbidden(Exception):
    """The address may not be called. The message is a sentence for whoever typed it."""


class Unreachable(Exception):
    """The address was called and did not answer as it should. The message is a sentence for whoever typed it."""


@dataclass(frozen=True, slots=True)
class Target:
    """An address, taken apart."""

    scheme: str
    host: str
    port: int
    path: str

    @property
    def shown(self) -> str:
        """What may be shown of it: where it leads. Its path may be a secret."""
        return self.host if self.port in (80, 443) else f"{self.host}:{self.port}"


@dataclass(frozen=True, slots=True)
class Answer:
    """What came back: at most `LARGEST_ANSWER` bytes of it."""

    status: int
    body: bytes


def parse(url: str) -> Target:
    """Take the address apart, once and for all. Raises ``Forbidden`` for whatever two parsers could read differently."""
    if not _VISIBLE.fullmatch(url) or len(url) > LONGEST_URL or set(url) & set('\\"<>^`{|}'):
        raise Forbidden("This is not an address that can be called. Use plain characters, and no spaces.")
    try:
        parts = urlsplit(url)
        port = parts.port
        host = parts.hostname or ""
    except ValueError as error:
        raise Forbidden(
            "This is not an address that can be called. It looks like https://hooks.example/path."
        ) from error
    if parts.scheme not in ("https", "http"):
        raise Forbidden("Use an address that begins with https://.")
    if "@" in parts.netloc or "%" in parts.netloc or port == 0:
        raise Forbidden("Leave user names, percent signs and port 0 out of the host.")
    if not (_NAME.fullmatch(host) or _number(host)):
        raise Forbidden("The host of this address cannot be called. Write its full name.")
    path = f"{parts.path or '/'}{'?' + parts.query if parts.query else ''}"
    return Target(parts.scheme, host, port or (443 if parts.scheme == "https" else 80), path)


def refusal_of(address: Address) -> bool:
    """Is this number none that may be called, in whichever form it is wrapped?"""
    bare = unwrapped(address)
    if any(bare in network for network in _allowed()):
        return False
    if not bare.is_global or bare.is_multicast or bare.is_reserved or bare.is_unspecified:
        return True
    return any(bare in network for network in NEVER) or (bare.version == 6 and getattr(bare, "is_site_local", False))


def unwrapped(address: Address) -> Address:
    """The number that is really reached: an IPv4 address may be hidden in five forms of IPv6."""
    if isinstance(address, ipaddress.IPv4Address):
        return address
    if address in NAT64 or (address in COMPATIBLE and int(address) > 1):
        return ipaddress.IPv4Address(int(address) & 0xFFFFFFFF)
    teredo = address.teredo
    return address.ipv4_mapped or address.sixtofour or (teredo[1] if teredo else None) or address


def check(url: str) -> Target:
    """Take the address apart and ask its name once, so that a mistake is told where it was typed. Raises as ``post`` does.

    What is found here is not kept: each call asks and judges anew.
    """
    target = parse(url)
    judged(target, time.monotonic() + SECONDS / 2)
    return target


def post(url: str, body: bytes, headers: Mapping[str, str], *, seconds: float = SECONDS) -> Answer:
    """Send the body and return the answer, whatever its status. Raises ``Forbidden`` or ``Unreachable``."""
    until = time.monotonic() + seconds
    target = parse(url)
    numbers = judged(target, until)
    connection = Pinned(target, numbers[0], until)
    try:
        with _ending(connection, until):
            connection.request("POST", target.path, body, {"User-Agent": AGENT, "Accept": "*/*", **headers})
            response = connection.getresponse()
            answered = response.read(LARGEST_ANSWER + 1)
    except ssl.SSLCertVerificationError as error:
        raise Unreachable("Its certificate was not accepted.") from error
    except (OSError, HTTPException, ValueError) as error:
        if time.monotonic() >= until:
            raise Unreachable(f"It did not answer within {seconds:.0f} seconds.") from error
        raise Unreachable("It could not be reached, or broke off.") from error
    finally:
        connection.close()
    if time.monotonic() >= until:
        raise Unreachable(f"It did not answer within {seconds:.0f} seconds.")
    if len(answered) > LARGEST_ANSWER:
        raise Unreachable("Its answer did not end, and was cut off.")
    return Answer(response.status, answered)


class Pinned(HTTPConnection):
    """A connection to one number. The name is used for the certificate and for the Host header, and never asked again."""

    def __init__(self, target: Target, number: Address, until: float) -> None:
        super().__init__(target.host, target.port)
        self.target, self.number, self.until = target, number, until
        self.kept: socket.socket | None = None

    def connect(self) -> None:
        """Connect to the number, and speak TLS with the name."""
        left = max(0.001, self.until - time.monotonic())
        # Not `create_connection`, which would ask the resolver once more.
        self.sock = socket.socket(socket.AF_INET6 if self.number.version == 6 else socket.AF_INET, socket.SOCK_STREAM)
        self.sock.settimeout(left)
        self.sock.connect((str(self.number), self.target.port))
        self.kept = socket.socket(fileno=os.dup(self.sock.fileno()))
        if self.target.scheme == "https":
            self.sock = ssl.create_default_context().wrap_socket(self.sock, server_hostname=self.target.host)

    def end(self) -> None:
        """Break the connection off, from another thread: a server that sends a byte a second would outlive any timeout."""
        if self.kept is not None:
            try:
                self.kept.shutdown(socket.SHUT_RDWR)
            except OSError:
                pass  # it has ended by itself

    def close(self) -> None:
        """Close every handle."""
        super().close()
        if self.kept is not None:
            self.kept.close()


@contextmanager
def _ending(connection: Pinned, until: float) -> Iterator[None]:
    timer = threading.Timer(max(0.0, until - time.monotonic()), connection.end)
    timer.daemon = True
    timer.start()
    try:
        yield
    finally:
        timer.cancel()


def judged(target: Target, until: float) -> list[Address]:
    """The numbers of the host, every one of which may be called. Raises ``Forbidden`` or ``Unreachable``."""
    numbers = _resolved(target, until)
    if any(refusal_of(number) for number in numbers):
        # Not the first that may be called: a name with one foot inside is an attack, or a mistake that would come and go.
        raise Forbidden("This address leads into a private network, or to no place on the internet. It is not called.")
    if target.scheme != "https" and not all(_is_admitted(number) for number in numbers):
        raise Forbidden(
            "Use an address that begins with https://. Anybody on the way could read what is sent without it."
        )
    return numbers


def _resolved(target: Target, until: float) -> list[Address]:
    number = _number(target.host)
    if number is not None:
        return [number]
    # On a thread of its own: the resolver knows no timeout.
    found: queue.Queue[list[Address]] = queue.Queue()
    threading.Thread(target=lambda: found.put(_asked(target)), name="resolve", daemon=True).start()
    try:
        numbers = found.get(timeout=max(0.001, until - time.monotonic()))
    except queue.Empty:
        numbers = []
    if not numbers:
        raise Unreachable("The name of its host is not known.")
    return numbers


def _asked(target: Target) -> list[Address]:
    try:
        rows = socket.getaddrinfo(target.host, target.port, type=socket.SOCK_STREAM)
    except (OSError, UnicodeError):
        return []
    return [ipaddress.ip_address(str(row[4][0]).partition("%")[0]) for row in rows]


def _number(host: str) -> Address | None:
    try:
        return ipaddress.ip_address(host)
    except ValueError:
        return None


def _allowed() -> list[ipaddress.IPv4Network | ipaddress.IPv6Network]:
    return [ipaddress.ip_network(one) for one in settings.OUTBOUND_ALLOWED_NETWORKS]


def _is_admitted(number: Address) -> bool:
    return any(unwrapped(number) in network for network in _allowed())
