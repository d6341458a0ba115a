"""Is a reach for another workspace's object told apart from a typo, and by the record alone? Every route: test_reaching_routes.py."""

from __future__ import annotations

import json
import re
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest
from django import forms
from django.db import ProgrammingError, connections
from django.test import Client
from pytest_django import Settings

from agents.forms import AgentForm
from audit import services
from audit.shipper import Shipper
from tests import cast, doors
from tests.addresses import MISSING
from tests.audit import children
from tests.audit.reaching import OF_ACME, desks, reaches
from tests.factories import a_full_desk
from tests.test_every_url import told
from tests.waiting import PATIENCE, until

pytestmark = pytest.mark.usefixtures("committed")


@pytest.fixture(autouse=True)
def folder(settings: Settings, tmp_path: Path) -> Iterator[Path]:
    settings.AIAXIS_HOME = tmp_path
    yield tmp_path / "spool"
    services._spool(tmp_path / "spool").close()


def in_bodies(theirs: dict[str, str], own: dict[str, str]) -> Iterator[tuple[str, str, str, dict[str, Any], str]]:
    """Each place of a body or query that takes an id: the field's name, then a request with somebody else's id in it."""
    file, agent, padding = theirs["file_id"], theirs["agent_id"], [MISSING] * 30
    mine, talk = own["agent_id"], own["conversation_id"]
    form = {"name": "x", "refusal_text": "x", "visibility": "private", "retrieval_depth": 5, "retrieval_threshold": 0.5}
    yield "file_ids", "POST", "/api/v1/agents", {"name": "x", "file_ids": [*padding, file]}, "json"
    yield "file_ids", "PATCH", f"/api/v1/agents/{mine}", {"file_ids": [own["file_id"], file]}, "json"
    yield "agent_id", "POST", "/api/v1/conversations", {"agent_id": agent}, "json"
    yield (
        "parent_id",
        "POST",
        f"/api/v1/conversations/{talk}/messages",
        {"text": "x", "parent_id": theirs["message_id"]},
        "json",
    )
    yield (
        "instead_of",
        "POST",
        f"/api/v1/conversations/{talk}/messages",
        {"text": "x", "instead_of": theirs["message_id"]},
        "json",
    )
    yield "message_id", "POST", f"/api/v1/conversations/{talk}/path", {"message_id": theirs["message_id"]}, "json"
    yield "file_id", "POST", f"/api/v1/conversations/{talk}/files", {"file_id": file}, "json"
    yield "file", "POST", f"/conversations/{talk}/files/attach/", {"file": [MISSING, file]}, "form"
    yield "attached", "POST", "/agents/new/", {**form, "attached": [MISSING, file]}, "form"
    yield "attached", "POST", f"/agents/{mine}/edit/", {**form, "attached": file}, "form"
    yield "tools", "POST", f"/agents/{mine}/edit/", {**form, "tools": [MISSING, str(theirs["tool_id"])]}, "form"
    people = {"visibility": "named", "people": [MISSING, str(theirs["member_id"])]}
    yield "people", "POST", f"/agents/{mine}/share/", people, "form"
    yield "agent", "POST", "/conversations/start/", {"agent": agent, "text": "x"}, "form"
    person = {"person": str(theirs["member_id"])}
    yield "person", "GET", "/trail/", person, "query"
    yield "person", "POST", "/trail/exports/begin/", {**person, "format": "csv"}, "form"
    yield "person", "GET", "/api/v1/audit", person, "program"


def ask(client: Client, method: str, path: str, values: dict[str, Any], kind: str) -> Any:
    if kind == "json":
        return client.generic(method, path, json.dumps(values), "application/json")
    return client.post(path, values) if kind == "form" else client.get(path, values)


def test_an_id_of_another_workspace_in_a_body_or_query_is_critical_and_a_missing_one_is_not(folder: Path) -> None:
    """P5, L1, L6: file_ids, agent_id, parent_id and the forms' own fields; also at the end of many that exist nowhere."""
    theirs, own = desks()
    nobody = dict.fromkeys([*theirs.ids, "member_id"], MISSING)
    foreign = []
    requests = zip(
        in_bodies({**theirs.ids, "member_id": str(cast.ALICE.membership_id)}, own.ids),
        in_bodies(nobody, own.ids),
        strict=True,
    )
    for (name, method, path, values, kind), (_, _, _, missing, _) in requests:
        client = doors.program(cast.CHARLIE) if path.startswith("/api/") else doors.browser(cast.CHARLIE)
        answers = [ask(client, method, path, sent, kind) for sent in (values, missing)]
        assert answers[0].status_code == answers[1].status_code
        assert answers[0].status_code in (404, 422), (name, path)
        assert told(answers[0], path) == told(answers[1], path), (name, path)
        foreign.append(answers[0]["X-Request-Id"])
    Shipper(folder).ship()
    assert reaches() == dict.fromkeys(foreign, OF_ACME)


def test_an_id_among_many_that_each_have_an_answer_is_critical_too(folder: Path) -> None:
    """L1, L6: the request is not refused, since others of the ids may be one's own; the record learns of the reach all the same."""
    theirs, own = desks()
    program, browser, foreign = doors.program(cast.CHARLIE), doors.browser(cast.CHARLIE), []
    for key in (theirs.ids["file_id"], MISSING):
        chosen = [own.ids["file_id"], key]
        tagged = browser.post("/files/chosen/tags/add/", {"file": chosen, "tags": "due"})
        deleted = ask(program, "POST", "/api/v1/files/delete", {"file_ids": [key, *[MISSING] * 30]}, "json")
        assert (tagged.status_code, deleted.status_code) == (302, 200)
        assert {one["outcome"] for one in deleted.json()["items"]} == {"not_found"}
        # What a page asks beside others, and the file with which another page begins.
        states = browser.get("/files/states/", {"file": chosen})
        begun = browser.get("/agents/new/", {"with": key})
        assert (states.status_code, begun.status_code) == (200, 200)
        answers = (tagged, deleted, states, begun)
        foreign += [answer["X-Request-Id"] for answer in answers] if key != MISSING else []
    Shipper(folder).ship()
    assert reaches() == dict.fromkeys(foreign, OF_ACME)


def test_no_field_that_takes_an_id_is_forgotten_here() -> None:
    """A body or form of tomorrow that takes an id must be asked above."""
    theirs = own = {
        "member_id": "",
        **dict.fromkeys(["file_id", "agent_id", "message_id", "conversation_id", "tool_id"], ""),
    }
    asked = {name for name, *_ in in_bodies(theirs, own)}
    described = json.dumps(Client().get("/api/v1/openapi.json").json()["components"]["schemas"])
    for schema, about in json.loads(described).items():
        if not schema.endswith(("In", "Change")):
            continue
        for name, field in about["properties"].items():
            if re.search(r'"format": "uuid"', json.dumps(field)) or name.endswith(("_id", "_ids")):
                assert name in asked, (schema, name)
    chosen = {name for name, field in AgentForm.base_fields.items() if isinstance(field, forms.ModelChoiceField)}
    assert chosen <= asked


def test_a_colleagues_private_row_is_no_reach_into_another_workspace(folder: Path) -> None:
    desk = a_full_desk(cast.ALICE)
    assert doors.browser(cast.BOB).get(f"/files/{desk.ids['file_id']}/").status_code == 404
    Shipper(folder).ship()
    assert reaches() == {}


def test_nobody_signed_in_reaches_for_nothing(folder: Path) -> None:
    desk = a_full_desk(cast.ALICE)
    Client().get(f"/files/{desk.ids['file_id']}/")
    Client(headers={"authorization": "Bearer aiaxis_key"}).get(f"/api/v1/files/{desk.ids['file_id']}")
    Shipper(folder).ship()
    assert reaches() == {}


def test_a_spoofed_request_for_somebody_elses_row_is_both(folder: Path) -> None:
    """Refused before the address was looked at: what it names is known all the same."""
    desk = a_full_desk(cast.ALICE)
    answer = doors.browser(cast.CHARLIE).get(f"/files/{desk.ids['file_id']}/?workspace_id=1")
    assert answer.status_code == 400
    Shipper(folder).ship()
    assert list(reaches()) == [answer["X-Request-Id"]]


def test_nothing_of_it_shows_to_whoever_asked(folder: Path) -> None:
    """The 404 does not say whether it exists, and neither does the trail of the one who got it."""
    desk = a_full_desk(cast.ALICE)
    browser = doors.browser(cast.CHARLIE)
    pages = []
    for asked in (desk.ids["file_id"], MISSING):
        answer = browser.get(f"/files/{asked}/")
        Shipper(folder).ship()
        with connections["ops"].cursor() as cursor:
            cursor.execute(
                "SELECT id::text FROM audit_entry WHERE request_id = %s AND workspace_id IS NOT NULL",
                [answer["X-Request-Id"]],
            )
            [(key,)] = cursor.fetchall()
        shown = browser.get(f"/trail/{key}/").content.decode()
        assert "another workspace" not in shown
        assert str(cast.ACME.id) not in shown
        assert "Another workspace" not in browser.get("/trail/").content.decode()
        pages.append(re.sub(rf"{key}|{asked}|{answer['X-Request-Id']}|[\w-]{{20,}}|\d+", "", shown))
    assert pages[0] == pages[1]
    assert len(reaches()) == 1


def test_operators_see_whose_it_was(folder: Path) -> None:
    desk = a_full_desk(cast.ALICE)
    doors.browser(cast.CHARLIE).get(f"/files/{desk.ids['file_id']}/")
    Shipper(folder).ship()
    page = doors.operator(cast.OLGA).get("/operator/audit/entry/", {"severity": "critical"})
    [(entry, workspace)] = page.context["rows"]
    assert (entry.words, entry.target_id, workspace) == (
        "Another workspace's object asked for",
        desk.ids["file_id"],
        "Acme",
    )
    text = doors.operator(cast.OLGA).get(f"/operator/audit/entry/{entry.id}/").content.decode()
    assert str(cast.ACME.id) in text
    assert str(cast.BIRCH.id) in text


def test_a_reach_does_not_hide_behind_a_flood_of_typos(folder: Path) -> None:
    """The hundredth of what is alike is counted and has no row; it is looked at like every other."""
    desk = a_full_desk(cast.ALICE)
    browser = doors.browser(cast.CHARLIE)
    for _ in range(30):
        browser.get(f"/files/{MISSING}/")
    answer = browser.get(f"/files/{desk.ids['file_id']}/")
    Shipper(folder).ship()
    assert list(reaches()) == [answer["X-Request-Id"]]


def test_a_shipper_that_begins_again_says_it_once(folder: Path) -> None:
    desk = a_full_desk(cast.ALICE)
    answer = doors.browser(cast.CHARLIE).get(f"/files/{desk.ids['file_id']}/")
    for _ in range(3):
        Shipper(folder).ship()
    assert list(reaches()) == [answer["X-Request-Id"]]


def test_a_flood_of_reaches_is_counted_like_any_other(folder: Path) -> None:
    desk = a_full_desk(cast.ALICE)
    browser = doors.browser(cast.CHARLIE)
    for _ in range(50):
        browser.get(f"/files/{desk.ids['file_id']}/")
    services._spool(folder).close()
    Shipper(folder).ship()
    with connections["ops"].cursor() as cursor:
        cursor.execute(
            "SELECT count(*) + sum(coalesce((detail->>'burst')::int - 1, 0)) FROM audit_entry WHERE action = 'workspace.reached'"
        )
        assert cursor.fetchone() == (50,)


def test_a_shipper_tells_it_by_itself(tmp_path: Path, folder: Path) -> None:
    desk = a_full_desk(cast.ALICE)
    browser = doors.browser(cast.CHARLIE)
    process = children.start_command(tmp_path, "ship_audit")
    try:
        assert until((folder / "shipper.json").exists)
        browser.get(f"/files/{desk.ids['file_id']}/")
        assert until(reaches)
    finally:
        process.terminate()
        process.communicate(timeout=PATIENCE)
    assert len(reaches()) == 1


@pytest.mark.parametrize("alias", ["default", "ops", "queue", "seal"])
def test_only_the_shipper_may_ask_whose_an_id_is(alias: str) -> None:
    """The application must not learn whether an id exists elsewhere: its answer could differ then."""
    desk = a_full_desk(cast.ALICE)
    with (
        cast.acting(cast.CHARLIE),
        connections[alias].cursor() as cursor,
        pytest.raises(ProgrammingError, match="permission denied"),
    ):
        cursor.execute("SELECT * FROM fence.owners_of(%s)", [[desk.ids["file_id"]]])
