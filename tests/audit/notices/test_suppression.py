"""Is a flood a handful of messages, and is every one of its events in the numbers that they tell?"""

from __future__ import annotations

import uuid
from datetime import UTC, datetime, timedelta

from hypothesis import given
from hypothesis import strategies as st

from audit.notices.models import Message
from audit.notices.suppression import HOLD, QUIET, Alarm, Say

START = datetime(2026, 11, 23, 15, 4, tzinfo=UTC)
ENTRY = uuid.UUID(int=1)


def played(arrivals: list[tuple[int, int]]) -> list[tuple[datetime, Say]]:
    """Let counts arrive, each so many seconds after the one before, with a look every second; return what is told."""
    alarm = Alarm("k", None, None, "critical", "request.spoofed", "", ENTRY, ENTRY, START, START)
    now, told = START, []

    def look_until(end: datetime) -> datetime:
        nonlocal alarm
        moment = now
        while moment < end:
            moment = min(end, max(moment + timedelta(seconds=1), alarm.check_at or moment))
            if alarm.told_at is None or moment < (alarm.check_at or moment):
                continue
            over, say = alarm.is_over(moment), alarm.look(moment)
            if say:
                told.append((moment, say))
            if over:
                alarm = Alarm("k", None, None, "critical", "request.spoofed", "", ENTRY, ENTRY, moment, moment)
        return end

    for wait, count in arrivals:
        now = look_until(now + timedelta(seconds=wait))
        say = alarm.hear(count, ENTRY, now)
        if say:
            told.append((now, say))
    look_until(now + 2 * QUIET + HOLD)
    return told


@given(st.lists(st.tuples(st.integers(0, 2000), st.integers(1, 5000)), min_size=1, max_size=40))
def test_every_event_is_told_in_exactly_one_number(arrivals: list[tuple[int, int]]) -> None:
    told = played(arrivals)
    assert told[0] == (
        START + timedelta(seconds=arrivals[0][0]),
        Say(Message.Kind.RAISED, arrivals[0][1], arrivals[0][1]),
    )
    single = sum(1 for _, say in told if say == Say(Message.Kind.RAISED, 1, 1))
    assert sum(say.more for _, say in told) == sum(count for _, count in arrivals)
    assert single <= len(arrivals)


@given(st.lists(st.integers(1, 3000), min_size=1, max_size=200))
def test_a_hundred_thousand_of_one_kind_are_at_most_ten_messages(counts: list[int]) -> None:
    arrivals, left = [], 100_000
    for count in counts:
        arrivals.append((1, min(count, left) or 1))
        left = max(0, left - count)
    if left:
        arrivals.append((1, left))
    told = played(arrivals)
    assert len(told) <= 10
    assert sum(say.more for _, say in told) == sum(count for _, count in arrivals)


def test_one_after_the_other_is_told_tenfold_and_at_its_end() -> None:
    told = played([(0, 1)] * 100_000)
    assert [(str(say.kind), say.total, say.more) for _, say in told] == [
        ("raised", 1, 1),
        ("grown", 10, 9),
        ("grown", 100, 90),
        ("grown", 1000, 900),
        ("grown", 10_000, 9000),
        ("grown", 100_000, 90_000),
        ("resolved", 100_000, 0),
    ]


def test_what_goes_on_for_hours_is_told_four_times_an_hour() -> None:
    told = played([(60, 1)] * 240)
    assert 16 <= len(told) <= 20
    assert told[-1][1].kind == Message.Kind.RESOLVED
