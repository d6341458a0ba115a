"""Does one workspace's long work leave room for what the others wait for?"""

from __future__ import annotations

import os
import signal
import subprocess
import sys
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

from django.conf import settings
from django.db import connections

from accounts import jobs
from accounts.http import Tenant
from aiaxis import jobs as moving
from audit import jobs as trail
from conversations import jobs as answers
from files import jobs as files
from tests.cast import ALICE, BOB, CHARLIE, Person, acting
from tests.waiting import until

CHILD = """
import asyncio, signal, sys, time
import django
django.setup()
from procrastinate.contrib.django.utils import connector_params
from accounts import jobs, worker

@jobs.job("tests.long", serial="word", lanes=2)
def long(tenant, word):
    print(f"begun {word}\\n", end="", flush=True)
    time.sleep(600)

@jobs.job("tests.awaited", queue=jobs.PROMPT_QUEUE)
def awaited(tenant, word):
    print(f"begun {word}\\n", end="", flush=True)

@jobs.job("tests.silent", queue=jobs.REMOTE_QUEUE, share=2)
def silent(tenant, word):
    print(f"begun {word}\\n", end="", flush=True)
    time.sleep(600)

@jobs.job("tests.next", queue=jobs.REMOTE_QUEUE, share=1)
def next_one(tenant, word):
    time.sleep(0.1)
    print(f"begun {word}\\n", end="", flush=True)

# Nothing is found by looking now and then.
worker.LOOK = 600.0

async def main():
    stop = asyncio.Event()
    app = worker.application(connector_params("queue"), int(sys.argv[1]))
    await worker.work(app, concurrency=int(sys.argv[1]), stop=stop)

asyncio.run(main())
"""


@jobs.job("tests.long", serial="word", lanes=2)
def long(tenant: Tenant, word: str) -> None:
    raise AssertionError("it runs in the other process only")


@jobs.job("tests.awaited", queue=jobs.PROMPT_QUEUE)
def awaited(tenant: Tenant, word: str) -> None:
    raise AssertionError("it runs in the other process only")


@jobs.job("tests.silent", queue=jobs.REMOTE_QUEUE, share=2)
def silent(tenant: Tenant, word: str) -> None:
    raise AssertionError("it runs in the other process only")


@jobs.job("tests.next", queue=jobs.REMOTE_QUEUE, share=1)
def next_one(tenant: Tenant, word: str) -> None:
    raise AssertionError("it runs in the other process only")


@contextmanager
def a_worker(tmp_path: Path, places: int) -> Iterator[Path]:
    """A worker process with so many places; what it says stands in the file."""
    script, said = tmp_path / "worker.py", tmp_path / "said.txt"
    script.write_text(CHILD)
    environment = {**os.environ, "DJANGO_SETTINGS_MODULE": "aiaxis.settings", "PYTHONPATH": str(settings.BASE_DIR)}
    environment["WORKER_REMOTE_PLACES"] = "3"
    with (
        said.open("w") as output,
        subprocess.Popen(
            [sys.executable, str(script), str(places)], env=environment, stdout=output, cwd=tmp_path
        ) as process,
    ):
        try:
            yield said
        finally:
            process.send_signal(signal.SIGKILL)


def begun(said: Path, wanted: int) -> list[str]:
    """The words of the jobs that have begun, once there are as many as wanted."""

    def words() -> list[str]:
        # The last line may be on its way.
        return [line.split()[1] for line in said.read_text().splitlines(keepends=True) if line.endswith("\n")]

    assert until(lambda: len(words()) >= wanted), words()
    return words()


def hand_in(person: Person, *words: str) -> None:
    with acting(person):
        for word in words:
            jobs.enqueue(long, word=word)


def test_an_answer_never_waits_behind_files(committed: None, tmp_path: Path) -> None:
    """Four uploads of one workspace stopped every other workspace's answers for three minutes."""
    hand_in(ALICE, "a", "b", "c", "d")
    with a_worker(tmp_path, 1) as said:
        assert len(begun(said, 1)) == 1
        with acting(CHARLIE):
            jobs.enqueue(awaited, word="answer")
        assert begun(said, 2)[-1] == "answer"


def test_one_workspace_has_no_more_than_its_lanes(committed: None, tmp_path: Path) -> None:
    """Other workspaces' files are read beside the many of one, whoever in it uploaded them."""
    hand_in(ALICE, *"abcdef")
    hand_in(BOB, *"ghijkl")
    hand_in(CHARLIE, "charlie")
    with a_worker(tmp_path, 4) as said:
        assert len(begun(said, 3)) == 3
        with acting(CHARLIE):
            jobs.enqueue(awaited, word="answer")
        # The fourth place was free for it: no third of Acme's had taken that.
        words = begun(said, 4)
    assert len(words) == 4
    assert {"charlie", "answer"} <= set(words)


def test_one_workspaces_silent_vendor_holds_up_no_others_answers(committed: None, tmp_path: Path) -> None:
    """Four questions to a model that said nothing stopped every answer of the installation for minutes."""
    with acting(ALICE):
        for word in "abcd":
            jobs.enqueue(silent, word=word)
    with a_worker(tmp_path, 1) as said:
        assert len(begun(said, 2)) == 2
        with acting(CHARLIE):
            jobs.enqueue(awaited, word="quoted")
            jobs.enqueue(silent, word="written")
        # The third place was free for it: no third of Acme's had taken that.
        words = begun(said, 4)
    assert {"quoted", "written"} < set(words)
    assert len(words) == 4


def test_the_next_of_a_row_begins_when_the_one_before_has_ended(committed: None, tmp_path: Path) -> None:
    """The runner looks when a job is handed in, and else now and then: each file of a bulk upload waited seconds for that."""
    with acting(ALICE):
        for word in "abcdef":
            jobs.enqueue(next_one, word=word)
    with a_worker(tmp_path, 1) as said:
        assert begun(said, 6) == list("abcdef")


def places(task: str) -> list[int]:
    """How many jobs of the task each of its places has, the fullest first."""
    with connections["owner"].cursor() as cursor:
        cursor.execute(
            "SELECT count(*) FROM procrastinate_jobs WHERE task_name = %s GROUP BY lock ORDER BY 1 DESC", [task]
        )
        return [count for (count,) in cursor.fetchall()]


def test_a_job_is_handed_in_where_the_fewest_wait(committed: None) -> None:
    """A question never stands behind a slow answer while a place of its workspace is free."""
    with acting(ALICE):
        for word in "abc":
            jobs.enqueue(silent, word=word)
    assert places("tests.silent") == [2, 1]
    with connections["owner"].cursor() as cursor:
        # The fuller place gets empty.
        cursor.execute(
            "DELETE FROM procrastinate_jobs WHERE lock IN (SELECT lock FROM procrastinate_jobs GROUP BY lock HAVING count(*) = 2)"
        )
    with acting(BOB):
        jobs.enqueue(silent, word="d")
    assert places("tests.silent") == [1, 1]
    with acting(CHARLIE):
        jobs.enqueue(silent, word="e")
    assert places("tests.silent") == [1, 1, 1]


def test_files_and_answers_are_handed_in_so(committed: None) -> None:
    """The real jobs: the files of a workspace in two lanes, and its answers in as many places as they may take.

    Its exports are written one after another: four of its owners at once would hold every place, others' files and mails up.
    """
    with acting(ALICE):
        for number in range(20):
            jobs.enqueue(files.read, file_id=f"0193b0c4-7a00-7000-8000-{number:012}")
            jobs.enqueue(moving.read_imported, file_id=f"0193b0c4-7a00-7000-8000-{number + 1:012}")
            jobs.enqueue(moving.export, export_id=f"0193b0c4-7a00-7000-8000-{number:012}")
            jobs.enqueue(moving.bring_in, import_id=f"0193b0c4-7a00-7000-8000-{number:012}")
            jobs.enqueue(trail.export, export_id=f"0193b0c4-7a00-7000-8000-{number:012}")
            jobs.enqueue(answers.answer, message_id=f"0193b0c4-7a00-7000-8000-{number:012}")
            jobs.enqueue(answers.answer_by_model, message_id=f"0193b0c4-7a00-7000-8000-{number:012}")
    with connections["owner"].cursor() as cursor:
        cursor.execute(
            "SELECT queue_name, count(DISTINCT lock), count(*) FROM procrastinate_jobs GROUP BY 1 ORDER BY 1"
        )
        assert cursor.fetchall() == [("default", 3, 100), ("prompt", 3, 20), ("remote", 8, 20)]
