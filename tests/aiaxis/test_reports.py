"""Does a report of a crash carry where it happened, and nothing that a customer wrote?"""

from __future__ import annotations

import gzip
import json
import logging
from collections.abc import Iterator
from typing import Any

import pytest
import sentry_sdk
from django.apps import apps
from django.http import HttpResponse
from django.test import Client, override_settings
from django.urls import path
from sentry_sdk.envelope import Envelope
from sentry_sdk.transport import Transport

from accounts.access import public
from accounts.tracing import Origin, following
from aiaxis import reports
from audit import spool
from audit.notices import deciding
from audit.services import spool_folder
from tests import cast
from tests.audit.notices import desk
from tests.receivers import answers, receiver

CANARY = "canary-7f3a"
DSN = "https://public@127.0.0.1/1"


@public
def crash(request: Any) -> Any:
    """A view that crashes with a customer's words in its variables, its sentence and its log line."""
    content = f"{CANARY} in a variable"
    logging.getLogger("aiaxis.test").error("Reading %s failed", f"{CANARY} in a log line")
    raise ValueError(f"{content} and in the sentence")


@public
def away(request: Any) -> Any:
    """A view that answers that something is away."""
    return HttpResponse(status=503)


urlpatterns = [path("crash/", crash), path("away/", away)]


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


@override_settings(ROOT_URLCONF=__name__)
def test_what_django_says_of_an_answer_is_found_by_its_request(sent: list[Any]) -> None:
    """It says so when the answer is finished, and no request is under way any more."""
    answer = Client().get("/away/")
    assert answer.status_code == 503
    [event] = [one for one in sent if one["logger"] == "django.request"]
    assert event["tags"]["request"] == answer["X-Request-Id"]


def test_what_a_later_sdk_adds_stays_here() -> None:
    event = {"event_id": "1", "request": {"data": CANARY}, "user": {"email": CANARY}, "extra": {"x": CANARY}}
    assert reports.scrubbed(event, {}) == {"event_id": "1", "exception": {"values": []}, "tags": {}}


@pytest.mark.parametrize(("dsn", "begun"), [("", []), (DSN, [DSN])])
def test_nothing_is_reported_without_a_place_for_it(
    monkeypatch: pytest.MonkeyPatch, dsn: str, begun: list[str]
) -> None:
    asked: list[str] = []
    monkeypatch.setattr(reports, "begin", asked.append)
    with override_settings(SENTRY_DSN=dsn):
        apps.get_app_config("aiaxis").ready()
    assert asked == begun


@pytest.fixture
def wire() -> Iterator[Any]:
    """A collector on the wire, told by the SDK's own transport."""
    with receiver(answers(200, b'{"id": "1"}')) as collector, sentry_sdk.isolation_scope():
        reports.begin(f"http://public@127.0.0.1:{collector.port}/1")
        yield collector
        sentry_sdk.get_client().close()
    sentry_sdk.get_global_scope().set_client(None)


def arrived(collector: Any) -> bytes:
    """Everything that came: addresses, headers and bodies, unpacked."""
    sentry_sdk.flush()
    said = [json.dumps([one.path, one.headers]).encode() for one in collector.received]
    bodies = [one.body for one in collector.received]
    return b"\n".join(said + [gzip.decompress(body) if body[:2] == b"\x1f\x8b" else body for body in bodies])


@pytest.mark.usefixtures("committed")
@pytest.mark.urls(__name__)
def test_nothing_that_a_client_sent_is_on_the_wire_and_the_request_is_found_by_its_id(
    wire: Any, settings: Any, tmp_path: Any
) -> None:
    """L44: a canary in every place where a client can put one, and a collector that is really called."""
    settings.AIAXIS_HOME = tmp_path
    client = Client(
        raise_request_exception=False, headers={"User-Agent": CANARY, "Referer": f"https://u:{CANARY}@a.test"}
    )
    client.cookies["session"] = CANARY
    answer = client.post(f"/crash/?code={CANARY}", {"password": CANARY}, headers={"traceparent": f"00-{CANARY}-x"})
    assert answer.status_code == 500
    told = arrived(wire)
    assert told.count(b'"type":"event"') == 2
    assert f'"request":"{answer["X-Request-Id"]}"'.encode() in told
    assert b"ValueError" in told
    assert CANARY.encode() not in told
    assert cast.ACME.name.encode() not in told
    assert not sentry_sdk.get_client().options["send_default_pii"]
    # The trail's entry of that request names the report: from either one the other is found.
    [line] = [json.loads(line) for path in spool.segments(spool_folder()) for line in path.read_bytes().splitlines()]
    assert (line["action"], line["reason"], line["status"]) == ("request.failed", "server_error", 500)
    assert line["request_id"] == answer["X-Request-Id"]
    assert f'"event_id":"{line["trace"]["report"]}"'.encode() in told


@pytest.mark.usefixtures("committed")
def test_an_alarm_is_one_issue_whatever_it_is_about(sent: list[Any], settings: Any, tmp_path: Any) -> None:
    settings.AIAXIS_HOME = tmp_path
    desk.store(desk.spoofed(1, actor_name=CANARY), desk.spoofed(2, actor_name=CANARY))
    deciding.decide()
    assert [event["fingerprint"] for event in sent] == [["aiaxis.alarm", "request.spoofed"]] * 2
    assert [event["tags"]["alarm"] for event in sent] == ["request.spoofed"] * 2
    assert CANARY not in json.dumps(sent, default=str)


def test_a_failure_of_a_job_is_found_by_its_number(sent: list[Any]) -> None:
    with following(Origin(), job=17):
        logging.getLogger("aiaxis.test").error("It failed.")
    assert sent[0]["tags"] == {"job": "17"}


def test_no_crumb_is_kept(sent: list[Any]) -> None:
    sentry_sdk.add_breadcrumb(message=CANARY)
    logging.getLogger("aiaxis.test").error("It failed.")
    assert CANARY not in json.dumps(sent, default=str)
    assert "breadcrumbs" not in sent[0]
