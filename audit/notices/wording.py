"""What does a message say, in a mail, to a machine and in a chat?

A heading in our own words, and a few facts that other people wrote: a name, a path, an address. Those are made one harmless
line again here, whatever brought them into the trail, and each form shows them as text that does nothing.
"""

from __future__ import annotations

import html
import json
from dataclasses import dataclass
from datetime import datetime
from typing import Final
from uuid import UUID

from django.db import connections

from accounts.mail import link
from accounts.tracing import Origin, accepted
from audit import reasons, rules
from audit.notices import outbox
from audit.notices.models import Message
from audit.notices.outbox import Letter
from audit.redaction import clean

_ENTRY: Final = (
    "SELECT id, occurred_at, outcome, actor_type, actor_name, client_address, request_id, coalesce(http->>'route', ''), "
    "target_type, workspace_id, coalesce(trace->>'traceparent', '') FROM audit_entry WHERE id = %s"
)
_RULE: Final = "SELECT name, per_minute FROM audit_rule WHERE id = %s"
_TOTALS: Final = "SELECT count(*) FROM audit_alarm WHERE channel_id IS NULL"
_TYPES: Final = {
    Message.Kind.RAISED: "alarm.raised",
    Message.Kind.MORE: "alarm.continued",
    Message.Kind.GROWN: "alarm.grown",
    Message.Kind.RESOLVED: "alarm.resolved",
    Message.Kind.FOLDED: "alarms.folded",
    Message.Kind.FAILING: "channel.failing",
    Message.Kind.HEARTBEAT: "channel.heartbeat",
    Message.Kind.TEST: "channel.test",
}


@dataclass(frozen=True, slots=True)
class Notice:
    """A message with everything that it says."""

    id: UUID
    type: str
    severity: str
    at: datetime
    heading: str
    sentence: str
    facts: list[tuple[str, str]]
    counts: dict[str, int]
    entry: dict[str, str | None]
    link: str
    origin: Origin


def notice(letter: Letter, *, is_operators: bool, other: str = "") -> Notice:
    """The words of a message. ``other`` is the name of the channel that it is about. Raises ``django.db.Error``."""
    entry, origin = _entry(letter.entry_id) if letter.entry_id else ({}, Origin())
    rule = _rule(letter.rule_id) if letter.rule_id else None
    what = rule[0] if rule and rule[1] else rules.action_words(letter.action)
    return Notice(
        id=letter.id,
        type=_TYPES[Message.Kind(letter.kind)],
        severity=letter.severity,
        at=letter.created_at,
        heading=_heading(letter, clean(what, 120)),
        sentence=_sentence(letter, clean(other, 80)),
        facts=_facts(entry, reasons.REASONS.get(letter.reason, "")),
        counts={"total": letter.total, "more": letter.more, "alarms": letter.folded},
        entry=entry,
        link=_link(letter, is_operators=is_operators),
        origin=origin,
    )


def subject(told: Notice) -> str:
    """The subject of a mail: our own words only."""
    return f"[AiAxis] {told.heading}"


def payload(told: Notice) -> bytes:
    """The body of a webhook, as Standard Webhooks recommend it: type, timestamp, data."""
    facts = {
        "id": str(told.id),
        "severity": told.severity,
        "heading": told.heading,
        "sentence": told.sentence,
        **told.counts,
        "entry": told.entry,
        "link": told.link,
    }
    body = {"type": told.type, "timestamp": told.at.isoformat(timespec="milliseconds"), "data": facts}
    return json.dumps(body, ensure_ascii=True).encode()


def chat(told: Notice) -> bytes:
    """The body of a Slack-compatible webhook. What others wrote stands in code spans: no mention, no link, no format."""
    lines = [f"*{_escaped(told.heading)}*"]
    lines += [_escaped(told.sentence)] if told.sentence else []
    lines += [f"{_escaped(label)}: `{_escaped(value.replace('`', 'ʼ'))}`" for label, value in told.facts]
    lines += [told.link]
    return json.dumps({"text": "\n".join(lines)}, ensure_ascii=True).encode()


def _heading(letter: Letter, what: str) -> str:
    severity = rules.Severity(letter.severity).label
    return {
        Message.Kind.RAISED: f"{severity}: {what}{_plus(letter.more - 1)}",
        Message.Kind.MORE: f"{severity}: {what}{_plus(letter.more)}",
        Message.Kind.GROWN: f"{severity}: {what}, {letter.total:,} by now{_plus(letter.more)}",
        Message.Kind.RESOLVED: f"Quiet again: {what}, {letter.total:,} in all{_plus(letter.more)}",
        Message.Kind.FOLDED: f"{severity}: {letter.folded:,} notices at once, {letter.more:,} events",
        Message.Kind.FAILING: "A notification channel fails",
        Message.Kind.HEARTBEAT: "Sign of life",
        Message.Kind.TEST: "Test of this channel",
    }[Message.Kind(letter.kind)]


def _sentence(letter: Letter, other: str) -> str:
    kind = Message.Kind(letter.kind)
    if kind == Message.Kind.HEARTBEAT:
        return f"Notifications are at work. {_open_alarms():,} alarms are open."
    return {
        Message.Kind.RESOLVED: "Nothing of this kind was seen for a quarter of an hour.",
        Message.Kind.FOLDED: "There was more to tell than this channel takes in a minute. Everything stands in the trail.",
        Message.Kind.FAILING: f"The channel “{other}” does not take what it is sent. Look at its last answer, and mend or remove it.",
        Message.Kind.TEST: "Somebody asked for this message, to see that it arrives. There is nothing to do.",
    }.get(kind, "")


def _plus(count: int) -> str:
    return f" (+{count:,} more)" if count > 0 else ""


def _entry(entry_id: UUID) -> tuple[dict[str, str | None], Origin]:
    """What of an entry leaves the installation: who, from where, at which address and when; no content, no details."""
    with connections[outbox.DATABASE].cursor() as cursor:
        cursor.execute(_ENTRY, [entry_id])
        row = cursor.fetchone()
    if row is None:
        return {}, Origin()
    _, at, outcome, actor_type, name, address, request, route, target, workspace, traceparent = row
    # The column is a copy of what a client sent, so it is asked once more whether it is one.
    origin = Origin(request, accepted(traceparent))
    told = {
        "id": str(entry_id),
        "occurred_at": at.isoformat(timespec="milliseconds"),
        "outcome": clean(outcome, 8),
        "actor_type": clean(actor_type, 10),
        "actor": clean(name, 128),
        "address": clean(address, 64) if address else None,
        "request": str(request) if request else None,
        "trace": origin.trace_id or None,
        "route": clean(route, 256),
        "target": clean(target, 64),
        "tenant": str(workspace) if workspace else None,
    }
    return told, origin


def _facts(entry: dict[str, str | None], reason: str) -> list[tuple[str, str]]:
    shown = [("Why", reason)]
    labels = {
        "actor": "Who",
        "address": "From",
        "route": "At",
        "occurred_at": "When",
        "tenant": "Workspace",
        "request": "Request",
    }
    shown += [(label, str(entry.get(name) or "")) for name, label in labels.items()]
    return [(label, value) for label, value in shown if value]


def _rule(rule_id: UUID) -> tuple[str, int] | None:
    with connections[outbox.DATABASE].cursor() as cursor:
        cursor.execute(_RULE, [rule_id])
        row: tuple[str, int] | None = cursor.fetchone()
    return row


def _open_alarms() -> int:
    with connections[outbox.DATABASE].cursor() as cursor:
        cursor.execute(_TOTALS)
        return int(cursor.fetchone()[0])


def _link(letter: Letter, *, is_operators: bool) -> str:
    if letter.entry_id:
        return link(f"/operator/audit/entry/{letter.entry_id}/" if is_operators else f"/trail/{letter.entry_id}/")
    return link("/operator/audit/operatorchannel/" if is_operators else "/trail/notifications/")


def _escaped(text: str) -> str:
    """As Slack asks for it: markup's own signs, and not the quotes."""
    return html.escape(text, quote=False)
