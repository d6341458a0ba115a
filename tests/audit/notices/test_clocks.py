"""Is anybody told less, later or more because a clock was ahead, and was put back?"""

from __future__ import annotations

import time
from pathlib import Path
from typing import Any

import pytest
from django.db import connections
from django.utils import timezone

from audit import health, sealing, services, spool
from audit.notices import deciding, keeping, outbox
from tests.audit.notices import desk
from tests.receivers import receiver

AHEAD = 3600.0


def put_back(*changes: str) -> None:
    """As if what these columns say had been written by a clock that was an hour ahead."""
    with connections["owner"].cursor() as cursor:
        for change in changes:
            table, column = change.split(".")
            cursor.execute(f"UPDATE {table} SET {column} = {column} + make_interval(secs => %s)", [AHEAD])


def test_a_channel_is_sent_what_is_critical() -> None:
    with receiver() as hook:
        desk.operators_channel(hook.url)
        desk.store(desk.spoofed(1))
        desk.decide_and_send()
        put_back("audit_channelstate.filled_at")
        desk.store(desk.spoofed(2))
        desk.decide_and_send()
        assert len(hook.received) == 2


def test_no_more_is_sent_either() -> None:
    with receiver() as hook:
        channel = desk.operators_channel(hook.url)
        desk.store(*[desk.spoofed(number) for number in range(50)])
        desk.decide_and_send()
        put_back("audit_channelstate.filled_at")
        assert outbox.take(channel, timezone.now()) == []
        desk.store(desk.spoofed(99))
        deciding.decide()
        assert outbox.take(channel, timezone.now()) == []


ALARM = tuple(f"audit_alarm.{name}" for name in ("opened_at", "seen_at", "told_at", "check_at"))


def test_what_goes_on_is_told_after_a_quarter_of_an_hour() -> None:
    with receiver() as hook:
        desk.operators_channel(hook.url)
        desk.store(*[desk.spoofed() for _ in range(3)])
        desk.decide_and_send()
        put_back(*ALARM)
        for _ in range(3):
            desk.store(desk.spoofed())
            desk.decide_and_send()
            desk.age(10)
        assert desk.types(hook) == ["alarm.raised", "alarm.continued"]


def test_what_is_over_is_told() -> None:
    with receiver() as hook:
        desk.operators_channel(hook.url)
        desk.store(*[desk.spoofed() for _ in range(3)])
        desk.decide_and_send()
        put_back(*ALARM)
        desk.decide_and_send()
        desk.age(16)
        desk.decide_and_send()
        assert desk.types(hook) == ["alarm.raised", "alarm.resolved"]


def test_many_in_an_hour_are_not_many_in_a_minute() -> None:
    plain: dict[str, Any] = {"action": "request.refused", "reason": "not_found", "severity": "notice"}
    with receiver() as hook:
        desk.operators_channel(hook.url)
        desk.store(*[desk.spoofed(number, **plain) for number in range(200)])
        deciding.decide()
        put_back("audit_tally.since")
        desk.store(*[desk.spoofed(number, **plain) for number in range(200)])
        desk.decide_and_send()
        assert hook.received == []


def test_a_sign_of_life_comes() -> None:
    with receiver() as machine:
        desk.operators_channel(machine.url, heartbeat=True)
        assert keeping.beat() == 1
        desk.decide_and_send()
        put_back("audit_channelstate.heartbeat_at")
        assert keeping.beat() == 1
        assert keeping.beat() == 0


def test_what_came_into_the_trail_is_sealed(superuser: Any) -> None:
    desk.store(desk.spoofed(1))
    assert sealing.seal() == 1
    superuser.execute("UPDATE audit_seal SET sealed_at = sealed_at + make_interval(secs => %s)", [AHEAD])
    desk.store(desk.spoofed(2))
    assert sealing.seal() == 1
    desk.store(desk.spoofed(3))
    assert sealing.seal() == 0


@pytest.mark.parametrize("ahead", [AHEAD, -AHEAD])
def test_a_shipper_that_was_not_seen_since_is_late(ahead: float, folder: Path) -> None:
    services.record(desk.spoofed())
    spool.write_note(folder, {"at": time.time() + ahead, "shipped": 0, "error": ""})
    assert "the shipper was last seen 3600 s ago" in health.trouble(folder)[0]
    assert 3590 < (health.shipper_age(folder) or 0) < 3610
