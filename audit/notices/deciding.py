"""Who is told of what has just been stored in the trail?

A trigger of the trail lists every new entry, whoever stores it and however late it comes. One worker takes the list, sums
up what is alike, asks the rules and the workspaces' own channels, and puts what is to be said into the outbox, all in one
transaction: killed at any moment it has decided all of it or nothing.
"""

from __future__ import annotations

import logging
from collections.abc import Callable
from dataclasses import astuple
from datetime import datetime
from typing import Any, Final
from uuid import UUID

from django.db import connections, transaction
from django.utils import timezone

from audit.notices import matching, outbox
from audit.notices.matching import Group
from audit.notices.suppression import HOLD, QUIET, Alarm, Say
from audit.rules import Severity

logger = logging.getLogger(__name__)

LISTS_AT_ONCE: Final = 50
ALARMS_AT_ONCE: Final = 500
_LOCK: Final = "SELECT pg_advisory_xact_lock(hashtextextended('audit.notices', 0))"
_UNHEARD: Final = "SELECT id, ids FROM audit_unheard ORDER BY id LIMIT %s"
_COLUMNS: Final = "key, channel_id, rule_id, severity, action, reason, first_entry, last_entry, opened_at, seen_at, total, told, told_at, check_at"
_FIND: Final = f"SELECT {_COLUMNS} FROM audit_alarm WHERE key = ANY(%s)"  # noqa: S608 - constants only
# What is to be looked at later than ever was meant waits for a clock that was put back.
_CHECK: Final = f"SELECT {_COLUMNS} FROM audit_alarm WHERE check_at NOT BETWEEN %s AND %s ORDER BY check_at LIMIT %s"  # noqa: S608 - constants only
_KEEP: Final = (
    f"INSERT INTO audit_alarm ({_COLUMNS}) VALUES ({', '.join(['%s'] * 14)}) ON CONFLICT (key) DO UPDATE SET "  # noqa: S608 - constants only
    "last_entry = EXCLUDED.last_entry, seen_at = EXCLUDED.seen_at, total = EXCLUDED.total, told = EXCLUDED.told, "
    "told_at = EXCLUDED.told_at, check_at = EXCLUDED.check_at"
)

Heard = list[tuple[Alarm, int, UUID]]
"""Alarms that something came for: how many, and the last of them."""


def decide() -> int:
    """Judge everything that waits, and look after what goes on; returns how many entries were judged.

    Raises ``django.db.Error``; then the same is judged again the next time.
    """
    judged = 0
    while True:
        count = _judge_once()
        # Each time: where new things come as fast as they are judged, there would be no end after which to do it.
        _look_after_alarms()
        if not count:
            return judged
        judged += count


def _judge_once() -> int:
    now = timezone.now()
    with transaction.atomic(using=outbox.DATABASE), connections[outbox.DATABASE].cursor() as cursor:
        cursor.execute(_LOCK)
        cursor.execute(_UNHEARD, [LISTS_AT_ONCE])
        lists = cursor.fetchall()
        ids = [entry for _, entries in lists for entry in entries]
        if not ids:
            return 0
        _tell(cursor, _heard(cursor, matching.groups(cursor, ids), now), now)
        cursor.execute("DELETE FROM audit_unheard WHERE id = ANY(%s)", [[number for number, _ in lists]])
    return len(ids)


def _heard(cursor: Any, found: list[Group], now: datetime) -> Heard:
    """The alarms that these entries belong to: by rules for operators, and of workspaces' own channels."""
    wanted: Heard = []
    counted: dict[matching.Rule, list[Group]] = {}
    rules = matching.rules(cursor)
    for group in found:
        rule = next((one for one in rules if one.fits(group)), None)
        if rule is None:
            continue
        if rule.per_minute:
            counted.setdefault(rule, []).append(group)
        elif rule.severity:
            key = f"{rule.id.hex}:{group.fingerprint}"
            wanted.append((_begun(key, group, now, rule_id=rule.id, severity=rule.severity), group.count, group.last))
    for rule, fitting in counted.items():
        wanted += _counted(cursor, rule, fitting, now)
    for listener in matching.listeners(cursor, found):
        for group in found:
            if listener.wants(group):
                key = f"{listener.id.hex}:{group.fingerprint}"
                alarm = _begun(key, group, now, channel_id=listener.id, severity=group.severity)
                wanted.append((alarm, group.count, group.last))
    return wanted


def _counted(cursor: Any, rule: matching.Rule, fitting: list[Group], now: datetime) -> Heard:
    """A counting rule's alarm, once its minute holds enough; then it holds all of that minute."""
    count = sum(group.count for group in fitting)
    before_and_now = matching.tallied(cursor, rule, count, now)
    if before_and_now < rule.per_minute or not rule.severity:
        return []
    is_first = before_and_now - count < rule.per_minute
    alarm = _begun(rule.id.hex, fitting[0], now, rule_id=rule.id, severity=rule.severity)
    return [(alarm, before_and_now if is_first else count, fitting[-1].last)]


def _begun(key: str, group: Group, now: datetime, *, severity: str, **ids: UUID) -> Alarm:
    return Alarm(
        key=key,
        channel_id=ids.get("channel_id"),
        rule_id=ids.get("rule_id"),
        severity=severity,
        action=group.action,
        reason=group.reason,
        first_entry=group.first,
        last_entry=group.last,
        opened_at=now,
        seen_at=now,
    )


def _tell(cursor: Any, heard: Heard, now: datetime) -> None:
    """Count in what was heard, with what of it went on already, and put into the outbox what is to be said."""
    cursor.execute(_FIND, [[alarm.key for alarm, _, _ in heard]])
    open_ones = {row[0]: Alarm(*row) for row in cursor.fetchall()}
    said = []
    for begun, count, last in heard:
        alarm = open_ones.setdefault(begun.key, begun)
        say = alarm.hear(count, last, now)
        if say:
            said.append((alarm, say))
    cursor.executemany(_KEEP, [astuple(alarm) for alarm in open_ones.values()])
    _put(cursor, said, now)


def _look_after_alarms() -> None:
    """Tell what was only counted for long enough, and what is over."""
    now = timezone.now()
    with transaction.atomic(using=outbox.DATABASE), connections[outbox.DATABASE].cursor() as cursor:
        cursor.execute(_LOCK)
        cursor.execute(_CHECK, [now, now + max(HOLD, QUIET), ALARMS_AT_ONCE])
        alarms = [Alarm(*row) for row in cursor.fetchall()]
        said = [(alarm, say) for alarm in alarms if (say := alarm.look(now))]
        over = [alarm for alarm in alarms if alarm.is_over(now)]
        cursor.executemany(_KEEP, [astuple(alarm) for alarm in alarms if alarm not in over])
        cursor.execute("DELETE FROM audit_alarm WHERE key = ANY(%s)", [[alarm.key for alarm in over]])
        _put(cursor, said, now)


def _put(cursor: Any, said: list[tuple[Alarm, Say]], now: datetime) -> None:
    operators = matching.operators(cursor)
    letters = []
    for alarm, say in said:
        if alarm.channel_id is None:
            _log(alarm, say)
        letters += [
            outbox.letter(
                channel,
                say.kind,
                alarm.severity,
                now,
                action=alarm.action,
                reason=alarm.reason,
                rule_id=alarm.rule_id,
                entry_id=alarm.first_entry if say.total == say.more else alarm.last_entry,
                total=say.total,
                more=say.more,
            )
            for channel in _channels(alarm, operators)
        ]
    outbox.put(cursor, letters)


def _channels(alarm: Alarm, operators: list[tuple[UUID, str]]) -> list[UUID]:
    if alarm.channel_id is not None:
        return [alarm.channel_id]
    return [channel for channel, least in operators if outbox.RANK[alarm.severity] >= outbox.RANK[least]]


def _log(alarm: Alarm, say: Say) -> None:
    """Tell the console, always. A critical one is an error, so that a collector of error reports hears of it too: that
    there was one and at which line, which is all that reports.py lets out.
    """
    log: Callable[..., None] = logger.error if alarm.severity == Severity.CRITICAL else logger.warning
    words = "Alarm %s (%s, %s): %s in all, %s new."
    log(words, say.kind, alarm.action, alarm.severity, say.total, say.more, extra={"alarm": alarm.action})
