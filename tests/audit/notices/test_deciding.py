"""Is what matters told at once, once, and counted afterwards?"""

from __future__ import annotations

from typing import Any

import pytest
from django.db import connections

from audit.notices import deciding
from tests.audit.notices import desk
from tests.receivers import receiver

PLAIN: dict[str, Any] = {"action": "request.refused", "reason": "not_found", "severity": "notice"}


def test_the_first_of_a_kind_is_told_at_once_and_the_next_only_counted() -> None:
    with receiver() as hook:
        desk.operators_channel(hook.url)
        [first] = desk.store(desk.spoofed())
        desk.decide_and_send()
        desk.store(desk.spoofed(), desk.spoofed())
        desk.decide_and_send()
        [body] = desk.bodies(hook)
        assert (body["type"], body["data"]["severity"], body["data"]["total"]) == ("alarm.raised", "critical", 1)
        assert body["data"]["entry"]["id"] == first
        assert body["data"]["link"].endswith(f"/operator/audit/entry/{first}/")


def test_what_was_counted_is_told_after_a_quarter_of_an_hour_and_the_end_too() -> None:
    with receiver() as hook:
        desk.operators_channel(hook.url)
        desk.store(desk.spoofed())
        desk.decide_and_send()
        desk.age(14)
        desk.store(*[desk.spoofed() for _ in range(6)])
        desk.decide_and_send()
        desk.age(2)
        desk.decide_and_send()
        desk.age(15)
        desk.decide_and_send()
        told = [(body["type"], body["data"]["total"], body["data"]["more"]) for body in desk.bodies(hook)]
        assert told == [("alarm.raised", 1, 1), ("alarm.continued", 7, 6), ("alarm.resolved", 7, 0)]
        assert desk.bodies(hook)[1]["data"]["heading"] == "Critical: Reserved name sent (+6 more)"


def test_tenfold_growth_is_told_at_once() -> None:
    with receiver() as hook:
        desk.operators_channel(hook.url)
        for count in (1, 8, 1, 89, 1):
            desk.store(*[desk.spoofed() for _ in range(count)])
            desk.decide_and_send()
        told = [(body["type"], body["data"]["total"], body["data"]["more"]) for body in desk.bodies(hook)]
        assert told == [("alarm.raised", 1, 1), ("alarm.grown", 10, 9), ("alarm.grown", 100, 90)]


def test_a_single_event_ends_without_a_word() -> None:
    with receiver() as hook:
        desk.operators_channel(hook.url)
        desk.store(desk.spoofed())
        desk.decide_and_send()
        desk.age(16)
        desk.decide_and_send()
        assert desk.types(hook) == ["alarm.raised"]
        desk.store(desk.spoofed())
        desk.decide_and_send()
        assert desk.types(hook) == ["alarm.raised", "alarm.raised"]


def test_an_entry_that_comes_late_from_a_spool_is_judged_late() -> None:
    """Its id is older than what was judged already: a cursor over ids would pass it by."""
    late = desk.spoofed(1)
    with receiver() as hook:
        desk.operators_channel(hook.url)
        desk.store(desk.spoofed(2))
        desk.decide_and_send()
        desk.store(late)
        desk.decide_and_send()
        assert [body["data"]["entry"]["id"] for body in desk.bodies(hook)][1] == late["id"]


def test_an_entry_that_is_stored_twice_is_judged_once() -> None:
    entry = desk.spoofed()
    desk.store(entry)
    desk.store(entry)
    assert deciding.decide() == 1
    assert deciding.decide() == 0


def test_the_row_of_a_flood_counts_as_what_it_stands_for() -> None:
    row = desk.spoofed(detail={"burst": 3411, "archive": "a-segment"})
    with receiver() as hook:
        desk.operators_channel(hook.url)
        desk.store(desk.spoofed(), row)
        desk.decide_and_send()
        [body] = desk.bodies(hook)
        assert body["data"]["heading"] == "Critical: Reserved name sent (+3,411 more)"


@pytest.mark.parametrize(
    ("changes", "severity"),
    [
        ({"action": "request.refused", "reason": "isolation", "severity": "warning"}, "critical"),
        ({"action": "credential.refused", "reason": "credential", "severity": "critical"}, "critical"),
        ({"action": "credential.refused", "reason": "credential", "severity": "warning"}, None),
        ({"action": "operator.refused", "reason": "credential", "severity": "critical"}, "critical"),
        ({"action": "sign_in.throttled", "severity": "warning", "http": {"route": "/operator/sign-in/"}}, "critical"),
        ({"action": "sign_in.throttled", "severity": "warning", "http": {"route": "/sign-in/"}}, "warning"),
        ({"action": "job.refused", "severity": "critical"}, "critical"),
        ({"action": "audit.entry_rejected", "severity": "critical"}, "critical"),
        ({"action": "request.refused", "reason": "outage", "severity": "notice"}, "critical"),
        ({"action": "request.refused", "reason": "not_found", "severity": "critical"}, "critical"),
        ({"action": "request.refused", "reason": "not_found", "severity": "notice"}, None),
        ({"action": "request.failed", "reason": "server_error", "severity": "warning"}, "warning"),
        ({"action": "file.shown", "reason": "", "severity": "info", "outcome": "allowed"}, None),
    ],
)
def test_the_rules_from_the_start_know_what_is_critical(changes: dict[str, Any], severity: str | None) -> None:
    with receiver() as hook:
        desk.operators_channel(hook.url)
        desk.store(desk.spoofed(**changes))
        desk.decide_and_send()
        assert [body["data"]["severity"] for body in desk.bodies(hook)] == ([severity] if severity else [])


def test_many_of_what_alone_is_no_matter_are_an_alarm() -> None:
    with receiver() as hook:
        desk.operators_channel(hook.url)
        desk.store(*[desk.spoofed(number, **PLAIN) for number in range(299)])
        desk.decide_and_send()
        assert hook.received == []
        desk.store(desk.spoofed(7, **PLAIN), desk.spoofed(8, **PLAIN))
        desk.decide_and_send()
        [body] = desk.bodies(hook)
        assert body["data"]["total"] == 301
        assert body["data"]["heading"].startswith("Critical: Many refusals and failures at once")


def test_a_minute_that_is_over_counts_no_more() -> None:
    desk.store(*[desk.spoofed(**PLAIN) for _ in range(200)])
    deciding.decide()
    with connections["owner"].cursor() as cursor:
        cursor.execute("UPDATE audit_tally SET since = since - interval '61 seconds'")
    desk.store(*[desk.spoofed(**PLAIN) for _ in range(200)])
    deciding.decide()
    with connections["owner"].cursor() as cursor:
        cursor.execute("SELECT max(count) FROM audit_tally")
        assert cursor.fetchone() == (200,)


def test_a_channel_hears_of_its_severity_and_above() -> None:
    with receiver() as small, receiver() as great:
        desk.operators_channel(small.url, least="warning")
        desk.operators_channel(great.url, least="critical")
        desk.store(desk.spoofed(1, action="request.failed", reason="server_error", severity="warning"), desk.spoofed(2))
        desk.decide_and_send()
        assert len(small.received) == 2
        assert [body["data"]["severity"] for body in desk.bodies(great)] == ["critical"]
