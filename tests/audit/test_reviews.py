"""Can operators, and nobody else, review what was refused and act on it, and is each act an entry or refused?"""

import json
import uuid
from pathlib import Path
from typing import Any

import pytest
from django.db import ProgrammingError, connections
from django.test import Client
from django.urls import reverse
from pytest_django import DjangoAssertNumQueries, Settings

from accounts.http import Refusal
from accounts.tenancy import claims
from audit import entries, ledger, spool
from audit.reviews import blocks, queries, views
from audit.reviews.models import Review
from audit.rules import Severity
from audit.shipper import Shipper
from tests import cast, doors
from tests.outages import out_of_reach

pytestmark = pytest.mark.usefixtures("committed")

QUEUE = "/operator/audit/review/"
ADDRESS = "203.0.113.9"


@pytest.fixture(autouse=True)
def folder(settings: Settings, tmp_path: Path) -> Path:
    settings.AIAXIS_HOME = tmp_path
    return tmp_path / "spool"


def refused(person: cast.Person | None = cast.CHARLIE, *, reason: str = "not_found", times: int = 1) -> entries.Entry:
    """A refusal of a person, stored; the last of ``times``."""
    entry: entries.Entry = {}
    for _ in range(times):
        refusal = Refusal(reason, "request.refused", "warning")
        entry = entries.denial(None, status=404, refusal=refusal, actor=person.tenant if person else None)
        entry["client_address"] = ADDRESS
        ledger.post([entries.encode(entry)])
    return entry


def act(browser: Client, entry: entries.Entry, verb: str, **values: Any) -> Any:
    return browser.post(f"{QUEUE}{entry['fingerprint']}/{verb}/", values)


def shown(browser: Client, **filters: str) -> list[tuple[str, str]]:
    page = browser.get(QUEUE, filters)
    assert page.status_code == 200
    return [(group.fingerprint, str(group.status)) for group in page.context["groups"]]


def recorded(folder: Path) -> list[dict[str, Any]]:
    lines = [json.loads(line) for path in spool.segments(folder) for line in path.read_bytes().splitlines()]
    return [
        one
        for one in lines
        if one["outcome"] == "allowed" and one["action"] not in ("operator.read", "operator.signed_in")
    ]


def test_refusals_of_one_kind_are_one_group_with_their_number() -> None:
    one, other = refused(times=3), refused(reason="role")
    page = doors.operator(cast.OLGA).get(QUEUE)
    found = [(group.fingerprint, group.count, group.workspace, group.who) for group in page.context["groups"]]
    assert found == [(other["fingerprint"], 1, "Birch", "Charlie"), (one["fingerprint"], 3, "Birch", "Charlie")]


def test_a_group_goes_from_open_to_resolved_and_comes_back_when_it_happens_again(folder: Path) -> None:
    entry, browser = refused(), doors.operator(cast.OLGA)
    key = entry["fingerprint"]
    assert shown(browser) == [(key, "open")]
    act(browser, entry, "acknowledge")
    assert shown(browser) == [(key, "acknowledged")]
    act(browser, entry, "assign")
    assert shown(browser, mine="on") == [(key, "acknowledged")]
    act(browser, entry, "resolve", resolution="bug")
    assert shown(browser) == []
    assert shown(browser, status="resolved") == [(key, "resolved")]
    refused()
    assert shown(browser) == [(key, "open")]
    assert "Open again" in browser.get(QUEUE).content.decode()
    found = [(one["action"], one["actor_name"], one["detail"]["fingerprint"]) for one in recorded(folder)]
    assert found == [(f"review.{word}", "Olga", key) for word in ("acknowledged", "assigned", "resolved")]


def test_one_that_waited_in_a_spool_until_its_kind_was_resolved_opens_it_again() -> None:
    """It happened before and came afterwards: whoever resolved it had not seen it."""
    late = entries.denial(
        None, status=404, refusal=Refusal("not_found", "request.refused", "warning"), actor=cast.CHARLIE.tenant
    )
    entry, browser = refused(), doors.operator(cast.OLGA)
    act(browser, entry, "resolve", resolution="bug")
    assert shown(browser) == []
    assert queries.open_numbers() == []
    ledger.post([entries.encode(late)])
    assert shown(browser) == [(entry["fingerprint"], "open")]
    assert queries.open_numbers() == [(Severity.WARNING, 1)]


def test_the_entry_that_a_message_leads_to_leads_on_to_its_kind() -> None:
    entry, browser = refused(), doors.operator(cast.OLGA)
    allowed = entries.fact("file.deleted", actor=cast.CHARLIE.tenant)
    ledger.post([entries.encode(allowed)])
    page, other = (browser.get(f"/operator/audit/entry/{one['id']}/").content.decode() for one in (entry, allowed))
    assert f'href="{QUEUE}{entry["fingerprint"]}/"' in page
    assert QUEUE + allowed["fingerprint"] not in other


def test_giving_back_hides_nothing() -> None:
    """A group that came back after its resolution stays open when whoever had taken it on lets it go."""
    entry, browser = refused(), doors.operator(cast.OLGA)
    act(browser, entry, "assign")
    act(browser, entry, "resolve", resolution="bug")
    refused()
    act(browser, entry, "release")
    assert shown(browser) == [(entry["fingerprint"], "open")]
    assert shown(browser, mine="on") == []
    assert Review.objects.using("ops").get().resolution == "bug"


def test_it_says_who_did_what_and_keeps_notes_out_of_the_trail(folder: Path) -> None:
    entry, browser = refused(), doors.operator(cast.OLGA)
    act(browser, entry, "resolve", resolution="attack")
    act(browser, entry, "note", text="<script>alert(1)</script> asked the customer")
    page = browser.get(f"{QUEUE}{entry['fingerprint']}/").content.decode()
    assert "An attack" in page
    assert "&lt;script&gt;alert(1)&lt;/script&gt; asked the customer" in page
    assert "Olga" in page
    assert "asked the customer" not in json.dumps(recorded(folder))


@pytest.mark.parametrize(
    ("verb", "values"), [("resolve", {"resolution": "fine"}), ("block", {"address": "x", "minutes": 15}), ("block", {"address": ADDRESS, "minutes": 7})]
)  # fmt: skip
def test_what_cannot_be_is_told_in_words_and_changes_nothing(verb: str, values: dict[str, Any], folder: Path) -> None:
    entry, browser = refused(), doors.operator(cast.OLGA)
    assert act(browser, entry, verb, **values).status_code == 302
    assert recorded(folder) == []
    assert not Review.objects.using("ops").exists()


def test_a_note_that_is_not_taken_is_not_lost(folder: Path) -> None:
    entry, browser = refused(), doors.operator(cast.OLGA)
    empty, long = act(browser, entry, "note", text=" "), act(browser, entry, "note", text="written at night " * 120)
    assert (empty.status_code, long.status_code) == (422, 422)
    assert "Write something first." in empty.content.decode()
    assert "A note has up to 2,000 characters." in long.content.decode()
    assert long.context["note"]["text"].value() in long.content.decode()
    assert (recorded(folder), long.context["whole"].notes) == ([], [])


def test_what_ends_somebodys_access_names_them_before_it_is_done() -> None:
    page = doors.operator(cast.OLGA).get(f"{QUEUE}{refused()['fingerprint']}/").content.decode()
    for question in ("End every session of “Charlie”?", "Withdraw every API key of “Charlie”?", "Suspend “Charlie”?"):
        assert question in page, question


def test_a_member_is_suspended_and_nothing_of_theirs_opens_anything_until_they_are_readmitted(folder: Path) -> None:
    """L13, and the customer sees it: each act stands in the workspace's own trail."""
    entry, operator = refused(), doors.operator(cast.OLGA)
    browser, program = doors.browser(cast.CHARLIE), doors.program(cast.CHARLIE)
    assert (browser.get("/files/").status_code, program.get("/api/v1/files").status_code) == (200, 200)
    act(operator, entry, f"{entry['id']}/suspend")
    assert (browser.get("/files/").status_code, program.get("/api/v1/files").status_code) == (302, 401)
    act(operator, entry, f"{entry['id']}/readmit")
    assert (browser.get("/files/").status_code, program.get("/api/v1/files").status_code) == (200, 200)
    act(operator, entry, f"{entry['id']}/end-sessions")
    assert (browser.get("/files/").status_code, program.get("/api/v1/files").status_code) == (302, 200)
    act(operator, entry, f"{entry['id']}/revoke-keys")
    assert program.get("/api/v1/files").status_code == 401
    found = [
        (one["action"], one["workspace_id"], one["target_id"])
        for one in recorded(folder)
        if one["actor_type"] == "operator"
    ]
    acts = ("member_suspended", "member_readmitted", "sessions_ended", "keys_revoked")
    assert found == [(f"operator.{one}", str(cast.BIRCH.id), str(cast.CHARLIE.membership_id)) for one in acts]
    Shipper(folder).ship()
    assert "Operator suspended a member" in doors.browser(cast.CHARLIE).get("/trail/").content.decode()


def test_a_blocked_address_is_turned_away_at_the_door_and_recorded(
    folder: Path, django_assert_num_queries: DjangoAssertNumQueries
) -> None:
    entry, operator = refused(None), doors.operator(cast.OLGA)
    act(operator, entry, "block", address=ADDRESS, minutes=15)
    blocks.publish(folder)
    client = doors.browser(cast.ALICE)
    with django_assert_num_queries(0, connection=connections["default"]):
        answer = client.get("/files/", REMOTE_ADDR=ADDRESS)
    assert answer.status_code == 403
    assert "turned away for the time being" in answer.content.decode()
    assert client.get("/api/v1/files", REMOTE_ADDR=ADDRESS).json()["status"] == 403
    assert client.get("/files/").status_code == 200
    Shipper(folder).ship()
    with connections["ops"].cursor() as cursor:
        cursor.execute("SELECT count(*) FROM audit_entry WHERE reason = 'blocked' AND client_address = %s", [ADDRESS])
        assert cursor.fetchone() == (2,)
    assert (
        f'<a href="{QUEUE}#shut-out">Let it in sooner</a>'
        in operator.get(f"{QUEUE}{entry['fingerprint']}/").content.decode()
    )
    assert 'id="shut-out"' in (page := operator.get(QUEUE).content.decode())
    assert ADDRESS in page
    operator.post(f"{QUEUE}unblock/", {"network": f"{ADDRESS}/32"})
    blocks.publish(folder)
    fresh = blocks.Blocks()
    assert not fresh.hold(ADDRESS, lambda: folder)


def test_a_block_ends_by_itself_and_an_unreadable_list_keeps_what_was_known(folder: Path) -> None:
    folder.mkdir(parents=True)
    known = blocks.Blocks()
    (folder / blocks.NAME).write_text(json.dumps({"2001:db8::/64": 9e9, "198.51.100.1/32": 1.0}))
    assert known.hold("2001:db8::42", lambda: folder)
    assert not known.hold("198.51.100.1", lambda: folder)
    (folder / blocks.NAME).write_text("{")
    known._looked = float("-inf")
    assert known.hold("2001:db8::42", lambda: folder)
    (folder / blocks.NAME).unlink()
    known._looked = float("-inf")
    assert known.hold("2001:db8::42", lambda: folder)


def test_operators_do_not_shut_themselves_out() -> None:
    entry, operator = refused(None), doors.operator(cast.OLGA)
    answer = act(operator, entry, "block", address="127.0.0.1", minutes=15)
    assert answer.status_code == 302
    assert "You are coming from this address yourself." in operator.get(answer["Location"]).content.decode()
    with connections["ops"].cursor() as cursor:
        cursor.execute("SELECT count(*) FROM audit_block")
        assert cursor.fetchone() == (0,)


VERBS = [*views.STATES, "resolve", "note", "block", *(f"{{id}}/{verb}" for verb in views.MEMBER_ACTS)]
VALUES = {"resolution": "bug", "text": "x", "address": ADDRESS, "minutes": 15}


def state_of_the_world() -> list[tuple[Any, ...]]:
    with connections["owner"].cursor() as cursor:
        cursor.execute(
            "SELECT (SELECT count(*) FROM audit_review), (SELECT count(*) FROM audit_reviewnote), "
            "(SELECT count(*) FROM audit_block), (SELECT count(*) FROM accounts_apikey WHERE revoked_at IS NOT NULL), "
            "(SELECT count(*) FROM accounts_session WHERE revoked_at IS NOT NULL), "
            "(SELECT count(*) FROM accounts_membership WHERE status <> 'active')"
        )
        return list(cursor.fetchall())


@pytest.mark.parametrize("verb", VERBS)
def test_an_act_that_no_sink_takes_is_not_done(
    verb: str, settings: Settings, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    entry, browser = refused(), doors.operator(cast.OLGA)
    doors.program(cast.CHARLIE)
    if verb.endswith("readmit"):
        with connections["owner"].cursor() as cursor:
            cursor.execute(
                "UPDATE accounts_membership SET status = 'suspended' WHERE id = %s", [cast.CHARLIE.membership_id]
            )
    before = state_of_the_world()
    (tmp_path / "in-the-way").write_text("")
    settings.AIAXIS_HOME = tmp_path / "in-the-way"
    out_of_reach("audit", monkeypatch)
    values = {**VALUES, "address": "198.51.100.77"}
    assert act(browser, entry, verb.format(id=entry["id"]), **values).status_code == 503
    assert state_of_the_world() == before


@pytest.mark.parametrize("verb", VERBS)
def test_members_and_nobody_do_nothing_here(verb: str) -> None:
    entry = refused()
    for client in (doors.browser(cast.ALICE), doors.browser(cast.CHARLIE), Client()):
        before = state_of_the_world()
        answer = act(client, entry, verb.format(id=entry["id"]), **VALUES)
        assert answer["Location"] == reverse("accounts:operator_sign_in")
        assert state_of_the_world() == before


def test_a_form_of_another_site_does_nothing() -> None:
    entry = refused()
    browser = doors.operator(cast.OLGA)
    strict = Client(enforce_csrf_checks=True)
    strict.cookies = browser.cookies
    assert act(strict, entry, "acknowledge").status_code == 403
    assert not Review.objects.using("ops").exists()


def test_injected_sql_can_neither_resolve_nor_block_nor_suspend() -> None:
    """The application's role may call the function; it cannot make the claims, and old claims of others do not fit."""
    sealed = claims.sealed("something.else", act="suspend", member=str(cast.ALICE.membership_id))
    unsigned = claims.sealed("operator.act", act="block", network="0.0.0.0/0", minutes="9", session=str(uuid.uuid4()))
    with cast.acting(cast.CHARLIE), connections["default"].cursor() as cursor:
        for text in ("x", sealed, unsigned, sealed[:-1] + "0"):
            with pytest.raises(ProgrammingError, match=r"not sealed|something else|no operator"):
                cursor.execute("SELECT fence.operator_act(%s)", [text])
        for statement in (
            "INSERT INTO audit_block VALUES ('0.0.0.0/0', now(), gen_random_uuid(), 'x', now())",
            "UPDATE audit_review SET status = 'resolved'",
            "SELECT * FROM audit_reviewnote",
            "SELECT * FROM fence.operator_behind('{}')",
            "SELECT * FROM fence.blocks()",
        ):
            with pytest.raises(ProgrammingError, match="permission denied"):
                cursor.execute(statement)


def test_claims_of_an_operator_who_has_signed_out_do_nothing() -> None:
    browser = doors.operator(cast.OLGA)
    with connections["owner"].cursor() as cursor:
        cursor.execute("SELECT id::text FROM accounts_operatorsession")
        [(session,)] = cursor.fetchall()
    sealed = claims.sealed("operator.act", act="block", network="198.51.100.1/32", minutes="9", session=session)
    browser.post("/operator/sign-out/")
    with connections["default"].cursor() as cursor, pytest.raises(ProgrammingError, match="no operator is signed in"):
        cursor.execute("SELECT fence.operator_act(%s)", [sealed])


def test_the_pages_cost_the_same_however_many_refusals(django_assert_max_num_queries: DjangoAssertNumQueries) -> None:
    browser = doors.operator(cast.OLGA)
    for _ in range(2):
        for reason in ("not_found", "role", "scope"):
            refused(reason=reason, times=5)
        entry = refused(reason="csrf", times=5)
        for address in (QUEUE, f"{QUEUE}{entry['fingerprint']}/"):
            # Two besides say who the operator is. The last one asks whether a visit is open, as on every page of the console.
            with django_assert_max_num_queries(8, connection=connections["ops"]):
                assert browser.get(address).status_code == 200


def test_a_kind_that_never_was_is_missing_to_look_at_and_to_act_on() -> None:
    browser = doors.operator(cast.OLGA)
    nothing = {"fingerprint": "0" * 16, "id": uuid.uuid4()}
    assert browser.get(f"{QUEUE}{nothing['fingerprint']}/").status_code == 404
    for verb in ("acknowledge", "note", "resolve", "block", f"{nothing['id']}/suspend"):
        answer = act(browser, nothing, verb, **VALUES)
        assert answer.status_code == 404, verb


def test_there_is_no_inline_script_or_style() -> None:
    entry, browser = refused(), doors.operator(cast.OLGA)
    for address in (QUEUE, f"{QUEUE}{entry['fingerprint']}/"):
        text = browser.get(address).content.decode()
        assert " style=" not in text
        assert "<style" not in text
        assert "<script>" not in text
