"""Are the workspace's owners, and nobody else, told by mail when a visit opens and when it is over?"""

from __future__ import annotations

import json
from collections.abc import Callable
from typing import Any

import pytest
from django.core import mail as outbox
from django.db import connections

from accounts import jobs, letters, recurring, rounds
from accounts.glass import queries, services
from accounts.glass.models import Visit
from accounts.models import Membership, Role
from accounts.services import members, workspaces
from tests import doors
from tests.accounts.glass import stage
from tests.accounts.glass.stage import LIST, REASON, TICKET
from tests.cast import ACME, ADA, ALICE, CHARLIE, acting

JOBS = "/operator/procrastinate/procrastinatejob/"


def delivered() -> list[Any]:
    """Run the letters that wait, as a worker does; what was mailed."""
    with connections["queue"].cursor() as cursor:
        cursor.execute("DELETE FROM procrastinate_jobs RETURNING id, task_name, args")
        found = sorted((key, name, json.loads(row) if isinstance(row, str) else row) for key, name, row in cursor)
    for key, name, row in found:
        jobs.run(key, name, row, 0)
    mails, outbox.outbox[:] = list(outbox.outbox), []
    return mails


def words(mail: Any) -> list[str]:
    """Both forms of a mail, each on one line."""
    [(html, kind)] = mail.alternatives
    assert kind == "text/html"
    return [" ".join(str(text).split()) for text in (mail.body, html)]


@pytest.fixture
def two_owners() -> None:
    """Ada owns Acme as well as Alice."""
    with connections["owner"].cursor() as cursor:
        cursor.execute("UPDATE accounts_membership SET role = 'owner' WHERE id = %s", [ADA.membership_id])


def test_every_owner_is_told_at_the_opening_and_at_the_end(two_owners: None) -> None:
    browser = stage.console()
    visit = stage.asked(browser)
    opened = delivered()
    assert sorted(mail.to[0] for mail in opened) == sorted([ALICE.email, ADA.email])
    for mail in opened:
        assert mail.subject == f"An operator may read Acme until {visit.until:%H:%M} UTC"
        for text in words(mail):
            for said in ("Olga", REASON, TICKET, "There is no second operator, so it opened at once", "/trail/"):
                assert said in text
    desk = stage.a_desk()
    delivered()
    for path in stage.pages_of(visit, desk).values():
        stage.read(browser, path)
    browser.post(f"{LIST}{visit.pk}/close/")
    over = delivered()
    assert sorted(mail.to[0] for mail in over) == sorted([ALICE.email, ADA.email])
    for mail in over:
        assert mail.subject == "No operator reads Acme any more"
        for text in words(mail):
            for said in ("Olga", REASON, TICKET, "They looked at 7 pages.", "It was closed early, by Olga.", "/trail/"):
                assert said in text


def test_a_second_operators_approval_is_told() -> None:
    otto = stage.operator_in(stage.console(stage.second_operator()))
    visit = stage.asked(stage.console())
    assert delivered() == [], "nothing is open yet"
    services.approve(otto, visit_id=visit.pk)
    [mail] = delivered()
    assert all("Approved by: Otto, another operator" in text for text in words(mail))


@pytest.mark.parametrize("end", ["time", "session"])
def test_an_end_by_itself_is_told_once(end: str) -> None:
    browser = stage.console()
    visit = stage.asked(browser)
    delivered()
    if end == "time":
        stage.time_passes(visit, 15)
    else:
        browser.post("/operator/sign-out/")
    for _ in range(2):
        rounds.REGISTRY[recurring.GLASS].make()
    [mail] = delivered()
    expected = "Its time was over." if end == "time" else "The operator"
    assert all(expected in text and "They looked at no page." in text for text in words(mail))


@pytest.mark.parametrize("shut", [workspaces.suspend, workspaces.close])
def test_owners_are_told_while_nobody_gets_into_their_workspace(shut: Callable[..., None]) -> None:
    """Nor can they read their trail then, so the letter is all that they hear of it."""
    browser = stage.console()
    shut(stage.operator_in(browser), workspace_id=ACME.id, reason="The invoice of May is open.")
    delivered()
    visit = stage.asked(browser)
    [opened] = delivered()
    assert "operator may read" in opened.subject
    services.close(stage.operator_in(browser), visit_id=visit.pk)
    [over] = delivered()
    assert over.subject == "No operator reads Acme any more"


def test_where_no_owner_could_be_told_the_glass_stays_whole() -> None:
    """Whoever suspends the only owner first looks at nothing: neither by asking nor by another's approval."""
    otto, browser = stage.operator_in(stage.console(stage.second_operator())), stage.console()
    waiting = stage.asked(browser)
    with connections["owner"].cursor() as cursor:
        cursor.execute("UPDATE accounts_membership SET status = 'suspended' WHERE id = %s", [ALICE.membership_id])
    approved = stage.console(stage.OTTO).post(f"{LIST}{waiting.pk}/approve/", follow=True)
    assert "no active owner" in approved.content.decode()
    assert stage.row(waiting).opened_at is None
    services.close(stage.operator_in(browser), visit_id=waiting.pk)
    refused = browser.post(f"{LIST}new/{ACME.id}/ask/", stage.SAID)
    assert refused.status_code == 409
    assert "no active owner" in refused.content.decode()
    with pytest.raises(services.NobodyToTell):
        services.ask(otto, place=ACME.id, reason=REASON, ticket=TICKET, minutes=15)
    assert [visit.pk for visit in queries.visits()] == [waiting.pk]


@pytest.mark.parametrize("state", ["todo", "failed"])
def test_no_operator_drops_the_letter_about_their_own_visit(state: str) -> None:
    """The owners hear of it whatever the operator would like, also where their mail does not go out for hours."""
    browser = stage.console()
    stage.asked(browser)
    with connections["owner"].cursor() as cursor:
        cursor.execute("UPDATE procrastinate_jobs SET status = 'doing' WHERE %s = 'failed'", [state])
        cursor.execute("UPDATE procrastinate_jobs SET status = %s::procrastinate_job_status RETURNING id", [state])
        [(job,)] = cursor.fetchall()
    page = browser.get(JOBS)
    found: list[Any] = [*page.context["unfinished"], *page.context["failed"]]
    [row] = found
    assert (row.name, row.is_owed) == ("accounts.letters.glass_opened", True)
    assert f"{JOBS}{job}/discard/" not in page.content.decode()
    browser.post(f"{JOBS}{job}/discard/")
    [mail] = delivered()
    assert mail.to == [ALICE.email]


@pytest.mark.parametrize("name", sorted(letters.OWED))
def test_what_the_page_calls_owed_is_what_the_database_keeps(name: str) -> None:
    assert name in jobs.REGISTRY
    with connections["owner"].cursor() as cursor:
        cursor.execute("SELECT pg_get_functiondef('fence.operate_job(text)'::regprocedure)")
        assert f"'{name}'" in cursor.fetchone()[0]


def test_what_was_never_open_is_no_mail() -> None:
    otto, browser = stage.operator_in(stage.console(stage.second_operator())), stage.console()
    services.decline(otto, visit_id=stage.asked(browser).pk)
    services.close(stage.operator_in(browser), visit_id=stage.asked(browser).pk)
    lapsed = stage.asked(browser)
    stage.time_passes(lapsed, 61)
    assert services.settle() == 1
    assert delivered() == []


def test_an_owner_who_is_none_any_more_is_not_told(two_owners: None) -> None:
    stage.asked(stage.console())
    with acting(ALICE):
        ada = Membership.objects.get(pk=ADA.membership_id)
        members.change_role(actor=ALICE.tenant, member=ada, role=Role.ADMIN)
    assert [mail.to[0] for mail in delivered() if "operator may read" in mail.subject.lower()] == [ALICE.email]


def test_the_row_of_a_visit_is_for_owners_and_admins_of_its_workspace() -> None:
    """The letters read it through the fence, so it is held to whom it concerns."""
    visit = stage.asked(stage.console())
    with acting(ALICE):
        assert Visit.objects.get().pk == visit.pk
    with acting(CHARLIE):
        assert not Visit.objects.exists()
    assert doors.browser(ALICE).get("/trail/").status_code == 200
