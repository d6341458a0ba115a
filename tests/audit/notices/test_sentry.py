"""Does a Sentry project hear of an alarm as its own programs would tell it, and of nobody's name?"""

from __future__ import annotations

import json
from typing import Any
from uuid import uuid4

import pytest
from django.db import DatabaseError
from pytest_django import Settings

from accounts.tracing import accepted
from audit.notices import services
from audit.notices.addresses import Unfit
from audit.notices.forms import ChannelForm, OperatorChannelForm
from audit.notices.models import Kind
from tests import cast, doors
from tests.audit.notices import desk
from tests.receivers import Received, Receiver, answers, receiver

KEY = "0123456789abcdef0123456789abcdef"
TRACE = "4bf92f3577b34da6a3ce929d0e0e4736"


def dsn_of(collector: Receiver) -> str:
    return f"http://{KEY}@127.0.0.1:{collector.port}/17"


def event_in(came: Received) -> dict[str, Any]:
    """Read an envelope as Sentry's specification describes it: a head, then items, each with its length."""
    head, _, rest = came.body.partition(b"\n")
    item, _, rest = rest.partition(b"\n")
    about = json.loads(item)
    assert about["type"] == "event"
    assert rest[about["length"] :] == b"\n"
    event: dict[str, Any] = json.loads(rest[: about["length"]])
    assert json.loads(head)["event_id"] == event["event_id"]
    return event


def test_an_alarm_arrives_as_an_event_under_the_projects_key() -> None:
    request = uuid4()
    trace = {"traceparent": f"00-{TRACE}-00f067aa0ba902b7-01"}
    with receiver(answers(200, b'{"id": "1"}')) as collector:
        desk.operators_channel(dsn_of(collector), Kind.SENTRY)
        desk.store(desk.spoofed(request_id=str(request), trace=trace))
        desk.decide_and_send()
        [came] = collector.received
        event = event_in(came)
        assert came.path == "/api/17/envelope/"
        assert f"sentry_key={KEY}" in came.headers["x-sentry-auth"]
        assert "sentry_version=7" in came.headers["x-sentry-auth"]
        assert (event["level"], event["message"]) == ("fatal", {"formatted": "Critical: Reserved name sent"})
        assert event["fingerprint"] == ["aiaxis", "request.spoofed", "reserved_name"]
        assert event["tags"]["request"] == str(request)
        assert event["contexts"]["trace"]["trace_id"] == TRACE
        assert accepted(came.headers["traceparent"])[3:35] == TRACE
        assert desk.messages("state") == [("sent",)]
        [(message,)] = desk.messages("id")
        assert event["event_id"] == message.hex


def test_it_is_told_no_name_no_address_and_no_secret() -> None:
    """L44: what a webhook says of who it was and from where does not reach a collector of error reports."""
    hostile: dict[str, Any] = {
        "actor_name": "canary-name",
        "client_address": "198.51.100.77",
        "http": {"route": "/files/", "path": "/canary-path", "headers": {"user-agent": "canary-agent"}},
        "detail": {"secret": "canary-detail"},
        "target_id": "canary-target",
    }
    with receiver() as hook, receiver() as collector:
        desk.operators_channel(hook.url)
        desk.operators_channel(dsn_of(collector), Kind.SENTRY)
        desk.store(desk.spoofed(actor=cast.BOB.tenant, **hostile))
        desk.decide_and_send()
        [other], [came] = hook.received, collector.received
        # The webhook of the same event shows that there was something to tell.
        assert b"canary-name" in other.body
        assert b"198.51.100.77" in other.body
        everything = came.body + json.dumps(came.headers).encode()
        assert b"canary" not in everything
        assert b"198.51.100.77" not in everything
        assert cast.ACME.name.encode() not in everything


def test_what_came_more_often_and_what_is_over_is_the_same_issue() -> None:
    with receiver() as collector:
        desk.operators_channel(dsn_of(collector), Kind.SENTRY)
        for _ in range(12):
            desk.store(desk.spoofed(1))
            desk.decide_and_send()
        desk.age(20)
        desk.decide_and_send()
        events = [event_in(came) for came in collector.received]
    assert len(events) >= 3
    assert {tuple(event["fingerprint"]) for event in events} == {("aiaxis", "request.spoofed", "reserved_name")}
    assert len({event["event_id"] for event in events}) == len(events)


def test_a_test_of_the_channel_and_a_sign_of_life_arrive_too() -> None:
    from audit.notices import keeping, operating

    with receiver() as collector:
        channel = desk.operators_channel(dsn_of(collector), Kind.SENTRY, heartbeat=True)
        assert operating.test_channel(operator=desk.OLGA, channel=channel)
        assert keeping.beat() == 1
        desk.decide_and_send()
        told = [event_in(came) for came in collector.received]
    assert sorted(event["tags"]["type"] for event in told) == ["channel.heartbeat", "channel.test"]
    assert {event["level"] for event in told} == {"info"}


def test_a_project_that_does_not_know_the_key_is_shown_and_tried_again() -> None:
    with receiver(answers(403)) as collector:
        desk.operators_channel(dsn_of(collector), Kind.SENTRY)
        desk.store(desk.spoofed())
        desk.decide_and_send()
        assert desk.messages("state", "answer") == [("waiting", "It answered with 403.")]


@pytest.mark.parametrize(
    "dsn",
    [
        "https://sentry.example/1",  # no key
        "https://key@sentry.example/",  # no project
        "https://key@sentry.example/project",
        "https://key:secret@@sentry.example/1",
        "https://k%20y@sentry.example/1",
        "https://key@sentry.example/1?x=1",
        "https://key@sentry.example:port/1",
        "javascript:key@sentry.example/1",
        "key@sentry.example/1",
    ],
)
def test_what_is_no_dsn_is_told_where_it_was_typed(dsn: str) -> None:
    with pytest.raises(Unfit):
        desk.operators_channel(dsn, Kind.SENTRY)


@pytest.mark.parametrize("host", ["10.0.0.7", "169.254.169.254", "[::1]", "[::ffff:10.0.0.1]", "127.0.0.1:8000"])
def test_a_dsn_that_leads_inside_is_refused(host: str, settings: Settings) -> None:
    """L23, L26: the same door as for webhooks."""
    settings.OUTBOUND_ALLOWED_NETWORKS = []
    with pytest.raises(Unfit, match=r"private network|AiAxis itself"):
        desk.operators_channel(f"https://{KEY}@{host}/1", Kind.SENTRY)


def test_an_operator_adds_one_and_the_key_is_not_shown_again() -> None:
    with receiver() as collector:
        browser = doors.operator(cast.OLGA)
        form = {"name": "Sentry", "kind": "sentry", "address": dsn_of(collector), "least": "warning"}
        created = browser.post("/operator/audit/operatorchannel/create/", form)
        assert created.status_code == 302
        page = browser.get(created["Location"]).content.decode()
        assert "Sentry" in page
        assert KEY not in page
        assert f"127.0.0.1:{collector.port}" in page
        wrong = browser.post("/operator/audit/operatorchannel/create/", {**form, "address": "https://sentry.example/1"})
        assert wrong.status_code == 422
        assert "This is not the DSN of a Sentry project." in wrong.content.decode()


def kinds(form: Any) -> set[str]:
    return {value for value, _ in form.fields["kind"].choices}


def test_a_workspace_has_none() -> None:
    """L7: by form, and in the database for whoever calls the function that adds a channel."""
    assert "sentry" in kinds(OperatorChannelForm())
    assert "sentry" not in kinds(ChannelForm(readers=[]))
    answer = doors.browser(cast.ALICE).post(
        "/trail/notifications/create/",
        {"name": "x", "kind": "sentry", "address": f"https://{KEY}@93.184.216.34/1", "least": "info"},
    )
    assert answer.status_code == 422
    with cast.acting(cast.ALICE) as tenant, pytest.raises(DatabaseError, match="audit_channel_kind"):
        services.add(
            actor=tenant,
            name="x",
            kind=Kind.SENTRY,
            address=f"https://{KEY}@93.184.216.34/1",
            least="info",
            actions=[],
        )
