"""Do operators, and only operators, see every workspace's entries, and is their looking recorded or refused?"""

import json
import uuid
from pathlib import Path

import pytest
from django.db import connections
from django.test import Client
from pytest_django import DjangoAssertNumQueries, Settings

from accounts.http import Refusal
from audit import entries, ledger, spool
from tests import cast, doors
from tests.outages import out_of_reach

pytestmark = pytest.mark.usefixtures("committed")

LIST = "/operator/audit/entry/"


@pytest.fixture(autouse=True)
def folder(settings: Settings, tmp_path: Path) -> Path:
    settings.AIAXIS_HOME = tmp_path
    return tmp_path / "spool"


def of(person: cast.Person) -> entries.Entry:
    return entries.fact("agent.created", actor=person.tenant)


def of_nobody(detail: str = "") -> entries.Entry:
    refusal = Refusal("reserved_name", "request.spoofed", "critical", {"name": detail})
    return entries.denial(None, status=400, refusal=refusal, actor=None)


def store(*found: entries.Entry) -> list[str]:
    ledger.post([entries.encode(entry) for entry in found])
    return [entry["id"] for entry in found]


def looked(folder: Path) -> list[dict[str, object]]:
    lines = [line for path in spool.segments(folder) for line in path.read_bytes().splitlines()]
    return [entry for entry in map(json.loads, lines) if entry["action"] == "operator.read"]


def test_an_operator_sees_every_workspace_and_what_belongs_to_none() -> None:
    kept = store(of(cast.ALICE), of(cast.CHARLIE), of_nobody())
    page = doors.operator(cast.OLGA).get(LIST)
    assert page.status_code == 200
    assert [str(entry.id) for entry, _ in page.context["rows"]][:3] == kept[::-1]
    assert [name for _, name in page.context["rows"]][:3] == ["", "Birch", "Acme"]
    assert "Operator" in page.content.decode()


@pytest.mark.parametrize("person", [cast.ALICE, cast.BOB, cast.CHARLIE], ids=["owner", "member", "stranger"])
def test_a_member_of_any_rank_is_refused(person: cast.Person) -> None:
    [entry] = store(of(cast.ALICE))
    for address in ("/operator/", LIST, f"{LIST}{entry}/"):
        for client in (doors.browser(person), Client()):
            answer = client.get(address)
            assert answer.status_code == 302
            assert answer["Location"].partition("?")[0] == "/operator/sign-in/"
            assert b"Alice" not in answer.content


def test_a_key_does_not_open_the_console() -> None:
    assert doors.program(cast.ALICE).get(LIST).status_code != 200


def test_an_operators_cookie_opens_no_workspace() -> None:
    assert doors.operator(cast.OLGA).get("/trail/").status_code == 302


def test_filters_narrow_and_pages_follow(folder: Path) -> None:
    kept = store(*[of_nobody() for _ in range(60)])
    store(of(cast.ALICE))
    browser = doors.operator(cast.OLGA)
    first = browser.get(LIST, {"severity": "critical"}).context["page"]
    second = browser.get(LIST, {"severity": "critical", "cursor": first.next}).context["page"]
    assert [str(entry.id) for entry in [*first.items, *second.items]] == kept[::-1]
    assert browser.get(LIST, {"address": "192.0.2.77"}).context["rows"] == []
    for filters in ({"severity": "loud"}, {"address": "127.1"}, {"since": "x"}):
        assert browser.get(LIST, filters).status_code == 422


def test_one_entry_and_a_missing_one() -> None:
    [entry] = store(of_nobody("<script>alert(1)</script>"))
    browser = doors.operator(cast.OLGA)
    text = browser.get(f"{LIST}{entry}/").content.decode()
    assert "&lt;script&gt;" in text
    assert "<script>alert" not in text
    assert browser.get(f"{LIST}{uuid.uuid4()}/").status_code == 404


def test_an_entry_says_whose_workspace_it_is_or_which_one_was_asked_for() -> None:
    browser = doors.operator(cast.OLGA)
    asked = of_nobody()
    asked["asked_workspace_id"] = str(cast.BIRCH.id)
    for entry, company, label in ((of(cast.ALICE), cast.ACME, "Workspace"), (asked, cast.BIRCH, "Workspace asked for")):
        [stored] = store(entry)
        page = browser.get(f"{LIST}{stored}/").content.decode()
        place = page.partition(f"<dt>{label}</dt>")[2].partition("</dd>")[0]
        assert f'/operator/accounts/workspace/{company.id}/"><bdi>{company.name}</bdi></a>' in place
    [nobodys] = store(of_nobody())
    assert "<dt>Workspace" not in browser.get(f"{LIST}{nobodys}/").content.decode()


def test_every_page_that_an_operator_opens_is_an_entry(folder: Path) -> None:
    [entry] = store(of_nobody())
    browser = doors.operator(cast.OLGA)
    for address in ("/operator/", f"{LIST}?severity=critical", f"{LIST}{entry}/"):
        assert browser.get(address).status_code == 200
    found = looked(folder)
    assert [one["actor_name"] for one in found] == ["Olga"] * 3
    assert [one["workspace_id"] for one in found] == [None] * 3
    assert found[1]["detail"] == {"page": "/operator/audit/entry/", "filters": ["severity"]}


def test_a_page_that_comes_back_with_a_form_that_will_not_do_is_looked_at_too(folder: Path) -> None:
    """It shows the same rows: a form without a reason must not be a way to see them unseen."""
    browser, place = doors.operator(cast.OLGA), f"/operator/accounts/workspace/{cast.ACME.id}/suspend/"
    answer = browser.post(place)
    assert (answer.status_code, cast.ALICE.email in answer.content.decode()) == (422, True)
    page = "/operator/accounts/workspace/<uuid:row_id>/suspend/"
    assert [(one["actor_name"], one["detail"]) for one in looked(folder)] == [("Olga", {"page": page, "filters": []})]


def test_an_operator_who_cannot_be_recorded_does_not_see(
    settings: Settings, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """A permitted operator act fails closed when no sink takes its entry: here the folder is a file and the role is gone."""
    store(of(cast.ALICE))
    browser = doors.operator(cast.OLGA)
    (tmp_path / "in-the-way").write_text("")
    settings.AIAXIS_HOME = tmp_path / "in-the-way"
    out_of_reach("audit", monkeypatch)
    again = f"/operator/accounts/workspace/{cast.ACME.id}/suspend/"
    for answer in (browser.get(LIST), browser.post(again)):
        assert answer.status_code == 503
        assert b"Alice" not in answer.content


def test_a_refusal_of_an_operator_names_the_operator(folder: Path) -> None:
    doors.operator(cast.OLGA).get(f"{LIST}{uuid.uuid4()}/")
    lines = [json.loads(line) for path in spool.segments(folder) for line in path.read_bytes().splitlines()]
    refused = [entry for entry in lines if entry["action"] == "request.refused"]
    assert [(entry["actor_type"], entry["actor_name"], entry["status"]) for entry in refused] == [
        ("operator", "Olga", 404)
    ]


@pytest.mark.parametrize("verb", ["post", "put", "patch", "delete"])
def test_nothing_can_be_written_here(verb: str) -> None:
    [entry] = store(of(cast.ALICE))
    browser = doors.operator(cast.OLGA)
    for address in ("/operator/", LIST, f"{LIST}{entry}/"):
        assert getattr(browser, verb)(address).status_code == 405
    for address in (f"{LIST}add/", f"{LIST}{entry}/delete/", "/operator/login/", "/operator/autocomplete/"):
        assert browser.get(address).status_code == 404


def test_the_list_costs_the_same_however_many_entries(django_assert_max_num_queries: DjangoAssertNumQueries) -> None:
    browser = doors.operator(cast.OLGA)
    for _ in range(2):
        store(*[of(cast.ALICE) for _ in range(20)])
        # The entries, the workspaces' names, what is kept, and whether a visit is open.
        with django_assert_max_num_queries(4, connection=connections["ops"]):
            browser.get(LIST)


def test_there_is_no_inline_script_or_style() -> None:
    [entry] = store(of_nobody())
    browser = doors.operator(cast.OLGA)
    for address in ("/operator/", LIST, f"{LIST}{entry}/"):
        text = browser.get(address).content.decode()
        assert " style=" not in text
        assert "<style" not in text
        assert "<script>" not in text
