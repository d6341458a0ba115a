"""Does a saved filter lead where its owner saved it, for its owner alone, and can it be forgotten?"""

import json
import uuid
from pathlib import Path
from typing import Any

import pytest
from django.db import ProgrammingError, connections
from django.test import Client
from django.urls import reverse
from pytest_django import Settings

from accounts.tenancy import claims
from audit import spool
from audit.filters.models import MOST_FILTERS, ConsoleFilter, OwnFilter
from tests import cast, doors
from tests.outages import out_of_reach

pytestmark = pytest.mark.usefixtures("committed")

QUEUE, ENTRIES, TRAIL = "/operator/audit/review/", "/operator/audit/entry/", "/trail/"
LISTS = {
    QUEUE: "severity=critical&days=30",
    ENTRIES: "severity=critical&outcome=denied",
    TRAIL: "outcome=denied&since=2026-01-02",
}


@pytest.fixture(autouse=True)
def folder(settings: Settings, tmp_path: Path) -> Path:
    settings.AIAXIS_HOME = tmp_path
    return tmp_path / "spool"


def browser_for(address: str) -> Client:
    return doors.browser(cast.ALICE) if address == TRAIL else doors.operator(cast.OLGA)


def save(browser: Client, address: str, name: str, query: str) -> Any:
    return browser.post(f"{address}filters/save/", {"name": name, "query": query})


def saved(browser: Client, address: str) -> list[tuple[str, str]]:
    page = browser.get(address)
    assert page.status_code == 200
    return [(one.name, one.query) for one in page.context["saved"]]


@pytest.mark.parametrize(("address", "query"), LISTS.items(), ids=list(LISTS))
def test_a_saved_filter_is_a_name_for_a_link_until_it_is_forgotten(address: str, query: str) -> None:
    browser = browser_for(address)
    assert "Save these filters" not in browser.get(address).content.decode()
    page = browser.get(f"{address}?{query}&cursor=&other=x")
    assert "Save these filters" in page.content.decode()
    assert page.context["query"] == query
    answer = save(browser, address, "<b>Mine</b>", f"{query}&other=x&cursor=abc")
    assert answer["Location"] == f"{address}?{query}"
    assert saved(browser, address) == [("<b>Mine</b>", query)]
    text = browser.get(answer["Location"]).content.decode()
    assert "&lt;b&gt;Mine&lt;/b&gt;" in text
    assert 'aria-current="true"' in text
    [kept] = browser.get(address).context["saved"]
    assert browser.post(f"{address}filters/{kept.pk}/remove/").status_code == 302
    assert saved(browser, address) == []
    assert browser.post(f"{address}filters/{kept.pk}/remove/").status_code == 404


@pytest.mark.parametrize(("address", "query"), LISTS.items(), ids=list(LISTS))
def test_the_same_name_means_the_new_filters_and_there_are_at_most_twenty(address: str, query: str) -> None:
    browser = browser_for(address)
    for number in range(MOST_FILTERS):
        save(browser, address, f"{number:02}", query)
    save(browser, address, "00", "outcome=denied" if address != QUEUE else "status=open")
    found = saved(browser, address)
    assert len(found) == MOST_FILTERS
    assert found[0] == ("00", "outcome=denied" if address != QUEUE else "status=open")
    answer = save(browser, address, "one more", query)
    assert "Remove one, then save this one." in browser.get(answer["Location"]).content.decode()
    assert len(saved(browser, address)) == MOST_FILTERS


@pytest.mark.parametrize("address", LISTS)
@pytest.mark.parametrize(
    ("name", "query"),
    [
        ("", "severity=critical"),
        ("x" * 61, "severity=critical"),
        ("x", ""),
        ("x", "other=1"),
        ("x", "since=yesterday&status=loud"),
    ],
    ids=["no name", "a long name", "no filters", "no filters of the page", "filters that cannot be"],
)
def test_what_cannot_be_saved_is_told_in_words(address: str, name: str, query: str) -> None:
    browser = browser_for(address)
    query = query.replace("severity=critical", "outcome=denied") if address == TRAIL else query
    answer = save(browser, address, name, query)
    assert answer.status_code == 302
    assert 'role="alert"' in browser.get(answer["Location"]).content.decode() or saved(browser, address) == []
    assert saved(browser, address) == []


def test_a_link_of_a_saved_filter_leads_nowhere_else() -> None:
    """What is kept is read again as the page's own filters: no other address, no markup, nothing that the page does not know."""
    browser = doors.operator(cast.OLGA)
    answer = save(browser, QUEUE, "x", 'severity=critical&"><script>alert(1)</script>&next=//evil.example')
    assert answer["Location"] == f"{QUEUE}?severity=critical"
    assert "evil" not in browser.get(QUEUE).content.decode()


def test_operators_and_members_see_only_their_own() -> None:
    save(doors.operator(cast.OLGA), QUEUE, "Olga’s", LISTS[QUEUE])
    save(doors.browser(cast.ALICE), TRAIL, "Alice’s", LISTS[TRAIL])
    for person in (cast.ADA, cast.CHARLIE):
        browser = doors.browser(person)
        assert saved(browser, TRAIL) == []
        with cast.acting(cast.ALICE):
            kept = OwnFilter.objects.get().pk
        assert browser.post(f"{TRAIL}filters/{kept}/remove/").status_code == 404
        with cast.acting(person), connections["default"].cursor() as cursor:
            cursor.execute("SELECT count(*) FROM audit_ownfilter")
            assert cursor.fetchone() == (0,)
    assert saved(doors.browser(cast.ALICE), TRAIL) == [("Alice’s", LISTS[TRAIL])]
    with connections["owner"].cursor() as cursor:
        cursor.execute("UPDATE audit_consolefilter SET owner_id = %s", [uuid.uuid4()])
    browser, kept = doors.operator(cast.OLGA), ConsoleFilter.objects.using("ops").get().pk
    assert saved(browser, QUEUE) == []
    assert browser.post(f"{QUEUE}filters/{kept}/remove/").status_code == 404
    assert ConsoleFilter.objects.using("ops").count() == 1


def test_another_workspaces_person_in_a_filter_is_a_reach(folder: Path) -> None:
    """A colleague can be filtered by; a stranger's id is as missing here as on the page, and the shipper hears of it."""
    browser = doors.browser(cast.ALICE)
    assert save(browser, TRAIL, "Bob", f"person={cast.BOB.membership_id}").status_code == 302
    assert save(browser, TRAIL, "x", f"person={cast.CHARLIE.membership_id}").status_code == 404
    assert saved(browser, TRAIL) == [("Bob", f"person={cast.BOB.membership_id}")]


def recorded(folder: Path) -> list[str]:
    lines = [json.loads(line) for path in spool.segments(folder) for line in path.read_bytes().splitlines()]
    return [one["action"] for one in lines if one["action"].startswith("filter.")]


def test_what_an_operator_keeps_is_an_entry_or_not_kept(
    folder: Path, settings: Settings, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    browser = doors.operator(cast.OLGA)
    save(browser, QUEUE, "x", LISTS[QUEUE])
    [kept] = browser.get(QUEUE).context["saved"]
    browser.post(f"{QUEUE}filters/{kept.pk}/remove/")
    assert recorded(folder) == ["filter.saved", "filter.removed"]
    (tmp_path / "in-the-way").write_text("")
    settings.AIAXIS_HOME = tmp_path / "in-the-way"
    out_of_reach("audit", monkeypatch)
    assert save(browser, QUEUE, "x", LISTS[QUEUE]).status_code == 503
    assert not ConsoleFilter.objects.using("ops").exists()


@pytest.mark.parametrize("address", [QUEUE, ENTRIES])
def test_nobody_else_keeps_anything_here(address: str) -> None:
    for client in (doors.browser(cast.ALICE), Client()):
        assert save(client, address, "x", LISTS[address])["Location"] == reverse("accounts:operator_sign_in")
    for person in (cast.BOB, cast.VERA):
        assert save(doors.browser(person), TRAIL, "x", LISTS[TRAIL]).status_code == 403
    assert not ConsoleFilter.objects.using("ops").exists()


def test_injected_sql_keeps_nothing_for_an_operator() -> None:
    unsigned = claims.sealed("operator filter", act="save", id=str(uuid.uuid4()), session=str(uuid.uuid4()), place="queue", name="x", query="")  # fmt: skip
    with cast.acting(cast.CHARLIE), connections["default"].cursor() as cursor:
        for sealed in ("x", unsigned):
            with pytest.raises(ProgrammingError, match=r"not sealed|no operator"):
                cursor.execute("SELECT fence.keep_console_filter(%s)", [sealed])
        with pytest.raises(ProgrammingError, match="permission denied"):
            cursor.execute("SELECT * FROM audit_consolefilter")
