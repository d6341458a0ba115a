"""Does a secret that a client puts anywhere come to rest anywhere that people read?

Each place gets a canary of its own; then every sink is searched for the part that all of them share.
"""

import io
import logging
import uuid
from collections.abc import Iterator
from pathlib import Path

import pytest
from django.db import connections
from django.test import Client
from pytest_django import Settings

from accounts import answered
from aiaxis import accesses, logs
from audit import spool
from audit.redaction import LogLine
from audit.shipper import Shipper
from tests import cast, doors
from tests.listening import listening

pytestmark = pytest.mark.usefixtures("committed")

MARK = "c4n4ry"


def canary(place: str) -> str:
    return f"{MARK}-{place}-{uuid.uuid4().hex}"


@pytest.fixture
def log() -> Iterator[io.StringIO]:
    """What every logger of the process says: as it is said, in each form that a log takes, and the line of each request."""
    written = io.StringIO()
    handlers = [logging.StreamHandler(written) for _ in range(3)]
    for handler, formatter in zip(handlers[1:], (logs.Json(), logs.Plain()), strict=True):
        handler.setFormatter(formatter)
        handler.addFilter(LogLine())
    for handler in handlers:
        logging.getLogger().addHandler(handler)

    def write(batch: list[answered.Answered]) -> None:
        written.writelines(line(one).decode() for one in batch for line in (accesses._json, accesses._plain))

    with listening(write):
        yield written
    for handler in handlers:
        logging.getLogger().removeHandler(handler)


HEADERS = ("Authorization: Bearer {}", "Authorization: Basic {}", "Authorization: {}", "X-Api-Key: {}", "X-CSRFToken: {}",
    "Proxy-Authorization: Basic {}", "Referer: https://u:{}@evil.test/", "Referer: https://evil.test/{}?code={}",
    "Origin: https://u:{}@evil.test", "X-Forwarded-User: {}", "X-Something: {}", "Cookie: session={}",
    "traceparent: 00-{}", "Cookie: __Host-session={}", "User-Agent: curl token={}", "X-Forwarded-For: password={}")  # fmt: skip
ADDRESSES = ("/files/", "/trail/", "/api/v1/files", "/nowhere/")
USERS = ("{}", "{}@example.test", "a@{}.test", cast.ALICE.email)


def knock_everywhere() -> None:
    """Put a canary, one at a time, in every place where a client can put something: pages, API, sign-in, nowhere."""
    member, program = doors.browser(cast.BOB), doors.program(cast.ALICE)
    for address in ADDRESSES:
        for header in HEADERS:
            name, _, value = header.replace("{}", canary("header")).partition(": ")
            Client().get(address, headers={name: value})
        for client in (Client(), member, program):
            client.get(f"{address}?code={canary('code')}&state={canary('state')}&q={canary('q')}")
            client.get(f"{address}{canary('path')}/{canary('deep')}/")
            client.post(address, {"password": canary("form"), "role": canary("role")})
            client.post(address, {"name": canary("json"), "user": canary("user")}, content_type="application/json")
            client.post(address, f'{{"name": "{canary("broken")}', content_type="application/json")
    for email in USERS:
        for address in ("/sign-in/", "/operator/sign-in/"):
            form = {"email": email.format(canary("user")), "password": canary("password"), "next": f"/{canary('next')}"}
            Client().post(address, form)


def in_every_table() -> str:
    """All rows of the platform's and the identity store's databases that a refused request may have left."""
    text = []
    for alias in ("owner", "identity"):
        with connections[alias].cursor() as cursor:
            cursor.execute(
                "SELECT relname FROM pg_class WHERE relnamespace = 'public'::regnamespace AND relkind IN ('r', 'p') "
                "AND NOT relispartition"
            )
            for (table,) in cursor.fetchall():
                cursor.execute(f'SELECT row_to_json(t)::text FROM "{table}" t')
                text += [f"{table}: {row}" for (row,) in cursor.fetchall() if MARK in row]
    return "\n".join(text)


def test_no_canary_reaches_any_sink(
    settings: Settings, tmp_path: Path, log: io.StringIO, capfd: pytest.CaptureFixture[str]
) -> None:
    settings.AIAXIS_HOME = tmp_path
    knock_everywhere()
    spooled = b"".join(path.read_bytes() for path in spool.segments(tmp_path / "spool")).decode()
    assert spooled.count("\n") > 60
    Shipper(tmp_path / "spool").ship()
    assert [line[:600] for line in spooled.splitlines() if MARK in line] == []
    assert in_every_table() == ""
    answered.hand_over()
    assert log.getvalue().count('"logger":"access"') > 100
    assert [line for line in log.getvalue().splitlines() if MARK in line] == []
    out, err = capfd.readouterr()
    assert MARK not in out + err
