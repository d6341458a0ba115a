"""Is a webhook heard only if WorkOS signed it a moment ago, and is nothing believed of what it says?"""

from __future__ import annotations

import json
import threading
from collections.abc import Callable
from typing import Any

import psycopg
import pytest
from django.conf import settings as django_settings
from django.test import Client

from accounts import recurring, rounds
from accounts.signals import access_denied
from tests.cast import BOB
from tests.waiting import PATIENCE, until
from tests.workos.stage import Stage

ADDRESS = "/webhooks/workos/"


def event(stage: Stage) -> bytes:
    stage.world.change(stage.memberships[BOB], role="viewer")
    return json.dumps(stage.world.events[-1]).encode()


def send(body: bytes, signature: str | None) -> Any:
    headers = {} if signature is None else {"WorkOS-Signature": signature}
    # As from outside: no cookie, no token of a form.
    return Client(enforce_csrf_checks=True).post(ADDRESS, body, "application/json", headers=headers)


def test_a_signed_one_makes_the_worker_look_now(workos: Stage) -> None:
    body = event(workos)
    with psycopg.connect(django_settings.DATABASE_QUEUE_URL, autocommit=True) as line:
        line.execute(f"LISTEN {rounds.CHANNEL}")
        assert send(body, workos.double.signature(body)).status_code == 204
        heard = [notice.payload for notice in line.notifies(timeout=PATIENCE, stop_after=1)]
    assert heard == [recurring.WORKOS]


@pytest.mark.parametrize("knocks", [True, False], ids=["with a webhook", "without one"])
def test_a_worker_acts_on_it_within_seconds(workos: Stage, monkeypatch: pytest.MonkeyPatch, knocks: bool) -> None:
    """L13: the round as the worker keeps it. A knock brings it at once where its time is far; by itself it comes every second."""
    kept = rounds.REGISTRY[recurring.WORKOS]
    assert kept.seconds == 1
    seconds = 3600 if knocks else kept.seconds
    monkeypatch.setattr(rounds, "REGISTRY", {kept.name: rounds.Round(kept.name, seconds, kept.make)})
    browser, stop = workos.browser(BOB), threading.Event()
    before = workos.world.faults.asked["events"]
    threads = rounds.start(stop)
    try:
        assert until(lambda: workos.world.faults.asked["events"] > before), "the worker has begun"
        workos.world.leave(workos.memberships[BOB])
        if knocks:
            body = json.dumps(workos.world.events[-1]).encode()
            assert send(body, workos.double.signature(body)).status_code == 204
        assert until(lambda: browser.get("/account/").status_code == 302)
    finally:
        stop.set()
        for thread in threads:
            thread.join(PATIENCE)


def test_nothing_it_says_is_believed(workos: Stage) -> None:
    """Rightly signed, and made up: the worker reads the events themselves, where there is no such thing."""
    body = json.dumps({"id": "event_1", "event": "user.deleted", "data": {"id": workos.people[BOB].id}}).encode()
    token = workos.browser(BOB)
    assert send(body, workos.double.signature(body)).status_code == 204
    recurring.follow_workos()
    assert token.get("/account/").status_code == 200


BAD: dict[str, Callable[[Stage, bytes], str | None]] = {
    "missing": lambda stage, body: None,
    "empty": lambda stage, body: "",
    "of another secret": lambda stage, body: stage.double.signature(body, secret="another"),
    "of the empty secret": lambda stage, body: stage.double.signature(body, secret=""),
    "of another body": lambda stage, body: stage.double.signature(body + b" "),
    "old": lambda stage, body: stage.double.signature(body, seconds_ago=181),
    "from the future": lambda stage, body: stage.double.signature(body, seconds_ago=-181),
    "not ASCII": lambda stage, body: stage.double.signature(body)[:-1] + "é",
    "without a time": lambda stage, body: stage.double.signature(body).partition(", ")[2],
    "with a time of words": lambda stage, body: "t=now, v1=" + "0" * 64,
    "only words": lambda stage, body: "signed, truly",
}


@pytest.mark.parametrize("signature", BAD.values(), ids=BAD)
def test_it_refuses_a_signature_that_is(workos: Stage, signature: Callable[[Stage, bytes], str | None]) -> None:
    body, heard = event(workos), []
    access_denied.connect(receiver := lambda **facts: heard.append(facts["refusal"].action), weak=False)
    with psycopg.connect(django_settings.DATABASE_QUEUE_URL, autocommit=True) as line:
        line.execute(f"LISTEN {rounds.CHANNEL}")
        response = send(body, signature(workos, body))
        noticed = list(line.notifies(timeout=0.1))
    access_denied.disconnect(receiver)
    assert response.status_code == 400
    assert heard == ["webhook.refused"]
    assert noticed == []


def test_it_refuses_every_one_where_there_is_no_secret(workos: Stage, settings: Any) -> None:
    settings.WORKOS_WEBHOOK_SECRET = ""
    body = event(workos)
    assert send(body, workos.double.signature(body, secret="")).status_code == 400


@pytest.mark.parametrize(
    ("body", "status"),
    [
        (b"", 400),
        (b"[]", 204),
        (b"null", 400),
        (b"{", 400),
        (b"\xff\xfe", 400),
        (b'{"event": "x"}', 204),
        (b'{"id": 1, "id": 2}', 400),
    ],
)
def test_an_odd_body_is_no_failure_of_ours(workos: Stage, body: bytes, status: int) -> None:
    """L42. What is signed and can be read only hurries the next question, so it need not make sense."""
    assert send(body, workos.double.signature(body)).status_code == status
    assert send(body, "t=1, v1=2").status_code == 400


def test_a_page_cannot_be_opened_there(workos: Stage) -> None:
    assert Client().get(ADDRESS).status_code == 405
