"""What does an operator see through the glass, is each page an entry or not shown, and is the banner on every page?"""

from __future__ import annotations

import re
from pathlib import Path

import pytest
from django.db import connections
from django.test import Client
from django.urls import get_resolver
from pytest_django import DjangoAssertNumQueries, Settings

from accounts.glass import queries, services
from accounts.glass.sections import SECTIONS
from agents.models import Agent
from conversations.models import Conversation, Message
from files.models import File, Passage
from tests.accounts.glass import stage
from tests.accounts.glass.stage import LIST
from tests.addresses import ADDRESSES
from tests.cast import ALICE, CHARLIE, acting
from tests.factories import Desk, MessageFactory, a_full_desk
from tests.outages import out_of_reach

SECRET = "Refunds take ten days."
EVIL = '<script>alert(1)</script><img src=x onerror="alert(2)">'


@pytest.fixture
def desk() -> Desk:
    return stage.a_desk()


def test_every_page_of_a_visit_shows_private_content_and_is_one_entry(desk: Desk, folder: Path) -> None:
    """P9: who, which object, in that workspace's own trail."""
    browser = stage.console()
    visit = stage.asked(browser)
    names = {"file": desk.rows["file_id"].name, "agent": desk.rows["agent_id"].name}
    shown = {"files": names["file"], "agents": names["agent"], "agent": names["file"]}
    shown |= {"conversations": desk.rows["conversation_id"].title}
    for page, path in stage.pages_of(visit, desk).items():
        status, body = stage.read(browser, path)
        assert status == 200, page
        assert shown.get(page, SECRET) in body.decode(), page
        # What is behind a try of the agent is no conversation that a workspace has.
        assert str(desk.rows["trial_id"].conversation_id) not in body.decode(), page
    seen = stage.entries_in(folder, "glass.seen")
    about = {"file": "file_id", "file_content": "file_id", "agent": "agent_id", "conversation": "conversation_id"}
    told = [(one["detail"]["page"], one["target_type"], one["target_id"]) for one in seen]
    assert told == [
        (page, about[page].removesuffix("_id"), desk.ids[about[page]])
        if page in about
        else (page, "visit", str(visit.pk))
        for page in stage.pages_of(visit, desk)
    ]
    assert {(one["workspace_id"], one["actor_type"], one["actor_name"]) for one in seen} == {
        (str(visit.workspace_id), "operator", "Olga")
    }
    assert stage.row(visit).pages == len(seen)


def test_every_address_below_a_visit_is_one_of_a_section_or_an_act() -> None:
    """An address made tomorrow either goes through the wrapper that records it, or is on this list."""
    acts = {"", "approve/", "decline/", "close/"}
    base = "/operator/accounts/visit/<uuid:visit_id>/"
    below = {one.pattern.removeprefix(base) for one in ADDRESSES if one.pattern.startswith(base)}
    sections = {f"{section.noun}/{page.below}" for section in SECTIONS for page in section.pages}
    assert below == acts | sections
    assert {section.noun for section in SECTIONS} == {"files", "agents", "conversations"}
    assert get_resolver() is not None


def forgotten(settings: Settings, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """No sink takes an entry: the folder is a file, and the role that could write it is gone."""
    (tmp_path / "in-the-way").write_text("")
    settings.AIAXIS_HOME = tmp_path / "in-the-way"
    out_of_reach("audit", monkeypatch)


def test_a_page_that_no_sink_takes_is_not_shown(
    desk: Desk, settings: Settings, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    browser = stage.console()
    visit = stage.asked(browser)
    forgotten(settings, tmp_path, monkeypatch)
    for page, path in stage.pages_of(visit, desk).items():
        status, body = stage.read(browser, path)
        assert status == 503, page
        assert SECRET not in body.decode(), page
    assert stage.row(visit).pages == 0, "and is not counted as seen"


def test_an_act_that_no_sink_takes_is_not_done(
    settings: Settings, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    otto, browser = stage.console(stage.second_operator()), stage.console()
    visit = stage.asked(browser)
    forgotten(settings, tmp_path, monkeypatch)
    for client, path in (
        (otto, f"{LIST}{visit.pk}/approve/"),
        (otto, f"{LIST}{visit.pk}/decline/"),
        (browser, f"{LIST}{visit.pk}/close/"),
        (otto, f"{LIST}new/{visit.workspace_id}/ask/"),
    ):
        assert client.post(path, stage.SAID).status_code == 503, path
    assert stage.row(visit).is_waiting
    with connections["queue"].cursor() as cursor:
        cursor.execute("SELECT count(*) FROM procrastinate_jobs WHERE task_name LIKE %s", ["accounts.letters.glass%"])
        assert cursor.fetchone() == (0,), "nor is anybody written to"


def closed(browser: Client) -> str:
    visit = stage.asked(browser)
    services.close(stage.operator_in(browser), visit_id=visit.pk)
    return str(visit.pk)


def over_time(browser: Client) -> str:
    visit = stage.asked(browser)
    stage.time_passes(visit, 15)
    return str(visit.pk)


def waiting(browser: Client) -> str:
    stage.second_operator()
    return str(stage.asked(browser).pk)


def anothers(browser: Client) -> str:
    return str(stage.asked(stage.console(stage.second_operator())).pk)


def in_another_session(browser: Client) -> str:
    return str(stage.asked(stage.console()).pk)


@pytest.mark.parametrize("make", [closed, over_time, waiting, anothers, in_another_session])
def test_what_is_not_open_for_this_session_shows_nothing_and_the_attempt_is_recorded(
    make: object, desk: Desk, folder: Path
) -> None:
    browser = stage.console()
    visit_id = make(browser)  # type: ignore[operator]  # one of the five above
    visit = queries.visits().get(pk=visit_id)
    for page, path in stage.pages_of(visit, desk).items():
        status, body = stage.read(browser, path)
        assert (status, SECRET in body.decode()) == (302, False), page
    assert not stage.entries_in(folder, "glass.seen")
    refused = stage.entries_in(folder, "glass.refused")
    assert [(one["actor_name"], one["outcome"]) for one in refused] == [("Olga", "denied")] * 7
    assert "is not open" in browser.get(stage.pages_of(visit, desk)["files"], follow=True).content.decode()


def test_a_visit_that_ends_between_the_entry_and_the_page_shows_nothing(
    desk: Desk, monkeypatch: pytest.MonkeyPatch
) -> None:
    """The page had been allowed already; the database says no to its first query."""
    browser = stage.console()
    visit = stage.asked(browser)
    see = services.see

    def slowly(*args: object, **kwargs: object) -> object:
        allowed = see(*args, **kwargs)  # type: ignore[arg-type]  # as they came
        stage.time_passes(visit, 15)
        return allowed

    monkeypatch.setattr(services, "see", slowly)
    status, body = stage.read(browser, stage.pages_of(visit, desk)["conversation"])
    assert (status, SECRET in body.decode()) == (302, False)


def test_another_workspaces_rows_are_not_there(desk: Desk) -> None:
    theirs = a_full_desk(CHARLIE, visibility="workspace")
    browser = stage.console()
    visit = stage.asked(browser)
    for page, path in stage.pages_of(visit, theirs).items():
        status, body = stage.read(browser, path)
        if page in ("file", "file_content", "agent", "conversation"):
            assert status == 404, page
        for name in ("file_id", "agent_id", "conversation_id"):
            assert f'/{theirs.ids[name]}/"' not in body.decode(), page


def test_it_reads_only(desk: Desk) -> None:
    browser = stage.console()
    visit = stage.asked(browser)
    for path in stage.pages_of(visit, desk).values():
        for verb in ("post", "put", "patch", "delete"):
            assert getattr(browser, verb)(path).status_code == 405, path


def test_whatever_stands_there_is_inert() -> None:
    """L19: names, instructions, passages and answers were written by strangers and models; here they are text."""
    desk = stage.a_desk()
    with acting(ALICE):
        File.objects.update(name=EVIL)
        Passage.objects.update(text=EVIL, label=EVIL)
        Agent.objects.update(name=EVIL, instructions=EVIL, description=EVIL, refusal_text=EVIL)
        # No browser of a member's ever made this: rendered HTML that is not what it should be.
        Message.objects.update(text=EVIL, html=EVIL, error=EVIL)
        MessageFactory(conversation=desk.rows["conversation_id"], text="plain", html=EVIL)
        Conversation.objects.update(title=EVIL)
    browser = stage.console()
    visit = stage.asked(browser)
    for page, path in stage.pages_of(visit, desk).items():
        if page != "file_content":
            text = stage.read(browser, path)[1].decode()
            assert "<script>" not in text, page
            assert "<img src=x" not in text, page
            assert "&lt;script&gt;" in text, page


def test_a_download_is_an_attachment(desk: Desk) -> None:
    browser = stage.console()
    visit = stage.asked(browser)
    answer = browser.get(stage.pages_of(visit, desk)["file_content"])
    answer.close()
    assert answer.headers["Content-Disposition"].startswith("attachment")
    assert "sandbox" in answer.headers["Content-Security-Policy"]
    assert "no-store" in answer.headers["Cache-Control"]


def test_the_banner_is_on_every_page_of_the_console_while_it_is_open(desk: Desk) -> None:
    browser, other = stage.console(), stage.console()
    pages = ["/operator/", LIST, "/operator/audit/entry/", "/operator/audit/review/"]
    banner = re.compile(r"The glass is broken.*Acme.*can be read until \d\d:\d\d UTC.*Close it now", re.DOTALL)
    visit = stage.asked(browser)
    for path in (*pages, f"{LIST}{visit.pk}/", *stage.pages_of(visit, desk).values()):
        if not path.endswith("/content/"):
            assert banner.search(browser.get(path).content.decode()), path
            assert not banner.search(other.get(path, follow=True).content.decode()), "it is not open in this session"
    stage.time_passes(visit, 15)
    for path in pages:
        assert not banner.search(browser.get(path).content.decode()), path


def test_a_list_costs_the_same_however_long_it_is(
    desk: Desk, django_assert_max_num_queries: DjangoAssertNumQueries
) -> None:
    browser = stage.console()
    visit = stage.asked(browser)
    for _ in range(2):
        for page, path in stage.pages_of(visit, desk).items():
            with django_assert_max_num_queries(8, connection=connections["default"]):
                assert stage.read(browser, path)[0] == 200, page
        for _ in range(3):
            a_full_desk(ALICE)


def test_workspaces_are_found_by_name_and_no_reserved_name_is_needed() -> None:
    browser = stage.console()
    found = browser.get(LIST, {"q": "acm"}).content.decode()
    assert "Acme" in found
    assert "Birch" not in found
    assert "No workspace has this in its name" in browser.get(LIST, {"q": "nothing"}).content.decode()
    assert browser.get(LIST, {"q": "x" * 81}).status_code == 422
