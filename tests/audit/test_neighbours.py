"""Does a flood of refusals lose nothing at the real server, and leave other members in peace?"""

import http.client
import os
import signal
import socket
import statistics
import subprocess
import sys
import time
from collections.abc import Iterator
from contextlib import closing
from pathlib import Path

import pytest
from django.conf import settings
from django.db import connections

from audit import spool
from tests import cast, databases, doors
from tests.audit.children import ROOT, environment
from tests.audit.test_flood import counted, size_of_the_trail
from tests.waiting import PATIENCE

pytestmark = pytest.mark.soak
REFUSED, SENDERS = 100_000, 6

# Sends refused requests over one connection as fast as they are answered, and prints how many answers there were.
SENDER = """
import http.client, sys
port, wanted = int(sys.argv[1]), int(sys.argv[2])
line, answered = http.client.HTTPConnection("127.0.0.1", port, timeout=60), 0
while answered < wanted:
    line.request("GET", "/files/")
    answer = line.getresponse()
    answer.read()
    assert answer.status == 302 and answer.headers["X-Request-Id"], answer.status
    answered += 1
print(answered)
"""


@pytest.fixture
def served(committed: None, tmp_path: Path) -> Iterator[int]:
    """The whole installation, as people run it, over this process's databases; gives its port."""
    with socket.socket() as probe:
        probe.bind(("127.0.0.1", 0))
        port = int(probe.getsockname()[1])
    chosen = environment(tmp_path, PORT=str(port), WEB_WORKERS="2", WEB_THREADS="64", DATABASE_POOL_SIZE="8")
    command = [sys.executable, "manage.py", "serve"]
    with (tmp_path / "said.txt").open("wb") as said:
        process = subprocess.Popen(command, cwd=ROOT, env=chosen, stdout=said, stderr=said, start_new_session=True)
        try:
            _wait(port)
            yield port
        finally:
            process.send_signal(signal.SIGTERM)
            process.wait(PATIENCE)
            databases.put_back()


def _wait(port: int) -> None:
    deadline = time.monotonic() + 90
    while time.monotonic() < deadline:
        try:
            with closing(http.client.HTTPConnection("127.0.0.1", port, timeout=5)) as line:
                line.request("GET", "/readyz")
                with line.getresponse() as answer:
                    if answer.status == 200:
                        return
        except OSError:
            pass  # It is not listening yet.
        time.sleep(0.1)
    pytest.fail("manage.py serve did not become ready.")


def page_seconds(port: int, cookie: str) -> float:
    """How long a member of another workspace waits for a page of theirs."""
    began = time.monotonic()
    with closing(http.client.HTTPConnection("127.0.0.1", port, timeout=60)) as line:
        line.request("GET", "/files/", headers={"Cookie": f"{settings.SESSION_COOKIE_NAME}={cookie}"})
        with line.getresponse() as answer:
            answer.read()
            assert answer.status == 200
    return time.monotonic() - began


def p95(seconds: list[float]) -> float:
    return statistics.quantiles(seconds, n=20)[-1]


def test_a_hundred_thousand_refused_requests_are_counted_and_disturb_nobody(
    served: int, tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    cookie = doors.session(cast.CHARLIE).token
    quiet = [page_seconds(served, cookie) for _ in range(100)][20:]
    grown, began = size_of_the_trail(), time.monotonic()
    arguments = [sys.executable, "-c", SENDER, str(served), str(REFUSED // SENDERS + 1)]
    senders = [subprocess.Popen(arguments, stdout=subprocess.PIPE, text=True, env=os.environ) for _ in range(SENDERS)]
    noisy = []
    while any(sender.poll() is None for sender in senders):
        noisy.append(page_seconds(served, cookie))
        time.sleep(0.05)
    seconds = time.monotonic() - began
    answered = sum(int(sender.communicate()[0]) for sender in senders)
    # A live segment is finished after a minute; then the bursts of its last lines are stored too.
    while spool.segments(tmp_path / "spool") and time.monotonic() - began < seconds + 120:
        time.sleep(0.2)
    with connections["ops"].cursor() as cursor:
        cursor.execute("SELECT count(*) FROM audit_entry WHERE reason = 'anonymous' AND NOT detail ? 'burst'")
        rows = int(cursor.fetchone()[0])
    grown = size_of_the_trail() - grown
    with capsys.disabled():
        sys.stdout.write(
            f"\n{answered:,} refused in {seconds:.0f} s ({answered / seconds:,.0f} a second): {rows:,} rows, {counted():,} counted, "
            f"the trail grew by {grown:,} bytes; another member's p95 {p95(quiet) * 1000:.0f} ms quiet, {p95(noisy) * 1000:.0f} ms then\n"
        )
    assert rows + counted() == answered
    assert grown < 5_000_000
    assert p95(noisy) <= max(3 * p95(quiet), 0.1)
