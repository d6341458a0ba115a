"""From a refused request to somebody's receiver: how soon, how many, and what if the sender is killed on the way?

Everything here is real: the request, its spool, the shipper and the worker in processes of their own, and the receiver. The
long forms are marked `soak`.
"""

from __future__ import annotations

import random
import time
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import Any

import pytest
from django.db import connections
from standardwebhooks import Webhook

from audit import entries, spool
from audit.notices import operating, outbox
from audit.notices.models import Kind
from audit.shipper import Shipper
from tests import cast, doors
from tests.audit import children
from tests.audit.notices import desk
from tests.receivers import Handler, Receiver, answers, receiver
from tests.waiting import PATIENCE, until

ADMITTED = {"OUTBOUND_ALLOWED_NETWORKS": "127.0.0.1/32"}

# A worker that makes the rounds of the notifications and nothing else, with a bucket that the test cannot empty.
SENDER = """
import threading, time
from accounts import rounds
from audit import jobs
from audit.notices import outbox
outbox.BUCKET = 10_000
for name in set(rounds.REGISTRY) - {"audit.decide", "audit.send"}:
    del rounds.REGISTRY[name]
rounds.start(threading.Event())
print("at work", flush=True)
time.sleep(600)
"""

FLOOD = """
import sys
first, last = int(sys.argv[1]), int(sys.argv[2])
for number in range(first, last):
    refusal = Refusal("reserved_name", "request.spoofed", "critical", {"number": str(number)})
    entry = entries.denial(None, status=400, refusal=refusal, actor=None)
    assert services.record({**entry, "severity": "critical"}) == "spool"
"""


@contextmanager
def running(home: Path) -> Iterator[None]:
    """The shipper and the worker, as they run in an installation."""
    started = [children.start_command(home, name, **ADMITTED) for name in ("ship_audit", "work")]
    try:
        desk.until(lambda: (home / "spool" / spool.NOTE).exists())
        yield
    finally:
        for process in started:
            process.terminate()
        for process in started:
            process.communicate(timeout=PATIENCE)


def hook_at_work(hook: Receiver) -> str:
    """A channel through which a test message has come, so that the worker is known to be at work; its secret."""
    added = operating.add_channel(
        operator=desk.OLGA, name="n", kind=Kind.WEBHOOK, address=hook.url, least="info", heartbeat=False
    )
    operating.test_channel(operator=desk.OLGA, channel=added.id)
    desk.until(lambda: "channel.test" in desk.types(hook))
    hook.received.clear()
    return added.secret


def told(hook: Receiver, secret: str) -> tuple[float, str, dict[str, Any]]:
    """Have something refused; return the seconds until it was told, its request number and what was told."""
    hook.received.clear()
    began = time.monotonic()
    refused = doors.browser(cast.BOB).get("/files/?workspace_id=1")
    assert refused.status_code == 400
    desk.until(lambda: hook.received)
    message = hook.received[0]
    return message.at - began, refused["X-Request-Id"], Webhook(secret).verify(message.body, message.headers)


def test_a_refusal_comes_to_somebodys_screen(tmp_path: Path) -> None:
    """P7: request, spool, shipper, trigger, rules, outbox, signed webhook."""
    with receiver() as hook, running(tmp_path):
        _, request, message = told(hook, hook_at_work(hook))
    assert message["data"]["entry"]["request"] == request
    assert message["data"]["severity"] == "critical"


def told_exactly(hook: Receiver) -> tuple[int, int]:
    """How many messages there were, each counted once, and how many events they told."""
    found = distinct(hook)
    return len(found), sum(data["more"] for data in found)


def distinct(hook: Receiver) -> list[dict[str, Any]]:
    """What was told, each message once."""
    pairs = zip(hook.received, desk.bodies(hook), strict=True)
    return list({one.headers["webhook-id"]: body["data"] for one, body in pairs}.values())


def flooded(home: Path, hook: Receiver, total: int) -> tuple[int, int]:
    """Let so many of one kind be refused, from two processes; wait for what is told of it until it is over."""
    hook_at_work(hook)
    writers = [
        children.start(FLOOD, home, arguments=[str(n * total // 2), str((n + 1) * total // 2)]) for n in range(2)
    ]
    for process in writers:
        _, said = process.communicate(timeout=900)
        assert process.returncode == 0, said
    assert until(lambda: counted() >= total, 900)
    desk.age(16)
    desk.until(lambda: desk.types(hook)[-1:] == ["alarm.resolved"])
    return told_exactly(hook)


def counted() -> int:
    """How many events the alarms hold."""
    with connections["seal"].cursor() as cursor:
        cursor.execute("SELECT coalesce(sum(total), 0) FROM audit_alarm")
        return int(cursor.fetchone()[0])


def test_two_thousand_refusals_of_one_kind_are_at_most_ten_messages_with_an_exact_count(tmp_path: Path) -> None:
    with receiver() as hook, running(tmp_path):
        messages, events = flooded(tmp_path, hook, 2000)
    assert messages <= 10
    assert events == 2000


@pytest.mark.soak
def test_a_hundred_thousand_refusals_of_one_kind_are_at_most_ten_messages(
    tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    with receiver() as hook, running(tmp_path):
        began = time.monotonic()
        messages, events = flooded(tmp_path, hook, 100_000)
        seconds = time.monotonic() - began
    with capsys.disabled():
        print(f"\n    100,000 denials: {messages} messages that told {events:,} events, {seconds:.0f} s")  # noqa: T201 - as above
    assert messages <= 10
    assert events == 100_000


def slowly(handler: Handler) -> None:
    """Take a little time, so that a kill can come between taking and telling."""
    time.sleep(0.02)
    answers()(handler)


def killed_again_and_again(home: Path, *, kills: int, kinds: int) -> tuple[int, int, int]:
    """Kill the deciding and sending process at random moments; returns messages, events told, and requests received."""
    chance = random.Random(11)
    stored = 0
    with receiver(slowly) as hook:
        desk.operators_channel(hook.url)
        for round_of_it in range(kills):
            process = children.start(SENDER, home, **ADMITTED)
            assert process.stdout is not None
            assert process.stdout.readline() == "at work\n"
            for kind in range(kinds):
                desk.store(desk.spoofed(round_of_it * kinds + kind))
                stored += 1
            time.sleep(chance.random() * 1.2)
            process.kill()
            process.communicate(timeout=PATIENCE)
            desk.make_due()
        process = children.start(SENDER, home, **ADMITTED)
        try:
            desk.until(lambda: told_exactly(hook)[1] >= stored)
            desk.until(lambda: not [1 for (state,) in desk.messages("state") if state == "waiting"])
        finally:
            process.kill()
            process.communicate(timeout=PATIENCE)
        for came in hook.received:
            same = {one.body for one in hook.received if one.headers["webhook-id"] == came.headers["webhook-id"]}
            assert len(same) == 1
        messages, events = told_exactly(hook)
        # Where a hundred waited, some are told in one; each alarm is still counted once.
        assert (sum(data["alarms"] or 1 for data in distinct(hook)), events) == (stored, stored)
        return messages, events, len(hook.received)


def test_a_sender_killed_at_any_moment_loses_nothing_and_doubles_nothing(
    tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    """Whatever comes a second time comes under the id that the receiver has seen, with the same body."""
    messages, _, requests = killed_again_and_again(tmp_path, kills=3, kinds=15)
    with capsys.disabled():
        print(f"\n    {messages} messages through 3 kills, in {requests} requests")  # noqa: T201 - as above


@pytest.mark.soak
def test_a_sender_killed_twenty_times_loses_nothing_and_doubles_nothing(
    tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    messages, events, requests = killed_again_and_again(tmp_path, kills=20, kinds=20)
    with capsys.disabled():
        print(f"\n    {events} events in {messages} messages through 20 kills, in {requests} requests")  # noqa: T201 - as above
    assert events == 400


def test_entries_of_an_outage_are_told_when_they_come(tmp_path: Path, folder: Path) -> None:
    """The database was away, the spool held them: nothing is passed by because it is older than what was judged."""
    with receiver() as hook:
        desk.operators_channel(hook.url)
        writer = spool.Spool(folder)
        for number in range(5):
            writer.append(entries.encode(desk.spoofed(number)))
        desk.store(desk.spoofed(99))
        desk.decide_and_send()
        assert len(hook.received) == 1
        writer.close()
        Shipper(folder).ship()
        desk.decide_and_send()
        assert len(hook.received) == 6
        assert len(hook.received) <= outbox.BUCKET
