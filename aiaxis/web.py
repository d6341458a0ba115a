"""How does one process group answer HTTP?

granian over WSGI, a few worker processes of many threads each: synchronous Django ran six to ten times faster so than
under ASGI, and a stream that waits holds a thread and nothing else.
"""

from __future__ import annotations

import errno
import os
import resource
import socket
import sys
from typing import Any

from django.conf import settings
from django.core.handlers.wsgi import WSGIHandler
from django.urls import get_resolver
from granian.constants import HTTPModes, Interfaces
from granian.http import HTTP1Settings
from granian.log import LogLevels
from granian.server import Server

from aiaxis import requests
from aiaxis.metrics import snapshots
from aiaxis.supervisor import die_with

HEADER_MILLISECONDS = 10_000
MOST_CONNECTIONS = 8_192  # in each process; an idle one costs some kilobytes and no thread
# A request that comes back from the database waits so long for one that computes. With Python's own 5 ms it does so at each query:
# beside a busy neighbour the 95th page took an eighth longer (measured, in turn).
SWITCH_SECONDS = 0.0005
OWN_DESCRIPTORS = 512  # database connections, files that are given out, logs
# Its records come out where all others do, in the form that they have: its own handlers would print to standard output.
OWN_LINES: dict[str, Any] = {
    "formatters": {},
    "handlers": {},
    "loggers": {name: {"handlers": [], "propagate": True} for name in ("_granian", "granian.access")},
}


class AddressError(Exception):
    """The address cannot be served on; the text says which setting to change."""


def refuse_taken_address(address: str, port: int) -> None:
    """Raise AddressError when nothing can listen at this address and port.

    Asked before anything else starts, and asked here at all because granian shares its port (SO_REUSEPORT): beside
    another AiAxis of the same user it would start without a word, and half of the requests would go to the other.
    """
    try:
        family, kind, proto, _, where = socket.getaddrinfo(address, port, type=socket.SOCK_STREAM)[0]
    except (OSError, OverflowError, UnicodeError) as error:
        raise AddressError(f"ADDRESS: {address} is not an address of this machine ({error}).") from error
    with socket.socket(family, kind, proto) as probe:
        probe.setsockopt(socket.SOL_SOCKET, socket.SO_REUSEADDR, 1)  # a connection that lingers is no obstacle
        try:
            probe.bind(where)
        except OSError as error:
            raise AddressError(_sentence(error, address, port)) from error


def load() -> WSGIHandler:
    """Build the application and import every view, so that the processes forked afterwards need not.

    `aiaxis.wsgi` is for other servers: it proves the isolation when it is imported, in each process. Here the supervisor
    has it proven once, before it starts any.
    """
    application = requests.application()
    get_resolver().url_patterns  # noqa: B018 - to read them is to import them
    return application


def serve(application: WSGIHandler) -> None:
    """Answer requests until SIGTERM, in WEB_WORKERS processes of up to WEB_THREADS requests at once."""
    parent = os.getpid()
    snapshots.clear()

    def in_a_worker(_target: str) -> WSGIHandler:
        die_with(parent, "web")
        sys.setswitchinterval(SWITCH_SECONDS)
        return application

    Server(
        "aiaxis.wsgi:application",
        address=settings.ADDRESS,
        port=settings.PORT,
        interface=Interfaces.WSGI,
        workers=settings.WEB_WORKERS,
        blocking_threads=settings.WEB_THREADS,
        # HTTP/2 without TLS is no browser's and no proxy's, and lets one connection carry two hundred requests.
        http=HTTPModes.http1,
        # How long a client may take over a request's headers, and stay connected without a further request.
        http1_settings=HTTP1Settings(header_read_timeout=HEADER_MILLISECONDS),
        # This counts connections, idle ones too: with twice the threads, some hundred silent clients shut everybody out.
        backpressure=_most_connections(),
        log_level=LogLevels.error,  # its one warning is that it finds so many threads unusual
        log_dictconfig=OWN_LINES,
        respawn_failed_workers=True,
        # A stream whose client is gone is noticed at its next write, every two seconds; after that it is cut off.
        workers_kill_timeout=5,
    ).serve(target_loader=in_a_worker)


def _most_connections() -> int:
    """As many as each process may have files open, less those that it needs itself; the limit is raised as far as we may."""
    _, hard = resource.getrlimit(resource.RLIMIT_NOFILE)
    wanted = MOST_CONNECTIONS + OWN_DESCRIPTORS
    allowed = wanted if hard == resource.RLIM_INFINITY else min(wanted, hard)
    resource.setrlimit(resource.RLIMIT_NOFILE, (allowed, hard))
    return max(allowed - OWN_DESCRIPTORS, settings.WEB_THREADS)


def _sentence(error: OSError, address: str, port: int) -> str:
    if error.errno == errno.EADDRINUSE:
        return (
            f"PORT: another program already listens on {address}:{port}. Stop it, or choose another port, for "
            f"instance: make run PORT={port + 1 if port < 65535 else 8000}"
        )
    if error.errno == errno.EACCES:
        return f"PORT: this user may not listen on port {port}. Choose one above 1023, for instance: make run PORT=8000"
    return f"ADDRESS: {address} cannot be listened on ({error.strerror}). Use 127.0.0.1, or 0.0.0.0 behind a proxy."
