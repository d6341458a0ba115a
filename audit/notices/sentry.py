"""How does a Sentry project hear of an alarm?

By the envelope that Sentry's own programs send (https://develop.sentry.dev/sdk/data-model/envelopes/), made here by hand: the
package would bring a transport of its own, and calls to addresses that somebody typed leave through one door. It is told less
than a webhook is, since a collector of error reports is read by many: which kind of event, how many, at which address and under
which request id; neither who it was nor from where.
"""

from __future__ import annotations

import json
import re
from dataclasses import dataclass, field
from typing import Any, Final
from urllib.parse import urlsplit

from accounts import outbound
from audit.notices.outbox import Letter
from audit.notices.wording import Notice
from audit.rules import Severity

LEVELS: Final = {Severity.CRITICAL: "fatal", Severity.WARNING: "warning"}
AGENT: Final = "aiaxis/1"
TOLD: Final = ("id", "occurred_at", "outcome", "actor_type", "request", "route", "tenant")
WRONG: Final = "This is not the DSN of a Sentry project. It looks like https://key@sentry.example/1."
_PATH: Final = re.compile(r"((?:/[\w.-]+)*)/(\d{1,20})", re.ASCII)
_KEY: Final = re.compile(r"[0-9A-Za-z]{1,64}", re.ASCII)


@dataclass(frozen=True, slots=True)
class Project:
    """Where a project takes envelopes, and the key that lets them in."""

    url: str
    key: str = field(repr=False)

    @property
    def headers(self) -> dict[str, str]:
        """What an envelope is sent with."""
        return {
            "Content-Type": "application/x-sentry-envelope",
            "X-Sentry-Auth": f"Sentry sentry_version=7, sentry_client={AGENT}, sentry_key={self.key}",
        }


def project(dsn: str) -> Project:
    """Take a DSN apart. Raises ``outbound.Forbidden``; the address that comes out is judged by ``outbound`` like any other."""
    try:
        parts = urlsplit(dsn)
        port = parts.port
    except ValueError as error:
        raise outbound.Forbidden(WRONG) from error
    path = _PATH.fullmatch(parts.path)
    key = parts.username or ""
    if not path or not _KEY.fullmatch(key) or not parts.hostname or parts.query or parts.fragment:
        raise outbound.Forbidden(WRONG)
    host = f"[{parts.hostname}]" if ":" in parts.hostname else parts.hostname
    where = host if port is None else f"{host}:{port}"
    return Project(f"{parts.scheme}://{where}{path[1]}/api/{path[2]}/envelope/", key)


def envelope(told: Notice, letter: Letter) -> bytes:
    """The message as an event. Its id is the message's, so that one that comes twice is the same."""
    event: dict[str, Any] = {
        "event_id": told.id.hex,
        "timestamp": told.at.isoformat(timespec="milliseconds"),
        "platform": "other",
        "level": LEVELS.get(Severity(told.severity), "info"),
        "logger": "aiaxis.notices",
        "message": {"formatted": told.heading},
        # What is alike stays one issue, from its first message to the one that says that it is over.
        "fingerprint": ["aiaxis", letter.action or told.type, letter.reason],
        "tags": {
            "action": letter.action,
            "reason": letter.reason,
            "type": told.type,
            "request": told.entry.get("request"),
        },
        "extra": {
            "sentence": told.sentence,
            "link": told.link,
            **told.counts,
            "entry": {name: told.entry[name] for name in TOLD if told.entry.get(name)},
        },
    }
    event["tags"] = {name: value for name, value in event["tags"].items() if value}
    if onward := told.origin.onward():
        event["contexts"] = {"trace": {"trace_id": onward[3:35], "span_id": onward[36:52]}}
    body = json.dumps(event, ensure_ascii=True).encode()
    head = json.dumps({"event_id": told.id.hex, "sent_at": event["timestamp"]}).encode()
    return b"\n".join((head, json.dumps({"type": "event", "length": len(body)}).encode(), body, b""))
