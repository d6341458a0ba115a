"""Is a file asked about before anything reads it, and is a scanner that does not say yes taken for a no?"""

from __future__ import annotations

import socketserver
import threading
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest
from django.core.exceptions import ImproperlyConfigured
from django.db import connections
from pytest_django import Settings

from accounts.jobs import RetryLater
from aiaxis import stores
from files import jobs, services, signals, storage
from files.models import File, Passage
from files.uploads import from_bytes
from tests.cast import BOB, acting
from tests.files.test_objects import environment
from tests.files.test_services import heard

pytestmark = pytest.mark.django_db

BAD = b"the mark by which the double knows what is bad"


class Clamd(socketserver.ThreadingUnixStreamServer):
    """Speaks clamd's INSTREAM: takes the pieces, and answers for what they hold together."""

    daemon_threads = True
    seen: list[bytes]
    answer: bytes | None = None


class Line(socketserver.StreamRequestHandler):
    def handle(self) -> None:
        server: Any = self.server
        assert self.rfile.read(10) == b"zINSTREAM\0"
        whole = b""
        while length := int.from_bytes(self.rfile.read(4), "big"):
            whole += self.rfile.read(length)
        server.seen.append(whole)
        judged = b"stream: Bad.Test-1 FOUND\0" if BAD in whole else b"stream: OK\0"
        self.wfile.write(judged if server.answer is None else server.answer)


@pytest.fixture
def clamd(tmp_path: Path, settings: Settings) -> Iterator[Clamd]:
    with Clamd(str(tmp_path / "clamd.ctl"), Line) as server:
        server.seen = []
        threading.Thread(target=server.serve_forever, kwargs={"poll_interval": 0.01}, daemon=True).start()
        settings.CLAMAV = stores.scanner(environment({"CLAMAV_SOCKET": f"unix:{tmp_path}/clamd.ctl"}))
        yield server
        server.shutdown()


def taken(content: bytes) -> File:
    with from_bytes("notes.txt", content) as received:
        return services.upload(actor=BOB.tenant, content=received, name="notes.txt").file


def test_a_clean_file_is_seen_whole_and_read(clamd: Clamd) -> None:
    content = b"Refunds take five days. " * 20_000
    with acting(BOB):
        file = taken(content[:500_000] + b".")
        with pytest.MonkeyPatch.context() as patch:
            patch.setattr("files.embedding.embed", lambda texts: [[0.0] * 383 + [1.0]] * len(texts))
            jobs.read(BOB.tenant, file_id=str(file.pk))
        assert File.objects.get().status == "ready"
    assert clamd.seen == [content[:500_000] + b"."]


def test_what_it_finds_is_refused_and_nothing_of_it_is_kept(
    clamd: Clamd, django_capture_on_commit_callbacks: Any
) -> None:
    with acting(BOB), heard(signals.file_refused) as facts:
        file = taken(b"Words. " + BAD)
        with django_capture_on_commit_callbacks(execute=True):
            jobs.read(BOB.tenant, file_id=str(file.pk))
        row = File.objects.get()
        assert row.status == "refused"
        assert row.refusal.startswith("A virus scanner found Bad.Test-1 in this file, so nothing of it was kept.")
        assert not storage.exists(row.storage_key)
        assert not Passage.objects.exists()
    assert [fact["reason"] for fact in facts] == ["infected"]


@pytest.mark.parametrize(
    "answer", [b"INSTREAM size limit exceeded. ERROR\0", b"", b"stream: OK?\0", b"\xff" * 5000], ids=range(4)
)
def test_no_judgement_is_no_yes(clamd: Clamd, answer: bytes) -> None:
    clamd.answer = answer
    waits(taken_as_bob())


def test_a_scanner_that_is_away_lets_nothing_through_and_is_waited_for(settings: Settings, tmp_path: Path) -> None:
    """As long as it takes: five tries within three minutes refused whatever came while the scanner was being replaced."""
    for place in (("unix", str(tmp_path / "nobody"), 0), ("tcp", "127.0.0.1", 9)):
        settings.CLAMAV = place
        file = taken_as_bob()
        with acting(BOB):
            before = jobs_that_wait()
            jobs.read(BOB.tenant, file_id=str(file.pk))
            assert jobs_that_wait() == before + 1
        unread(file)


def taken_as_bob() -> File:
    with acting(BOB):
        return taken(b"Refunds take five days.")


def waits(file: File) -> None:
    with acting(BOB), pytest.raises(RetryLater):
        jobs.read(BOB.tenant, file_id=str(file.pk))
    unread(file)


def jobs_that_wait() -> int:
    with connections["default"].cursor() as cursor:
        cursor.execute("SELECT count(id) FROM procrastinate_jobs")
        return int(cursor.fetchone()[0])


def unread(file: File) -> None:
    with acting(BOB):
        assert File.objects.get(pk=file.pk).status == "checking"
        assert storage.exists(file.storage_key)
        assert not Passage.objects.exists()


def test_where_it_listens_is_said_soundly_or_nothing_starts() -> None:
    assert stores.scanner(environment({})) is None
    assert stores.scanner(environment({"CLAMAV_SOCKET": "tcp://[::1]:3310"})) == ("tcp", "::1", 3310)
    for wrong in ("clamd.ctl", "unix:relative", "tcp://host", "tcp://host:99999", "http://host:3310"):
        with pytest.raises(ImproperlyConfigured, match="CLAMAV_SOCKET must be"):
            stores.scanner(environment({"CLAMAV_SOCKET": wrong}))
