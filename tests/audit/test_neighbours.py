"""Does a flood of refusals lose nothing at the real server, leave other members in peace, and stay few messages?"""

import http.client
import os
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
from django.test import override_settings

from audit import spool
from tests import cast, databases, doors
from tests.aiaxis.test_serve import serving
from tests.audit.notices import desk
from tests.audit.notices.test_pipeline import ADMITTED, distinct, hook_at_work
from tests.audit.notices.test_pipeline import counted as told
from tests.audit.test_flood import counted, size_of_the_trail
from tests.receivers import receiver
from tests.waiting import until

pytestmark = pytest.mark.soak
REFUSED, SENDERS = 100_000, 6
CRITICAL = 20  # one request in so many names a workspace, which is critical; the others are a stranger's

# Sends refused requests over one connection as fast as they are answered, and prints how many answers of each kind there were.
SENDER = """
import http.client, sys
port, wanted, cookie, every = int(sys.argv[1]), int(sys.argv[2]), sys.argv[3], int(sys.argv[4])
line, answered, critical = http.client.HTTPConnection("127.0.0.1", port, timeout=60), 0, 0
while answered < wanted:
    spoofs = answered % every == 0
    line.request("GET", "/files/?workspace_id=1" if spoofs else "/files/", headers={"Cookie": cookie} if spoofs else {})
    answer = line.getresponse()
    answer.read()
    assert answer.status == (400 if spoofs else 302) and answer.headers["X-Request-Id"], answer.status
    answered += 1
    critical += spoofs
print(answered, critical)
"""


@pytest.fixture
def served(committed: None, tmp_path: Path) -> Iterator[int]:
    """The whole installation, as people run it, over this process's databases; gives its port."""
    chosen = {"WEB_WORKERS": "2", "WEB_THREADS": "64", "DATABASE_POOL_SIZE": "8", **ADMITTED}
    with serving(tmp_path, AIAXIS_HOME=str(tmp_path), **chosen) as (_, address):
        yield int(address.rpartition(":")[2])
    databases.put_back()


def page_seconds(port: int, cookie: str) -> float:
    """How long a member of another workspace waits for a page of theirs."""
    began = time.monotonic()
    with closing(http.client.HTTPConnection("127.0.0.1", port, timeout=60)) as line:
        line.request("GET", "/files/", headers={"Cookie": cookie})
        with line.getresponse() as answer:
            answer.read()
            assert answer.status == 200
    return time.monotonic() - began


def p95(seconds: list[float]) -> float:
    return statistics.quantiles(seconds, n=20)[-1]


def cookie_of(person: cast.Person) -> str:
    return f"{settings.SESSION_COOKIE_NAME}={doors.session(person).token}"


def flood(port: int, neighbour: str) -> tuple[int, int, list[float]]:
    """Have so many refused; returns how many were, how many of them critical, and how long a neighbour's pages took meanwhile."""
    arguments = [
        sys.executable,
        "-c",
        SENDER,
        str(port),
        str(REFUSED // SENDERS + 1),
        cookie_of(cast.BOB),
        str(CRITICAL),
    ]
    senders = [subprocess.Popen(arguments, stdout=subprocess.PIPE, text=True, env=os.environ) for _ in range(SENDERS)]
    noisy = []
    while any(sender.poll() is None for sender in senders):
        noisy.append(page_seconds(port, neighbour))
        time.sleep(0.05)
    answered, critical = zip(*(map(int, sender.communicate()[0].split()) for sender in senders), strict=True)
    return sum(answered), sum(critical), noisy


def rows() -> int:
    with connections["ops"].cursor() as cursor:
        cursor.execute(
            "SELECT count(*) FROM audit_entry WHERE reason IN ('anonymous', 'reserved_name') AND NOT detail ? 'burst'"
        )
        return int(cursor.fetchone()[0])


def test_a_hundred_thousand_refused_requests_are_counted_told_and_disturb_nobody(
    served: int, tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    """One run: exactly as many as were answered, a bounded database, a neighbour's pages, and at most ten messages."""
    neighbour = cookie_of(cast.CHARLIE)
    with receiver() as hook, override_settings(OUTBOUND_ALLOWED_NETWORKS=["127.0.0.1/32"]):
        hook_at_work(hook)
        quiet = [page_seconds(served, neighbour) for _ in range(100)][20:]
        grown, began = size_of_the_trail(), time.monotonic()
        answered, critical, noisy = flood(served, neighbour)
        seconds = time.monotonic() - began
        # A live segment is finished after a minute; then the bursts of its last lines are stored too.
        assert until(lambda: not spool.segments(tmp_path / "spool"))
        grown = size_of_the_trail() - grown
        assert until(lambda: told() >= critical)
        desk.age(16)
        desk.until(lambda: sum(one["more"] for one in distinct(hook)) >= critical)
        messages = distinct(hook)
    with capsys.disabled():
        sys.stdout.write(
            f"\n{answered:,} refused in {seconds:.0f} s ({answered / seconds:,.0f} a second), {critical:,} of them critical: "
            f"{rows():,} rows, {counted():,} counted, the trail grew by {grown:,} bytes; another member's p95 "
            f"{p95(quiet) * 1000:.0f} ms quiet, {p95(noisy) * 1000:.0f} ms then; {len(messages)} messages, "
            f"which told of {sum(one['more'] for one in messages):,}\n"
        )
    assert rows() + counted() == answered
    assert grown < 5_000_000
    assert p95(noisy) <= max(3 * p95(quiet), 0.1)
    assert len(messages) <= 10
