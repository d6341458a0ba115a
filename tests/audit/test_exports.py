"""Does an export hold exactly what was chosen, harmless, for nobody but the one who ordered it?"""

import csv
import io
import json
from datetime import date, timedelta
from pathlib import Path
from typing import Any

import pytest
from django.db import connections, transaction
from django.test import Client
from django.utils import timezone
from pytest_django import Settings

from accounts.http import Refusal
from audit import entries, jobs, ledger
from audit.exports import formats, services
from audit.exports.models import Export, ExportPart
from audit.models import Entry
from audit.queries import Chosen
from tests import cast, doors

pytestmark = pytest.mark.django_db(databases=[*doors.DOORS, "audit", "ops"])


@pytest.fixture(autouse=True)
def home(settings: Settings, tmp_path: Path) -> None:
    settings.AIAXIS_HOME = tmp_path


def store(person: cast.Person, entry: entries.Entry) -> str:
    with cast.acting(person):
        ledger.post([entries.encode(entry)], using="default")
    return str(entry["id"])


def happened(person: cast.Person, action: str = "agent.created", **detail: object) -> str:
    return store(person, entries.fact(action, actor=person.tenant, detail=detail))


def order(browser: Client, **chosen: str) -> Any:
    return browser.post("/trail/exports/begin/", {"format": "jsonl", **chosen})


def written(person: cast.Person) -> Export:
    """The person's latest export, after a worker ran its job."""
    with cast.acting(person) as tenant:
        export: Export = Export.objects.latest("id")
        jobs.export(tenant, str(export.pk))
        export.refresh_from_db()
    return export


def fetch(browser: Client, export: Export) -> str:
    answer: Any = browser.get(f"/trail/exports/{export.pk}/content/")
    assert answer.status_code == 200
    return b"".join(answer.streaming_content).decode()


def test_an_export_holds_what_was_chosen_and_nothing_of_another_workspace() -> None:
    kept = [happened(cast.BOB), happened(cast.BOB)]
    happened(cast.ALICE)
    happened(cast.CHARLIE)
    browser = doors.browser(cast.ADA)
    assert order(browser, person=str(cast.BOB.membership_id)).status_code == 302
    export = written(cast.ADA)
    assert (export.status, export.total, export.done, export.percent) == ("ready", 2, 2, 100)
    lines = [json.loads(line) for line in fetch(browser, export).splitlines()]
    assert [line["id"] for line in lines] == kept[::-1]
    assert {line["actor_name"] for line in lines} == {"Bob"}
    page = browser.get("/trail/exports/").content.decode()
    assert export.file_name in page
    assert "Ready" in page


def test_every_line_is_there_once_across_many_parts(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(services, "BATCH", 4)
    kept = [happened(cast.BOB) for _ in range(11)]
    browser = doors.browser(cast.ALICE)
    order(browser, person=str(cast.BOB.membership_id), format="csv")
    export = written(cast.ALICE)
    with cast.acting(cast.ALICE):
        assert ExportPart.objects.filter(export=export).count() == 3
    rows = list(csv.reader(io.StringIO(fetch(browser, export))))
    assert rows[0] == [*formats.COLUMNS, "detail"]
    assert [row[0] for row in rows[1:]] == kept[::-1]


def test_a_job_that_runs_twice_writes_the_same_file(monkeypatch: pytest.MonkeyPatch) -> None:
    """A worker can die after any part; the next one begins again."""
    monkeypatch.setattr(services, "BATCH", 2)
    for _ in range(5):
        happened(cast.BOB)
    browser = doors.browser(cast.ALICE)
    order(browser, person=str(cast.BOB.membership_id))
    export = written(cast.ALICE)
    first = fetch(browser, export)
    with cast.acting(cast.ALICE):
        Export.objects.filter(pk=export.pk).update(status="writing", done=1)
        ExportPart.objects.filter(export=export, position=0).delete()
    assert fetch(browser, written(cast.ALICE)) == first


FORMULAS = (
    *("=HYPERLINK(1)", "+1+1", "-2+3", "@SUM(A1)", "\t=1", "\r=1", " =1", "\u00a0=1"),
    *("\uff1d1", "\uff0b1", "\uff0d1", "\uff20SUM", "\u3000\uff1d1"),
)


@pytest.mark.parametrize("formula", FORMULAS, ids=lambda text: repr(text[:4]))
def test_a_formula_is_text_in_csv(formula: str) -> None:
    """Whoever opens the file in a spreadsheet must not run what a stranger sent as a path, name or user agent."""
    refusal = Refusal("not_found", "request.refused")
    entry = entries.denial(None, status=404, refusal=refusal, actor=cast.BOB.tenant)
    entry["actor_name"], entry["target_id"] = formula, formula
    entry["http"] = {"method": formula, "path": formula, "headers": {"user-agent": formula}}
    store(cast.BOB, entry)
    browser = doors.browser(cast.ALICE)
    order(browser, outcome="denied", format="csv")
    text = fetch(browser, written(cast.ALICE))
    for row in list(csv.reader(io.StringIO(text)))[1:]:
        assert not [field for field in row if field.strip().startswith(tuple("=+-@\uff1d\uff0b\uff0d\uff20"))]
    assert f"'{formula}" in text


@pytest.mark.parametrize("person", [cast.ADA, cast.BOB, cast.CHARLIE], ids=["an admin", "a member", "a stranger"])
def test_nobody_else_fetches_it(person: cast.Person) -> None:
    happened(cast.BOB)
    order(doors.browser(cast.ALICE))
    export = written(cast.ALICE)
    browser = doors.browser(person)
    for address in (f"/trail/exports/{export.pk}/", f"/trail/exports/{export.pk}/content/"):
        assert browser.get(address).status_code in (403, 404)
    if person is not cast.BOB:
        assert str(export.pk) not in browser.get("/trail/exports/").content.decode()
    with cast.acting(person), connections["default"].cursor() as cursor:
        cursor.execute("SELECT (SELECT count(*) FROM audit_export), (SELECT count(*) FROM audit_exportpart)")
        assert cursor.fetchone() == (0, 0)


def test_who_lost_the_role_after_ordering_gets_nothing() -> None:
    """L13: the right is asked for when the job runs, not when it was ordered."""
    happened(cast.BOB)
    order(doors.browser(cast.ADA))
    with cast.acting(cast.ADA) as tenant:
        export = Export.objects.latest("id")
        from dataclasses import replace

        from accounts.models import Role

        services.write(actor=replace(tenant, role=Role.MEMBER), export_id=export.pk)
        export.refresh_from_db()
        assert (export.status, ExportPart.objects.count()) == ("failed", 0)


def test_a_siem_gets_events_of_the_published_schema() -> None:
    kept = happened(cast.BOB)
    browser = doors.browser(cast.ALICE)
    order(browser, person=str(cast.BOB.membership_id), format="ocsf")
    export = written(cast.ALICE)
    assert export.file_name.endswith(".ocsf.jsonl")
    [event] = [json.loads(line) for line in fetch(browser, export).splitlines()]
    assert (event["metadata"]["uid"], event["class_uid"], event["user" if "user" in event else "actor"]) == (
        kept,
        6003,
        {"user": {"type_id": 1, "uid": str(cast.BOB.membership_id), "name": "Bob"}},
    )


def test_the_job_is_handed_in_with_the_order_or_not_at_all(monkeypatch: pytest.MonkeyPatch) -> None:
    """L45: no order that nobody writes, and no job of an order that was undone."""
    chosen = Chosen(person=cast.BOB.membership_id, since=date(2026, 1, 2), outcome="denied")

    def waiting() -> list[str]:
        with connections["default"].cursor() as cursor:
            cursor.execute("SELECT count(id) FROM procrastinate_jobs")
            return [str(row) for row in cursor.fetchall()]

    before = waiting()
    with cast.acting(cast.ALICE) as tenant:
        with transaction.atomic():
            services.begin(actor=tenant, chosen=chosen, kind="csv")
            transaction.set_rollback(True)
        assert (waiting(), Export.objects.count()) == (before, 0)
        export = services.begin(actor=tenant, chosen=chosen, kind="csv")
        assert waiting() != before
        assert Chosen.of(export.filters) == chosen
        with pytest.raises(ValueError, match="no filters of the trail"):
            Chosen.of({"workspace": "x"})


def test_ordering_and_fetching_are_recorded() -> None:
    browser = doors.browser(cast.ALICE)
    order(browser, outcome="denied")
    export = written(cast.ALICE)
    fetch(browser, export)
    with cast.acting(cast.ALICE):
        found = list(Entry.objects.filter(target_id=str(export.pk)).order_by("id").values_list("action", "detail"))
    assert found == [
        ("trail.exported", {"format": "jsonl", "filters": ["outcome"]}),
        ("trail.export_downloaded", {"entries": export.done}),
    ]


def test_one_at_a_time_and_never_too_many(monkeypatch: pytest.MonkeyPatch) -> None:
    happened(cast.BOB)
    browser = doors.browser(cast.ALICE)
    order(browser)
    order(browser)
    with cast.acting(cast.ALICE):
        assert Export.objects.count() == 1
    written(cast.ALICE)
    for _ in range(7):
        order(browser)
        written(cast.ALICE)
    with cast.acting(cast.ALICE):
        assert Export.objects.count() == services.MOST_KEPT
    monkeypatch.setattr(services, "MOST_ENTRIES", 0)
    answer = order(browser)
    assert answer.status_code == 422
    assert "Choose fewer days." in answer.content.decode()


def test_what_is_not_ready_cannot_be_fetched_and_shows_how_far_it_is() -> None:
    happened(cast.BOB)
    browser = doors.browser(cast.ALICE)
    order(browser)
    with cast.acting(cast.ALICE):
        export = Export.objects.latest("id")
        Export.objects.filter(pk=export.pk).update(status="writing", total=200, done=50)
    assert browser.get(f"/trail/exports/{export.pk}/content/").status_code == 404
    row = browser.get(f"/trail/exports/{export.pk}/").content.decode()
    assert "25 %" in row
    assert "live-part" in row


def test_one_whose_job_was_given_up_is_told_so_and_another_is_ordered() -> None:
    """Whoever was suspended after asking has nothing done in their name, and comes back to a page that waited for ever."""
    browser = doors.browser(cast.ALICE)
    order(browser)
    with cast.acting(cast.ALICE):
        Export.objects.update(created_at=timezone.now() - timedelta(minutes=61))
    page = browser.get("/trail/exports/").content.decode()
    assert "Order it again." in page
    assert "live-part" not in page
    order(browser)
    with cast.acting(cast.ALICE):
        assert Export.objects.count() == 2
    # Should its job come all the same, it is written.
    assert written(cast.ALICE).status == "ready"


def test_the_page_takes_over_what_was_chosen_above_the_trail() -> None:
    page = doors.browser(cast.ALICE).get("/trail/exports/", {"outcome": "denied", "format": "csv"})
    assert page.status_code == 200
    assert '<option value="denied" selected>' in page.content.decode()
    assert "field__error" not in page.content.decode()


def test_a_filter_that_cannot_be_is_told_in_words() -> None:
    answer = order(doors.browser(cast.ALICE), since="2026-02-02", until="2026-01-01")
    assert answer.status_code == 422
    assert "before the first one" in answer.content.decode()
