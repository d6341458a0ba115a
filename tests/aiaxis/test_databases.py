"""Is it noticed that the machine of a database is gone, by those too who only listen?"""

from __future__ import annotations

import os
import socket
import threading
from collections.abc import Iterator
from contextlib import contextmanager, suppress

import psycopg
import pytest
from django.conf import settings
from django.core.exceptions import ImproperlyConfigured
from django.db import connections
from psycopg.conninfo import conninfo_to_dict

from aiaxis import databases
from tests import environment

OPTIONS = {
    "keepalives_idle": socket.TCP_KEEPIDLE,
    "keepalives_interval": socket.TCP_KEEPINTVL,
    "keepalives_count": socket.TCP_KEEPCNT,
    "tcp_user_timeout": socket.TCP_USER_TIMEOUT,
}


@contextmanager
def over_tcp(url: str) -> Iterator[str]:
    """The same database at a port of this machine, as a server of its own would have it."""
    path = f"{conninfo_to_dict(url)['host']}/.s.PGSQL.5432"
    with socket.create_server(("127.0.0.1", 0)) as door:
        threading.Thread(target=_relay, args=[door, path], daemon=True).start()
        yield psycopg.conninfo.make_conninfo(url, host="127.0.0.1", port=str(door.getsockname()[1]))


def _relay(door: socket.socket, path: str) -> None:
    near, _ = door.accept()
    far = socket.socket(socket.AF_UNIX)
    far.connect(path)
    threading.Thread(target=_carry, args=[near, far], daemon=True).start()
    _carry(far, near)


def _carry(one: socket.socket, other: socket.socket) -> None:
    with suppress(OSError), one, other:
        while data := one.recv(65536):
            other.sendall(data)


def test_a_connection_to_another_machine_ends_soon_after_that_machine() -> None:
    with over_tcp(environment.server.url("aiaxis_queue", environment.platform_database)) as url:
        said = databases.described("DATABASE_QUEUE_URL", url, role="", database="", pool_size=0)["OPTIONS"]
        assert said.items() >= databases.NOTICING.items()
        with (
            psycopg.connect(databases.lasting("DATABASE_QUEUE_URL", url)) as line,
            socket.socket(fileno=os.dup(line.fileno())) as own,
        ):
            kept = {name: own.getsockopt(socket.IPPROTO_TCP, number) for name, number in OPTIONS.items()}
    assert kept == {name: int(value) for name, value in databases.NOTICING.items()}


def test_a_url_may_say_otherwise() -> None:
    url = "postgresql://aiaxis_app@db.example/aiaxis?keepalives_idle=60&sslmode=verify-full"
    said = databases.described("DATABASE_URL", url, role="", database="", pool_size=0)["OPTIONS"]
    assert (said["keepalives_idle"], said["keepalives_count"], said["sslmode"]) == ("60", "3", "verify-full")
    assert conninfo_to_dict(databases.lasting("DATABASE_QUEUE_URL", url))["keepalives_idle"] == "60"


def test_every_connection_of_ours_is_made_so() -> None:
    for alias in connections:
        assert connections[alias].settings_dict["OPTIONS"].items() >= databases.NOTICING.items(), alias
    for url in (settings.DATABASE_QUEUE_URL, settings.DATABASE_DIRECT_URL):
        assert conninfo_to_dict(url).items() >= databases.NOTICING.items()


def test_what_is_no_url_is_refused_by_the_name_of_its_setting() -> None:
    with pytest.raises(ImproperlyConfigured, match="DATABASE_OPS_URL"):
        databases.described("DATABASE_OPS_URL", "nonsense nonsense", role="", database="", pool_size=0)
    with pytest.raises(ImproperlyConfigured, match="DATABASE_DIRECT_URL"):
        databases.lasting("DATABASE_DIRECT_URL", "nonsense nonsense")
