"""What becomes of the document that is being read when somebody restarts the installation?"""

from __future__ import annotations

import asyncio
import os
import signal
import subprocess
import sys
import tempfile
import threading
import time
from pathlib import Path

import pytest
from django.conf import settings
from procrastinate.contrib.django.utils import connector_params

from accounts import worker
from accounts.jobs import RetryLater
from files import extraction, jobs, services, storage, types
from files.models import File
from files.refusals import Reason
from files.uploads import from_bytes
from tests.cast import ALICE, acting
from tests.waiting import PATIENCE, until

# Some seconds of work for the reader, and few enough words that indexing them is quick.
SLOW = b"<html><body>" + b"<p></p>" * 200_000 + b"<p>Refunds take five days.</p></body></html>"


def readers_of(parent: int) -> list[int]:
    """The extraction children of this process, each a process whose command line says so."""
    listed = subprocess.run(["ps", "-ewwo", "pid=,ppid=,args="], capture_output=True, text=True, check=True).stdout
    rows = [line.split(None, 2) for line in listed.splitlines()]
    return [int(pid) for pid, above, command in rows if int(above) == parent and "files.extraction.child" in command]


def take_in(content: bytes = SLOW) -> File:
    with acting(ALICE), from_bytes("slow.html", content) as received:
        return services.upload(actor=ALICE.tenant, content=received, name="slow.html").file


def state(file: File) -> tuple[str, bool]:
    """The file's status, and whether its bytes are there."""
    with acting(ALICE):
        return File.objects.get(pk=file.pk).status, storage.exists(file.storage_key)


def test_a_restart_in_the_middle_of_a_reading_loses_nothing(committed: None) -> None:
    """The supervisor signals the worker's whole group: the reader went with it, and the document's bytes after it."""
    file = take_in()
    with subprocess.Popen(
        [sys.executable, "manage.py", "work"],
        cwd=settings.BASE_DIR,
        env=dict(os.environ),
        start_new_session=True,
    ) as process:
        try:
            assert until(lambda: bool(readers_of(process.pid)))
            assert until(lambda: state(file)[0] == "extracting")
            time.sleep(0.3)
            os.killpg(process.pid, signal.SIGTERM)
            assert process.wait(timeout=PATIENCE) == 0
        finally:
            if process.poll() is None:
                os.killpg(process.pid, signal.SIGKILL)
    assert state(file) == ("ready", True)


def test_a_reader_dies_with_a_worker_that_is_killed(committed: None) -> None:
    """Its own session keeps the group's signals from it, and must not let it outlive the worker."""
    file = take_in()
    with subprocess.Popen(
        [sys.executable, "manage.py", "work"], cwd=settings.BASE_DIR, env=dict(os.environ), start_new_session=True
    ) as process:
        try:
            assert until(lambda: bool(readers_of(process.pid)))
            reader = readers_of(process.pid)[0]
        finally:
            process.kill()
    assert until(lambda: not readers_of(1) and not Path(f"/proc/{reader}").exists())
    assert state(file)[1]


@pytest.mark.parametrize("number", [signal.SIGTERM, signal.SIGINT, signal.SIGHUP])
def test_a_reader_that_is_told_to_end_has_refused_nothing(number: signal.Signals) -> None:
    """Whoever ends it says nothing about the document."""
    with tempfile.TemporaryFile() as stream:
        stream.write(SLOW)
        stream.flush()

        def end_it() -> None:
            assert until(lambda: bool(readers_of(os.getpid())))
            time.sleep(0.5)
            os.kill(readers_of(os.getpid())[0], number)

        ending = threading.Thread(target=end_it)
        ending.start()
        with pytest.raises(extraction.ReadingInterrupted):
            extraction.extract(stream, types.ALLOWED["html"])
        ending.join()


def test_an_interrupted_reading_waits_for_the_next_worker(committed: None) -> None:
    """A job whose reader was ended is tried again, and the file is read from its first page."""
    file = take_in()

    def end_it() -> None:
        assert until(lambda: bool(readers_of(os.getpid())))
        time.sleep(0.5)
        os.kill(readers_of(os.getpid())[0], signal.SIGTERM)

    ending = threading.Thread(target=end_it)
    ending.start()
    with acting(ALICE), pytest.raises(RetryLater):
        jobs.read(ALICE.tenant, str(file.pk))
    ending.join()
    assert state(file) == ("extracting", True)
    asyncio.run(
        worker.work(worker.application(connector_params("queue"), 1), concurrency=1, stop=asyncio.Event(), once=True)
    )
    assert state(file) == ("ready", True)


@pytest.mark.parametrize("reason", [Reason.CRASHED, Reason.MEMORY, Reason.SLOW])
def test_what_may_be_our_failure_keeps_the_bytes(committed: None, reason: Reason) -> None:
    """A crash, a full memory and a long reading may lie with the machine, so the owner can have it read again."""
    file = take_in(b"<p>Refunds take five days.</p>")
    with acting(ALICE):
        services.refuse(actor=ALICE.tenant, file_id=file.pk, reason=reason, sentence="It stopped.")
    assert state(file) == ("refused", True)
    with acting(ALICE):
        services.refuse(actor=ALICE.tenant, file_id=file.pk, reason=Reason.BOMB, sentence="It is a trap.")
    assert state(file) == ("refused", False)
