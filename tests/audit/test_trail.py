"""Does a workspace see its own trail, whole, filtered and harmless, and nobody else's?"""

import json
import re
import uuid
from datetime import UTC, date, datetime, time, timedelta
from pathlib import Path
from typing import Any
from unittest.mock import patch

import pytest
from django.test import Client
from django.urls import reverse
from django.utils import timezone
from pytest_django import DjangoAssertNumQueries, Settings

from accounts.http import Refusal
from accounts.tenancy.models import WorkspaceModel
from aiaxis.exports.models import WorkspaceExport
from aiaxis.imports.models import WorkspaceImport
from audit import bursts, entries, ledger, queries, spool
from audit.models import Entry
from conversations.keeping.models import KeepingChoice
from tests import cast, doors

pytestmark = pytest.mark.django_db(databases=[*doors.DOORS, "audit"])

TRAIL = "/trail/"


@pytest.fixture(autouse=True)
def folder(settings: Settings, tmp_path: Path) -> Path:
    settings.AIAXIS_HOME = tmp_path
    return tmp_path / "spool"


def happened(person: cast.Person, action: str = "agent.created", **detail: object) -> str:
    """Something that a person did, in their own trail; returns the entry's id."""
    entry = entries.fact(action, actor=person.tenant, detail=detail)
    return store(person, entry)


def refused(person: cast.Person) -> str:
    refusal = Refusal("role", "request.refused", "warning", {"needs": "admin"})
    return store(person, entries.denial(None, status=403, refusal=refusal, actor=person.tenant, target=("file", "f-1")))


def store(person: cast.Person, entry: entries.Entry) -> str:
    with cast.acting(person):
        ledger.post([entries.encode(entry)], using="default")
    return str(entry["id"])


def shown(browser: Client, **filters: Any) -> list[str]:
    page = browser.get(TRAIL, filters)
    assert page.status_code == 200
    return [str(entry.id) for entry in page.context["page"].items]


def test_an_owner_and_an_admin_see_the_workspaces_trail() -> None:
    kept = [happened(cast.ALICE), happened(cast.BOB), refused(cast.VERA)]
    happened(cast.CHARLIE)
    for person in (cast.ALICE, cast.ADA):
        browser = doors.browser(person)
        of_acme = [entry for entry in shown(browser) if entry in kept]
        assert of_acme == kept[::-1]
        assert "Charlie" not in browser.get(TRAIL).content.decode()


def test_a_stranger_sees_only_their_own_trail() -> None:
    mine, theirs = happened(cast.ALICE), happened(cast.CHARLIE)
    found = shown(doors.browser(cast.CHARLIE))
    assert theirs in found
    assert mine not in found


@pytest.mark.parametrize("person", [cast.BOB, cast.VERA], ids=["member", "viewer"])
def test_others_are_refused(person: cast.Person) -> None:
    entry = happened(cast.ALICE)
    browser = doors.browser(person)
    assert browser.get(TRAIL).status_code == 403
    assert browser.get(f"{TRAIL}{entry}/").status_code == 403


def test_nobody_is_sent_to_sign_in() -> None:
    answer = Client().get(TRAIL)
    assert answer.status_code == 302
    assert answer["Location"].startswith(reverse("accounts:sign_in"))


def test_a_foreign_entry_and_a_missing_one_look_the_same() -> None:
    foreign = happened(cast.CHARLIE)
    browser = doors.browser(cast.ALICE)
    answers = [browser.get(f"{TRAIL}{key}/") for key in (foreign, uuid.uuid4())]
    assert [answer.status_code for answer in answers] == [404, 404]
    bodies = [
        answer.content.replace(answer["X-Request-Id"].encode(), b"").replace(key.encode(), b"")
        for answer, key in zip(answers, (foreign, str(uuid.uuid4())), strict=True)
    ]
    assert len(bodies[0]) == len(bodies[1])


def test_an_entry_that_belongs_to_nobody_is_in_no_trail() -> None:
    nobody = entries.denial(None, status=401, refusal=None, actor=None)
    ledger.post([entries.encode(nobody)])
    assert str(nobody["id"]) not in shown(doors.browser(cast.ALICE))


def test_filters_narrow_by_person_action_outcome_and_day() -> None:
    of_bob, of_alice, no = happened(cast.BOB), happened(cast.ALICE, "key.created"), refused(cast.BOB)
    browser = doors.browser(cast.ADA)
    today, tomorrow = timezone.now().date(), timezone.now().date() + timedelta(days=1)
    assert shown(browser, person=cast.BOB.membership_id) == [no, of_bob]
    assert shown(browser, action="key.created") == [of_alice]
    assert shown(browser, outcome="denied", person=cast.BOB.membership_id) == [no]
    assert shown(browser, since=today, until=today, person=cast.BOB.membership_id) == [no, of_bob]
    assert shown(browser, since=tomorrow) == []
    assert shown(browser, until="2001-01-01") == []


def test_one_thing_has_its_history() -> None:
    entry = entries.fact("file.shared", actor=cast.BOB.tenant)
    entry["target_type"], entry["target_id"] = "file", "0190b6a0-7c11-7b3a-9df0-1c2d3e4f5a6b"
    kept = store(cast.BOB, entry)
    happened(cast.BOB)
    for written in (entry["target_id"], entry["target_id"].upper(), entry["target_id"].replace("-", "")):
        assert shown(doors.browser(cast.ALICE), target=written) == [kept]


def test_the_counts_are_of_what_is_chosen_and_count_floods_whole() -> None:
    happened(cast.BOB)
    refused(cast.BOB)
    counting = bursts.Counting("x")
    for _ in range(70):
        counting.admits(entries.denial(None, status=404, refusal=None, actor=cast.BOB.tenant))
    [burst] = counting.bursts({})
    store(cast.BOB, burst)
    happened(cast.CHARLIE)
    browser = doors.browser(cast.ALICE)
    page = browser.get(TRAIL, {"person": str(cast.BOB.membership_id)})
    chart = page.context["chart"]
    assert (len(chart.bars), [total for _, total in chart.totals]) == (14, [1, 51])
    assert [number for _, number in chart.bars[-1].numbers] == [1, 51]
    text = page.content.decode()
    assert "Show the numbers" in text
    assert '<td class="number">51</td>' in text
    allowed = browser.get(TRAIL, {"outcome": "allowed", "person": str(cast.BOB.membership_id)}).context["chart"]
    assert [total for _, total in allowed.totals] == [1, 0]


@pytest.mark.parametrize("last", [date(2026, 3, 28), date(2026, 3, 29), date(2026, 12, 31)])
def test_what_happens_at_midnight_is_counted_on_the_day_on_which_it_is_found(last: date) -> None:
    """An entry's id is made a moment before its time is read. 28 and 29 March: when clocks go forward in Europe."""
    midnight = datetime.combine(last + timedelta(days=1), time(), UTC)
    at = int(midnight.timestamp() * 1000) - 1
    entry = {**entries.fact("agent.created", actor=cast.BOB.tenant), "occurred_at": midnight.isoformat()}
    store(cast.BOB, {**entry, "id": entries.derived_id(at, str(last))})
    store(cast.BOB, {**entry, "id": entries.derived_id(at + 1, str(last))})
    for day in (last, last + timedelta(days=1)):
        chosen = {"since": day, "until": day, "person": cast.BOB.membership_id}
        with cast.acting(cast.ALICE):
            found = queries.trail(queries.Chosen(since=day, until=day, person=cast.BOB.membership_id))
            assert found.count() == 1, chosen
            with patch.object(queries, "datetime", wraps=datetime) as clock:
                clock.now.return_value = midnight + timedelta(days=2)
                chart = queries.per_day(found, queries.Chosen(since=day, until=day))
        assert [total for _, total in chart.totals] == [1, 0]


def test_the_chart_says_which_days_it_shows() -> None:
    """It shows 92 at most, and without a choice the latest fourteen, while the list below goes on."""
    happened(cast.BOB)
    today = timezone.now().date()
    for chosen, first in (({}, today - timedelta(days=13)), ({"since": "2020-01-01"}, today - timedelta(days=91))):
        page = doors.browser(cast.ALICE).get(TRAIL, chosen)
        assert page.context["chart"].bars[0].day == first
        assert f"(UTC), {first.day} {first:%b}" in page.content.decode()


def test_a_number_that_is_none_breaks_no_page() -> None:
    """Injected SQL can write into its own workspace's trail; it must not be able to blind those who read it."""
    entry = entries.denial(None, status=404, refusal=None, actor=cast.BOB.tenant)
    for claim in ("many", {"x": 1}, True, 2.5):
        store(
            cast.BOB, {**entry, "id": entries.derived_id(1, str(claim)), "detail": {"burst": claim, "samples": claim}}
        )
    assert doors.browser(cast.ALICE).get(TRAIL).status_code == 200


@pytest.mark.parametrize(
    "filters",
    [
        {"person": "nobody"},
        {"person": str(cast.CHARLIE.membership_id)},
        {"action": "x' OR 1=1"},
        {"outcome": "splendid"},
        {"since": "soon"},
        {"since": "0001-01-01"},
        {"until": "9999-12-31"},
        {"since": "2026-02-02", "until": "2026-01-01"},
    ],
)
def test_a_filter_that_cannot_be_is_told_in_words(filters: dict[str, str]) -> None:
    page = doors.browser(cast.ALICE).get(TRAIL, filters)
    assert page.status_code == 422
    assert "field__error" in page.content.decode() or "error" in page.content.decode()
    assert page.context["page"].items == []


@pytest.mark.parametrize("cursor", ["x", "../../etc/passwd", "AAAA", "é"])
def test_a_cursor_that_we_did_not_make_is_refused(cursor: str) -> None:
    assert doors.browser(cast.ALICE).get(TRAIL, {"cursor": cursor}).status_code == 400


def test_pages_follow_each_other_without_gap_or_repeat() -> None:
    made = [happened(cast.BOB) for _ in range(105)]
    browser = doors.browser(cast.ALICE)
    found: list[str] = []
    cursor: str | None = ""
    while cursor is not None:
        page = browser.get(TRAIL, {"cursor": cursor, "person": str(cast.BOB.membership_id)}).context["page"]
        found += [str(entry.id) for entry in page.items]
        cursor = page.next
    assert found == made[::-1]


def test_the_number_of_queries_does_not_grow_with_the_entries(
    django_assert_num_queries: DjangoAssertNumQueries,
) -> None:
    browser = doors.browser(cast.ALICE)
    happened(cast.BOB)
    browser.get(TRAIL)
    for _ in range(3):
        # Who is asking, the people to choose from, the entries, their counts, saved filters, other workspaces.
        with django_assert_num_queries(6):
            browser.get(TRAIL)
        for _ in range(10):
            happened(cast.BOB)


def test_reading_is_recorded_once_and_goes_round_in_no_circle(folder: Path) -> None:
    entry = happened(cast.BOB)
    browser = doors.browser(cast.ALICE)
    browser.get(TRAIL, {"outcome": "allowed"})
    browser.get(f"{TRAIL}{entry}/")
    [path] = spool.segments(folder)
    read, looked = (json.loads(line) for line in path.read_bytes().splitlines())
    assert (read["action"], read["actor_name"], read["outcome"]) == ("trail.read", "Alice", "allowed")
    assert read["detail"]["filters"] == ["outcome"]
    assert (looked["action"], looked["target_id"]) == ("trail.read", entry)


def test_an_empty_trail_says_what_will_come() -> None:
    page = doors.browser(cast.ALICE).get(TRAIL, {"until": "2001-01-01"}).content.decode()
    assert "No entries match" in page
    assert "Show all" in page


def test_hostile_words_are_inert_on_both_pages() -> None:
    """L19: what a stranger sent is text in the trail, never markup."""
    evil = "<script>alert(1)</script><xmp><img src=x onerror=alert(1)>"
    entry = entries.denial(
        None, status=404, refusal=Refusal("not_found", "request.refused", "notice", {evil: evil}), actor=cast.BOB.tenant,
        target=(evil, evil),
    )  # fmt: skip
    entry["actor_name"] = evil
    entry["http"] = {"method": evil, "path": evil, "headers": {evil: evil}, "query_keys": [evil]}
    key = store(cast.BOB, entry)
    browser = doors.browser(cast.ALICE)
    for address in (TRAIL, f"{TRAIL}{key}/"):
        text = browser.get(address).content.decode()
        assert "&lt;script&gt;" in text
        assert "<script>alert" not in text
        assert "<xmp>" not in text
        assert "<img src=x" not in text


def test_an_entry_shows_why_and_where_from() -> None:
    text = doors.browser(cast.ALICE).get(f"{TRAIL}{refused(cast.VERA)}/").content.decode()
    assert "does not allow it" in text
    assert "Vera" in text
    assert "HTTP 403" in text


def test_an_entry_says_whose_role_it_names() -> None:
    entry = happened(cast.ALICE, "operator.appointed", role="admin")
    page = doors.browser(cast.ALICE).get(f"{TRAIL}{entry}/").content.decode()
    assert re.findall(r"<dt>(Role[^<]*)</dt><dd[^>]*>(?:<code>)?(\w+)", page) == [
        ("Role of the actor", "owner"),
        ("Role", "admin"),
    ]


def test_posting_to_the_trail_changes_nothing() -> None:
    browser = doors.browser(cast.ALICE)
    assert browser.post(TRAIL).status_code == 405
    assert browser.delete(f"{TRAIL}{happened(cast.BOB)}/").status_code == 405


@pytest.mark.parametrize("model", [WorkspaceExport, WorkspaceImport, KeepingChoice])
def test_what_an_entry_is_about_is_told_in_words_that_people_use(model: type[WorkspaceModel]) -> None:
    name = str(model._meta.model_name)
    assert Entry(target_type=name).target_words not in {"", name}
