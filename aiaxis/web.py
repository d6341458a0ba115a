"""How does one process group answer HTTP?

granian over WSGI, a few worker processes of many threads each: synchronous Django ran six to ten times faster so than
under ASGI, and a stream that waits holds a thread and nothing else.
"""

from __future__ import annotations

import errno
import os
import socket
from collections.abc import Callable
from typing import Any

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


def serve(address: str, port: int, workers: int, threads: int) -> None:
    """Answer requests until SIGTERM, in `workers` processes of up to `threads` requests at once."""
    parent = os.getpid()
    server = Server(
        "aiaxis.wsgi:application",
        address=address,
        port=port,
        interface=Interfaces.WSGI,
        workers=workers,
        blocking_threads=threads,
        # As many requests wait in a process as it has threads; more are left to the kernel's queue.
        backpressure=threads * 2,
        log_level=LogLevels.warning,
        respawn_failed_workers=True,
        # A stream whose client is gone is noticed at its next write, every two seconds; after that it is cut off.
        workers_kill_timeout=5,
        process_name=None,
    )
    server.serve(target_loader=lambda _target: _application(parent), wrap_loader=True)


def _application(parent: int) -> Callable[..., Any]:
    """Return the WSGI application, in a worker process that must not outlive the one that started it."""
    die_with(parent, "web")
    from aiaxis.wsgi import application  # here, so that a master process without requests never builds a handler

    return application


def _sentence(error: OSError, address: str, port: int) -> str:
    if error.errno == errno.EADDRINUSE:
        return (
            f"PORT: another program already listens on {address}:{port}. Stop it, or choose another port, for "
            f"instance: make run PORT={port + 1 if port < 65535 else 8000}"
        )
    if error.errno == errno.EACCES:
        return f"PORT: this user may not listen on port {port}. Choose one above 1023, for instance: make run PORT=8000"
    return f"ADDRESS: {address} cannot be listened on ({error.strerror}). Use 127.0.0.1, or 0.0.0.0 behind a proxy."
