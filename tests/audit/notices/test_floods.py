"""Can a flood of small matters take away what somebody has to hear of?"""

from __future__ import annotations

from typing import Any
from uuid import UUID

import pytest
from django.db import connections

from audit.notices import deciding, keeping, matching, operating, outbox, sending
from tests.audit.notices import desk
from tests.receivers import answers, receiver

SMALL: dict[str, Any] = {"action": "sign_in.throttled", "reason": "throttled", "severity": "warning"}


def flood(kinds: int, begin: int) -> None:
    """So many kinds of small matters at once, as from as many networks."""
    desk.store(*[desk.spoofed(begin + number, **SMALL) for number in range(kinds)])


def minutes_go_by(minutes: int) -> None:
    """The flood goes on, and the buckets fill by one message each minute."""
    for minute in range(minutes):
        flood(5, begin=10_000 + 100 * minute)
        deciding.decide()
        with connections["owner"].cursor() as cursor:
            cursor.execute("UPDATE audit_channelstate SET filled_at = filled_at - interval '61 seconds'")
        desk.decide_and_send()


def test_what_is_critical_comes_with_all_that_is_known_of_it() -> None:
    with receiver() as hook:
        desk.operators_channel(hook.url)
        flood(20, begin=1000)
        desk.decide_and_send()
        flood(2 * outbox.MOST_WAITING, begin=5000)
        desk.decide_and_send()
        [entry] = desk.store(desk.spoofed(1))
        desk.decide_and_send()
        told = desk.bodies(hook)[-1]
        assert (told["type"], told["data"]["heading"]) == ("alarm.raised", "Critical: Reserved name sent")
        assert told["data"]["entry"]["id"] == entry


def test_what_waits_is_bounded_and_each_of_it_is_in_one_number() -> None:
    with receiver() as hook:
        channel = desk.operators_channel(hook.url)
        desk.store(*[desk.spoofed(number) for number in range(3 * outbox.MOST_WAITING)])
        flood(3 * outbox.MOST_WAITING, begin=5000)
        deciding.decide()
        assert len(desk.messages("id")) == 2 * (outbox.MOST_WAITING + 1)
        assert sum(more for (more,) in desk.messages("more")) == 6 * outbox.MOST_WAITING
        with connections["owner"].cursor() as cursor:
            cursor.execute("SELECT count(*) FROM audit_message WHERE channel_id = %s AND kind = 'folded'", [channel])
            assert cursor.fetchone() == (2,)


def test_a_channel_that_fails_is_named() -> None:
    with receiver() as hook, receiver(answers(410)) as broken:
        desk.operators_channel(hook.url)
        pager = desk.operators_channel(broken.url, least="critical")
        flood(2 * outbox.MOST_WAITING, begin=1000)
        desk.store(desk.spoofed(1))
        deciding.decide()
        sending.serve(pager)
        desk.decide_and_send()
        minutes_go_by(3)
        assert desk.types(hook).count("channel.failing") == 1


def test_what_is_over_is_told_while_new_things_come_as_fast_as_they_are_judged(monkeypatch: pytest.MonkeyPatch) -> None:
    told: list[bool] = []
    groups = matching.groups

    def judged(cursor: Any, ids: list[UUID]) -> list[matching.Group]:
        told.append("resolved" in [kind for (kind,) in desk.messages("kind")])
        if len(told) < 4:
            flood(1, begin=9000 + len(told))
        return groups(cursor, ids)

    with receiver() as hook:
        desk.operators_channel(hook.url)
        desk.store(*[desk.spoofed(1) for _ in range(3)])
        desk.decide_and_send()
        desk.age(16)
        monkeypatch.setattr(matching, "groups", judged)
        flood(1, begin=9000)
        deciding.decide()
        assert told == [False, True, True, True]


def test_a_sign_of_life_and_a_test_come_while_it_goes_on() -> None:
    with receiver() as hook:
        channel = desk.operators_channel(hook.url, heartbeat=True)
        flood(2 * outbox.MOST_WAITING, begin=1000)
        desk.decide_and_send()
        flood(2 * outbox.MOST_WAITING, begin=5000)
        deciding.decide()
        assert keeping.beat() == 1
        assert operating.test_channel(operator=desk.OLGA, channel=channel)
        minutes_go_by(6)
        assert {"channel.heartbeat", "channel.test"} <= set(desk.types(hook))


def test_what_was_not_taken_comes_while_it_goes_on() -> None:
    with receiver(answers(500)) as hook:
        desk.operators_channel(hook.url)
        flood(1, begin=1)
        desk.decide_and_send()
        hook.behave = answers()
        flood(20, begin=1000)
        desk.decide_and_send()
        desk.make_due()
        minutes_go_by(3)
        first = hook.received[0].headers["webhook-id"]
        assert [one.headers["webhook-id"] for one in hook.received].count(first) == 2


def test_one_that_fails_again_and_again_is_told_of_once_by_whoever_does_not_listen() -> None:
    with receiver() as hook, receiver(answers(410)) as broken:
        on_call = desk.operators_channel(hook.url)
        pager = desk.operators_channel(broken.url, least="critical")
        for number in range(3):
            broken.behave = answers(410)
            desk.store(desk.spoofed(number))
            deciding.decide()
            sending.serve(pager)
            broken.behave = answers()
            desk.store(desk.spoofed(100 + number))
            deciding.decide()
            sending.serve(pager)
        with connections["owner"].cursor() as cursor:
            cursor.execute("SELECT count(*) FROM audit_message WHERE channel_id = %s AND kind = 'failing'", [on_call])
            assert cursor.fetchone() == (1,)
