"""How does one process group answer HTTP?

granian over WSGI, a few worker processes of many threads each: synchronous Django ran six to ten times faster so than
under ASGI, and a stream that waits holds a thread and nothing else.
"""

from __future__ import annotations

import errno
import os
import socket

from django.conf import settings
from django.core.handlers.wsgi import WSGIHandler
from django.core.wsgi import get_wsgi_application
from django.urls import get_resolver
from granian.constants import Interfaces
from granian.log import LogLevels
from granian.server import Server

from aiaxis.supervisor import die_with


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
    application = get_wsgi_application()
    get_resolver().url_patterns  # noqa: B018 - to read them is to import them
    return application


def serve(application: WSGIHandler) -> None:
    """Answer requests until SIGTERM, in WEB_WORKERS processes of up to WEB_THREADS requests at once."""
    parent = os.getpid()

    def in_a_worker(_target: str) -> WSGIHandler:
        die_with(parent, "web")
        return application

    Server(
        "aiaxis.wsgi:application",
        address=settings.ADDRESS,
        port=settings.PORT,
        interface=Interfaces.WSGI,
        workers=settings.WEB_WORKERS,
        blocking_threads=settings.WEB_THREADS,
        # As many requests wait in a process as it has threads; more are left to the kernel's queue.
        backpressure=settings.WEB_THREADS * 2,
        log_level=LogLevels.error,  # its one warning is that it finds so many threads unusual
        respawn_failed_workers=True,
        # A stream whose client is gone is noticed at its next write, every two seconds; after that it is cut off.
        workers_kill_timeout=5,
    ).serve(target_loader=in_a_worker)


def _sentence(error: OSError, address: str, port: int) -> str:
    if error.errno == errno.EADDRINUSE:
        return (
            f"PORT: another program already listens on {address}:{port}. Stop it, or choose another port, for "
            f"instance: make run PORT={port + 1 if port < 65535 else 8000}"
        )
    if error.errno == errno.EACCES:
        return f"PORT: this user may not listen on port {port}. Choose one above 1023, for instance: make run PORT=8000"
    return f"ADDRESS: {address} cannot be listened on ({error.strerror}). Use 127.0.0.1, or 0.0.0.0 behind a proxy."
