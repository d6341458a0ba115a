"""Which messages wait for which channel, and how do they get there without being lost, doubled or too many?

Everything here runs as ``aiaxis_seal``, the role that reads the trail for AiAxis itself. A message is put into the outbox
in the transaction that decided it. Whoever sends it takes it for two minutes first, so that nobody else sends it meanwhile
and a sender that dies leaves it to the next; its id stays the same at every attempt.
"""

from __future__ import annotations

import random
from collections import Counter
from collections.abc import Sequence
from dataclasses import dataclass, replace
from datetime import datetime, timedelta
from typing import Any, Final
from uuid import UUID

from django.db import connections, transaction
from uuid_utils.compat import uuid7

from audit.notices.models import Message
from audit.rules import Severity

DATABASE: Final = "seal"
BUCKET: Final = 10  # messages that a channel may get at once
RESERVED: Final = 3  # of these for what is critical, so that nothing smaller can use them up before it
REFILL_SECONDS: Final = 60.0  # and then one more in so many
MOST_CHANNELS: Final = 500  # that one round serves
MOST_WAITING: Final = 100  # for one channel, and as many critical ones; what comes beyond is counted in one message
# What these say is in no number: told together with others it would not be told. Of each, one at most waits for a channel.
ALONE: Final = frozenset({Message.Kind.FAILING, Message.Kind.HEARTBEAT, Message.Kind.TEST})
LEASE_SECONDS: Final = 120  # longer than ten messages to a receiver that takes all the time it may
# After which attempt how long until the next: what the specification of Standard Webhooks proposes.
RETRIES: Final = (5, 60, 300, 1800, 7200, 18_000, 36_000)
JITTER: Final = 0.2
FAILURES_TO_REPORT: Final = 3
KEEP: Final = timedelta(days=30)
KEEP_DEAD: Final = timedelta(days=90)
RANK: Final = {name: number for number, name in enumerate(Severity.values)}

_PUT: Final = (
    "INSERT INTO audit_message (id, channel_id, kind, severity, action, reason, rule_id, entry_id, about, total, more, folded, "
    "created_at, due_at, attempts, state, answer) "
    "VALUES (%s, %s, %s, %s, %s, %s, %s, %s, %s, %s, %s, %s, %s, %s, 0, 'waiting', '')"
)
# What a sender has taken meanwhile has been put into words already; nothing may be added to it, so it is asked twice.
_COUNT_MORE: Final = (
    "UPDATE audit_message SET folded = folded + 1, more = more + %s, total = total + %s "
    "WHERE state = 'waiting' AND attempts = 0 AND id = (SELECT id FROM audit_message WHERE channel_id = %s "
    "AND (severity = 'critical') = %s AND state = 'waiting' AND kind = 'folded' AND attempts = 0 ORDER BY created_at LIMIT 1)"
)
_ALREADY: Final = "SELECT channel_id FROM audit_message WHERE channel_id = ANY(%s) AND state = 'waiting' AND kind = 'failing' AND about = %s"
_DUE: Final = (
    "SELECT id, channel_id, kind, severity, action, reason, rule_id, entry_id, about, total, more, folded, created_at, attempts "
    "FROM audit_message WHERE channel_id = %s AND state = 'waiting' AND due_at <= %s ORDER BY created_at, id FOR UPDATE"
)
# A clock that is put back by an hour takes no message away: sixty fewer would be an hour without one, critical ones too.
_STATE: Final = (
    "INSERT INTO audit_channelstate (channel_id, tokens, filled_at, failures, answer) VALUES (%s, %s, %s, 0, '') "
    "ON CONFLICT (channel_id) DO UPDATE SET tokens = LEAST(%s, audit_channelstate.tokens + "
    "GREATEST(0, extract(epoch FROM EXCLUDED.filled_at - audit_channelstate.filled_at)) / %s), filled_at = EXCLUDED.filled_at "
    "RETURNING tokens"
)


# A channel that was sent all it may be sent waits among these until it may again, so where there are more than one round takes,
# those that wait for themselves must not stand before the others each time.
_WAITING: Final = (
    "SELECT w.channel_id FROM (SELECT DISTINCT channel_id FROM audit_message WHERE state = 'waiting' AND due_at <= %s) w "
    "LEFT JOIN audit_operatorchannel o ON o.id = w.channel_id LEFT JOIN audit_channelstate s ON s.channel_id = w.channel_id "
    "ORDER BY o.id IS NULL, s.filled_at NULLS FIRST LIMIT %s"
)


@dataclass(frozen=True, slots=True)
class Letter:
    """One message of the outbox."""

    id: UUID
    channel_id: UUID
    kind: str
    severity: str
    action: str
    reason: str
    rule_id: UUID | None
    entry_id: UUID | None
    about: UUID | None
    total: int
    more: int
    folded: int
    created_at: datetime
    attempts: int = 0


def letter(channel_id: UUID, kind: str, severity: str, now: datetime, **values: Any) -> Letter:
    """A new message, with what is not given left empty."""
    empty = {
        "action": "",
        "reason": "",
        "rule_id": None,
        "entry_id": None,
        "about": None,
        "total": 0,
        "more": 0,
        "folded": 0,
    }
    return Letter(
        id=uuid7(), channel_id=channel_id, kind=kind, severity=severity, created_at=now, **{**empty, **values}
    )


def put(cursor: Any, letters: Sequence[Letter]) -> None:
    """Add the messages, in the caller's transaction. Where too many wait already, they are counted in one.

    What is critical is counted apart: small matters that wait must not be what takes its words from it.
    """
    channels = list({one.channel_id for one in letters})
    cursor.execute(
        "SELECT channel_id, severity = 'critical', count(*) FROM audit_message "
        "WHERE state = 'waiting' AND channel_id = ANY(%s) GROUP BY 1, 2",
        [channels],
    )
    waiting = Counter({(channel, is_critical): count for channel, is_critical, count in cursor.fetchall()})
    for one in letters:
        alike = (one.channel_id, one.severity == Severity.CRITICAL)
        if waiting[alike] >= MOST_WAITING and one.kind not in ALONE:
            cursor.execute(_COUNT_MORE, [one.more, one.total, *alike])
            if cursor.rowcount:
                continue
            _insert(cursor, replace(one, kind=Message.Kind.FOLDED, folded=1))
        else:
            _insert(cursor, one)
        waiting[alike] += 1


def _insert(cursor: Any, one: Letter) -> None:
    values = [
        one.id,
        one.channel_id,
        one.kind,
        one.severity,
        one.action,
        one.reason,
        one.rule_id,
        one.entry_id,
        one.about,
    ]
    cursor.execute(_PUT, [*values, one.total, one.more, one.folded, one.created_at, one.created_at])


def channels_with_due(now: datetime) -> list[UUID]:
    """The channels for which something waits that may be sent now: operators' first, then those that were served longest ago."""
    with connections[DATABASE].cursor() as cursor:
        cursor.execute(_WAITING, [now, MOST_CHANNELS])
        return [channel for (channel,) in cursor.fetchall()]


def take(channel_id: UUID, now: datetime) -> list[Letter]:
    """Take what the channel may be sent now. More than its bucket holds is told in one message; nothing is left out."""
    with transaction.atomic(using=DATABASE), connections[DATABASE].cursor() as cursor:
        cursor.execute(_STATE, [channel_id, BUCKET, now, BUCKET, REFILL_SECONDS])
        tokens = int(cursor.fetchone()[0])
        cursor.execute(_DUE, [channel_id, now])
        due = [Letter(*row) for row in cursor.fetchall()]
        critical = [one for one in due if one.severity == Severity.CRITICAL]
        chosen = _choose(cursor, critical, tokens, now)
        room = min(tokens - len(chosen), tokens - RESERVED)
        chosen += _choose(cursor, [one for one in due if one not in critical], room, now)
        cursor.execute(
            "UPDATE audit_message SET attempts = attempts + 1, due_at = %s WHERE id = ANY(%s)",
            [now + timedelta(seconds=LEASE_SECONDS), [one.id for one in chosen]],
        )
        cursor.execute(
            "UPDATE audit_channelstate SET tokens = tokens - %s WHERE channel_id = %s", [len(chosen), channel_id]
        )
    return chosen


def _choose(cursor: Any, due: list[Letter], room: int, now: datetime) -> list[Letter]:
    """As many of these as there is room for; in the last place, if it is needed, one that stands for all the others."""
    if len(due) <= room or room < 1:
        return due[: max(0, room)]
    # What was tried already keeps its id, since the receiver may have it; only the others may be told in one.
    whole = [one for one in due if one.attempts or one.kind in ALONE]
    fresh = [one for one in due if one not in whole]
    # The only place is that of whatever was made first: a flood that goes on would have it each time.
    if not fresh or (room == 1 and due[0] in whole):
        return whole[:room]
    chosen = whole[: room - 1]
    left = room - len(chosen)
    return [*chosen, *fresh[: left - 1], _fold(cursor, fresh[left - 1 :], now)]


def _fold(cursor: Any, letters: list[Letter], now: datetime) -> Letter:
    """One message that stands for these; they end, and point at it."""
    if len(letters) == 1:
        return letters[0]
    worst = max(letters, key=lambda one: RANK[one.severity])
    one = letter(
        worst.channel_id,
        Message.Kind.FOLDED,
        worst.severity,
        now,
        action=worst.action,
        reason=worst.reason,
        entry_id=worst.entry_id,
        total=sum(each.total for each in letters),
        more=sum(each.more for each in letters),
        folded=sum(each.folded or 1 for each in letters),
    )
    _insert(cursor, one)
    cursor.execute(
        "UPDATE audit_message SET state = 'folded', about = %s, ended_at = %s WHERE id = ANY(%s)",
        [one.id, now, [each.id for each in letters]],
    )
    return one


def give_back(letters: Sequence[Letter], now: datetime) -> None:
    """These were taken and not tried."""
    if not letters:
        return
    with transaction.atomic(using=DATABASE), connections[DATABASE].cursor() as cursor:
        cursor.execute(
            "UPDATE audit_message SET attempts = attempts - 1, due_at = %s WHERE id = ANY(%s) AND state = 'waiting'",
            [now + timedelta(seconds=RETRIES[0]), [one.id for one in letters]],
        )
        cursor.execute(
            "UPDATE audit_channelstate SET tokens = tokens + %s WHERE channel_id = %s",
            [len(letters), letters[0].channel_id],
        )


def sent(one: Letter, now: datetime) -> None:
    """The channel took it."""
    with transaction.atomic(using=DATABASE), connections[DATABASE].cursor() as cursor:
        cursor.execute(
            "UPDATE audit_message SET state = 'sent', answer = '', ended_at = %s WHERE id = %s", [now, one.id]
        )
        cursor.execute(
            "UPDATE audit_channelstate SET failures = 0, failing_since = NULL, sent_at = %s, tried_at = %s, answer = '' "
            "WHERE channel_id = %s",
            [now, now, one.channel_id],
        )


def dropped(channel_id: UUID, now: datetime) -> None:
    """There is nobody to send to any more: the channel is gone or paused, or its reader no longer reads the trail."""
    with connections[DATABASE].cursor() as cursor:
        cursor.execute(
            "UPDATE audit_message SET state = 'dropped', ended_at = %s WHERE channel_id = %s AND state = 'waiting'",
            [now, channel_id],
        )


def failed(one: Letter, answer: str, now: datetime, *, is_final: bool, others: Sequence[UUID]) -> bool:
    """The channel did not take it: it is tried again later, or given up. Returns whether the channel began to fail.

    Then the ``others`` are told, once until it works again; what fails to tell that tells nobody anything.
    """
    attempt = one.attempts + 1
    is_dead = is_final or attempt > len(RETRIES)
    wait = 0.0 if is_dead else RETRIES[attempt - 1] * random.uniform(1 - JITTER, 1 + JITTER)  # noqa: S311 - spreads retries, hides nothing
    with transaction.atomic(using=DATABASE), connections[DATABASE].cursor() as cursor:
        cursor.execute(
            "UPDATE audit_message SET state = %s, answer = %s, due_at = %s, ended_at = %s WHERE id = %s",
            [
                "dead" if is_dead else "waiting",
                answer[:160],
                now + timedelta(seconds=wait),
                now if is_dead else None,
                one.id,
            ],
        )
        cursor.execute(
            "UPDATE audit_channelstate SET failures = failures + 1, tried_at = %s, answer = %s, failing_since = CASE "
            "WHEN failing_since IS NULL AND (%s OR failures + 1 >= %s) THEN %s ELSE failing_since END "
            "WHERE channel_id = %s RETURNING failing_since",
            [now, answer[:160], is_dead, FAILURES_TO_REPORT, now, one.channel_id],
        )
        row = cursor.fetchone()
        began = row is not None and row[0] == now
        if began:
            cursor.execute(_ALREADY, [list(others), one.channel_id])
            told = {channel for (channel,) in cursor.fetchall()}
            untold = [other for other in others if other not in told]
            put(cursor, [letter(other, Message.Kind.FAILING, "warning", now, about=one.channel_id) for other in untold])
    return began


def prune(now: datetime) -> int:
    """Remove what was sent, folded or dropped a month ago, and what was given up three months ago; return how many."""
    with connections[DATABASE].cursor() as cursor:
        cursor.execute(
            "DELETE FROM audit_message WHERE (state IN ('sent', 'folded', 'dropped') AND ended_at < %s) "
            "OR (state = 'dead' AND ended_at < %s)",
            [now - KEEP, now - KEEP_DEAD],
        )
        return int(cursor.rowcount)
