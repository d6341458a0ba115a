"""Does each message arrive, signed, once as far as its receiver can tell, and whatever the other receivers do?"""

from __future__ import annotations

from pathlib import Path
from typing import Any

import pytest
from django.core import mail as outbox_of_mails
from django.db import connections
from django.utils import timezone
from pytest_django import Settings
from standardwebhooks import Webhook, WebhookVerificationError

from audit import services
from audit.notices import deciding, keeping, operating, outbox, sending, wording
from audit.notices.models import Kind
from tests.audit.notices import desk
from tests.receivers import Behaviour, Handler, answers, drips, never_ends, receiver


def test_a_webhook_is_signed_as_others_read_the_specification() -> None:
    """Verified by the Standard Webhooks project's own package, which knows nothing of ours."""
    with receiver() as hook:
        added = operating.add_channel(
            operator=desk.OLGA, name="n", kind=Kind.WEBHOOK, address=hook.url, least="info", heartbeat=False
        )
        desk.store(desk.spoofed())
        desk.decide_and_send()
        [came] = hook.received
        told = Webhook(added.secret).verify(came.body, came.headers)
        assert told["type"] == "alarm.raised"
        with pytest.raises(WebhookVerificationError):
            Webhook(added.secret).verify(came.body + b" ", came.headers)
        with pytest.raises(WebhookVerificationError):
            Webhook("whsec_" + "A" * 43 + "=").verify(came.body, came.headers)


def test_a_webhook_and_a_chat_go_on_with_the_trace_of_what_they_tell() -> None:
    trace = {"traceparent": "00-4bf92f3577b34da6a3ce929d0e0e4736-00f067aa0ba902b7-01"}
    with receiver() as hook, receiver() as chat:
        desk.operators_channel(hook.url)
        desk.operators_channel(chat.url, Kind.SLACK)
        desk.store(desk.spoofed(trace=trace))
        desk.decide_and_send()
        sent = [came.headers["traceparent"] for came in (*hook.received, *chat.received)]
        assert [one[:36] for one in sent] == ["00-4bf92f3577b34da6a3ce929d0e0e4736-"] * 2
        assert len({one[36:52] for one in sent} | {"00f067aa0ba902b7"}) == 3
        assert desk.bodies(hook)[0]["data"]["entry"]["trace"] == "4bf92f3577b34da6a3ce929d0e0e4736"


def test_a_mail_carries_the_id_of_its_message() -> None:
    desk.operators_channel("oncall@aiaxis.test", Kind.EMAIL)
    desk.store(desk.spoofed())
    desk.decide_and_send()
    [mail] = outbox_of_mails.outbox
    assert mail.to == ["oncall@aiaxis.test"]
    assert mail.subject == "[AiAxis] Critical: Reserved name sent"
    [(message,)] = desk.messages("id")
    assert str(message) in mail.extra_headers["Message-ID"]


def test_what_was_not_taken_is_tried_again_under_the_same_id_until_it_is_given_up() -> None:
    with receiver(answers(500)) as hook:
        desk.operators_channel(hook.url)
        desk.store(desk.spoofed())
        desk.decide_and_send()
        for _ in range(12):
            desk.make_due()
            desk.decide_and_send()
        assert len(hook.received) == len(outbox.RETRIES) + 1
        assert len(desk.unique(hook.received)) == 1
        [(state, attempts, answer)] = desk.messages("state", "attempts", "answer")
        assert (state, attempts, answer) == ("dead", 8, "It answered with 500.")


def test_retries_wait_ever_longer_up_to_ten_hours_and_not_all_alike() -> None:
    waits = []
    with receiver(answers(500)) as hook:
        desk.operators_channel(hook.url)
        desk.store(desk.spoofed())
        desk.decide_and_send()
        for _ in outbox.RETRIES[1:]:
            [(wait,)] = desk.messages("extract(epoch FROM due_at - now())::float")
            waits.append(wait)
            desk.make_due()
            desk.decide_and_send()
        [(wait,)] = desk.messages("extract(epoch FROM due_at - now())::float")
        waits.append(wait)
    for wait, planned in zip(waits, outbox.RETRIES, strict=True):
        assert planned * 0.8 - 5 <= wait <= planned * 1.2
    assert waits[-1] > 7 * 3600


def test_a_message_that_was_given_up_can_be_sent_again() -> None:
    with receiver(answers(410)) as hook:
        desk.operators_channel(hook.url)
        desk.store(desk.spoofed())
        desk.decide_and_send()
        [(message, state)] = desk.messages("id", "state")
        assert state == "dead"
        hook.behave = answers()
        assert operating.retry(operator=desk.OLGA, message=message)
        desk.decide_and_send()
        assert len(desk.unique(hook.received)) == 1
        assert desk.messages("state") == [("sent",)]
        assert not operating.retry(operator=desk.OLGA, message=message)


def redirects(handler: Handler) -> None:
    answers(302, Location="http://127.0.0.1:1/")(handler)


@pytest.mark.parametrize(
    ("behave", "shown"),
    [
        (redirects, "It sends us on to another address (302), which is not followed."),
        (never_ends, "Its answer did not end, and was cut off."),
        (answers(404), "It answered with 404."),
    ],
)
def test_a_target_that_misbehaves_is_shown_in_words(behave: Behaviour, shown: str) -> None:
    """L25."""
    with receiver(behave) as hook:
        desk.operators_channel(hook.url)
        desk.store(desk.spoofed())
        desk.decide_and_send()
        assert desk.messages("state", "answer") == [("waiting", shown)]


def test_a_channel_whose_name_leads_inside_later_is_refused_then(settings: Settings) -> None:
    """L26: admitted when it was added, not when it is called."""
    with receiver() as hook:
        desk.operators_channel(hook.url)
        desk.store(desk.spoofed())
        settings.OUTBOUND_ALLOWED_NETWORKS = []
        desk.decide_and_send()
        assert hook.received == []
        [(state, answer)] = desk.messages("state", "answer")
        assert state == "dead"
        assert "private network" in answer


def test_a_message_that_cannot_be_put_into_words_holds_up_none_behind_it(monkeypatch: pytest.MonkeyPatch) -> None:
    """It would come first again each time, and the channel would be silent for ever without anybody hearing of it."""
    words, first = wording.notice, ""

    def chokes(letter: outbox.Letter, **about: Any) -> wording.Notice:
        if str(letter.entry_id) == first:
            raise ValueError("a moment in the year 40,000")
        return words(letter, **about)

    monkeypatch.setattr(wording, "notice", chokes)
    with receiver() as hook:
        desk.operators_channel(hook.url)
        [first] = desk.store(desk.spoofed(2))
        deciding.decide()
        [second] = desk.store(desk.spoofed(3))
        desk.decide_and_send()
        assert [body["data"]["entry"]["id"] for body in desk.bodies(hook)] == [second]
        assert desk.messages("state", "answer") == [("dead", sending.UNSPEAKABLE), ("sent", "")]


def test_one_channel_that_hangs_holds_up_no_other() -> None:
    with receiver(drips) as slow, receiver() as quick:
        desk.operators_channel(slow.url)
        desk.operators_channel(quick.url)
        desk.store(desk.spoofed(1))
        desk.decide_and_send(patience=0.5)
        desk.store(desk.spoofed(2))
        desk.decide_and_send(patience=0.5)
        desk.until(lambda: len(quick.received) == 2)
        assert not sending.is_idle(), "the slow one was waited for"
        desk.until(sending.is_idle)


def test_a_failing_channel_is_reported_by_the_others_once() -> None:
    with receiver(answers(503)) as broken, receiver() as well:
        desk.operators_channel(broken.url)
        desk.operators_channel(well.url)
        desk.store(desk.spoofed())
        desk.decide_and_send()
        for _ in range(5):
            desk.make_due()
            desk.decide_and_send()
        assert desk.types(well) == ["alarm.raised", "channel.failing"]
        assert desk.actions_in_trail().count("channel.failed") == 1
        broken.behave = answers()
        desk.make_due()
        desk.decide_and_send()
        with connections["ops"].cursor() as cursor:
            cursor.execute("SELECT count(*) FROM audit_channelstate WHERE failing_since IS NOT NULL")
            assert cursor.fetchone() == (0,)


def test_nothing_that_a_notification_causes_notifies() -> None:
    """Every channel fails, so each tells the other, once; what that leaves in the trail wakes nobody, whatever the rules."""
    with connections["owner"].cursor() as cursor:
        cursor.execute("UPDATE audit_rule SET actions = '{}', reasons = '{}', severities = '{}' WHERE position = 10")
    with receiver(answers(500)) as one, receiver(answers(500)) as other:
        desk.operators_channel(one.url)
        desk.operators_channel(other.url)
        desk.store(desk.spoofed())
        desk.decide_and_send()
        for _ in range(30):
            desk.make_due()
            desk.decide_and_send()
        kinds = [kind for (kind,) in desk.messages("kind")]
        assert sorted(kinds) == ["failing", "failing", "raised", "raised"]
        assert desk.actions_in_trail().count("channel.failed") == 2


def test_an_address_of_our_own_is_refused(settings: Settings) -> None:
    """What it answered would be recorded, told, and recorded again. A host's name is the same in capitals."""
    settings.ALLOWED_HOSTS = ["LocalHost", "127.0.0.1"]
    for host in ("127.0.0.1", "localhost"):
        url = f"http://{host}:8000/hook"
        with pytest.raises(Exception, match="AiAxis itself"):
            desk.operators_channel(url)


def test_more_than_a_channel_takes_is_told_in_one_and_counted_exactly() -> None:
    with receiver() as hook:
        desk.operators_channel(hook.url)
        desk.store(*[desk.spoofed(number) for number in range(2000)])
        desk.decide_and_send()
        told = desk.bodies(hook)
        assert len(told) <= outbox.BUCKET
        assert sum(body["data"]["more"] for body in told) == 2000
        assert told[-1]["type"] == "alarms.folded"


def test_small_matters_leave_room_for_what_is_critical() -> None:
    small: dict[str, Any] = {"action": "request.failed", "reason": "server_error", "severity": "warning"}
    with receiver() as hook:
        desk.operators_channel(hook.url)
        for number in range(20):
            desk.store(desk.spoofed(number, **small))
            desk.decide_and_send()
        assert len(hook.received) == outbox.BUCKET - outbox.RESERVED
        desk.store(desk.spoofed(99))
        desk.decide_and_send()
        assert [body["data"]["severity"] for body in desk.bodies(hook)][-1] == "critical"


def test_very_many_channels_that_may_be_sent_no_more_hold_up_no_operator_and_one_another_in_turn() -> None:
    """As many workspaces' as a hundred rounds serve, each with something that waits until its bucket fills again."""
    with connections["owner"].cursor() as cursor:
        cursor.execute(
            "INSERT INTO audit_message (id, channel_id, kind, severity, action, reason, total, more, folded, created_at, due_at, "
            "attempts, state, answer) SELECT gen_random_uuid(), lpad(to_hex(n), 32, '0')::uuid, 'raised', 'info', '', '', 1, 1, 0, "
            "now(), now(), 0, 'waiting', '' FROM generate_series(1, 50000) n"
        )
        cursor.execute(
            "INSERT INTO audit_channelstate (channel_id, tokens, filled_at, failures, answer) "
            "SELECT channel_id, 0, now(), 0, '' FROM audit_message"
        )
        cursor.execute("ANALYZE audit_message")
    with receiver() as hook:
        on_call = desk.operators_channel(hook.url)
        desk.store(desk.spoofed())
        deciding.decide()
        served = outbox.channels_with_due(timezone.now())
        assert served[0] == on_call
        with connections["owner"].cursor() as cursor:
            cursor.execute(
                "UPDATE audit_channelstate SET filled_at = now() + interval '1 second' WHERE channel_id = ANY(%s)",
                [served],
            )
        assert {on_call} == set(outbox.channels_with_due(timezone.now())) & set(served)


def test_a_paused_channel_is_sent_nothing_and_a_removed_one_neither() -> None:
    with receiver() as hook:
        paused = desk.operators_channel(hook.url)
        removed = desk.operators_channel(hook.url)
        desk.store(desk.spoofed(1))
        deciding.decide()
        operating.change_channel(operator=desk.OLGA, channel=paused, act="pause")
        operating.change_channel(operator=desk.OLGA, channel=removed, act="remove")
        desk.decide_and_send()
        assert hook.received == []
        assert desk.messages("state") == [("dropped",), ("dropped",)]


@pytest.mark.parametrize("act", ["pause", "remove"])
def test_what_was_taken_is_not_sent_after_its_channel_was_paused_or_removed(act: str) -> None:
    def behave(handler: Handler) -> None:
        if len(hook.received) == 1:
            operating.change_channel(operator=desk.OLGA, channel=channel, act=act)
            connections.close_all()
        answers()(handler)

    with receiver(behave) as hook:
        channel = desk.operators_channel(hook.url)
        desk.store(*[desk.spoofed(number) for number in range(5)])
        desk.decide_and_send()
        assert len(hook.received) == 1
        assert sorted(desk.messages("state")) == [*[("dropped",)] * 4, ("sent",)]


def test_a_sign_of_life_comes_every_hour_to_those_that_want_one() -> None:
    with receiver() as machine, receiver() as person:
        desk.operators_channel(machine.url, heartbeat=True)
        desk.operators_channel(person.url)
        assert keeping.beat() == 1
        assert keeping.beat() == 0
        desk.decide_and_send()
        assert desk.types(machine) == ["channel.heartbeat"]
        with connections["owner"].cursor() as cursor:
            cursor.execute("UPDATE audit_channelstate SET heartbeat_at = heartbeat_at - interval '61 minutes'")
        assert keeping.beat() == 1
        assert person.received == []


def test_a_late_pipeline_is_an_alarm_though_its_entries_reach_nobody(folder: Path) -> None:
    """Entries wait in the spool and no shipper carries them: whoever looks has to be somebody else."""
    services.record(desk.spoofed())
    with receiver() as hook:
        desk.operators_channel(hook.url)
        hook.received.clear()
        assert keeping.watch() == ["Audit entries wait in the spool, because no shipper has run here yet."]
        keeping.watch()
        desk.decide_and_send()
        [body] = desk.bodies(hook)
        assert body["data"]["heading"] == "Critical: Audit entries are late"


def test_a_spool_that_cannot_be_read_is_an_alarm(folder: Path) -> None:
    """Its entries go past it, so nothing waits that could be late; somebody has to be told all the same."""
    with receiver() as hook:
        desk.operators_channel(hook.url)
        hook.received.clear()
        folder.rename(folder.with_name("away"))
        folder.write_text("A file where the folder should be.")
        assert keeping.watch() == ["The audit spool cannot be read: Not a directory. Entries take a fall-back way."]
        desk.decide_and_send()
        [body] = desk.bodies(hook)
        assert body["data"]["heading"] == "Critical: Audit entries are late"


def test_what_is_long_over_is_forgotten() -> None:
    with receiver() as hook:
        desk.operators_channel(hook.url)
        desk.store(desk.spoofed())
        desk.decide_and_send()
        assert keeping.tidy() == 0
        with connections["owner"].cursor() as cursor:
            cursor.execute("UPDATE audit_message SET ended_at = ended_at - interval '31 days'")
        assert keeping.tidy() == 1


def test_an_address_in_another_channels_row_opens_nothing() -> None:
    with receiver() as hook:
        first, second = desk.operators_channel(hook.url), desk.operators_channel(hook.url)
        with connections["owner"].cursor() as cursor:
            cursor.execute(
                "UPDATE audit_operatorchannel SET sealed = (SELECT sealed FROM audit_operatorchannel WHERE id = %s) WHERE id = %s",
                [first, second],
            )
            cursor.execute("SELECT sealed FROM audit_operatorchannel")
            assert not [row for row in cursor.fetchall() if hook.url in row[0] or "whsec_" in row[0]]
        desk.store(desk.spoofed())
        desk.decide_and_send()
        assert len(hook.received) == 1
        assert sorted(row[1:] for row in desk.messages("kind", "state", "answer") if row[0] == "raised") == [
            ("dead", "What was stored for this channel was changed, or belongs to another."),
            ("sent", ""),
        ]


def test_what_comes_while_a_hundred_wait_is_counted_and_not_added_to_what_is_on_its_way() -> None:
    with receiver() as hook:
        channel = desk.operators_channel(hook.url)
        desk.store(*[desk.spoofed(number) for number in range(150)])
        deciding.decide()
        assert len(desk.messages("id")) == outbox.MOST_WAITING + 1
        taken = outbox.take(channel, timezone.now())
        told = sum(one.more for one in taken)
        desk.store(*[desk.spoofed(1000 + number) for number in range(150)])
        deciding.decide()
        waiting = sum(more for more, state in desk.messages("more", "state") if state == "waiting")
        assert (told, waiting - told) == (150, 150)


def test_a_rotated_key_opens_what_lies_under_the_old_one(settings: Settings) -> None:
    with receiver() as hook:
        desk.operators_channel(hook.url)
        settings.NOTIFY_KEY = "a-newer-key-of-at-least-thirty-two-characters," + settings.NOTIFY_KEY
        desk.store(desk.spoofed())
        desk.decide_and_send()
        assert len(hook.received) == 1
        settings.NOTIFY_KEY = "another-key-of-at-least-thirty-two-characters"
        desk.store(desk.spoofed(2))
        desk.decide_and_send()
        assert len(hook.received) == 1
        assert "NOTIFY_KEY" in desk.messages("answer")[-2][0] + desk.messages("answer")[-1][0]
