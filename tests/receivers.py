"""Who receives what AiAxis sends? Real servers on loopback, which keep what came and answer as they are told."""

from __future__ import annotations

import ssl
import threading
import time
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from dataclasses import dataclass, field
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from pathlib import Path
from typing import Any

from tests.waiting import PATIENCE


@dataclass
class Received:
    """One request."""

    path: str
    headers: dict[str, str]
    body: bytes
    at: float = field(default_factory=time.monotonic)


Behaviour = Callable[["Handler"], None]


class Receiver(ThreadingHTTPServer):
    """A server that keeps every request, and then behaves."""

    daemon_threads = True

    def __init__(self, host: str, behave: Behaviour) -> None:
        self.received: list[Received] = []
        self.behave = behave
        super().__init__((host, 0), Handler)

    @property
    def port(self) -> int:
        """Where it listens."""
        return int(self.server_address[1])

    @property
    def url(self) -> str:
        """Its address, without TLS."""
        return f"http://{self.server_address[0]!s}:{self.port}/hook"

    def handle_error(self, request: Any, client_address: Any) -> None:
        """Say nothing: a client that breaks off is what some tests are about."""


class Handler(BaseHTTPRequestHandler):
    server: Receiver

    def do_POST(self) -> None:
        """Keep the request, then behave."""
        body = self.rfile.read(int(self.headers.get("Content-Length", "0")))
        names = {name.lower(): value for name, value in self.headers.items()}
        self.server.received.append(Received(self.path, names, body))
        self.server.behave(self)

    do_GET = do_POST  # noqa: N815 - the base class looks for this name

    def log_message(self, *args: Any) -> None:
        """Print nothing."""


def answers(status: int = 204, body: bytes = b"", **headers: str) -> Behaviour:
    """Answer with this status."""

    def behave(handler: Handler) -> None:
        handler.send_response(status)
        for name, value in headers.items():
            handler.send_header(name, value)
        handler.send_header("Content-Length", str(len(body)))
        handler.end_headers()
        handler.wfile.write(body)

    return behave


def drips(handler: Handler) -> None:
    """Send one byte of an answer now and then, for ever."""
    handler.wfile.write(b"HTTP/1.1 200 OK\r\nX-Slow: ")
    for _ in range(6000):
        handler.wfile.write(b"a")
        handler.wfile.flush()
        time.sleep(0.05)


def never_ends(handler: Handler) -> None:
    """Send as much as is taken."""
    handler.wfile.write(b"HTTP/1.0 200 OK\r\n\r\n")
    for _ in range(10_000):
        handler.wfile.write(b"x" * 65536)


@contextmanager
def receiver(
    behave: Behaviour | None = None, *, host: str = "127.0.0.1", certificate: tuple[Path, Path] | None = None
) -> Iterator[Receiver]:
    """Run a server for the block; with a certificate and its key, over TLS."""
    server = Receiver(host, behave or answers())
    if certificate:
        context = ssl.SSLContext(ssl.PROTOCOL_TLS_SERVER)
        context.load_cert_chain(*certificate)
        server.socket = context.wrap_socket(server.socket, server_side=True)
    thread = threading.Thread(target=server.serve_forever, kwargs={"poll_interval": 0.02}, daemon=True)
    thread.start()
    try:
        yield server
    finally:
        server.shutdown()
        server.server_close()
        thread.join(PATIENCE)
