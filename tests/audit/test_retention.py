"""Who chooses how long a workspace's trail is kept, from when does it count, and what do its readers see at the edge?"""

from __future__ import annotations

import re
from collections.abc import Iterator
from datetime import UTC, date, datetime, timedelta
from pathlib import Path
from typing import Any
from uuid import UUID

import pytest
from django.db import ProgrammingError, connections, transaction
from django.test import Client
from django.utils import timezone
from pytest_django import Settings

from accounts.models import Session
from accounts.services.members import Refused
from accounts.tenancy.models import new_id
from audit import archive, entries, ledger, partitions, spool
from audit.models import Entry
from audit.retention import choosing, leaving
from audit.retention.models import RetentionChoice
from audit.rules import Retention
from audit.shipper import Shipper
from tests import cast, doors
from tests.audit import months

pytestmark = pytest.mark.usefixtures("committed")

PAGE, CHOOSE = "/trail/kept/", "/trail/kept/choose/"


@pytest.fixture(autouse=True)
def home(settings: Settings, tmp_path: Path) -> Iterator[Path]:
    """A folder of its own, and the tables as they were."""
    settings.AIAXIS_HOME = tmp_path
    with months.as_before():
        yield tmp_path


def choose(retention: Retention, person: cast.Person = cast.ALICE) -> date:
    with cast.acting(person) as actor:
        return choosing.choose(actor=actor, retention=retention)


def classes() -> dict[str, str]:
    """The class of each entry, by who caused it."""
    with connections["ops"].cursor() as cursor:
        cursor.execute("SELECT actor_name, retention FROM audit_entry WHERE action = 'agent.created'")
        return dict(cursor.fetchall())


def test_a_choice_counts_from_a_coming_day_on_and_for_its_own_workspace_only() -> None:
    since = choose(Retention.DAYS_30)
    assert since == choosing.begins(datetime.now(UTC))
    months.put(since - timedelta(days=1), cast.ALICE)
    months.put(since, cast.BOB, cast.CHARLIE, first=1)
    assert classes() == {"Alice": "d365", "Bob": "d30", "Charlie": "d365"}


def test_a_choice_counts_from_the_next_day_that_is_an_hour_away() -> None:
    """Whoever stores an entry again finds the class of the first time: no clock is an hour wrong."""
    evening = datetime(2026, 12, 31, 22, 59, tzinfo=UTC)
    assert choosing.begins(evening) == date(2027, 1, 1)
    assert choosing.begins(evening + timedelta(minutes=1)) == date(2027, 1, 2)


def test_an_entry_that_is_stored_again_after_a_choice_is_there_once() -> None:
    today = datetime.now(UTC).date()
    months.chosen(cast.ACME, Retention.DAYS_90, today - timedelta(days=3))
    entry = {**entries.fact("agent.created", actor=cast.ALICE.tenant), "id": months.id_of(today, 0)}
    assert ledger.post([entries.encode(entry)]) == 1
    choose(Retention.YEARS_7)
    assert ledger.post([entries.encode(entry)]) == 0
    assert classes() == {"Alice": "d90"}


def test_what_belongs_to_no_workspace_is_of_the_installations_class() -> None:
    months.chosen(cast.ACME, Retention.DAYS_30, date(2026, 1, 1))
    ledger.post([entries.encode(entries.denial(None, status=401, refusal=None, actor=None))])
    with connections["ops"].cursor() as cursor:
        cursor.execute("SELECT DISTINCT retention FROM audit_entry")
        assert cursor.fetchall() == [("d365",)]


def test_a_fact_of_the_application_falls_into_its_class_too() -> None:
    months.chosen(cast.ACME, Retention.DAYS_30, date(2026, 1, 1))
    with cast.acting(cast.ALICE) as alice, transaction.atomic():
        ledger.post_fact(entries.fact("agent.created", actor=alice))
    assert classes() == {"Alice": "d30"}


def test_the_application_learns_nothing_of_another_workspaces_choice() -> None:
    months.chosen(cast.BIRCH, Retention.DAYS_30, date(2026, 1, 1))
    now = new_id()
    ask = "SELECT fence.retention_of(%s, %s)"
    with connections["audit"].cursor() as cursor:
        cursor.execute(ask, [cast.BIRCH.id, now])
        assert cursor.fetchone() == ("d30",)
    for person, answer in ((cast.CHARLIE, "d30"), (cast.ALICE, "d365")):
        with cast.acting(person), connections["default"].cursor() as cursor:
            cursor.execute(ask, [cast.BIRCH.id, now])
            assert cursor.fetchone() == (answer,)
            assert RetentionChoice.objects.count() == (person is cast.CHARLIE)


def test_the_rest_of_a_flood_is_kept_by_workspace(tmp_path: Path) -> None:
    """The archive of floods holds copies of what the trail only counts."""
    months.chosen(cast.ACME, Retention.DAYS_30, date(2026, 1, 1))
    folder, name = tmp_path / "spool", f"01763900000000000000-1-a{spool.SUFFIX}"
    folder.mkdir()
    refused = [
        entries.denial(None, status=403, refusal=None, actor=one.tenant) for one in (cast.BOB, cast.CHARLIE)
    ] * 30
    fixed = [{**one, "id": str(new_id()), "occurred_at": "2026-11-01T10:00:00.000+00:00"} for one in refused]
    (folder / name).write_bytes(b"".join(entries.encode(one) for one in fixed))
    Shipper(folder).ship()
    found = sorted(path.name for path in (folder / archive.FOLDER).iterdir())
    assert found == [f"{name}.d30.gz", f"{name}.d365.gz"]


@pytest.mark.parametrize("person", [cast.ADA, cast.BOB, cast.VERA], ids=lambda person: person.name)
def test_nobody_but_an_owner_chooses_in_raw_sql_either(person: cast.Person) -> None:
    with cast.acting(person), pytest.raises(Refused, match="role"):
        choosing.choose(actor=person.tenant, retention=Retention.DAYS_30)
    statement = "UPDATE audit_retentionchoice SET retention = 'd30'"
    with (
        cast.acting(person),
        connections["default"].cursor() as cursor,
        pytest.raises(ProgrammingError, match="permission denied"),
    ):
        cursor.execute(statement)
    assert doors.browser(person).post(CHOOSE, {"keep": "d30"}).status_code == 403


def test_what_is_chosen_already_and_what_does_not_exist_is_refused() -> None:
    for wanted, why in ((Retention.DAYS_365, "unchanged"), ("d31", "unknown")):
        with cast.acting(cast.ALICE), connections["default"].cursor() as cursor, transaction.atomic():
            cursor.execute("SELECT fence.choose_retention(%s, %s)", [new_id(), wanted])
            assert f'"{why}"' in str(cursor.fetchone()[0])


def test_changing_ones_mind_on_the_same_day_leaves_one_choice() -> None:
    since = choose(Retention.DAYS_30)
    assert choose(Retention.DAYS_90) == since
    with cast.acting(cast.ALICE):
        [row] = RetentionChoice.objects.all()
    assert (row.retention, row.day) == ("d90", since)


def test_an_owner_chooses_on_the_page_and_the_trail_says_so() -> None:
    browser = doors.browser(cast.ALICE)
    page = browser.get(PAGE).content.decode()
    since = choosing.begins(datetime.now(UTC))
    first = f"{since.day} {since:%B %Y}"
    leave = Retention.DAYS_30.last_day(since.replace(day=1))
    # What goes when is said before anything is chosen.
    last = Retention.DAYS_365.last_day((since - timedelta(days=1)).replace(day=1))
    assert f"Entries from {first} on are kept so long. The first of them leave on {leave.day} {leave:%B %Y}." in page
    assert f"What was recorded before stays as it is: the last of it leaves on {last.day} {last:%B %Y}." in page
    answer = browser.post(CHOOSE, {"keep": "d30"}, follow=True)
    assert f"Entries from {first} on are kept for 30 days." in answer.content.decode()
    with cast.acting(cast.ALICE):
        entry = Entry.objects.get(action="trail.retention_changed")
    assert entry.detail == {"before": "365 days", "after": "30 days", "from": since.isoformat()}
    assert (entry.severity, entry.actor_name) == ("warning", "Alice")


def test_the_page_says_of_each_time_what_it_was_and_when_the_last_of_it_leaves() -> None:
    months.chosen(cast.ACME, Retention.YEARS_7, date(2026, 1, 1))
    months.chosen(cast.ACME, Retention.DAYS_30, date(2026, 3, 1))
    months.chosen(cast.ACME, Retention.DAYS_90, date(2026, 5, 1))
    now = datetime(2026, 5, 20, tzinfo=UTC)
    with cast.acting(cast.ALICE):
        found = choosing.periods(now.date())
        # What was recorded in April, for thirty days, leaves on 31 May: then there is nothing to say of it.
        later = choosing.periods(date(2026, 5, 31))
    assert [(one.retention, one.last_day) for one in found] == [
        (Retention.DAYS_90, None),
        (Retention.DAYS_30, date(2026, 5, 31)),
        (Retention.YEARS_7, date(2033, 3, 1)),
        (Retention.DAYS_365, date(2027, 1, 1)),
    ]
    assert [one.retention for one in later] == [Retention.DAYS_90, Retention.YEARS_7, Retention.DAYS_365]
    told = {option.retention: option.text for option in choosing.options(found, now)}
    assert "the last of it leaves on 1 March 2033" in told[Retention.DAYS_30]
    assert told[Retention.DAYS_90] == "This is how long entries are kept now."


def test_an_administrator_reads_the_page_and_has_no_form() -> None:
    page = doors.browser(cast.ADA).get(PAGE).content.decode()
    assert "An owner of the workspace can change it." in page
    assert CHOOSE not in page
    assert doors.browser(cast.BOB).get(PAGE).status_code == 403


def test_a_sign_in_of_yesterday_is_not_enough() -> None:
    browser = doors.browser(cast.ALICE)
    with cast.acting(cast.ALICE):
        Session.objects.update(signed_in_at=timezone.now() - timedelta(hours=2))
    answer = browser.post(CHOOSE, {"keep": "d30"})
    assert answer.headers["Location"].startswith("/sign-in/again/")
    with cast.acting(cast.ALICE):
        assert not RetentionChoice.objects.exists()


def test_a_choice_that_is_none_is_told_on_the_page() -> None:
    browser = doors.browser(cast.ALICE)
    for sent in ({}, {"keep": "forever"}, {"keep": "d30\x00"}):
        assert browser.post(CHOOSE, sent).status_code == 422
    assert "so nothing was changed" in browser.post(CHOOSE, {"keep": "d365"}, follow=True).content.decode()


def test_months_are_made_for_a_class_that_somebody_chose() -> None:
    before = months.pieces()
    choose(Retention.DAYS_90)
    today = datetime.now(UTC).date()
    leaving.leave(today)
    made = months.pieces() - before
    assert len(made) == 3
    assert all(re.fullmatch(r"audit_entry_d90_\d{4}_\d{2}", name) for name in made)


def readable(browser: Client, **filters: Any) -> list[str]:
    page = browser.get("/trail/", filters)
    assert page.status_code == 200
    return [str(entry.id) for entry in page.context["page"].items if entry.action == "agent.created"]


def test_the_trail_and_the_api_go_on_at_the_edge(monkeypatch: pytest.MonkeyPatch) -> None:
    """A reader whose cursor, filter or link points into a month that has left finds an end there, and no error."""
    partitions.ensure("owner", date(2025, 9, 1))
    [old] = months.put(date(2025, 9, 30), cast.ALICE)
    [edge] = months.put(date(2025, 10, 1), cast.BOB, first=1)
    [new] = months.put(date(2025, 10, 2), cast.BOB, first=2)
    months.seal(monkeypatch)
    browser, program = doors.browser(cast.ALICE), doors.program(cast.ALICE)
    first = program.get("/api/v1/audit", {"action": "agent.created", "limit": "2"}).json()
    assert [item["id"] for item in first["items"]] == [new, edge]
    assert leaving.leave(date(2026, 10, 1)) == ["d365-2025-09"]
    rest = program.get("/api/v1/audit", {"action": "agent.created", "limit": "2", "cursor": first["next"]})
    assert rest.json() == {"items": [], "next": None}
    assert readable(browser, action="agent.created") == [new, edge]
    assert readable(browser, action="agent.created", since="2025-09-01", until="2025-09-30") == []
    assert readable(browser, action="agent.created", since="2025-09-30", until="2025-10-01") == [edge]
    assert browser.get(f"/trail/{old}/").status_code == 404
    assert browser.get(f"/trail/{edge}/").status_code == 200
    assert browser.get("/trail/", {"since": "2025-09-01", "until": "2025-10-31"}).context["chart"]
    assert UUID(old) < UUID(edge)
