"""Does a denial find a sink, whatever is broken?"""

import json
from contextlib import suppress
from pathlib import Path

import pytest
from django.db import connections, transaction
from django.http import HttpResponse
from django.test import RequestFactory
from pytest_django import Settings

from accounts.http import Reason, Refusal
from accounts.requests import answering, describe
from accounts.signals import access_denied, job_refused
from audit import entries, health, ledger, services, spool
from audit.services import Sink, Unrecorded
from audit.shipper import Shipper
from tests import cast, environment
from tests.audit import children
from tests.waiting import PATIENCE

STARVE = """
import resource, signal
signal.signal(signal.SIGXFSZ, signal.SIG_IGN)
services.record(denial(0))
resource.setrlimit(resource.RLIMIT_FSIZE, (700, resource.RLIM_INFINITY))
print(services.record(denial(1)), services.record(denial(2)))
"""


@pytest.fixture
def folder(settings: Settings, tmp_path: Path) -> Path:
    settings.AIAXIS_HOME = tmp_path
    return tmp_path / "spool"


def spooled(folder: Path) -> list[entries.Entry]:
    return [json.loads(line) for path in spool.segments(folder) for line in path.read_bytes().splitlines() if line]


def test_a_denial_is_one_line_in_the_spool(folder: Path) -> None:
    request = RequestFactory().get("/files/0190b6a0-7c11-7b3a-9df0-1c2d3e4f5a6b/", {"q": "secret words"})
    refusal = Refusal(Reason.NOT_FOUND, "request.refused")
    request.tenant = cast.BOB.tenant  # type: ignore[attr-defined]  # what the middleware does
    with answering(describe(request, "/files/<uuid:file_id>/")) as context:
        access_denied.send_robust(sender=object, request=request, response=HttpResponse(status=404), refusal=refusal)
    [entry] = spooled(folder)
    assert entry["request_id"] == str(context.request_id)
    assert (entry["outcome"], entry["reason"], entry["status"]) == ("denied", "not_found", 404)
    assert (entry["actor_name"], entry["workspace_id"]) == ("Bob", str(cast.ACME.id))
    assert entry["http"]["route"] == "/files/<uuid:file_id>/"
    assert entry["http"]["query_keys"] == ["q"]
    assert entry["client_address"] == "127.0.0.1"
    assert "secret words" not in json.dumps(entry)


class Explosive:
    def __str__(self) -> str:
        raise RecursionError("hostile")


def test_a_request_cannot_hide_by_breaking_its_description(folder: Path) -> None:
    request = RequestFactory().get("/")
    refusal = Refusal(Reason.FORBIDDEN, "request.refused", "notice", {"x": Explosive()})  # type: ignore[dict-item]  # what breaks it
    with answering(describe(request, "/")) as context:
        access_denied.send_robust(sender=object, request=request, response=HttpResponse(status=403), refusal=refusal)
    [entry] = spooled(folder)
    assert (entry["action"], entry["severity"], entry["status"]) == ("audit.entry_undescribed", "critical", 403)
    assert entry["request_id"] == str(context.request_id)
    assert entry["detail"] == {"error": "RecursionError"}


@pytest.mark.usefixtures("committed")
def test_a_denial_survives_the_rollback_of_its_request(folder: Path) -> None:
    request = RequestFactory().get("/")
    refusal = Refusal(Reason.FORBIDDEN, "request.refused")
    with cast.acting(cast.BOB), suppress(ZeroDivisionError), transaction.atomic():
        ledger.post_fact(entries.fact("file.deleted", actor=cast.BOB.tenant))
        access_denied.send_robust(sender=object, request=request, response=HttpResponse(status=403), refusal=refusal)
        raise ZeroDivisionError
    Shipper(folder).ship()
    with connections["ops"].cursor() as cursor:
        cursor.execute("SELECT action FROM audit_entry")
        assert cursor.fetchall() == [("request.refused",)]


def test_a_refused_job_stands_in_nobodys_trail(folder: Path) -> None:
    refusal = Refusal(Reason.FORBIDDEN, "job.refused", "critical", {"check": "forged"})
    claims = {"workspace_id": cast.BIRCH.id, "membership_id": cast.CHARLIE.membership_id}
    job_refused.send_robust(sender=object, job_id=7, task="files.index", refusal=refusal, **claims)
    [entry] = spooled(folder)
    assert entry["workspace_id"] is None
    assert entry["asked_workspace_id"] == str(cast.BIRCH.id)
    assert (entry["severity"], entry["refused_by"], entry["target_id"]) == ("critical", "forged", "7")


@pytest.mark.usefixtures("committed")
def test_a_full_disk_sends_the_denial_to_the_database(tmp_path: Path) -> None:
    process = children.start(STARVE, tmp_path)
    out, err = process.communicate(timeout=PATIENCE)
    assert out.split() == [Sink.DATABASE, Sink.DATABASE], err
    Shipper(tmp_path / "spool").ship()
    with connections["ops"].cursor() as cursor:
        cursor.execute("SELECT detail->>'number' FROM audit_entry WHERE action = 'request.refused' ORDER BY 1")
        assert cursor.fetchall() == [("0",), ("1",), ("2",)]
        cursor.execute("SELECT detail->>'lines' FROM audit_entry WHERE action = 'audit.line_unreadable'")
        assert cursor.fetchall() == [("1",)]


def test_a_full_disk_and_no_database_leave_a_line_on_standard_error(tmp_path: Path) -> None:
    process = children.start(STARVE, tmp_path, DATABASE_AUDIT_URL=children.DEAD_DATABASE)
    out, err = process.communicate(timeout=PATIENCE)
    assert out.split() == [Sink.STDERR, Sink.STDERR], err
    told = [json.loads(line)["detail"]["number"] for line in err.splitlines() if line.startswith("{")]
    assert told == ["1", "2"]


def test_a_database_that_refused_is_left_alone_for_a_moment(tmp_path: Path) -> None:
    """Each asking waits for seconds: with every refusal of a flood asking, no thread was left for anybody."""
    script = """
import resource, signal
signal.signal(signal.SIGXFSZ, signal.SIG_IGN)
resource.setrlimit(resource.RLIMIT_FSIZE, (0, resource.RLIM_INFINITY))
from audit import health, services
found = [services.record(denial(number)) for number in range(4)]
asked = health.counters()["database"]
services._database.asked_again_at = 0.0
found.append(services.record(denial(4)))
print(*found, asked, health.counters()["database"])
"""
    process = children.start(script, tmp_path, DATABASE_AUDIT_URL=children.DEAD_DATABASE)
    out, err = process.communicate(timeout=PATIENCE)
    assert out.split() == ["stderr"] * 5 + ["1", "2"], err


def test_an_act_that_must_be_seen_is_refused_when_no_sink_takes_it(tmp_path: Path) -> None:
    script = """
import os, resource, signal
signal.signal(signal.SIGXFSZ, signal.SIG_IGN)
resource.setrlimit(resource.RLIMIT_FSIZE, (0, resource.RLIM_INFINITY))
os.close(2)
from audit import health
try:
    services.record_or_refuse(denial(1))
except services.Unrecorded:
    print("refused", health.counters(), *health.trouble(services.spool_folder()), sep="; ")
"""
    process = children.start(script, tmp_path, DATABASE_AUDIT_URL=children.DEAD_DATABASE)
    out, _ = process.communicate(timeout=PATIENCE)
    assert out.startswith("refused; {'spool': 1, 'database': 1, 'lost': 1}; Audit entries of this process are taking")
    assert "1 audit entries of this process were lost" in out


def test_a_permitted_act_goes_on_when_a_sink_takes_it(folder: Path) -> None:
    services.record_or_refuse(
        entries.operator_act("operator.read", operator_id=cast.OLGA.user_id, name="Olga", detail={})
    )
    assert [entry["actor_type"] for entry in spooled(folder)] == ["operator"]
    assert issubclass(Unrecorded, Exception)
    assert health.counters().get("lost", 0) == 0


@pytest.mark.usefixtures("committed")
@pytest.mark.parametrize("moment", ["before", "after"])
def test_a_process_killed_around_the_commit_leaves_both_or_none(tmp_path: Path, moment: str) -> None:
    """L38: a real process dies between the act and its commit, or right behind the commit: both stand, or neither does."""
    script = f"""
import os, signal
from django.db import transaction
from accounts.models import Session
from accounts.tenancy.context import workspace
from audit import ledger
from django.utils import timezone
from tests import cast, environment
now = timezone.now()
with workspace(cast.ACME.id, cast.ALICE.membership_id):
    with transaction.atomic():
        session = Session(membership_id=cast.ALICE.membership_id, token_hash=b"x" * 32, provider="local", subject="s",
            identity_session="i", method="password", signed_in_at=now, last_seen_at=now, idle_until=now, expires_at=now)
        session.save(force_insert=True)
        ledger.post_fact(entries.fact("member.signed_in", actor=cast.ALICE.tenant, target=session))
        if {moment!r} == "before":
            os.kill(os.getpid(), signal.SIGKILL)
    os.kill(os.getpid(), signal.SIGKILL)
"""
    process = children.start(script, tmp_path)
    _, err = process.communicate(timeout=PATIENCE)
    assert process.returncode == -9, err
    with connections["owner"].cursor() as cursor:
        cursor.execute("SELECT (SELECT count(*) FROM accounts_session), (SELECT count(*) FROM audit_entry)")
        assert cursor.fetchone() == ((0, 0) if moment == "before" else (1, 1))


@pytest.mark.usefixtures("committed")
@pytest.mark.parametrize("moment", ["before", "after"])
def test_a_service_killed_around_its_commit_leaves_both_or_none(tmp_path: Path, moment: str) -> None:
    """L38, through a real service and the real receiver: whoever hears last pulls the plug."""
    script = f"""
import os, signal
from accounts.tenancy.context import workspace
from agents import services as agents
from agents.signals import agent_created
from tests import cast, environment
if {moment!r} == "before":
    agent_created.connect(lambda **told: os.kill(os.getpid(), signal.SIGKILL), weak=False)
with workspace(cast.ACME.id, cast.ALICE.membership_id):
    agents.create(actor=cast.ALICE.tenant, name="Refunds")
os.kill(os.getpid(), signal.SIGKILL)
"""
    process = children.start(script, tmp_path)
    _, err = process.communicate(timeout=PATIENCE)
    assert process.returncode == -9, err
    with connections["owner"].cursor() as cursor:
        cursor.execute("SELECT (SELECT count(*) FROM agents_agent), (SELECT count(*) FROM audit_entry)")
        assert cursor.fetchone() == ((0, 0) if moment == "before" else (1, 1))


@pytest.mark.usefixtures("committed")
def test_with_every_database_away_refusals_are_recorded_and_shipped_later(tmp_path: Path) -> None:
    """What needs no database is refused as ever, what needs one is 503: and each stands in the trail once it is back."""
    script = """
from django.test import Client
from accounts.identity import tokens
stranger = Client(SERVER_NAME="127.0.0.1")
key = Client(SERVER_NAME="127.0.0.1", headers={"authorization": "Bearer " + tokens.new_key()})
for client, address in ((stranger, "/files/"), (stranger, "/api/v1/files"), (key, "/api/v1/files"), (stranger, "/nowhere/")):
    print(client.get(address).status_code)
print(Client(SERVER_NAME="evil.test").get("/").status_code)
"""
    dead = dict.fromkeys(environment.ROLE_VARIABLES, children.DEAD_DATABASE)
    process = children.start(script, tmp_path, DATABASE_IDENTITY_URL=children.DEAD_DATABASE, **dead)
    out, err = process.communicate(timeout=PATIENCE)
    assert out.split() == ["302", "401", "503", "404", "400"], err
    assert Shipper(tmp_path / "spool").ship() == 5
    with connections["ops"].cursor() as cursor:
        cursor.execute("SELECT status, reason, severity FROM audit_entry ORDER BY id")
        assert cursor.fetchall() == [
            (302, "anonymous", "notice"),
            (401, "anonymous", "notice"),
            (503, "outage", "critical"),
            (404, "not_found", "notice"),
            (400, "host", "warning"),
        ]
