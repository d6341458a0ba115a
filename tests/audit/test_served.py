"""Is every refused request of the real web server in the trail, whatever a client sends, whoever is killed, and with a full disk?

One installation serves all short forms: granian's processes, worker and shipper, over this test process's databases.
"""

from __future__ import annotations

import re
import sys
import time
from collections import Counter
from collections.abc import Iterator
from typing import Final

import pytest

from audit import redaction
from tests import databases, environment
from tests.audit import test_flood
from tests.audit.installation import (
    Burst,
    Installation,
    ask,
    disk_of_its_own,
    found,
    installed,
    kill_now_and_then,
    recorded,
)
from tests.waiting import until


@pytest.fixture(scope="module")
def here(
    django_db_setup: None, django_db_blocker: pytest.FixtureRequest, tmp_path_factory: pytest.TempPathFactory
) -> Iterator[Installation]:
    """One for all that follows here; each test leaves it running and whole."""
    folder = tmp_path_factory.mktemp("served")
    with disk_of_its_own(folder / "home" / "spool") as fill, installed(folder, fill) as installation:
        yield installation
    with django_db_blocker.unblock():  # type: ignore[attr-defined]  # pytest-django's blocker
        databases.put_back()


def head(
    path: bytes = b"/nowhere/",
    *,
    method: bytes = b"GET",
    agent: bytes = b"",
    more: bytes = b"",
    host: bytes = b"127.0.0.1",
) -> bytes:
    """A request, byte for byte."""
    named = b"User-Agent: " + agent + b"\r\n" if agent else b""
    return method + b" " + path + b" HTTP/1.1\r\nHost: " + host + b"\r\nConnection: close\r\n" + named + more + b"\r\n"


def headers(count: int) -> bytes:
    """So many, each of another name."""
    return b"".join(b"X-%d: a\r\n" % number for number in range(count))


# What a header may hold by the specification, or what the server takes all the same: one entry each, with these marks in it.
RECORDED: Final = {
    "CR LF in the agent": (head(agent=b"a\r\nX-Forged: b"), 404, '"user-agent": "a"'),
    "a lone LF, which ends a header": (head(agent=b"a\nX-Forged: b"), 404, '"user-agent": "a"'),
    "a tab": (head(agent=b"a\tb"), 404, r"a\\u{9}b"),
    "U+2028, which the server empties": (head(agent="a\u2028b".encode()), 404, '"user-agent": ""'),
    "bidi, which the server empties": (head(agent="a\u202eb".encode()), 404, '"user-agent": ""'),
    "invalid UTF-8, which the server empties": (head(agent=b"a\xff\xfeb"), 404, '"user-agent": ""'),
    "300 KB": (head(agent=b"a" * 300_000), 404, "a…"),
    "ninety headers": (head(more=headers(90)), 404, '"path": "/nowhere/"'),
    "escapes in the path": (head(b"/a%0d%0a%1b%00%E2%80%A8%E2%80%AE%ff/"), 404, r"/a\\u{d}\\u{a}\\u{1b}\\u{0}\\u{2028}\\u{202e}%FF/"),
    "U+2028 and bidi in the path, raw": (head("/a\u2028\u202e/".encode()), 404, r"/a\\u{2028}\\u{202e}/"),
    "a path of 60 KB": (head(b"/" + b"a" * 60_000), 404, f'"/{"a" * 511}"'),
    "escapes in the query": (head(b"/nowhere/?a%0d%0a%1b%00%E2%80%AE=1"), 404, r"a\\u{d}\\u{a}\\u{1b}\\u{0}\\u{202e}"),
    "bidi in the host": (head(host="e\u202e.test".encode()), 400, '"host": ""'),
    "somebody else's host": (head(host=b"evil.test"), 400, '"host": "evil.test"'),
    "two hosts": (head(more=b"Host: evil.test\r\n"), 400, "evil.test"),
    "a method that nobody has": (head(method=b"FROB"), 405, '"method": "OTHER"'),
    "one that echoes": (head(method=b"TRACE"), 405, '"method": "TRACE"'),
    "bytes for a cookie": (head(b"/files/", more=b"Cookie: __Host-session=\xff\xfe\r\n"), 302, '"path": "/files/"'),
    "bidi for a key": (head(b"/api/v1/files", more="Authorization: Bearer \u202e\r\n".encode()), 401, "/api/v1/files"),
    "a content type in no encoding": (head(more=b"Content-Type: a/b; c*=nope''d\r\n"), 404, "c*=nope"),
    "NUL in an encoding's name": (head(more=b"Content-Type: a/b; charset*=utf-8''a%00b\r\n"), 404, "a%00b"),
    **{
        f"an encoding that is none of text: {name.decode()}": (
            head(b"/nowhere/?a=%ff", more=b"Content-Type: text/plain; charset=" + name + b"\r\n"), 404, name.decode()
        )
        for name in (b"hex", b"undefined", b"punycode")
    },
    "a query of 600 fields": (head(b"/sign-in/?" + b"&".join(b"f%d" % n for n in range(600))), 413, '"path": "/sign-in/"'),
    "a part of a form that only begins": (
        head(b"/sign-in/", method=b"POST", more=b"Content-Type: multipart/form-data; boundary=b\r\nContent-Length: 5005\r\n")
        + b"--b\r\n" + b"X" * 5000, 400, '"path": "/sign-in/"'
    ),
    "a body of two lengths, chunked": (
        head(method=b"POST", more=b"Content-Length: 3\r\nTransfer-Encoding: chunked\r\n") + b"0\r\n\r\n", 404, "/nowhere/"
    ),
}  # fmt: skip
# What is no HTTP, or too large for the server: it answers itself, and there never is a request. docs/deploy.md says so.
TURNED_AWAY: Final = {
    "a lone CR in the agent": (head(agent=b"a\rb"), 400),
    "a folded header": (head(agent=b"a\r\n b"), 400),
    "ESC in the agent": (head(agent=b"a\x1b[31mb"), 400),
    "NUL in the agent": (head(agent=b"a\0b"), 400),
    "1 MB of agent": (head(agent=b"a" * 1_000_000), 431),
    "10,000 headers": (head(more=headers(10_000)), 431),
    "ESC in the path": (head(b"/a\x1bb/"), 400),
    "NUL in the path": (head(b"/a\0b/"), 400),
    "invalid UTF-8 in the path": (head(b"/a\xffb/"), 400),
    "a path of 70 KB": (head(b"/" + b"a" * 70_000), 414),
    "a path of 1 MB": (head(b"/" + b"a" * 1_000_000), 431),
    "ESC in a header's name": (head(more=b"X\x1b: b\r\n"), 400),
    "ESC in the method": (head(method=b"G\x1bT"), 400),
    "another version": (head().replace(b"HTTP/1.1", b"HTTP/9.9"), 400),
    "TLS, spoken to plain HTTP": (b"\x16\x03\x01\x02\x00\x01\x00\x01\xfc\x03\x03\r\n\r\n", 400),
    "two lengths": (head(method=b"POST", more=b"Content-Length: 3\r\nContent-Length: 4\r\n"), 400),
    "a length below nothing": (head(method=b"POST", more=b"Content-Length: -1\r\n"), 400),
}


def told(here: Installation, raw: bytes) -> tuple[int, str]:
    """The status, and the id that the answer names; "" where the web server answered by itself."""
    answer = ask(here.port, raw).split(b"\r\n\r\n")[0]
    number = re.search(rb"(?i)\r\nx-request-id: (\S+)", answer)
    return int(answer[9:12]), number[1].decode() if number else ""


@pytest.mark.usefixtures("committed")
def test_each_hostile_head_is_one_harmless_entry_or_no_request_at_all(here: Installation) -> None:
    """L37, P6: over a raw socket. Whatever reaches us is one entry, escaped and cut; what does not has no request id."""
    answers = {name: told(here, raw) for name, (raw, _, _) in RECORDED.items()}
    assert {name: status for name, (status, _) in answers.items()} == {
        name: status for name, (_, status, _) in RECORDED.items()
    }
    turned_away = {name: told(here, raw) for name, (raw, _) in TURNED_AWAY.items()}
    assert turned_away == {name: (status, "") for name, (_, status) in TURNED_AWAY.items()}
    numbers = {number: name for name, (_, number) in answers.items()}
    assert until(lambda: set(recorded()) >= set(numbers)), set(numbers) - set(recorded())
    rows = recorded()
    assert set(rows) == set(numbers)
    for number, name in numbers.items():
        said = rows[number]["http"]
        assert RECORDED[name][2] in said, (name, said)
        assert said.isprintable()
        assert len(said) < 3 * redaction.LIMIT


@pytest.mark.usefixtures("committed")
def test_a_burst_with_deaths_and_a_full_disk_loses_and_doubles_nothing(here: Installation) -> None:
    """P6, L38: web processes and shipper are killed, then the spool's disk is full; every answer that came is found once."""
    here.forget()
    with Burst(here.port) as burst:
        hit = kill_now_and_then(here, {}, kills=4, pause=0.4)
        fill_for_a_while(here, burst)
    here.settle()
    found(here).check(burst.answered)
    assert {"web", "shipper"} == set(hit)
    assert set(burst.answered.values()) == {400, 401, 404}


def fill_for_a_while(here: Installation, burst: Burst, answers: int = 200) -> None:
    """Leave the spool no byte for so many answers more; readiness says so meanwhile. Without leave to mount, do nothing."""
    if here.fill is None:
        return
    assert until(lambda: here.readiness() in ("ready", "degraded"))
    ballast, before = here.fill(), len(burst.answered)
    assert until(lambda: len(burst.answered) >= before + answers)
    assert until(lambda: here.readiness() == "degraded")
    ballast.unlink()


@pytest.mark.soak
@pytest.mark.usefixtures("committed")
def test_twenty_deaths_of_the_real_parts_a_full_disk_and_a_minute_without_postgresql(
    here: Installation, capsys: pytest.CaptureFixture[str]
) -> None:
    """kill -9 of web, shipper and PostgreSQL at twenty random moments; then a full disk, and with it no database either."""
    here.forget()
    burst, began = Burst(here.port), time.monotonic()
    try:
        with burst:
            hit = kill_now_and_then(here, {"PostgreSQL": test_flood._kill_postgresql}, kills=20, pause=2.0)
            test_flood._stop_postgresql(60)
            fill_for_a_while(here, burst, 2_000)
            if here.fill is not None:
                ballast = here.fill()
                test_flood._stop_postgresql(10)
                ballast.unlink()
    finally:
        environment.server.start()
    here.settle()
    what = found(here)
    statuses = Counter(burst.answered.values())
    with capsys.disabled():
        sys.stdout.write(
            f"\nhit: {dict(hit)}, then PostgreSQL away for 60 s, {'a full disk' if here.fill else 'no leave to mount a disk'}: "
            f"{len(burst.answered):,} answers {dict(statuses)} in {time.monotonic() - began:.0f} s, {burst.broken} broken off; "
            f"{len(what.rows):,} rows, {what.counted:,} counted and archived, {len(what.said):,} on standard error\n"
        )
    what.check(burst.answered)
    assert {"web", "shipper", "PostgreSQL"} == set(hit)
    assert {400, 401, 404, 503} == set(statuses)
