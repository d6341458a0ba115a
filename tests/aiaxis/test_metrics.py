"""Do the numbers that operators watch add up, reach nobody else, and say nothing of anybody?"""

from __future__ import annotations

import json
import os
import time
from collections.abc import Iterator
from pathlib import Path
from uuid import uuid4

import pytest
from django.core.checks import run_checks
from django.db import connections
from django.test import Client, override_settings
from prometheus_client import Metric
from prometheus_client.parser import text_string_to_metric_families
from pytest_django import Settings

from accounts.identity import hashing
from aiaxis import checks
from aiaxis.console import overview
from aiaxis.metrics import page, snapshots, state, tallies
from aiaxis.metrics.tallies import Tallies
from audit import entries, ledger, spool
from audit.notices.models import Kind
from audit.services import spool_folder
from audit.shipper import Shipper
from tests import cast, doors
from tests.audit.notices import desk
from tests.files import bucket
from tests.listening import listening
from tests.outages import out_of_reach

pytestmark = pytest.mark.usefixtures("committed")

TOKEN = "metrics-token-of-more-than-thirty-two-characters"


@pytest.fixture(autouse=True)
def _counting(settings: Settings, tmp_path: Path) -> Iterator[None]:
    """A home and counters of this test's own."""
    settings.AIAXIS_HOME = tmp_path
    settings.METRICS_TOKEN = TOKEN
    tallies._tallies[0] = Tallies()
    with listening(tallies.told):
        yield
    tallies._tallies[0] = Tallies()


def scraper(token: str = TOKEN) -> Client:
    return Client(headers={"Authorization": f"Bearer {token}"})


def numbers() -> dict[str, Metric]:
    """The page, as Prometheus's own parser reads it."""
    response = scraper().get("/metrics")
    assert response.status_code == 200
    return {family.name: family for family in text_string_to_metric_families(response.content.decode())}


def value(found: dict[str, Metric], family: str, name: str = "", **labels: str) -> float:
    [sample] = [one for one in found[family].samples if one.name == (name or family) and one.labels == labels]
    return float(sample.value)


def denials() -> list[tuple[str, str]]:
    lines = [json.loads(line) for path in spool.segments(spool_folder()) for line in path.read_bytes().splitlines()]
    return [(line["action"], line["reason"]) for line in lines]


# --- Who reads them --------------------------------------------------------------------------------------------------


def test_without_a_token_there_is_no_such_address(settings: Settings) -> None:
    settings.METRICS_TOKEN = ""
    for client in (Client(), scraper(), scraper(""), doors.browser(cast.ALICE), doors.operator(cast.OLGA)):
        assert client.get("/metrics").status_code == 404


@pytest.mark.parametrize(
    "header", ["", TOKEN, f"Basic {TOKEN}", f"Bearer {TOKEN[:-1]}", f"Bearer {TOKEN}x", "Bearer ", "Bearer é"]
)
def test_a_wrong_token_is_refused_and_recorded(header: str) -> None:
    response = Client(headers={"Authorization": header} if header else {}).get("/metrics")
    assert response.status_code == 401
    assert b"aiaxis_" not in response.content
    assert denials() == [("metrics.refused", "credential")]
    assert TOKEN not in "".join(path.read_text() for path in spool.segments(spool_folder()))


def test_no_session_of_anybodys_and_no_key_reads_them() -> None:
    for client in (doors.browser(cast.ALICE), doors.operator(cast.OLGA), doors.program(cast.ALICE)):
        assert client.get("/metrics").status_code == 401


def test_from_a_network_that_is_not_named_there_is_nothing(settings: Settings) -> None:
    settings.METRICS_NETWORKS = ["10.0.0.0/8"]
    assert scraper().get("/metrics", REMOTE_ADDR="203.0.113.9").status_code == 404
    assert denials() == [("metrics.refused", "forbidden")]
    # Nobody can say by a header that they are near.
    assert (
        scraper().get("/metrics", REMOTE_ADDR="203.0.113.9", headers={"X-Forwarded-For": "10.0.0.7"}).status_code == 404
    )
    assert scraper().get("/metrics", REMOTE_ADDR="10.0.0.7").status_code == 200


def test_one_reads_at_a_time() -> None:
    """A database that hangs holds one thread for those who come again and again, not all."""
    with page._reading:
        assert scraper().get("/metrics").status_code == 429
    assert scraper().get("/metrics").status_code == 200


def test_a_token_that_is_another_secret_too_is_named() -> None:
    with override_settings(METRICS_TOKEN="k" * 40, SECRET_KEY="k" * 40):
        assert [one.id for one in checks.the_token_is_one_of_its_own(None)] == ["aiaxis.E001"]
    with override_settings(METRICS_TOKEN="", WORKOS_API_KEY=""):
        assert checks.the_token_is_one_of_its_own(None) == []


@pytest.mark.parametrize(
    ("dsn", "found"),
    [
        ("http://k@sentry.example/1", ["aiaxis.W001"]),
        ("https://k@sentry.example/1", []),
        ("http://k@127.0.0.1/1", []),
        ("", []),
    ],
)
def test_reports_that_travel_in_clear_are_named_before_a_deployment(dsn: str, found: list[str]) -> None:
    with override_settings(SENTRY_DSN=dsn):
        told = [one.id for one in run_checks(include_deployment_checks=True) if str(one.id).startswith("aiaxis")]
        assert told == found


# --- What they say ---------------------------------------------------------------------------------------------------


def test_requests_are_counted_by_pattern_method_and_class() -> None:
    member = doors.browser(cast.ALICE)
    for _ in range(3):
        member.get("/files/")
    member.get(f"/files/{uuid4()}/")
    found = numbers()
    assert value(found, "aiaxis_requests", "aiaxis_requests_total", route="/files/", method="GET", status="2xx") == 3
    assert (
        value(
            found,
            "aiaxis_requests",
            "aiaxis_requests_total",
            route="/files/<uuid:file_id>/",
            method="GET",
            status="4xx",
        )
        == 1
    )
    assert value(found, "aiaxis_request_seconds", "aiaxis_request_seconds_count", route="/files/", method="GET") == 3
    assert (
        value(
            found, "aiaxis_request_seconds", "aiaxis_request_seconds_bucket", route="/files/", method="GET", le="+Inf"
        )
        == 3
    )
    assert value(found, "aiaxis_request_seconds", "aiaxis_request_seconds_sum", route="/files/", method="GET") > 0
    assert value(found, "aiaxis_denials", "aiaxis_denials_total", action="request.refused") == 1


def test_a_client_makes_no_label() -> None:
    """A thousand addresses, methods and names are as many series as one."""
    for number in range(50):
        Client().get(f"/nowhere-{number}/{uuid4()}/?q={number}", headers={"User-Agent": f"agent {number}"})
        Client().generic(f"VERB{number}", "/sign-in/")
        Client().get(f"/invitations/{uuid4().hex}/")
    found = numbers()
    routes = {one.labels["route"] for one in found["aiaxis_requests"].samples}
    assert routes <= {"none", "/sign-in/", "/invitations/<str:token>/", "/metrics"}
    assert {one.labels["method"] for one in found["aiaxis_requests"].samples} == {"GET", "OTHER"}


def test_the_page_names_nobody_and_no_workspace() -> None:
    """L7, L44: with people at work in two workspaces, channels, messages and entries."""
    for person in (cast.ALICE, cast.CHARLIE):
        doors.browser(person).get("/files/")
    desk.operators_channel("oncall@aiaxis.test", Kind.EMAIL)
    desk.store(desk.spoofed(actor=cast.BOB.tenant))
    desk.decide_and_send()
    text = scraper().get("/metrics").content.decode()
    assert 'aiaxis_notices{state="sent"} 1.0' in text
    for told in (cast.ACME, cast.BIRCH):
        assert told.name not in text
        assert str(told.id) not in text
    for person in (cast.ALICE, cast.BOB, cast.CHARLIE):
        for word in (person.email, str(person.membership_id), str(person.user_id)):
            assert word not in text
    assert "On call" not in text


@pytest.mark.parametrize("ago", [60, 3 * 86_400], ids=["a minute", "three days"])
def test_the_numbers_of_several_processes_are_summed_and_those_of_a_dead_one_stay(ago: int) -> None:
    one = {"at": time.time(), "requests": [["/files/", "GET", "2xx", 5]], "denied": [["request.refused", 2]],
        "times": [["/files/", "GET", [5.0, *[0.0] * 11, 0.01]]], "fallen": [["lost", 0]],
        "now": {"streams": 3, "bodies": 0, "downloads": 0, "hashes": 1, "pools": {"elsewhere": [4, 2, 0]}}}  # fmt: skip
    dead = {**one, "at": time.time() - ago}
    snapshots.folder().mkdir(parents=True)
    for name, told in (("1", one), ("2", one), ("3", dead)):
        (snapshots.folder() / f"{name}.json").write_text(json.dumps(told))
    found = numbers()
    assert value(found, "aiaxis_requests", "aiaxis_requests_total", route="/files/", method="GET", status="2xx") == 15
    assert value(found, "aiaxis_request_seconds", "aiaxis_request_seconds_count", route="/files/", method="GET") == 15
    assert value(found, "aiaxis_denials", "aiaxis_denials_total", action="request.refused") == 6
    # How busy a process is dies with it; what it counted does not, or a counter would go backwards.
    assert value(found, "aiaxis_open_streams") == 6
    assert value(found, "aiaxis_pool_used", database="elsewhere") == 4
    assert value(found, "aiaxis_web_processes") == 3
    snapshots.clear()
    assert snapshots.whole().processes == 0


def test_a_child_does_not_count_again_what_its_parent_counted() -> None:
    doors.browser(cast.ALICE).get("/files/")
    numbers()
    child = os.fork()
    if child == 0:
        try:
            tallies.write()
        finally:
            os._exit(0)
    assert os.waitpid(child, 0)[1] == 0
    assert len(list(snapshots.folder().glob("*.json"))) == 2
    assert (
        value(numbers(), "aiaxis_requests", "aiaxis_requests_total", route="/files/", method="GET", status="2xx") == 1
    )


def test_it_says_how_busy_this_process_is() -> None:
    with hashing.slot(), hashing.slot():
        assert value(numbers(), "aiaxis_open_hashes") == 2
    assert value(numbers(), "aiaxis_open_hashes") == 0


def test_it_says_what_waits_in_the_spool_and_what_the_shipper_does() -> None:
    Client().get("/nowhere/")
    found = numbers()
    assert value(found, "aiaxis_spool_segments") == 1
    assert value(found, "aiaxis_spool_bytes") > 100
    assert "aiaxis_shipped" not in found
    shipper = Shipper(spool_folder())
    shipper.ship()
    shipper._note("")
    found = numbers()
    assert value(found, "aiaxis_shipped", "aiaxis_shipped_total") >= 1
    assert time.time() - value(found, "aiaxis_shipper_seen_timestamp_seconds") < 600
    assert value(found, "aiaxis_trail_unsealed") >= 1


def test_it_says_which_jobs_wait_and_takes_no_label_from_a_row() -> None:
    with connections["owner"].cursor() as cursor:
        cursor.execute(
            "INSERT INTO procrastinate_jobs (queue_name, task_name, status) VALUES ('default', 'x', 'todo'), "
            "('default', 'x', 'failed'), ('canary-queue', 'canary-task', 'todo')"
        )
    found = numbers()
    assert value(found, "aiaxis_jobs", queue="default", state="todo") == 1
    assert value(found, "aiaxis_jobs", queue="default", state="failed") == 1
    assert value(found, "aiaxis_jobs", queue="other", state="todo") == 1
    assert value(found, "aiaxis_jobs", queue="prompt", state="todo") == 0
    assert value(found, "aiaxis_jobs_oldest_seconds", queue="default", state="todo") >= 0
    assert "canary" not in str(found)


def test_what_is_put_off_does_not_wait_before_its_time() -> None:
    """Whoever is called at night because a job of an hour ago is to be tried again in a minute calls it off for good."""
    with connections["owner"].cursor() as cursor:
        cursor.execute(
            "WITH came AS (INSERT INTO procrastinate_jobs (queue_name, task_name, status, scheduled_at) VALUES "
            "('remote', 'x', 'todo', now() + interval '1 minute'), ('prompt', 'x', 'todo', now() - interval '1 minute') "
            "RETURNING id) INSERT INTO procrastinate_events (job_id, type, at) "
            "SELECT id, 'deferred', now() - interval '1 hour' FROM came"
        )
    found = numbers()
    assert value(found, "aiaxis_jobs_oldest_seconds", queue="remote", state="todo") == 0
    assert 60 <= value(found, "aiaxis_jobs_oldest_seconds", queue="prompt", state="todo") < 3600


def test_an_entry_that_comes_late_has_not_waited_for_its_seal() -> None:
    """After an outage entries come that are hours old: nothing is wrong with the seal, on this page or in the console."""
    entry = entries.fact("agent.created", actor=cast.ALICE.tenant)
    two_hours_ago = entries.milliseconds(entry["id"]) - 7_200_000
    ledger.post([entries.encode({**entry, "id": entries.derived_id(two_hours_ago, "late")})])
    found = numbers()
    assert value(found, "aiaxis_trail_unsealed") == 1
    assert value(found, "aiaxis_trail_unsealed_seconds") < 7200
    [sealer] = [part for part in overview.parts(overview._numbers()) if part.name == "Sealer"]
    assert sealer.state == "ok", sealer.words


def test_it_says_how_the_isolation_proof_ended() -> None:
    assert "aiaxis_proof_findings" not in numbers()
    state.note_proof(2)
    found = numbers()
    assert value(found, "aiaxis_proof_findings") == 2
    assert time.time() - value(found, "aiaxis_proof_timestamp_seconds") < 600


def test_it_says_whether_the_place_where_files_are_kept_is_there(settings: Settings) -> None:
    assert value(numbers(), "aiaxis_files_away") == 0
    settings.STORAGES = bucket.configured("http://127.0.0.1:9")
    assert value(numbers(), "aiaxis_files_away") == 1


def test_a_silent_database_hides_nothing_else(monkeypatch: pytest.MonkeyPatch) -> None:
    out_of_reach("ops", monkeypatch)
    found = numbers()
    connections["ops"].close()
    assert value(found, "aiaxis_unread", part="database") == 1
    assert "aiaxis_jobs" not in found
    assert value(found, "aiaxis_spool_segments") >= 0
    assert value(found, "aiaxis_web_processes") == 1
