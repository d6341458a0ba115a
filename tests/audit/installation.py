"""How does a test ask a whole installation over its own sockets, hit its processes, and find what it recorded of each answer?"""

from __future__ import annotations

import contextlib
import gzip
import http.client
import json
import os
import random
import shutil
import signal
import socket
import subprocess
import threading
import time
from collections import Counter
from collections.abc import Callable, Iterator, Mapping, Sequence
from contextlib import closing, contextmanager
from dataclasses import dataclass, field
from pathlib import Path
from subprocess import Popen
from typing import Any

from django.conf import settings
from django.db import connections

from audit import archive
from audit.spool import segments
from tests import cast, doors
from tests.addresses import MISSING
from tests.aiaxis.test_serve import family, serving
from tests.waiting import PATIENCE, until


@dataclass
class Installation:
    """Web server, worker and shipper, as `manage.py serve` runs them, with a home of their own."""

    process: Popen[bytes]
    port: int
    home: Path
    fill: Callable[[], Path] | None
    """Fills the disk of the spool to the last byte; removing the file that it returns makes room again."""
    said_before: int = 0

    @property
    def spool(self) -> Path:
        """Where its entries wait."""
        return self.home / "spool"

    def pids(self, name: str) -> list[int]:
        """Its processes of this name ("web", "shipper"); of the web server the one that keeps the others up is the first."""
        return sorted(pid for pid, called in family(self.process.pid).items() if called == f"aiaxis-{name}")

    def readiness(self) -> str:
        """What it says of itself; "" while nobody answers."""
        with closing(http.client.HTTPConnection("127.0.0.1", self.port, timeout=30)) as line:
            try:
                line.request("GET", "/readyz")
                return str(json.loads(line.getresponse().read())["status"])
            except (OSError, http.client.HTTPException):
                return ""

    @property
    def said(self) -> Path:
        """What its processes print."""
        return self.home.parent / "said.txt"

    def forget(self) -> None:
        """Begin without what an earlier test left beside the database."""
        shutil.rmtree(self.spool / archive.FOLDER, ignore_errors=True)
        self.said_before = self.said.stat().st_size

    def settle(self) -> None:
        """Kill what writes, so that every segment is finished, and wait until all of it is stored and the parts are back."""
        for pid in self.pids("web"):
            _killed(pid)
        assert until(lambda: not segments(self.spool)), self.readiness()
        assert until(self.readiness)


@contextmanager
def installed(folder: Path, fill: Callable[[], Path] | None = None) -> Iterator[Installation]:
    """Run one over this test process's databases, with two web processes."""
    home = folder / "home"
    with serving(folder, AIAXIS_HOME=str(home), WEB_WORKERS="2") as (process, address):
        yield Installation(process, int(address.rpartition(":")[2]), home, fill)


def ask(port: int, raw: bytes) -> bytes:
    """Send these bytes over a connection of their own and return all that comes back."""
    with socket.create_connection(("127.0.0.1", port), timeout=PATIENCE) as line:
        told = b""
        try:
            line.sendall(raw)
            while more := line.recv(65536):
                told += more
        except ConnectionResetError:
            pass  # It had said what it had to say before it read everything.
        return told


CLIENTS = 4
KINDS: Sequence[tuple[str, bool]] = (
    ("/api/v1/files", False),
    ("/api/v1/conversations", False),
    (f"/files/{MISSING}/", True),
    ("/files/?workspace_id=1", True),
)
"""Where refusals come from in a burst: the address, and whether a member asks."""


@dataclass
class Burst:
    """Clients that have requests refused as fast as they are answered, and count every answer that came whole."""

    port: int
    answered: dict[str, int] = field(default_factory=dict)  # the status, by the request's id
    broken: int = 0
    _over: threading.Event = field(default_factory=threading.Event)
    _threads: list[threading.Thread] = field(default_factory=list)

    def __enter__(self) -> Burst:
        """Begin."""
        cookie = f"{settings.SESSION_COOKIE_NAME}={doors.session(cast.BOB).token}"
        self._threads = [threading.Thread(target=self._send, args=(cookie, n)) for n in range(CLIENTS)]
        for thread in self._threads:
            thread.start()
        return self

    def __exit__(self, *failure: object) -> None:
        """Stop sending, and wait for the last answers."""
        self._over.set()
        for thread in self._threads:
            thread.join(PATIENCE)

    def _send(self, cookie: str, number: int) -> None:
        with closing(http.client.HTTPConnection("127.0.0.1", self.port, timeout=60)) as line:
            while not self._over.is_set():
                path, member = KINDS[number % len(KINDS)]
                number += 1
                try:
                    line.request("GET", path, headers={"Cookie": cookie} if member else {})
                    answer = line.getresponse()
                    answer.read()
                except (OSError, http.client.HTTPException):
                    # Whoever was to answer was killed: nothing was acknowledged.
                    self.broken += 1
                    line.close()
                    time.sleep(0.05)
                else:
                    self.answered[answer.headers["X-Request-Id"]] = answer.status


def kill_now_and_then(
    here: Installation, besides: Mapping[str, Callable[[], None]], *, kills: int, pause: float
) -> Counter[str]:
    """kill -9 of a random part at random moments; ``besides`` names what else may be hit, and how. Returns what was hit."""
    chance, hit = random.Random(19), Counter[str]()
    while hit.total() < kills:
        time.sleep(pause * (0.5 + chance.random()))
        victim = chance.choice(["web", "web", "shipper", *besides])
        if victim in besides:
            besides[victim]()
        elif not (pids := here.pids(victim)) or not _killed(chance.choice(pids)):
            continue  # It has not come back from the time before, or is going.
        hit[victim] += 1
    return hit


def _killed(pid: int) -> bool:
    """kill -9; False where it went since it was looked for: by itself, or with another one."""
    try:
        os.kill(pid, signal.SIGKILL)
    except ProcessLookupError:
        return False
    return True


@contextmanager
def disk_of_its_own(folder: Path) -> Iterator[Callable[[], Path] | None]:
    """Mount a small disk at the folder, and give what fills it to the last byte; None where this user may not mount."""
    folder.mkdir(parents=True, exist_ok=True)
    mounted = subprocess.run(
        ["mount", "-t", "tmpfs", "-o", "size=32m,mode=0700", "tmpfs", str(folder)], capture_output=True, check=False
    )
    try:
        yield None if mounted.returncode else lambda: _filled(folder / "ballast")
    finally:
        if not mounted.returncode:
            subprocess.run(["umount", "--lazy", str(folder)], check=True)


def _filled(ballast: Path) -> Path:
    with ballast.open("wb", buffering=0) as file, contextlib.suppress(OSError):
        while True:
            file.write(b"\0" * 4096)
    return ballast


@dataclass(frozen=True)
class Found:
    """What became of the refusals: each request id that stands somewhere, and how the trail counts them."""

    rows: dict[str, dict[str, Any]]
    archived: list[str]
    said: list[str]
    counted: int

    def check(self, answered: Mapping[str, int]) -> None:
        """Each refusal that a client was told of is there, none is twice, and the trail's numbers are what is there."""
        everything = [*self.rows, *self.archived, *self.said]
        assert len(everything) == len(set(everything)), "a refusal is there twice"
        lost = set(answered) - set(everything)
        assert not lost, (len(lost), Counter(answered[one] for one in lost))
        assert self.counted == len(self.archived), "the bursts do not stand for what the archive holds"


def found(here: Installation) -> Found:
    """Read the trail, the archive, and what web processes said on standard error where nothing else took it."""
    for alias in connections:
        connections[alias].close()
    lines = here.said.read_bytes()[here.said_before :].splitlines()
    said = [json.loads(line)["request_id"] for line in lines if line.startswith(b'{"id":')]
    with connections["ops"].cursor() as cursor:
        cursor.execute("SELECT coalesce(sum((detail->>'burst')::int), 0) FROM audit_entry WHERE detail ? 'burst'")
        counted = int(cursor.fetchone()[0])
    return Found(recorded(), _archived(here.spool), said, counted)


def recorded() -> dict[str, dict[str, Any]]:
    """The refusals that are rows of their own, by their request's id, each there once."""
    with connections["ops"].cursor() as cursor:
        cursor.execute(
            "SELECT request_id::text, status, http::text, client_address FROM audit_entry "
            "WHERE outcome <> 'allowed' AND request_id IS NOT NULL AND NOT detail ? 'burst'"
        )
        rows = cursor.fetchall()
    by_request = {row[0]: {"status": row[1], "http": row[2]} for row in rows}
    assert len(by_request) == len(rows), "an entry was stored twice"
    return by_request


def _archived(spool: Path) -> list[str]:
    paths = sorted((spool / archive.FOLDER).glob(f"*{archive.SUFFIX}"))
    lines = [line for path in paths for line in gzip.decompress(path.read_bytes()).splitlines()]
    return [str(json.loads(line)["request_id"]) for line in lines]
