"""Is what somebody asks to be checked really checked, kept out of reach of whoever might lie about it, and told to each their own?"""

import json
import time
from pathlib import Path
from typing import Any

import psycopg
import pytest
from django.db import ProgrammingError, connections
from django.test import Client
from django.urls import reverse
from pytest_django import DjangoAssertNumQueries, Settings

from accounts import isolation
from accounts.tenancy import claims
from audit import entries, ledger, sealing, spool
from audit.checks import running, services
from audit.checks.models import Check, Proof
from audit.shipper import Shipper
from tests import cast, doors
from tests.outages import out_of_reach

pytestmark = pytest.mark.usefixtures("committed")

TRAIL, ISOLATION, OWN = "/operator/audit/check/", "/operator/audit/proof/", "/trail/check/"


@pytest.fixture(autouse=True)
def folder(settings: Settings, tmp_path: Path) -> Path:
    settings.AIAXIS_HOME = tmp_path
    return tmp_path / "spool"


def put(*people: cast.Person, monkeypatch: pytest.MonkeyPatch) -> list[str]:
    """An entry of each, sealed."""
    found = [entries.fact("agent.created", actor=person.tenant) for person in people]
    ledger.post([entries.encode(entry) for entry in found])
    monkeypatch.setattr(sealing, "LONGEST_SECONDS", 0)
    sealing.seal()
    return [str(entry["id"]) for entry in found]


def change(line: psycopg.Connection[Any], entry: str) -> None:
    line.execute("UPDATE audit_entry SET actor_name = 'Nobody' WHERE id = %s", [entry])


def ask(browser: Client, address: str) -> Any:
    answer = browser.post(f"{address}begin/")
    assert answer.status_code == 302
    return browser.get(address)


def recorded(folder: Path, *nouns: str) -> list[dict[str, Any]]:
    lines = [json.loads(line) for path in spool.segments(folder) for line in path.read_bytes().splitlines()]
    return [one for one in lines if one["action"].partition(".")[0] in nouns and one["action"] != "trail.read"]


def checked(person: cast.Person) -> Any:
    """The latest check of a person's workspace, as their page shows it."""
    return doors.browser(person).get(OWN).context["latest"]


# --- The whole trail -------------------------------------------------------------------------------------------------


def test_an_operator_has_the_whole_trail_checked(folder: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """P6. Asking leaves one entry, the result another, and the page says how many were compared."""
    put(cast.ALICE, cast.CHARLIE, monkeypatch=monkeypatch)
    browser = doors.operator(cast.OLGA)
    page = ask(browser, TRAIL).content.decode()
    assert "<live-part" in page
    assert "<live-part" in browser.get(f"{TRAIL}state/").content.decode()
    assert running.run_checks() == 1
    page = browser.get(TRAIL).content.decode()
    assert "The trail is whole." in page
    assert "<live-part" not in page
    check = Check.objects.using("ops").get()
    assert (check.holds, check.state, check.result["sealed"], check.percent) == (True, "done", 2, 100)
    found = [(one["action"], one["actor_name"], one["severity"]) for one in recorded(folder, "check", "trail")]
    assert found == [("check.asked", "Olga", "notice"), ("trail.verified", "AiAxis", "info")]


def test_a_break_is_named_and_critical(
    folder: Path, superuser: psycopg.Connection[Any], monkeypatch: pytest.MonkeyPatch
) -> None:
    [changed, gone] = put(cast.ALICE, cast.CHARLIE, monkeypatch=monkeypatch)
    change(superuser, changed)
    superuser.execute("DELETE FROM audit_entry WHERE id = %s", [gone])
    browser = doors.operator(cast.OLGA)
    ask(browser, TRAIL)
    running.run_checks()
    page = browser.get(TRAIL).content.decode()
    assert "The trail is not what was sealed." in page
    assert f"Entry {changed} is not what was sealed." in page
    assert f"Entry {gone} is gone." in page
    [entry] = recorded(folder, "trail")
    assert (entry["action"], entry["severity"], entry["outcome"]) == ("trail.broken", "critical", "error")
    assert (entry["detail"]["broken"], entry["detail"]["missing"]) == (1, 1)


def test_one_at_a_time_and_not_again_at_once(monkeypatch: pytest.MonkeyPatch) -> None:
    put(cast.ALICE, monkeypatch=monkeypatch)
    browser, owner = doors.operator(cast.OLGA), doors.browser(cast.ALICE)
    for client, address in ((browser, TRAIL), (browser, ISOLATION), (owner, OWN)):
        ask(client, address)
        assert "under way already" in ask(client, address).content.decode()
    assert running.run_checks() == 2
    assert "less than a minute ago" in ask(browser, TRAIL).content.decode()
    assert "less than ten minutes ago" in ask(owner, OWN).content.decode()
    assert Check.objects.using("ops").count() == 2
    assert running.run_checks() == 0


def test_a_run_that_a_dead_worker_left_is_done_by_the_next_and_given_up_in_the_end(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    put(cast.ALICE, monkeypatch=monkeypatch)
    browser = doors.operator(cast.OLGA)
    ask(browser, TRAIL)
    with connections["seal"].cursor() as cursor:
        cursor.execute("UPDATE audit_check SET state = 'running', attempts = 1")
    assert running.run_checks() == 1
    with connections["seal"].cursor() as cursor:
        cursor.execute("UPDATE audit_check SET state = 'running', attempts = 3, holds = NULL")
    assert running.run_checks() == 0
    assert "The last check could not be done." in browser.get(TRAIL).content.decode()


def test_how_far_it_is_can_be_seen_meanwhile(monkeypatch: pytest.MonkeyPatch) -> None:
    """The reading is one transaction; what it has compared is written past it."""
    put(cast.ALICE, monkeypatch=monkeypatch)
    put(cast.ALICE, cast.BOB, monkeypatch=monkeypatch)
    browser, seen = doors.operator(cast.OLGA), []
    ask(browser, TRAIL)
    monkeypatch.setattr(running, "TELL_SECONDS", 0.0)
    tell = running._Telling.__call__

    def look(self: running._Telling, done: int) -> None:
        tell(self, done)
        check = Check.objects.using("ops").get()
        seen.append((check.state, check.done, check.total, check.percent))

    monkeypatch.setattr(running._Telling, "__call__", look)
    running.run_checks()
    assert seen == [("running", 1, 3, 33), ("running", 3, 3, 100)]


# --- A workspace's part ----------------------------------------------------------------------------------------------


def test_a_workspace_is_told_of_its_own_entries_and_it_stands_in_its_trail(
    folder: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    put(cast.ALICE, cast.BOB, cast.CHARLIE, cast.CHARLIE, cast.CHARLIE, monkeypatch=monkeypatch)
    browser = doors.browser(cast.ADA)
    assert "<live-part" in ask(browser, OWN).content.decode()
    running.run_checks()
    check, page = checked(cast.ADA), browser.get(OWN).content.decode()
    assert (check.holds, check.result["sealed"], check.findings) == (True, 2, [])
    assert check.result["waiting"] >= 1  # the entry of asking, stored and not yet sealed
    assert "Your trail is whole." in page
    assert checked(cast.CHARLIE) is None
    Shipper(folder).ship()
    trail = browser.get("/trail/").content.decode()
    assert "Check of the trail asked for" in trail
    assert "Trail checked, and whole" in trail
    assert "Trail checked" not in doors.browser(cast.CHARLIE).get("/trail/").content.decode().partition("<table")[2]


def test_one_reading_answers_everybody_who_waits_and_tells_each_only_their_own(
    folder: Path, superuser: psycopg.Connection[Any], monkeypatch: pytest.MonkeyPatch
) -> None:
    """L10: of another workspace's entries no number and no id; only that something is wrong, which may have been one's own."""
    [of_acme, of_birch] = put(cast.ALICE, cast.CHARLIE, monkeypatch=monkeypatch)
    change(superuser, of_acme)
    ask(doors.browser(cast.ALICE), OWN)
    ask(doors.browser(cast.CHARLIE), OWN)
    ask(doors.operator(cast.OLGA), TRAIL)
    assert running.run_checks() == 3
    acme, birch = checked(cast.ALICE), checked(cast.CHARLIE)
    assert (acme.holds, acme.result["broken"], acme.result["elsewhere"]) == (False, [of_acme], False)
    assert (birch.holds, birch.result["broken"], birch.result["elsewhere"]) == (False, [], True)
    page = doors.browser(cast.CHARLIE).get(OWN).content.decode()
    assert "may have been yours" in page
    for told in (page, json.dumps(birch.result)):
        assert of_acme not in told
        assert str(cast.ACME.id) not in told
    assert of_birch not in json.dumps(acme.result)
    found = [(one["action"], one["workspace_id"]) for one in recorded(folder, "trail")]
    assert sorted(found, key=str) == sorted(
        [("trail.broken", None), ("trail.broken", str(cast.ACME.id)), ("trail.broken", str(cast.BIRCH.id))], key=str
    )


@pytest.mark.parametrize(
    "sabotage", ["DELETE FROM audit_entry WHERE id = %s", "UPDATE audit_entry SET workspace_id = %s"]
)
def test_an_entry_that_left_the_workspace_is_not_passed_over(
    sabotage: str, superuser: psycopg.Connection[Any], monkeypatch: pytest.MonkeyPatch
) -> None:
    """Removed, or put under another workspace's name: nobody can say any more whose it was, so it counts against everybody."""
    [entry, _] = put(cast.ALICE, cast.ALICE, monkeypatch=monkeypatch)
    superuser.execute(sabotage, [entry if "DELETE" in sabotage else cast.BIRCH.id])
    ask(doors.browser(cast.ALICE), OWN)
    running.run_checks()
    check = checked(cast.ALICE)
    assert (check.holds, check.result["elsewhere"]) == (False, True)


def test_a_cut_off_end_is_told(superuser: psycopg.Connection[Any], monkeypatch: pytest.MonkeyPatch) -> None:
    put(cast.ALICE, monkeypatch=monkeypatch)
    superuser.execute("TRUNCATE audit_entry, audit_seal, audit_unsealed")
    ask(doors.browser(cast.ALICE), OWN)
    running.run_checks()
    assert (checked(cast.ALICE).holds, checked(cast.ALICE).result["truncated"]) == (False, True)


@pytest.mark.parametrize("person", [cast.BOB, cast.VERA], ids=["a member", "a viewer"])
def test_who_may_not_read_the_trail_may_not_have_it_checked(person: cast.Person) -> None:
    """Neither by the page nor by SQL of their own."""
    browser = doors.browser(person)
    assert browser.get(OWN).status_code == 403
    assert browser.get(f"{OWN}state/").status_code == 403
    assert browser.post(f"{OWN}begin/").status_code == 403
    ask(doors.browser(cast.ALICE), OWN)
    with cast.acting(person), connections["default"].cursor() as cursor:
        cursor.execute("SELECT * FROM fence.own_checks()")
        assert cursor.fetchall() == []
        with pytest.raises(ProgrammingError, match="only owners and administrators"):
            cursor.execute("SELECT fence.ask_for_own_check(gen_random_uuid())")


# --- The isolation ---------------------------------------------------------------------------------------------------


def test_an_operator_has_the_isolation_proven_and_takes_the_report_home(folder: Path) -> None:
    """By a process of its own, as in an installation."""
    browser = doors.operator(cast.OLGA)
    assert "<live-part" in ask(browser, ISOLATION).content.decode()
    assert running.run_proof() == 1
    proof = Proof.objects.using("ops").get()
    assert (proof.state, proof.holds, proof.origin, proof.attacks) == ("done", True, "console", False), proof.result
    page = browser.get(ISOLATION).content.decode()
    assert "The isolation holds." in page
    for section in proof.result["sections"]:
        assert section["name"].replace("'", "&#x27;") in page
    document = browser.get(f"{ISOLATION}{proof.pk}/document/")
    assert document["Content-Disposition"].startswith('attachment; filename="isolation-')
    assert json.loads(document.content) == proof.result
    assert proof.result["tables"] > 30
    found = [(one["action"], one["actor_name"]) for one in recorded(folder, "check", "isolation")]
    assert found == [("check.asked", "Olga"), ("isolation.proven", "AiAxis")]


def test_attacks_that_are_asked_for_too_soon_are_said_not_to_have_begun() -> None:
    """A word about the proof that is under way would read as if the attacks were."""
    browser = doors.operator(cast.OLGA)
    browser.post(f"{ISOLATION}begin/")
    for said in ("A proof is under way already", "A proof ended less than a minute ago"):
        browser.post(f"{ISOLATION}attack/")
        assert f"{said}, so nothing is attacked yet." in browser.get(ISOLATION).content.decode()
        with connections["owner"].cursor() as cursor:
            cursor.execute("UPDATE audit_proof SET state = 'done', holds = true, ended_at = clock_timestamp()")
    assert not Proof.objects.using("ops").get().attacks


def test_a_proof_that_cannot_begin_says_so(settings: Settings, tmp_path: Path) -> None:
    browser = doors.operator(cast.OLGA)
    ask(browser, ISOLATION)
    settings.BASE_DIR = tmp_path
    assert running.run_proof() == 1
    page = browser.get(ISOLATION).content.decode()
    assert "The last proof could not be made." in page
    assert "manage.py" in page


def test_what_a_start_proved_is_kept_once_and_a_hole_is_critical(folder: Path) -> None:
    for _ in range(2):
        assert isolation.findings_at_start() == ()
    proof = Proof.objects.using("ops").get()
    assert (proof.origin, proof.holds, proof.asked_name) == ("start", True, "AiAxis")
    assert recorded(folder, "isolation") == []
    hole = {"findings": [{"where": "table files_file", "what": "row security is <b>off</b>"}]}
    services.keep_proof({**proof.result, **hole}, origin="start")
    [entry] = recorded(folder, "isolation")
    assert (entry["action"], entry["severity"], entry["detail"]["findings"]) == ("isolation.broken", "critical", 1)
    page = doors.operator(cast.OLGA).get(ISOLATION).content.decode()
    assert "The isolation has a hole." in page
    assert "row security is &lt;b&gt;off&lt;/b&gt;" in page


# --- Who may, and who may not ----------------------------------------------------------------------------------------


@pytest.mark.parametrize("address", [f"{TRAIL}begin/", f"{ISOLATION}begin/", f"{ISOLATION}attack/"])
def test_members_and_nobody_ask_for_nothing_here(address: str) -> None:
    for client in (doors.browser(cast.ALICE), doors.program(cast.ALICE), Client()):
        assert client.post(address)["Location"] == reverse("accounts:operator_sign_in")
    assert not Check.objects.using("ops").exists()
    assert not Proof.objects.using("ops").exists()


@pytest.mark.parametrize("address", [f"{TRAIL}begin/", f"{ISOLATION}attack/"])
def test_a_wish_that_no_sink_takes_is_not_granted(
    address: str, settings: Settings, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    browser = doors.operator(cast.OLGA)
    (tmp_path / "in-the-way").write_text("")
    settings.AIAXIS_HOME = tmp_path / "in-the-way"
    out_of_reach("audit", monkeypatch)
    assert browser.post(address).status_code == 503
    assert not Check.objects.using("ops").exists()
    assert not Proof.objects.using("ops").exists()


def test_injected_sql_can_neither_ask_as_an_operator_nor_say_that_all_is_well(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    """L7."""
    put(cast.ALICE, monkeypatch=monkeypatch)
    ask(doors.browser(cast.ALICE), OWN)
    ask(doors.operator(cast.OLGA), TRAIL)
    unsigned = claims.sealed("check", kind="trail", id=str(cast.ACME.id), session=str(cast.BIRCH.id))
    other = claims.sealed("operator.act", kind="trail", id=str(cast.ACME.id))
    with cast.acting(cast.CHARLIE), connections["default"].cursor() as cursor:
        for sealed in ("x", unsigned, other):
            with pytest.raises(ProgrammingError, match=r"not sealed|something else|no operator"):
                cursor.execute("SELECT fence.ask_for_check(%s)", [sealed])
        for statement in (
            "UPDATE audit_check SET holds = true",
            "UPDATE audit_proof SET holds = true",
            "SELECT * FROM audit_check",
            "SELECT * FROM audit_proof",
            "DELETE FROM audit_check",
        ):
            with pytest.raises(ProgrammingError, match="permission denied"):
                cursor.execute(statement)
        cursor.execute("SELECT * FROM fence.own_checks()")
        assert cursor.fetchall() == []


def test_drawing_the_progress_again_fills_no_trail(folder: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """A page that looks every two seconds must not bury what operators do; opening it is on record."""
    put(cast.ALICE, monkeypatch=monkeypatch)
    browser = doors.operator(cast.OLGA)
    for address in (TRAIL, ISOLATION):
        ask(browser, address)
        for _ in range(3):
            assert browser.get(f"{address}state/").status_code == 200
    read = [one["detail"]["page"] for one in recorded(folder, "operator") if one["action"] == "operator.read"]
    assert read == [TRAIL, ISOLATION]


def test_the_pages_cost_the_same_however_many_runs(django_assert_max_num_queries: DjangoAssertNumQueries) -> None:
    browser = doors.operator(cast.OLGA)
    for _ in range(2):
        for address in (TRAIL, ISOLATION):
            # Its own, and whether a visit is open, as on every page of the console.
            with django_assert_max_num_queries(2, connection=connections["ops"]):
                text = browser.get(address).content.decode()
            assert " style=" not in text
            assert "<script>" not in text
        report = isolation.report(isolation.prove(), began=time.monotonic())
        for _ in range(15):
            services.keep_proof(report, origin="terminal")
    assert Proof.objects.using("ops").count() == services.KEPT
