"""Does a job do what its member asked, inside their fence, and nothing that anybody else wrote into the queue?"""

from __future__ import annotations

import asyncio
import json
import os
import signal
import subprocess
import sys
from collections.abc import Iterator
from typing import Any

import pytest
from django.conf import settings
from django.db import connections, transaction
from procrastinate.contrib.django.utils import connector_params

from accounts import jobs, worker
from accounts.http import Tenant
from accounts.models import Membership
from accounts.signals import job_refused
from accounts.tenancy.context import NoWorkspace, bound
from tests.cast import ACME, ALICE, BIRCH, BOB, CHARLIE, acting
from tests.waiting import PATIENCE, until

RAN: list[tuple[Tenant, str]] = []
MARKED: list[str] = []


def _marked(tenant: Tenant, word: str) -> None:
    MARKED.append(word)


@jobs.job("tests.note", gave_up=_marked)
def note(tenant: Tenant, word: str) -> None:
    binding = bound()
    assert binding is not None
    assert (binding.workspace, binding.member) == (tenant.workspace_id, tenant.membership_id)
    if word == "broken":
        raise ValueError(word)
    if word == "busy":
        raise jobs.RetryLater(word)
    RAN.append((tenant, word))


@jobs.job("tests.other")
def other(tenant: Tenant, word: str) -> None:
    RAN.append((tenant, word))


@jobs.job("tests.one_after_another", serial="key")
def one_after_another(tenant: Tenant, key: str) -> None:
    RAN.append((tenant, key))


@pytest.fixture(autouse=True)
def _empty() -> None:
    RAN.clear()
    MARKED.clear()


@pytest.fixture
def refusals() -> Iterator[list[dict[str, Any]]]:
    heard: list[dict[str, Any]] = []

    def hear(**facts: Any) -> None:
        heard.append(facts)

    job_refused.connect(hear)
    yield heard
    job_refused.disconnect(hear)


def run_waiting() -> None:
    """Run what is in the queue, as `manage.py work --once` does."""
    app = worker.application(connector_params("queue"), 1)
    asyncio.run(worker.work(app, concurrency=1, stop=asyncio.Event(), once=True))


def statuses() -> list[str]:
    with connections["queue"].cursor() as cursor:
        cursor.execute("SELECT status::text FROM procrastinate_jobs ORDER BY id")
        return [status for (status,) in cursor.fetchall()]


def insert_as_app(name: str, row: dict[str, Any]) -> None:
    """What injected SQL can do: the application's own role, a statement of its own."""
    with connections["default"].cursor() as cursor:
        cursor.execute(
            "INSERT INTO procrastinate_jobs (queue_name, task_name, args) VALUES ('default', %s, %s)",
            [name, json.dumps(row)],
        )


def test_it_runs_as_the_member_who_asked(committed: None) -> None:
    with acting(BOB):
        jobs.enqueue(note, word="hello")
    run_waiting()
    [(tenant, word)] = RAN
    assert word == "hello"
    assert (tenant.workspace_id, tenant.membership_id, tenant.method) == (ACME.id, BOB.membership_id, "job")
    assert tenant.role.value == "member"
    assert statuses() == []


def test_it_is_handed_in_with_the_transaction_or_not_at_all(committed: None) -> None:
    with acting(BOB), transaction.atomic():
        jobs.enqueue(note, word="never")
        transaction.set_rollback(True)
    run_waiting()
    assert RAN == []


def test_a_job_of_nobody_cannot_be_handed_in(committed: None) -> None:
    """L45: no default tenant; a job without a workspace fails where it is made."""
    with pytest.raises(NoWorkspace):
        jobs.enqueue(note, word="whose")


def test_injected_sql_cannot_forge_a_job_that_runs(committed: None, refusals: list[dict[str, Any]]) -> None:
    """Without a seal the application's role forged a job for another workspace, and it ran (measured)."""
    honest = jobs.sealed("tests.note", ACME.id, BOB.membership_id, {"word": "honest"})
    elsewhere = (
        honest["message"].replace(ACME.id.hex, BIRCH.id.hex).replace(BOB.membership_id.hex, CHARLIE.membership_id.hex)
    )
    louder = honest["message"].replace("honest", "louder")
    forged: list[dict[str, Any]] = [
        {},
        {"word": "plain"},
        {"message": honest["message"]},
        {"message": honest["message"], "seal": ""},
        {"message": honest["message"], "seal": "é" * 64},
        {"message": elsewhere, "seal": honest["seal"]},
        {"message": louder, "seal": honest["seal"]},
        {**honest, "word": "beside"},
        {"message": json.loads(honest["message"]), "seal": honest["seal"]},
    ]
    for row in forged:
        insert_as_app("tests.note", row)
    insert_as_app("tests.other", honest)  # a good seal on another job
    run_waiting()
    assert RAN == []
    assert statuses() == ["failed"] * (len(forged) + 1)
    assert len(refusals) == len(forged) + 1
    assert {fact["refusal"].severity for fact in refusals} == {"critical"}


def test_the_application_cannot_read_the_seals_of_waiting_jobs(committed: None) -> None:
    """A seal that can be read can be sent again."""
    with acting(BOB):
        jobs.enqueue(note, word="secret")
    for statement in (
        "SELECT args FROM procrastinate_jobs",
        "UPDATE procrastinate_jobs SET args = '{}'",
        "DELETE FROM procrastinate_jobs",
    ):
        with pytest.raises(Exception, match="permission denied"), connections["default"].cursor() as cursor:
            cursor.execute(statement)


@pytest.mark.parametrize("change", [{"status": "removed"}, {"status": "suspended"}])
def test_it_refuses_a_member_who_left_meanwhile(
    committed: None, refusals: list[dict[str, Any]], change: dict[str, str]
) -> None:
    """L13: suspend or remove a member, and their jobs are dead with everything else."""
    with acting(BOB):
        jobs.enqueue(note, word="late")
        Membership.objects.using("owner").filter(pk=BOB.membership_id).update(**change)
    run_waiting()
    assert RAN == []
    [fact] = refusals
    assert fact["refusal"].detail["check"] == "member"
    assert (fact["workspace_id"], fact["membership_id"]) == (ACME.id, BOB.membership_id)


def test_it_acts_with_the_role_of_now(committed: None) -> None:
    with acting(ALICE):
        jobs.enqueue(note, word="demoted")
        Membership.objects.using("owner").filter(pk=ALICE.membership_id).update(role="viewer")
    run_waiting()
    assert [tenant.role.value for tenant, _ in RAN] == ["viewer"]


def test_a_failure_that_may_pass_is_tried_again_later(committed: None) -> None:
    with acting(BOB):
        jobs.enqueue(note, word="busy")
    run_waiting()
    assert MARKED == []
    assert statuses() == ["todo"]
    with connections["queue"].cursor() as cursor:
        cursor.execute("SELECT attempts, scheduled_at > now() FROM procrastinate_jobs")
        assert cursor.fetchall() == [(1, True)]


def test_a_failure_that_stays_is_marked_once(committed: None) -> None:
    with acting(BOB):
        jobs.enqueue(note, word="broken")
    run_waiting()
    assert MARKED == ["broken"]
    assert statuses() == ["failed"]


def test_the_last_of_many_attempts_is_marked(committed: None) -> None:
    with acting(BOB):
        jobs.enqueue(note, word="busy")
    with connections["queue"].cursor() as cursor:
        cursor.execute("UPDATE procrastinate_jobs SET attempts = %s", [jobs.ATTEMPTS - 1])
    run_waiting()
    assert MARKED == ["busy"]
    assert statuses() == ["failed"]


def test_a_job_of_a_dead_worker_is_taken_up_again(committed: None) -> None:
    with acting(BOB):
        jobs.enqueue(note, word="left behind")
    with connections["queue"].cursor() as cursor:
        # What kill -9 leaves: a job that is being done, by a worker whose heart stopped.
        cursor.execute(
            "INSERT INTO procrastinate_workers (last_heartbeat) VALUES (now() - interval '1 minute') RETURNING id"
        )
        [(dead,)] = cursor.fetchall()
        cursor.execute("UPDATE procrastinate_jobs SET status = 'doing', worker_id = %s", [dead])
    run_waiting()
    assert [word for _, word in RAN] == ["left behind"]


def test_a_job_of_a_living_worker_is_left_alone(committed: None) -> None:
    with acting(BOB):
        jobs.enqueue(note, word="busy elsewhere")
    with connections["queue"].cursor() as cursor:
        cursor.execute("INSERT INTO procrastinate_workers DEFAULT VALUES RETURNING id")
        [(alive,)] = cursor.fetchall()
        cursor.execute("UPDATE procrastinate_jobs SET status = 'doing', worker_id = %s", [alive])
    run_waiting()
    assert RAN == []


def test_a_job_that_kills_its_workers_is_given_up(committed: None) -> None:
    with acting(BOB):
        jobs.enqueue(note, word="poison")
    with connections["queue"].cursor() as cursor:
        cursor.execute("UPDATE procrastinate_jobs SET attempts = %s", [jobs.ATTEMPTS])
    run_waiting()
    assert RAN == []
    assert MARKED == ["poison"]
    assert statuses() == ["failed"]


def test_every_registered_name_is_its_own() -> None:
    with pytest.raises(ValueError, match=r"tests\.note"):
        jobs.job("tests.note")(lambda tenant: None)


def wait_for_worker() -> None:
    """Until a worker has told the queue that it lives: from then on it can be told to stop."""

    def is_registered() -> bool:
        with connections["queue"].cursor() as cursor:
            cursor.execute("SELECT count(*) FROM procrastinate_workers")
            return bool(cursor.fetchone() != (0,))

    assert until(is_registered)


def test_the_worker_process_stops_on_sigterm(committed: None) -> None:
    command = [sys.executable, str(settings.BASE_DIR / "manage.py"), "work", "--concurrency", "1"]
    process = subprocess.Popen(command, env=os.environ.copy(), cwd=settings.BASE_DIR)  # our own command
    try:
        wait_for_worker()
        process.send_signal(signal.SIGTERM)
        assert process.wait(timeout=PATIENCE) == 0
    finally:
        process.kill()


def test_nobody_can_name_the_lock_of_another_workspaces_job(committed: None) -> None:
    """P5: a job of Birch's, due in 2099 under the lock that Acme's job had, held Acme's file up for ever."""
    with acting(ALICE):
        jobs.enqueue(one_after_another, key="file 7")
    with connections["queue"].cursor() as cursor:
        cursor.execute("SELECT lock FROM procrastinate_jobs")
        ((lock,),) = cursor.fetchall()
    assert lock == jobs.lock("tests.one_after_another", ALICE.tenant.workspace_id, "file 7")
    assert lock != jobs.lock("tests.one_after_another", CHARLIE.tenant.workspace_id, "file 7")
    assert "file" not in lock
    assert ALICE.tenant.workspace_id.hex not in lock
