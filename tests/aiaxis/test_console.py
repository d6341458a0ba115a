"""Do operators, and nobody else, see how the installation is, without a word of anybody's content, and act on record only?"""

from __future__ import annotations

import json
import uuid
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest
from django.core.files.base import ContentFile
from django.db import ProgrammingError, connections
from django.db.models.functions import Now
from django.test import Client
from pytest_django import Settings

from accounts import jobs
from accounts.http import Refusal, Tenant
from accounts.jobs import enqueue
from accounts.models import OperatorSession, User, Workspace
from accounts.services import waiting_jobs, workspaces
from accounts.tenancy import claims
from audit import entries, ledger, spool
from audit.shipper import Shipper
from files import storage
from tests import doors
from tests.accounts.operating import olga
from tests.authenticators import Authenticator
from tests.cast import ACME, ALICE, BIRCH, BOB, CHARLIE, OLGA, acting
from tests.factories import a_full_desk
from tests.outages import out_of_reach

pytestmark = pytest.mark.usefixtures("committed")

WORKSPACES, PEOPLE = "/operator/accounts/workspace/", "/operator/accounts/user/"
JOBS = "/operator/procrastinate/procrastinatejob/"
ACMES = f"{WORKSPACES}{ACME.id}/"
ALICES = f"{PEOPLE}{ALICE.user_id}/"
PAGES = ("/operator/", WORKSPACES, ACMES, PEOPLE, ALICES, JOBS)
REASON = {"reason": "The bill was not paid."}


@pytest.fixture(autouse=True)
def folder(settings: Settings, tmp_path: Path) -> Path:
    settings.AIAXIS_HOME = tmp_path
    return tmp_path / "spool"


def recorded(folder: Path) -> list[dict[str, Any]]:
    lines = [json.loads(line) for path in spool.segments(folder) for line in path.read_bytes().splitlines()]
    quiet = ("operator.read", "operator.signed_in")
    return [one for one in lines if one["outcome"] == "allowed" and one["action"] not in quiet]


def status_of(workspace: uuid.UUID = ACME.id) -> str:
    return Workspace.objects.using("owner").get(pk=workspace).status


def grow_old(seconds: int = 3600) -> None:
    """Every operator's sign-in was so long ago."""
    with connections["owner"].cursor() as cursor:
        cursor.execute(
            "UPDATE accounts_operatorsession SET signed_in_at = now() - make_interval(secs => %s)", [seconds]
        )


class TestPages:
    """What each page shows, and what none of them may."""

    def test_of_an_operator_it_does_not_say_that_they_never_came(self) -> None:
        """Sessions of members say when those came in last; operators have none of these."""
        browser = doors.operator(OLGA)
        page = browser.get(f"{PEOPLE}{OLGA.user_id}/").content.decode()
        assert "In the audit entries" in page
        assert "Never" not in page
        assert "Never" in browser.get(ALICES).content.decode()

    def test_a_workspace_is_counted_and_nothing_in_it_is_named(self) -> None:
        """P5: operators see metadata; names of files, agents and conversations, and what they say, are content."""
        desk = a_full_desk(ALICE)
        with acting(ALICE):
            for row in (desk.rows["file_id"], desk.rows["agent_id"]):
                row.name = "Falcon secret"
                row.save()
            conversation = desk.rows["conversation_id"]
            type(conversation).objects.filter(pk=conversation.pk).update(title="Falcon talk")
        browser = doors.operator(OLGA)
        page = browser.get(ACMES)
        details = page.context["details"]
        # The conversation, and not the one behind a try of the agent.
        assert (details.agents, details.conversations, details.bytes, details.keys) == (1, 1, 24, 1)
        assert details.members == [("Owner", 1), ("Admin", 1), ("Member", 1), ("Viewer", 1)]
        assert [owner.display_name for owner in details.owners] == ["Alice"]
        key = desk.rows["key_id"]
        for address in (*PAGES, f"{WORKSPACES}?q=acme", f"{PEOPLE}?q=alice"):
            text = browser.get(address).content.decode()
            assert "Falcon" not in text, address
            assert str(desk.rows["file_id"].storage_key) not in text, address
            assert str(key.identity_key) not in text, address
        assert key.prefix in browser.get(ALICES).content.decode()

    def test_the_list_counts_what_each_has_and_finds_by_name(self) -> None:
        for person in (ALICE, CHARLIE):
            a_full_desk(person)
        a_full_desk(ALICE)
        browser = doors.operator(OLGA)
        rows = {row.name: used for row, used in browser.get(WORKSPACES).context["rows"]}
        assert (rows["Acme"].members, rows["Acme"].files, rows["Acme"].bytes, rows["Acme"].conversations) == (
            4,
            2,
            48,
            2,
        )
        assert (rows["Birch"].members, rows["Birch"].files) == (1, 1)
        found = browser.get(WORKSPACES, {"q": "BIR"}).context["rows"]
        assert [row.name for row, _ in found] == ["Birch"]
        assert browser.get(WORKSPACES, {"status": "closing"}).context["rows"] == []
        assert browser.get(WORKSPACES, {"status": "loud"}).status_code == 422

    def test_a_person_is_found_by_address_or_name_with_what_opens_for_them(self) -> None:
        a_full_desk(ALICE)
        browser = doors.operator(OLGA)
        for words in ("ALICE@acme", "alic"):
            assert [one.user.email for one in browser.get(PEOPLE, {"q": words}).context["rows"]] == [ALICE.email]
        known = browser.get(ALICES).context["known"]
        assert (known.has_second_factor, known.providers) == (False, ["local"])
        assert [(place.member.workspace.name, len(place.keys)) for place in known.places] == [("Acme", 1)]
        assert known.places[0].sessions
        asked = browser.get(ALICES).content.decode()
        for question in ("End every session of", "Withdraw every API key of", "Suspend"):
            assert f"{question} “Alice” in “Acme”?" in asked, question
        assert known.last is not None
        Authenticator.of(ALICE)
        assert browser.get(ALICES).context["known"].has_second_factor is True

    def test_what_is_not_there_is_missing(self) -> None:
        browser = doors.operator(OLGA)
        for address in (f"{WORKSPACES}{uuid.uuid4()}/", f"{PEOPLE}{uuid.uuid4()}/"):
            assert browser.get(address).status_code == 404
        for verb in ("suspend", "restore", "close", "reopen", "limit"):
            assert browser.post(f"{WORKSPACES}{uuid.uuid4()}/{verb}/", REASON).status_code == 404
        strangers = f"{PEOPLE}{CHARLIE.user_id}/{ALICE.membership_id}/suspend/"
        assert browser.post(strangers).status_code == 404, "somebody else's membership"
        assert browser.post(f"{JOBS}{2**63}/retry/").status_code == 404

    @pytest.mark.parametrize("address", PAGES)
    def test_it_is_closed_to_everybody_else_and_clean(self, address: str) -> None:
        for client in (Client(), doors.browser(ALICE), doors.browser(BOB)):
            assert client.get(address)["Location"].partition("?")[0] == "/operator/sign-in/"
        page = doors.operator(OLGA).get(address)
        assert page.status_code == 200
        text = page.content.decode()
        assert " style=" not in text
        assert "<style" not in text
        assert "<script>" not in text

    def test_names_in_it_are_text_and_never_markup(self) -> None:
        User.objects.using("owner").filter(pk=ALICE.user_id).update(display_name="<script>alert(1)</script>")
        Workspace.objects.using("owner").filter(pk=ACME.id).update(name="<script>alert(2)</script>")
        browser = doors.operator(OLGA)
        for address in (WORKSPACES, ACMES, PEOPLE, ALICES):
            text = browser.get(address).content.decode()
            assert "<script>alert" not in text
            assert "&lt;script&gt;alert" in text, address


class TestOverview:
    """The first page."""

    def test_it_tells_of_every_part_and_of_what_is_missing(self, folder: Path) -> None:
        page = doors.operator(OLGA).get("/operator/")
        parts = {part.name: part.state for part in page.context["parts"]}
        assert parts == {
            "Web server": "ok",
            "Worker": "silent",
            "Audit shipper": "silent",
            "Sealer": "ok",
            "Platform database": "ok",
            "Identity store": "ok",
            "Storage of files": "ok",
            "Audit spool": "late",
            "Notifications": "ok",
        }
        assert {part.name for part in page.context["missing"]} >= {"Notification channel", "Operators’ networks"}
        Shipper(folder).ship()
        with connections["owner"].cursor() as cursor:
            cursor.execute("INSERT INTO procrastinate_workers DEFAULT VALUES")
        parts = {part.name: part.state for part in doors.operator(OLGA).get("/operator/").context["parts"]}
        assert parts["Worker"] == "ok"

    def test_it_counts_refusals_of_floods_whole_and_what_waits_for_a_review(self) -> None:
        for reason, severity in (("not_found", "warning"), ("reserved_name", "critical")):
            refusal = Refusal(reason, "request.refused", severity)
            for _ in range(2):
                ledger.post([entries.encode(entries.denial(None, status=404, refusal=refusal, actor=CHARLIE.tenant))])
        flood = entries.denial(None, status=404, refusal=Refusal("not_found", "request.refused", "warning"), actor=None)
        ledger.post([entries.encode(flood | {"detail": {"burst": 500}})])
        ledger.post([entries.encode(flood | {"id": str(uuid.uuid4()), "detail": {"burst": "many"}})])
        ledger.post([entries.encode(entries.fact("file.deleted", actor=ALICE.tenant))])
        page = doors.operator(OLGA).get("/operator/")
        assert [count for _, count in page.context["chart"].totals] == [504]
        assert [(str(severity), count) for severity, count in page.context["queue"]] == [
            ("critical", 1),
            ("warning", 2),
        ]

    def test_it_counts_jobs_and_workspaces(self) -> None:
        with acting(ALICE):
            enqueue(nothing, key="a")
        page = doors.operator(OLGA).get("/operator/")
        assert (page.context["jobs"].waiting, page.context["jobs"].failed) == (1, 0)
        assert dict(page.context["workspaces"]) == {"Active": 2}


class TestWorkspaces:
    """What operators do with a whole workspace."""

    def test_it_is_suspended_and_restored_on_record_in_its_own_trail(self, folder: Path) -> None:
        members, strangers, browser = doors.browser(BOB), doors.browser(CHARLIE), doors.operator(OLGA)
        assert members.get("/files/").status_code == 200
        assert browser.post(f"{ACMES}suspend/", REASON)["Location"] == ACMES
        assert members.get("/files/").status_code == 302
        assert strangers.get("/files/").status_code == 200
        assert "The bill was not paid." in browser.get(ACMES).content.decode()
        browser.post(f"{ACMES}restore/")
        assert members.get("/files/").status_code == 200
        found = [(one["action"], one["actor_name"], one["workspace_id"], one["detail"]) for one in recorded(folder)]
        assert found == [
            ("workspace.suspended", "Olga", str(ACME.id), REASON),
            ("workspace.restored", "Olga", str(ACME.id), {}),
        ]

    def test_closing_asks_for_its_name_and_can_be_called_off(self, folder: Path) -> None:
        browser = doors.operator(OLGA)
        for wrong in ({"name": "Birch", **REASON}, {"name": "Acme"}, {}):
            assert browser.post(f"{ACMES}close/", wrong).status_code == 422
        assert (status_of(), recorded(folder)) == ("active", [])
        browser.post(f"{ACMES}close/", {"name": "Acme", **REASON})
        row = browser.get(ACMES).context["row"]
        assert row.status == "closing"
        assert Workspace.objects.using("owner").filter(pk=ACME.id, erase_after__gt=Now()).exists()
        browser.post(f"{ACMES}reopen/")
        assert (status_of(), status_of(BIRCH.id)) == ("active", "active")
        assert [one["action"] for one in recorded(folder)] == ["workspace.closing", "workspace.reopened"]

    @pytest.mark.parametrize("verb", ["restore", "reopen"])
    def test_what_comes_too_late_changes_nothing_and_is_no_entry(self, verb: str, folder: Path) -> None:
        page = doors.operator(OLGA).post(f"{ACMES}{verb}/", follow=True)
        assert "Nothing changed" in page.content.decode()
        assert (status_of(), recorded(folder)) == ("active", [])

    def test_an_old_sign_in_is_not_enough(self, folder: Path) -> None:
        browser = doors.operator(OLGA)
        grow_old()
        for verb in ("suspend", "close", "limit"):
            answer = browser.post(f"{ACMES}{verb}/", {"name": "Acme", **REASON}, follow=True)
            assert answer.redirect_chain == [("/operator/sign-in/", 302)]
            assert "Nothing was done" in answer.content.decode()
        assert (status_of(), recorded(folder)) == ("active", [])
        assert browser.get(ACMES).status_code == 200

    def test_what_cannot_be_recorded_is_not_done(
        self, settings: Settings, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
    ) -> None:
        browser = doors.operator(OLGA)
        (tmp_path / "in-the-way").write_text("")
        settings.AIAXIS_HOME = tmp_path / "in-the-way"
        out_of_reach("audit", monkeypatch)
        assert browser.post(f"{ACMES}suspend/", REASON).status_code == 503
        assert status_of() == "active"

    def test_injected_sql_can_call_the_functions_and_not_make_the_words(self) -> None:
        """L7: the application's own role, with claims for something else, of an operator who left, and with none at all."""
        operator = olga()
        words = {"act": "suspended", "session": str(operator.session_id), "workspace": str(ACME.id), "reason": "x"}
        forged = ["", "claims:e30=." + "0" * 64, claims.sealed("operator.act", **words)]
        OperatorSession.objects.using("owner").update(revoked_at=Now())
        for sealed in [*forged, claims.sealed(workspaces.PURPOSE, **words)]:
            for function in ("operate_workspace", "operate_job"):
                with connections["default"].cursor() as cursor, pytest.raises(ProgrammingError):
                    cursor.execute(f"SELECT fence.{function}(%s)", [sealed])
        assert status_of() == "active"


class TestPeople:
    """What operators do with a member."""

    def test_sessions_keys_and_membership_end_on_record(self, folder: Path) -> None:
        members, program, browser = doors.browser(BOB), doors.program(BOB), doors.operator(OLGA)
        place = f"{PEOPLE}{BOB.user_id}/{BOB.membership_id}/"
        browser.post(f"{place}end-sessions/")
        assert members.get("/files/").status_code == 302
        browser.post(f"{place}revoke-keys/")
        assert program.get("/api/v1/files").status_code == 401
        browser.post(f"{place}suspend/")
        assert browser.get(f"{PEOPLE}{BOB.user_id}/").context["known"].places[0].member.status == "suspended"
        browser.post(f"{place}readmit/")
        assert doors.browser(BOB).get("/files/").status_code == 200
        names = (
            "operator.sessions_ended",
            "operator.keys_revoked",
            "operator.member_suspended",
            "operator.member_readmitted",
        )
        assert [(one["action"], one["workspace_id"]) for one in recorded(folder) if one["action"] in names] == [
            (name, str(ACME.id)) for name in names
        ]

    def test_an_old_sign_in_is_not_enough(self) -> None:
        members, browser = doors.browser(BOB), doors.operator(OLGA)
        grow_old()
        browser.post(f"{PEOPLE}{BOB.user_id}/{BOB.membership_id}/end-sessions/")
        assert members.get("/files/").status_code == 200


@jobs.job("tests.console.nothing")
def nothing(tenant: Tenant, key: str) -> None:
    """Do nothing"""


@jobs.job("tests.console.break")
def breaking(tenant: Tenant, key: str) -> None:
    """Break, with a customer's words in the error"""
    with acting(ALICE):
        storage.save("no key of anybody's", ContentFile(b"Falcon"))
    raise ValueError("Falcon")


@pytest.fixture
def job() -> Iterator[int]:
    """A job of Alice's that waits."""
    with acting(ALICE):
        yield enqueue(breaking, key="Falcon")


def fail(job_id: int) -> None:
    """Let a worker run it, and note as procrastinate does that it failed."""
    message = jobs.sealed("tests.console.break", ACME.id, ALICE.membership_id, {"key": "Falcon"})
    with pytest.raises(storage.ForeignKeyRefused):
        jobs.run(job_id, "tests.console.break", dict(message), 0)
    with connections["owner"].cursor() as cursor:
        cursor.execute("UPDATE procrastinate_jobs SET status = 'doing', attempts = 5 WHERE id = %s", [job_id])
        cursor.execute("UPDATE procrastinate_jobs SET status = 'failed' WHERE id = %s", [job_id])


def state_of(job_id: int) -> tuple[str, int] | None:
    with connections["owner"].cursor() as cursor:
        cursor.execute("SELECT status::text, attempts FROM procrastinate_jobs WHERE id = %s", [job_id])
        row: tuple[str, int] | None = cursor.fetchone()
        return row


class TestJobs:
    """What waits and what failed."""

    def test_a_failed_one_says_why_and_nothing_of_what_it_was_about(self, job: int, folder: Path) -> None:
        fail(job)
        Shipper(folder).ship()
        page = doors.operator(OLGA).get(JOBS)
        [row] = page.context["failed"]
        assert (row.id, row.kind, row.place.split(":")[0]) == (job, "ForeignKeyRefused", "files/storage.py")
        assert row.since is not None
        assert "Falcon" not in page.content.decode()
        with connections["owner"].cursor() as cursor:
            cursor.execute("SELECT count(*) FROM audit_entry e WHERE action = 'job.failed' AND e::text LIKE '%Falcon%'")
            assert cursor.fetchone() == (0,)

    def test_it_runs_again_with_all_its_attempts_or_is_dropped(self, job: int, folder: Path) -> None:
        fail(job)
        browser = doors.operator(OLGA)
        browser.post(f"{JOBS}{job}/retry/")
        assert state_of(job) == ("todo", 0)
        browser.post(f"{JOBS}{job}/discard/")
        assert state_of(job) is None
        found = [(one["action"], one["target_id"]) for one in recorded(folder)]
        assert found == [("job.retried", str(job)), ("job.discarded", str(job))]

    def test_one_that_runs_is_left_alone(self, job: int, folder: Path) -> None:
        with connections["owner"].cursor() as cursor:
            cursor.execute("UPDATE procrastinate_jobs SET status = 'doing' WHERE id = %s", [job])
        for act in (waiting_jobs.retry, waiting_jobs.discard):
            with pytest.raises(workspaces.CameTooLate):
                act(olga(), job_id=job)
        assert state_of(job) == ("doing", 0)
        assert recorded(folder) == []

    def test_what_waits_longest_stands_first(self) -> None:
        with acting(ALICE):
            first, second = enqueue(nothing, key="a"), enqueue(nothing, key="b")
        page = doors.operator(OLGA).get(JOBS)
        assert [(row.id, row.words) for row in page.context["unfinished"]] == [
            (first, "Do nothing"),
            (second, "Do nothing"),
        ]
        assert all(row.since for row in page.context["unfinished"])
