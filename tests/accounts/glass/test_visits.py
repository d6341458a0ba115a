"""Who may break the glass, who may approve it, how does it end, and is each step in the customer's trail?"""

from __future__ import annotations

import threading
from collections.abc import Callable
from pathlib import Path

import pytest
from django.db import connections
from django.test import Client

from accounts.glass import services
from accounts.glass.models import Visit
from accounts.operators import Operator, across
from audit.shipper import Shipper
from tests import doors
from tests.accounts.glass import stage
from tests.accounts.glass.stage import LIST, REASON, SAID, TICKET
from tests.aiaxis.test_console import grow_old
from tests.cast import ACME, ADA, ALICE, BIRCH, BOB, CHARLIE, OLGA


def ask(browser: Client, place: object = ACME.id, **changed: str) -> Visit | None:
    """Ask by the page; the visit that came of it."""
    answer = browser.post(f"{LIST}new/{place}/ask/", {**SAID, **changed})
    return across(Visit).get(pk=answer["Location"].split("/")[-2]) if answer.status_code == 302 else None


def test_the_only_operators_visit_opens_at_once_and_says_so(folder: Path) -> None:
    browser = stage.console()
    assert "You are the only operator" in browser.get(f"{LIST}new/{ACME.id}/").content.decode()
    visit = ask(browser)
    assert visit is not None
    assert visit.opened_at is not None
    assert (visit.until - visit.opened_at).total_seconds() == 15 * 60
    page = browser.get(f"{LIST}{visit.pk}/").content.decode()
    assert "without a second operator, because there is none" in page
    [asked, opened] = stage.entries_in(folder, "glass.asked", "glass.opened")
    for entry in (asked, opened):
        assert (entry["workspace_id"], entry["actor_name"], entry["severity"]) == (str(ACME.id), "Olga", "critical")
        assert (entry["detail"]["reason"], entry["detail"]["ticket"]) == (REASON, TICKET)
    assert opened["detail"]["approved_by"] == "nobody: there is no second operator"


@pytest.mark.parametrize(
    "changed",
    [
        {"reason": ""},
        {"reason": "look"},
        {"reason": "x" * 241},
        {"ticket": ""},
        {"ticket": "x" * 61},
        {"minutes": "61"},
        {"minutes": "45"},
        {"minutes": "0"},
        {"minutes": "-15"},
        {"minutes": "1000000000000"},
        {"minutes": ""},
    ],
    ids=str,
)
def test_it_takes_a_sentence_a_ticket_and_one_of_three_times(changed: dict[str, str], folder: Path) -> None:
    assert ask(stage.console(), **changed) is None
    assert across(Visit).count() == 0
    assert not stage.entries_in(folder, "glass.asked", "glass.opened")


@pytest.mark.parametrize("person", [ALICE, ADA, BOB, CHARLIE, None], ids=str)
def test_nobody_but_an_operator_gets_near_it(person: object) -> None:
    visit = stage.asked(stage.console())
    browser = doors.browser(person) if person else Client()  # type: ignore[arg-type]  # a person of the cast
    for path in (LIST, f"{LIST}{visit.pk}/", f"{LIST}{visit.pk}/files/", f"{LIST}new/{ACME.id}/"):
        answer = browser.get(path)
        assert (answer.status_code, answer["Location"].partition("?")[0]) == (302, "/operator/sign-in/"), path
    for path in (f"{LIST}new/{BIRCH.id}/ask/", f"{LIST}{visit.pk}/approve/", f"{LIST}{visit.pk}/close/"):
        assert browser.post(path, SAID)["Location"] == "/operator/sign-in/", path
    assert [one.is_open for one in across(Visit)] == [True]


def test_a_workspace_that_is_none_has_no_page() -> None:
    browser = stage.console()
    missing = f"{LIST}new/{OLGA.user_id}/"
    assert browser.get(missing).status_code == 404
    assert browser.post(f"{missing}ask/", SAID).status_code == 404


def test_with_two_operators_it_waits_for_the_other(folder: Path) -> None:
    otto = stage.console(stage.second_operator())
    browser = stage.console()
    assert "Another operator has to approve it" in browser.get(f"{LIST}new/{ACME.id}/").content.decode()
    visit = ask(browser)
    assert visit is not None
    assert visit.is_waiting
    assert not stage.entries_in(folder, "glass.opened")
    assert "asks to look into this workspace" in otto.get(f"{LIST}{visit.pk}/").content.decode()
    otto.post(f"{LIST}{visit.pk}/approve/")
    now = stage.row(visit)
    assert (now.is_open, now.approved_name) == (True, "Otto")
    [opened] = stage.entries_in(folder, "glass.opened")
    assert (opened["actor_name"], opened["workspace_id"]) == ("Otto", str(ACME.id))
    assert (opened["detail"]["asked_by"], opened["detail"]["approved_by"]) == ("Olga", "Otto")


def test_nobody_approves_their_own_in_any_browser(folder: Path) -> None:
    stage.second_operator()
    browser = stage.console()
    visit = stage.asked(browser)
    for own in (browser, stage.console()):
        assert "Approve" not in own.get(f"{LIST}{visit.pk}/").content.decode().replace("cannot approve", "")
        own.post(f"{LIST}{visit.pk}/approve/")
        own.post(f"{LIST}{visit.pk}/decline/")
        with pytest.raises(services.CameTooLate):
            services.approve(stage.operator_in(own), visit_id=visit.pk)
    assert stage.row(visit).is_waiting
    assert not stage.entries_in(folder, "glass.opened", "glass.declined")


def test_an_operator_who_is_out_is_no_second_one() -> None:
    """A person who was an operator once, or whose account is closed, can approve nothing, so nobody waits for them."""
    otto = stage.second_operator()
    with connections["owner"].cursor() as cursor:
        cursor.execute("UPDATE accounts_user SET is_active = false WHERE id = %s", [otto.user_id])
    assert stage.asked(stage.console()).is_open


def late_approval(visit: Visit, browser: Client) -> None:
    stage.time_passes(visit, 61)


def closed_before(visit: Visit, browser: Client) -> None:
    services.close(stage.operator_in(browser), visit_id=visit.pk)


def session_over(visit: Visit, browser: Client) -> None:
    browser.post("/operator/sign-out/")


def declined_before(visit: Visit, browser: Client) -> None:
    services.decline(stage.operator_in(stage.console(stage.OTTO)), visit_id=visit.pk)


@pytest.mark.parametrize("before", [late_approval, closed_before, session_over, declined_before])
def test_an_approval_that_comes_too_late_opens_nothing(before: Callable[[Visit, Client], None], folder: Path) -> None:
    otto, browser = stage.console(stage.second_operator()), stage.console()
    visit = stage.asked(browser)
    before(visit, browser)
    answer = otto.post(f"{LIST}{visit.pk}/approve/", follow=True)
    assert "Nothing changed" in answer.content.decode()
    assert stage.row(visit).opened_at is None
    assert not stage.entries_in(folder, "glass.opened")


def at_once(*acts: Callable[[], object]) -> list[object]:
    """Run the acts on threads of their own, each on its own connection; what each returned or raised."""
    barrier = threading.Barrier(len(acts))
    results: list[object] = [None] * len(acts)

    def run(place: int) -> None:
        barrier.wait()
        try:
            results[place] = acts[place]()
        except Exception as error:
            results[place] = error
        finally:
            connections.close_all()

    threads = [threading.Thread(target=run, args=[place]) for place in range(len(acts))]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    return results


def test_two_approvals_at_once_are_one(folder: Path) -> None:
    stage.second_operator()
    both = [stage.operator_in(stage.console(stage.OTTO)) for _ in range(2)]
    visit = stage.asked(stage.console())
    results = at_once(*(lambda one=one: services.approve(one, visit_id=visit.pk) for one in both))
    assert sorted(type(one).__name__ for one in results) == ["CameTooLate", "Visit"]
    assert len(stage.entries_in(folder, "glass.opened")) == 1


def test_an_approval_and_a_withdrawal_at_once_end_in_one_story(folder: Path) -> None:
    """Whichever is first: never open without an entry, never closed and open."""
    otto = stage.operator_in(stage.console(stage.second_operator()))
    browser = stage.console()
    olga = stage.operator_in(browser)
    for _ in range(6):
        visit = stage.asked(browser)
        at_once(
            lambda visit=visit: services.approve(otto, visit_id=visit.pk),  # type: ignore[misc]  # bound at once
            lambda visit=visit: services.close(olga, visit_id=visit.pk),  # type: ignore[misc]  # bound at once
        )
        now = stage.row(visit)
        told = [one["action"] for one in stage.entries_in(folder) if one["target_id"] == str(visit.pk)]
        assert told.count("glass.opened") == (now.opened_at is not None)
        assert told.count("glass.closed") == 1
        assert now.ending == ("closed" if now.opened_at else "withdrawn")


def test_one_operator_has_one_visit_whatever_two_browsers_send_at_once() -> None:
    both = [stage.operator_in(stage.console()) for _ in range(2)]

    def asked_by(operator: Operator) -> Callable[[], Visit]:
        return lambda: services.ask(operator, place=ACME.id, reason=REASON, ticket=TICKET, minutes=15)

    results = at_once(*map(asked_by, both))
    assert sorted(type(one).__name__ for one in results) == ["OneAtATime", "Visit"]
    again = stage.console().post(f"{LIST}new/{BIRCH.id}/ask/", SAID)
    assert (again.status_code, across(Visit).count()) == (409, 1)


@pytest.mark.parametrize("who", ["its operator", "another operator"])
def test_it_is_closed_early_by_its_operator_or_by_another(who: str, folder: Path) -> None:
    browser = stage.console()
    visit = stage.asked(browser)
    closer = browser if who == "its operator" else stage.console(stage.second_operator())
    closer.post(f"{LIST}{visit.pk}/close/")
    now = stage.row(visit)
    assert (now.is_over, now.ending, now.closed_name) == (True, "closed", "Olga" if closer is browser else "Otto")
    [closed] = stage.entries_in(folder, "glass.closed")
    assert (closed["workspace_id"], closed["actor_name"]) == (str(ACME.id), now.closed_name)


def test_a_request_is_taken_back_by_whoever_made_it_alone() -> None:
    otto, browser = stage.console(stage.second_operator()), stage.console()
    visit = stage.asked(browser)
    otto.post(f"{LIST}{visit.pk}/close/")
    assert stage.row(visit).is_waiting
    browser.post(f"{LIST}{visit.pk}/close/")
    assert stage.row(visit).ending == "withdrawn"


def test_declining_is_an_entry_and_no_mail(folder: Path) -> None:
    otto = stage.console(stage.second_operator())
    visit = stage.asked(stage.console())
    otto.post(f"{LIST}{visit.pk}/decline/")
    assert (stage.row(visit).ending, stage.row(visit).closed_name) == ("declined", "Otto")
    [entry] = stage.entries_in(folder, "glass.declined")
    assert (entry["actor_name"], entry["workspace_id"]) == ("Otto", str(ACME.id))


@pytest.mark.parametrize(
    ("minutes", "needs_second", "ending"), [(15, False, "time"), (61, True, "lapsed")], ids=["open", "waiting"]
)
def test_what_time_has_ended_is_written_down_once(minutes: int, needs_second: bool, ending: str, folder: Path) -> None:
    if needs_second:
        stage.second_operator()
    visit = stage.asked(stage.console())
    assert services.settle() == 0, "nothing is over yet"
    stage.time_passes(visit, minutes)
    results = at_once(services.settle, services.settle)
    assert sorted(map(str, results)) == ["0", "1"]
    assert stage.row(visit).ending == ending
    [closed] = stage.entries_in(folder, "glass.closed")
    assert (closed["workspace_id"], closed["actor_type"]) == (str(ACME.id), "system")
    assert closed["detail"]["asked_by"] == "Olga"


def test_the_end_of_the_session_is_written_down() -> None:
    browser = stage.console()
    visit = stage.asked(browser)
    browser.post("/operator/sign-out/")
    assert services.settle() == 1
    assert stage.row(visit).ending == "session"


def test_the_customers_trail_shows_it_to_those_who_keep_it(folder: Path) -> None:
    """In Acme's trail, by the shipper, as its owner and admin read it; not in Birch's, and not for a member."""
    desk, browser = stage.a_desk(), stage.console()
    visit = stage.asked(browser)
    for path in stage.pages_of(visit, desk).values():
        assert stage.read(browser, path)[0] == 200, path
    browser.post(f"{LIST}{visit.pk}/close/")
    assert Shipper(folder).ship()
    for person in (ALICE, ADA):
        page = doors.browser(person).get("/trail/").content.decode()
        for words in (
            "Operator asked to break the glass",
            "Glass broken: an operator may read here",
            "Operator read content",
            "Operator&#x27;s visit over",
            "Olga",
        ):
            assert words in page
        only = doors.browser(person).get("/trail/", {"action": "glass.opened"})
        [entry] = only.context["page"].items
        detail = doors.browser(person).get(f"/trail/{entry.pk}/").content.decode()
        assert REASON in detail
        assert TICKET in detail
    assert "Olga" not in doors.browser(CHARLIE).get("/trail/").content.decode()
    assert doors.browser(BOB).get("/trail/").status_code == 403


def test_breaking_the_glass_and_approving_it_need_a_fresh_sign_in(folder: Path) -> None:
    """A console that was left open is not enough to read a customer's content, nor to allow it; to end it, it is."""
    otto, browser = stage.console(stage.second_operator()), stage.console()
    visit = stage.asked(browser)
    grow_old()
    assert otto.post(f"{LIST}{visit.pk}/approve/")["Location"] == "/operator/sign-in/"
    assert otto.post(f"{LIST}new/{BIRCH.id}/ask/", SAID)["Location"] == "/operator/sign-in/"
    assert across(Visit).count() == 1
    assert stage.row(visit).is_waiting
    assert not stage.entries_in(folder, "glass.opened")
    assert browser.post(f"{LIST}{visit.pk}/close/")["Location"] == f"{LIST}{visit.pk}/"
    assert stage.row(visit).ending == "withdrawn"
