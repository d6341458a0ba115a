"""What happens when two hundred people sign in at once: does the house stay bounded, and do the others go on?"""

from __future__ import annotations

import http.client
import os
import random
import re
import signal
import socket
import statistics
import subprocess
import sys
import threading
import time
from collections import Counter
from collections.abc import Iterator
from concurrent.futures import ThreadPoolExecutor
from dataclasses import dataclass, field
from ipaddress import ip_address
from pathlib import Path
from urllib.parse import urlencode

import pytest
from django.conf import settings
from django.db import connections
from django.test import Client

from accounts.identity import hashing
from accounts.identity.store.models import Account
from tests import databases, doors
from tests.cast import ALICE, BOB, EVERYONE, PASSWORD
from tests.waiting import PATIENCE

ROOT = Path(__file__).resolve().parents[2]
AT_ONCE = 200
REAL_MEMORY, REAL_PASSES = 47_104, 2  # the parameters of the design, which tests elsewhere make cheap


class Watched:
    """Compares for real, once everybody else has been turned away, and notes how many had a place at once."""

    def __init__(self) -> None:
        self.now, self.most = 0, 0
        self.lock = threading.Lock()
        self.go_on = threading.Event()

    def __call__(self, password: str, stored: str | None) -> bool:
        with self.lock:
            self.now += 1
            self.most = max(self.most, self.now)
        self.go_on.wait(60)
        try:
            return REAL(password, stored)
        finally:
            with self.lock:
                self.now -= 1


REAL = hashing.matches


@pytest.mark.usefixtures("committed")
def test_of_many_at_once_eight_have_a_place_and_the_others_are_told_when_to_come_back(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    watched = Watched()
    turned_away: list[int] = []
    monkeypatch.setattr(hashing, "matches", watched)

    def one(number: int) -> tuple[int, str]:
        try:
            form = {"email": f"person{number}@acme.test", "password": PASSWORD}
            response = Client().post("/sign-in/", form, REMOTE_ADDR=f"203.0.113.{number}")
            if response.status_code == 503:
                turned_away.append(number)
            if len(turned_away) == 40 - hashing.SLOTS:
                watched.go_on.set()
            return response.status_code, response.headers.get("Retry-After", "")
        finally:
            for connection in connections.all(initialized_only=True):
                connection.close()

    with ThreadPoolExecutor(40) as pool:
        answers = list(pool.map(one, range(40)))
    assert watched.most == hashing.SLOTS
    assert Counter(status for status, _ in answers) == {401: hashing.SLOTS, 503: 40 - hashing.SLOTS}
    assert {retry for status, retry in answers if status == 503} == {str(hashing.RETRY_AFTER)}


@dataclass
class Served:
    """The whole installation, with one web process."""

    process: subprocess.Popen[bytes]
    port: int

    def ask(self, method: str, path: str, body: str = "", cookie: str = "") -> tuple[int, dict[str, str], str, float]:
        """Ask once; returns status, headers in lower case, the page and the seconds that it took."""
        began = time.monotonic()
        line = http.client.HTTPConnection("127.0.0.1", self.port, timeout=60)
        try:
            headers = {"Cookie": cookie, "Content-Type": "application/x-www-form-urlencoded"}
            # People at as many addresses: of one, few bodies may be on their way at once (accounts.waiting).
            headers["X-Forwarded-For"] = str(ip_address(random.getrandbits(32) | 1))
            line.request(method, path, body or None, headers)
            response = line.getresponse()
            page = response.read().decode()
            found = {name.lower(): value for name, value in response.getheaders()}
            return response.status, found, page, time.monotonic() - began
        finally:
            line.close()

    def largest(self) -> int:
        """The peak resident memory of the largest process of the installation, in KiB."""
        parents: dict[int, int] = {}
        peaks: dict[int, int] = {}
        for status in Path("/proc").glob("[0-9]*/status"):
            try:
                text = status.read_text()
            except (FileNotFoundError, ProcessLookupError):
                continue
            pid = int(status.parent.name)
            parents[pid] = int(re.findall(r"^PPid:\s+(\d+)", text, re.MULTILINE)[0])
            peaks[pid] = int((re.findall(r"^VmHWM:\s+(\d+)", text, re.MULTILINE) or ["0"])[0])
        return max(peak for pid, peak in peaks.items() if self._is_ours(pid, parents) and not _is_postgres(pid))

    def _is_ours(self, pid: int, parents: dict[int, int]) -> bool:
        while pid > 1:
            if pid == self.process.pid:
                return True
            pid = parents.get(pid, 0)
        return False


def _is_postgres(pid: int) -> bool:
    try:
        return b"postgres" in Path(f"/proc/{pid}/cmdline").read_bytes()
    except (FileNotFoundError, ProcessLookupError):
        return True


@pytest.fixture
def served(committed: None, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Iterator[Served]:
    """Passwords hashed as in production, and the installation that checks them, with its own database and worker."""
    monkeypatch.setattr(hashing.BoundedArgon2Hasher, "memory_cost", REAL_MEMORY)
    monkeypatch.setattr(hashing.BoundedArgon2Hasher, "time_cost", REAL_PASSES)
    for person in EVERYONE:
        Account.objects.filter(pk=person.subject).update(password=hashing.encoded(PASSWORD))
    with socket.socket() as probe:
        probe.bind(("127.0.0.1", 0))
        port = probe.getsockname()[1]
    environment = {
        **os.environ,
        "PORT": str(port),
        "WEB_WORKERS": "1",
        "DATABASE_POOL_SIZE": "24",
        "SIGN_IN_RATE_PER_ADDRESS": "100000/m",
        "TRUSTED_PROXIES": "127.0.0.1/32",
    }
    command = [sys.executable, "manage.py", "serve"]
    with (
        (tmp_path / "said.txt").open("wb") as said,
        subprocess.Popen(command, cwd=ROOT, env=environment, stdout=said, stderr=subprocess.STDOUT) as process,
    ):
        found = Served(process, port)
        try:
            _wait(found, tmp_path / "said.txt")
            yield found
        finally:
            process.send_signal(signal.SIGTERM)
            process.wait(PATIENCE)
            databases.put_back()


def _wait(served: Served, said: Path) -> None:
    deadline = time.monotonic() + 90
    while time.monotonic() < deadline and served.process.poll() is None:
        try:
            if served.ask("GET", "/readyz")[0] == 200:
                return
        except OSError:
            time.sleep(0.1)
    pytest.fail(f"manage.py serve did not become ready. It said:\n{said.read_text()}")


@dataclass
class Watch:
    """Asks one address again and again while something else happens."""

    served: Served
    path: str
    cookie: str = ""
    statuses: Counter[int] = field(default_factory=Counter)
    seconds: list[float] = field(default_factory=list)

    def run(self, over: threading.Event) -> None:
        while not over.is_set():
            status, _, _, took = self.served.ask("GET", self.path, cookie=self.cookie)
            self.statuses[status] += 1
            self.seconds.append(took)
            over.wait(0.02)

    @property
    def p95(self) -> float:
        return statistics.quantiles(self.seconds, n=20)[18] if len(self.seconds) > 1 else 0.0


def flood(served: Served, rounds: int) -> Counter[int]:
    """Two hundred sign-ins at once, most of people whom nobody knows, some of the cast; so many times over."""
    _, headers, page, _ = served.ask("GET", "/sign-in/")
    cookie = headers["set-cookie"].partition(";")[0]
    (token,) = re.findall(r'csrfmiddlewaretoken" value="([^"]+)', page)[:1]

    def one(number: int) -> int:
        email = BOB.email if number % 50 == 0 else f"person{number}@acme.test"
        body = urlencode({"email": email, "password": PASSWORD, "csrfmiddlewaretoken": token})
        status, answered, _, _ = served.ask("POST", "/sign-in/", body, cookie)
        assert status != 503 or int(answered["retry-after"]) > 0
        return status

    found: Counter[int] = Counter()
    with ThreadPoolExecutor(AT_ONCE) as pool:
        for turn in range(rounds):
            found.update(pool.map(one, range(turn * AT_ONCE, (turn + 1) * AT_ONCE)))
    return found


@pytest.mark.soak
def test_two_hundred_sign_ins_at_once_leave_memory_bounded_and_the_others_in_peace(
    served: Served, capsys: pytest.CaptureFixture[str]
) -> None:
    cookie = f"{settings.SESSION_COOKIE_NAME}={doors.session(ALICE).token}"
    health, page = Watch(served, "/healthz"), Watch(served, "/account/", cookie)
    for one in (health, page):
        one.served.ask("GET", one.path, cookie=one.cookie)
    before, over = served.largest(), threading.Event()
    with ThreadPoolExecutor(2) as watchers:
        running = [watchers.submit(one.run, over) for one in (health, page)]
        try:
            statuses = flood(served, rounds=5)
        finally:
            over.set()
        for watching in running:
            watching.result()
    after = served.largest()
    with capsys.disabled():
        print(  # noqa: T201 - a soak test's figures are what it is run for
            f"\n{sum(statuses.values())} sign-ins, {AT_ONCE} at once: {dict(statuses)}; /healthz p95 {health.p95 * 1000:.0f} ms, "
            f"a signed-in page p95 {page.p95 * 1000:.0f} ms; largest process {before // 1024} MiB before, {after // 1024} MiB at its peak"
        )
    assert set(statuses) <= {302, 401, 503}
    assert statuses[503]
    assert statuses[302] + statuses[401] >= hashing.SLOTS
    assert set(health.statuses) == {200}
    assert set(page.statuses) == {200}
    # Eight places, of which as many work at once as there are cores; all eight would take 8 x 46 MiB.
    assert after - before <= hashing.SLOTS * REAL_MEMORY
    assert health.p95 <= 1.0
