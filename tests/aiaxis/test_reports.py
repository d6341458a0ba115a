"""Does a report of a crash carry where it happened, and nothing that a customer wrote?"""

from __future__ import annotations

import json
import logging
from collections.abc import Iterator
from typing import Any

import pytest
import sentry_sdk
from django.apps import apps
from django.test import Client, override_settings
from django.urls import path
from sentry_sdk.envelope import Envelope
from sentry_sdk.transport import Transport

from accounts.access import public
from aiaxis import reports

CANARY = "canary-7f3a"
DSN = "https://public@127.0.0.1/1"


@public
def crash(request: Any) -> Any:
    """A view that crashes with a customer's words in its variables, its sentence and its log line."""
    content = f"{CANARY} in a variable"
    logging.getLogger("aiaxis.test").error("Reading %s failed", f"{CANARY} in a log line")
    raise ValueError(f"{content} and in the sentence")


urlpatterns = [path("crash/", crash)]


class Kept(Transport):
    """Keeps in memory what would have left; there is no network in tests."""

    def __init__(self) -> None:
        super().__init__()
        self.events: list[Any] = []

    def capture_envelope(self, envelope: Envelope) -> None:
        self.events.append(envelope.get_event())


@pytest.fixture
def sent() -> Iterator[list[Any]]:
    transport = Kept()
    with sentry_sdk.isolation_scope():
        reports.begin(DSN, transport=transport)
        yield transport.events
    sentry_sdk.get_global_scope().set_client(None)


@override_settings(ROOT_URLCONF=__name__)
def test_a_crash_is_reported_without_a_word_of_a_customers(sent: list[Any]) -> None:
    client = Client(raise_request_exception=False, headers={"User-Agent": CANARY, "Authorization": CANARY})
    assert client.post(f"/crash/?q={CANARY}", {"text": CANARY}).status_code == 500
    line, crashed = sent
    assert line["logentry"]["message"].startswith("aiaxis.test: test_reports.crash, line ")
    (kind,) = crashed["exception"]["values"]
    assert kind["type"] == "ValueError"
    assert kind["stacktrace"]["frames"][-1]["function"] == "crash"
    assert CANARY not in json.dumps(sent, default=str)


def test_what_a_later_sdk_adds_stays_here() -> None:
    event = {"event_id": "1", "request": {"data": CANARY}, "user": {"email": CANARY}, "extra": {"x": CANARY}}
    assert reports.scrubbed(event, {}) == {"event_id": "1", "exception": {"values": []}}


@pytest.mark.parametrize(("dsn", "begun"), [("", []), (DSN, [DSN])])
def test_nothing_is_reported_without_a_place_for_it(
    monkeypatch: pytest.MonkeyPatch, dsn: str, begun: list[str]
) -> None:
    asked: list[str] = []
    monkeypatch.setattr(reports, "begin", asked.append)
    with override_settings(SENTRY_DSN=dsn):
        apps.get_app_config("aiaxis").ready()
    assert asked == begun
