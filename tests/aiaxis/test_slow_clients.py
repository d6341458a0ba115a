"""Do clients that send or read slowly, or never, stop anybody else?

A real server with 64 threads and four database connections a role; each attack holds more connections than it has either of.
"""

from __future__ import annotations

import http.client
import json
import select
import socket
import time
from collections import Counter
from collections.abc import Iterator
from contextlib import ExitStack
from pathlib import Path

import pytest
from django.db import connections

from accounts import waiting
from files import services
from files.models import File
from files.uploads import from_bytes
from tests import doors
from tests.aiaxis.test_serve import serving
from tests.cast import BOB, CHARLIE, acting
from tests.waiting import until

CLIENTS = 70


@pytest.fixture
def big_file(committed: None) -> File:
    """More bytes than the buffers between server and client hold; nobody reads them into passages here."""
    with acting(BOB), from_bytes("big.txt", b"words " * 3_000_000) as received:
        file = services.upload(actor=BOB.tenant, content=received, name="big.txt").file
    with connections["owner"].cursor() as cursor:
        cursor.execute("DELETE FROM procrastinate_jobs")
    return file


@pytest.fixture
def port(committed: None, tmp_path: Path) -> Iterator[int]:
    with serving(tmp_path, WEB_THREADS="64") as (_, address):
        yield int(address.rsplit(":", 1)[1].strip("/"))


def crowd(stack: ExitStack, port: int, request: str) -> list[socket.socket]:
    """So many clients, each of which has sent this and now does nothing."""
    clients = []
    for _ in range(CLIENTS):
        client = stack.enter_context(socket.socket())
        client.setsockopt(socket.SOL_SOCKET, socket.SO_RCVBUF, 4096)
        client.connect(("127.0.0.1", port))
        client.sendall(request.encode())
        clients.append(client)
    return clients


def statuses(clients: list[socket.socket]) -> Counter[int]:
    """What those were told by now that were told anything."""
    readable, _, _ = select.select(clients, [], [], 0)
    told = [client.recv(12, socket.MSG_PEEK) for client in readable]
    return Counter(int(line[9:12]) for line in told if len(line) == 12)


def told(clients: list[socket.socket], count: int) -> Counter[int]:
    """What so many of them were told, as soon as there are so many; the others wait."""
    assert until(lambda: statuses(clients).total() >= count), statuses(clients)
    return statuses(clients)


def who_am_i(port: int, key: str) -> int:
    """The status for another workspace's program; the clients that do nothing go on so for longer than it waits."""
    line = http.client.HTTPConnection("127.0.0.1", port, timeout=30)
    line.request("GET", "/api/v1/me", headers={"Authorization": f"Bearer {key}"})
    status = line.getresponse().status
    line.close()
    return status


def asks(port: int, key: str) -> int:
    """The status of another workspace's own small POST."""
    line = http.client.HTTPConnection("127.0.0.1", port, timeout=30)
    body = json.dumps({"agent_id": "none"})
    line.request(
        "POST", "/api/v1/conversations", body, {"Authorization": f"Bearer {key}", "Content-Type": "application/json"}
    )
    status = line.getresponse().status
    line.close()
    return status


def begins(port: int, request: str) -> int:
    """The status with which this request's answer begins."""
    with socket.create_connection(("127.0.0.1", port), timeout=30) as client:
        client.sendall(request.encode())
        return int(client.recv(12, socket.MSG_WAITALL)[9:12])


def test_one_key_with_seventy_bodies_that_never_arrive_stops_nobody(committed: None, port: int) -> None:
    """Each waited with a thread and a database connection, and then nobody else got either."""
    key, other = doors.key(BOB).value, doors.key(CHARLIE).value
    begun = (
        f"POST /api/v1/conversations HTTP/1.1\r\nHost: 127.0.0.1:{port}\r\nAuthorization: Bearer {key}\r\n"
        "Content-Type: application/json\r\nContent-Length: 400\r\n\r\n{"
    )
    with ExitStack() as stack:
        clients = crowd(stack, port, begun)
        refused = CLIENTS - waiting.MOST_BODIES_OF_MEMBER
        assert told(clients, refused) == {429: refused}
        for _ in range(3):
            assert who_am_i(port, other) == 200
        assert asks(port, other) == 404
        assert statuses(clients) == {429: refused}
    assert until(lambda: asks(port, key) == 404), "the places were not given back"


def test_strangers_with_bodies_that_never_arrive_stop_nobody(committed: None, port: int) -> None:
    """Without any credential: the sign-in form, half sent, from one address."""
    other = doors.key(CHARLIE).value
    begun = (
        f"POST /sign-in/ HTTP/1.1\r\nHost: 127.0.0.1:{port}\r\nContent-Type: application/x-www-form-urlencoded\r\n"
        "Content-Length: 400\r\n\r\nemail="
    )
    with ExitStack() as stack:
        clients = crowd(stack, port, begun)
        refused = CLIENTS - int(64 * waiting.BODIES_SHARE)
        assert set(told(clients, refused)) <= {429, 503}
        assert who_am_i(port, other) == 200
        assert statuses(clients).total() == refused


def test_one_key_with_seventy_downloads_that_nobody_reads_stops_nobody(big_file: File, port: int) -> None:
    """A reader that stops reading keeps its thread, so one member has a few of them and no database connection."""
    key, other = doors.key(BOB).value, doors.key(CHARLIE).value
    begun = f"GET /api/v1/files/{big_file.pk}/content HTTP/1.1\r\nHost: 127.0.0.1:{port}\r\nAuthorization: Bearer {key}\r\n\r\n"
    with ExitStack() as stack:
        clients = crowd(stack, port, begun)
        found = told(clients, CLIENTS)
        for _ in range(3):
            assert who_am_i(port, other) == 200
        assert found[200] <= waiting.MOST_DOWNLOADS_OF_MEMBER
        assert found[429] + found[503] == CLIENTS - found[200]
    assert until(lambda: begins(port, begun) == 200), "the places were not given back"


def test_clients_that_say_nothing_shut_nobody_out(committed: None, port: int) -> None:
    """An idle connection holds no thread; twice as many of them as threads once filled the server."""
    other = doors.key(CHARLIE).value
    with ExitStack() as stack:
        for _ in range(300):
            stack.enter_context(socket.create_connection(("127.0.0.1", port)))
        time.sleep(1)
        assert who_am_i(port, other) == 200
