"""Can operators, and only operators, say what they hear of, and is every such act recorded or not done?"""

from __future__ import annotations

import json
from pathlib import Path

import pytest
from django.db import DatabaseError, connections
from django.test import Client
from pytest_django import Settings

from accounts.tenancy import claims
from audit import spool
from tests import cast, doors
from tests.audit.notices import desk
from tests.outages import out_of_reach
from tests.receivers import answers, receiver

CHANNELS, RULES, OUTBOX = "/operator/audit/operatorchannel/", "/operator/audit/rule/", "/operator/audit/message/"


def acts(folder: Path) -> list[str]:
    """What operators did, besides looking."""
    lines = [json.loads(line) for path in spool.segments(folder) for line in path.read_bytes().splitlines()]
    return [
        one["action"] for one in lines if one["actor_type"] == "operator" and not one["action"].startswith("operator.")
    ]


def form(url: str, **changes: str) -> dict[str, str]:
    """What the page sends."""
    return {"name": "On call", "kind": "webhook", "address": url, "least": "info", **changes}


def test_an_operator_adds_a_channel_tests_it_pauses_it_and_removes_it(folder: Path) -> None:
    with receiver() as hook:
        browser = doors.operator(cast.OLGA)
        created = browser.post(f"{CHANNELS}create/", form(hook.url))
        assert created.status_code == 201
        secret, page = created.context["secret"], f"{CHANNELS}{created.context['row_id']}/"
        assert browser.post(f"{page}test/").status_code == 302
        desk.decide_and_send()
        assert desk.types(hook) == ["channel.test"]
        for address in (CHANNELS, f"{CHANNELS}new/", page, RULES, f"{RULES}new/", OUTBOX, f"{OUTBOX}?state=dead"):
            text = browser.get(address).content.decode()
            assert "Operator" in text
            assert secret not in text
            assert hook.url not in text
        for verb in ("pause", "resume", "remove"):
            assert browser.post(f"{page}{verb}/").status_code == 302
        expected = ["channel.created", "channel.tested", "channel.changed", "channel.changed", "channel.removed"]
        assert acts(folder) == expected
        assert browser.get(page).status_code == 404


def test_an_operator_changes_a_rule_and_what_follows_obeys(folder: Path) -> None:
    with receiver() as hook:
        desk.operators_channel(hook.url)
        browser = doors.operator(cast.OLGA)
        rule = next(row for row in browser.get(RULES).context["rows"] if row.actions == ["request.spoofed"])
        page = f"{RULES}{rule.pk}/"
        assert "Reserved name sent" in browser.get(RULES).content.decode()
        assert "request.spoofed" in browser.get(page).content.decode()
        values = {"name": rule.name, "position": "10", "severity": "", "per_minute": "0", "is_on": "on"}
        answer = browser.post(f"{page}keep/", {**values, "actions": ["request.spoofed"]})
        assert answer.status_code == 302
        desk.store(desk.spoofed(1))
        desk.decide_and_send()
        assert hook.received == []
        assert browser.post(f"{page}remove/").status_code == 302
        desk.store(desk.spoofed(2))
        desk.decide_and_send()
        # The next rule that fits is the one for whatever else is critical.
        assert len(hook.received) == 1
        assert acts(folder)[1:] == ["notice_rule.changed", "notice_rule.removed"]


def test_a_new_rule_needs_a_name_and_a_number_that_can_be() -> None:
    browser = doors.operator(cast.OLGA)
    for values in (
        {"name": "", "position": "1", "per_minute": "0"},
        {"name": "x", "position": "-1", "per_minute": "z"},
    ):
        assert browser.post(f"{RULES}keep/", values).status_code == 422
    kept = browser.post(
        f"{RULES}keep/", {"name": "x", "position": "1", "per_minute": "5", "severity": "notice", "is_on": "on"}
    )
    assert kept.status_code == 302


def test_what_was_given_up_is_shown_and_sent_again() -> None:
    with receiver(answers(410)) as hook:
        desk.operators_channel(hook.url)
        desk.store(desk.spoofed())
        desk.decide_and_send()
        browser = doors.operator(cast.OLGA)
        page = browser.get(f"{OUTBOX}?state=dead")
        assert "It answered with 410: gone." in page.content.decode()
        [(message, _)] = page.context["rows"]
        hook.behave = answers()
        assert browser.post(f"{OUTBOX}{message.pk}/retry/").status_code == 302
        desk.decide_and_send()
        assert len(hook.received) == 2


def test_what_cannot_be_recorded_is_not_done(
    settings: Settings, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    browser = doors.operator(cast.OLGA)
    (tmp_path / "in-the-way").write_text("")
    settings.AIAXIS_HOME = tmp_path / "in-the-way"
    out_of_reach("audit", monkeypatch)
    assert browser.post(f"{CHANNELS}create/", form("https://93.184.216.34/x")).status_code == 503
    with connections["owner"].cursor() as cursor:
        cursor.execute("SELECT count(*) FROM audit_operatorchannel")
        assert cursor.fetchone() == (0,)


@pytest.mark.parametrize("person", [cast.ALICE, cast.BOB, cast.CHARLIE, None])
def test_nobody_else_comes_in(person: cast.Person | None) -> None:
    """L7: with a channel of the operators' that could be seen or changed."""
    with receiver() as hook:
        channel = desk.operators_channel(hook.url)
        client = doors.browser(person) if person else Client()
        for address in (CHANNELS, f"{CHANNELS}{channel}/", f"{CHANNELS}new/", RULES, OUTBOX):
            answer = client.get(address)
            assert answer.status_code == 302
            assert b"On call" not in answer.content
        for address in (f"{CHANNELS}create/", f"{CHANNELS}{channel}/remove/", f"{RULES}keep/"):
            assert client.post(address, form(hook.url)).status_code == 302
        with connections["owner"].cursor() as cursor:
            cursor.execute("SELECT count(*) FROM audit_operatorchannel")
            assert cursor.fetchone() == (1,)


def test_sealed_words_of_somebody_who_is_no_operator_change_nothing() -> None:
    words = claims.sealed("operator channel", operator=str(cast.ALICE.user_id), id=str(cast.ACME.id), act="remove")
    other = claims.sealed("outbox", operator=str(cast.OLGA.user_id), id=str(cast.ACME.id), act="remove")
    for sealed in (words, other):
        with connections["default"].cursor() as cursor, pytest.raises(DatabaseError):
            cursor.execute("SELECT fence.keep_operator_channel(%s)", [sealed])
