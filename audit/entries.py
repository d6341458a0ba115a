"""What does one entry hold?

One flat dictionary whose keys are columns of ``audit_entry``: the same for a line in the spool and for a row that a
fact writes in its own transaction. Everything in it is a copy, so that history outlives what it describes, and
everything in it has passed ``audit.redaction``.
"""

import base64
import contextlib
import hashlib
import json
from collections.abc import Mapping, Sequence
from datetime import UTC, datetime
from functools import lru_cache
from typing import Any
from uuid import UUID

from django.db.models import Model
from uuid_utils.compat import uuid7

from accounts.http import Refusal, Sent, Tenant
from accounts.operators import Operator
from accounts.requests import RequestContext, current_request
from accounts.tracing import followed, packed, report_of
from audit import reasons, redaction, rules
from audit.rules import ActorType, Outcome, Severity
from audit.spool import LINE_LIMIT

Entry = dict[str, Any]

MOST_LISTED = 24
"""How many values a list in the details holds; ``receivers.facts.keep_each`` makes further entries of what is longer."""
MOST_REACHED = 256
"""How many ids of one request are kept; no route looks at more."""
# What a line that would be too long does without, one after the other.
_LEFT_OUT = (
    ("http", "headers"),
    ("net", "forwarded_for"),
    ("http", "query_keys"),
    ("http", "body_keys"),
    ("http", "path"),
)
_SEVERITIES = frozenset(Severity.values)
_encode = json.JSONEncoder(ensure_ascii=True, separators=(",", ":"), allow_nan=False).encode


def denial(
    context: RequestContext | None,
    *,
    status: int,
    refusal: Refusal | None,
    actor: Tenant | Operator | None,
    target: tuple[str, str] = ("", ""),
    reached: Sequence[UUID] = (),
    sent: Sent | None = None,
) -> Entry:
    """The entry of a request that was refused or failed with HTTP ``status``.

    ``refusal`` is what the refusing check said about itself, None when Django refused on its own; ``actor`` is the
    verified member or operator, None when nobody was; ``target`` is the kind and id that the request asked for, "" where
    unknown; ``reached`` are further ids that it asked for, in its address or in what it sent; ``sent`` is what was read of its
    body, of which the entry holds the names of fields and a keyed fingerprint: a bare digest of a short form can be guessed.
    """
    detail = dict(refusal.detail) if refusal else {}
    action = refusal.action if refusal else "request.failed" if status >= 500 else "request.refused"
    reason = refusal.reason if refusal else reasons.REASON_OF_STATUS.get(status, reasons.UNLISTED)
    severity = refusal.severity if refusal else ""
    entry = _begin(action, reason, severity, detail)
    entry["outcome"] = rules.outcome_of(entry["action"], status)
    entry["status"] = status
    if isinstance(actor, Operator):
        entry.update(_operator(actor.user_id, actor.display_name))
    else:
        entry.update(_tenant(actor) if actor else _nobody(detail))
    entry["target_type"], entry["target_id"] = redaction.clean(target[0], 64), redaction.clean(target[1], 64)
    entry["refused_by"] = redaction.clean(detail.pop("check", reason), 64)
    entry = _finish(entry, context, detail)
    if sent is not None:
        _say_what_was_sent(entry["http"], sent)
    if reached:
        # Packed, since a request may name two hundred files, and one among them that is not there to be seen.
        entry["http"]["reached"] = base64.b64encode(b"".join(one.bytes for one in reached[:MOST_REACHED])).decode()
    return entry


def reached(entry: Entry) -> list[UUID]:
    """The ids that a refused request asked for: its target, and those that were packed beside it."""
    found = []
    with contextlib.suppress(ValueError):
        found.append(UUID(str(entry.get("target_id", ""))))
    with contextlib.suppress(ValueError, KeyError, TypeError, AttributeError):
        packed = base64.b64decode(entry["http"]["reached"])
        found += [UUID(bytes=packed[place : place + 16]) for place in range(0, len(packed), 16)]
    return list(dict.fromkeys(found))


def foreign(entry: Entry, *, owner: str, ids: Sequence[UUID]) -> Entry:
    """The entry that says that the request of ``entry`` reached for objects (``ids``) of the workspace ``owner``.

    It stands in no workspace's trail. Its id follows from the other's, so that it is made once.
    """
    known = rules.ACTIONS["workspace.reached"]
    target = str(ids[0])
    grouped = ("workspace.reached", str(entry["actor_id"]), owner, str(entry["http"].get("route", "")))
    return {
        **entry,
        "id": derived_id(milliseconds(entry["id"]), "reached", entry["id"], owner),
        "action": "workspace.reached",
        "vocabulary": known.vocabulary,
        "outcome": Outcome.DENIED,
        "reason": reasons.FOREIGN,
        "severity": known.severity,
        "workspace_id": None,
        "asked_workspace_id": owner,
        "target_type": entry["target_type"] if target == entry["target_id"] else "object",
        "target_id": target,
        "refused_by": reasons.FOREIGN,
        "http": {name: value for name, value in entry["http"].items() if name != "reached"},
        "detail": {"from_workspace": entry["workspace_id"], "objects": len(ids), "refused_as": entry["reason"]},
        "fingerprint": _fingerprint(grouped),
    }


def fact(
    action: str,
    *,
    actor: Tenant | None,
    target: Model | None = None,
    workspace_id: UUID | None = None,
    detail: Mapping[str, object] | None = None,
) -> Entry:
    """The entry of something that was done, by ``actor`` or, without one, by AiAxis itself in ``workspace_id``.

    ``detail`` holds facts that the receiver chose by name; never content, names of files, or what a person typed.
    """
    entry = _begin(action, "", "", {})
    entry["outcome"] = Outcome.ALLOWED
    entry.update(_tenant(actor) if actor else _system(workspace_id))
    if target is not None:
        entry["target_type"], entry["target_id"] = target._meta.model_name, str(target.pk)
    return _finish(entry, current_request(), detail or {})


def operator_act(action: str, *, operator_id: UUID, name: str, detail: Mapping[str, object]) -> Entry:
    """The entry of what an operator did or read; it belongs to no workspace's trail."""
    entry = _begin(action, "", "", {})
    entry["outcome"] = Outcome.ALLOWED
    entry.update(_operator(operator_id, name))
    return _finish(entry, current_request(), detail)


def in_trail_of(entry: Entry, *, workspace_id: UUID, target: tuple[str, str], about: str) -> Entry:
    """The entry of what concerns a workspace, in that workspace's trail; a review groups what is ``about`` the same."""
    grouped = (entry["action"], str(entry["actor_id"]), str(workspace_id), about)
    place = {"workspace_id": str(workspace_id), "target_type": target[0], "target_id": target[1]}
    return {**entry, **place, "fingerprint": _fingerprint(grouped)}


def terminal(action: str, *, workspace_id: UUID | None, detail: Mapping[str, object]) -> Entry:
    """The entry of what somebody did at the server's own terminal, where no credential says who they are."""
    entry = _begin(action, "", "", {})
    entry["outcome"] = Outcome.ALLOWED
    entry.update(_system(workspace_id), actor_name="The server's terminal")
    return _finish(entry, None, detail)


def stranger(action: str, detail: Mapping[str, object]) -> Entry:
    """The entry of what somebody did of whom nothing is verified: they asked, or followed a link that was mailed to them."""
    told = dict(detail)
    entry = _begin(action, "", "", {})
    entry["outcome"] = Outcome.ALLOWED
    entry.update(_nobody(told))
    return _finish(entry, current_request(), told)


def pipeline(action: str, detail: Mapping[str, object]) -> Entry:
    """The entry in which the pipeline reports on itself: a line that could not be read, a row that was rejected."""
    entry = _begin(action, "", "", {})
    entry.update(outcome=Outcome.ERROR, actor_type=ActorType.SYSTEM, actor_name="AiAxis")
    return _finish(entry, None, detail)


def undescribed(context: RequestContext | None, *, status: int, error: Exception) -> Entry:
    """The entry of a refusal whose description failed: that it happened, under which request id, and what went wrong."""
    entry = pipeline("audit.entry_undescribed", {"error": type(error).__name__})
    entry.update(outcome=Outcome.DENIED, status=status, request_id=str(context.request_id) if context else None)
    return entry


def encode(entry: Entry) -> bytes:
    """The entry as one line for the spool. What does not fit into 8 KiB is left out, least important first, and said."""
    line = _encode(entry).encode("ascii") + b"\n"
    if len(line) <= LINE_LIMIT:
        return line
    cut = {**entry, "http": dict(entry["http"]), "net": dict(entry["net"]), "detail": {"cut": True}}
    for group, key in _LEFT_OUT:
        cut[group].pop(key, None)
        cut[group]["cut"] = True
        line = _encode(cut).encode("ascii") + b"\n"
        if len(line) <= LINE_LIMIT:
            return line
    kept = {name: value for name, value in cut["http"].items() if name == "reached"}
    cut.update(http={"cut": True, **kept}, net={"cut": True}, actor_name=entry["actor_name"][:32], actor={})
    return _encode(cut).encode("ascii") + b"\n"


def derived_id(moment: int, *parts: str) -> str:
    """The same UUIDv7 of ``moment`` (milliseconds since 1970) for the same parts.

    For entries that are made from others: whoever makes one again after dying halfway makes the one that is there.
    """
    digest = hashlib.sha256("\x1f".join(parts).encode()).digest()
    raw = bytearray(moment.to_bytes(6, "big") + digest[:10])
    raw[6] = 0x70 | (raw[6] & 0x0F)
    raw[8] = 0x80 | (raw[8] & 0x3F)
    return str(UUID(bytes=bytes(raw)))


def milliseconds(entry_id: str) -> int:
    """The moment with which an entry's id begins, in milliseconds since 1970."""
    return UUID(entry_id).int >> 80


def _begin(action: str, reason: str, severity: str, detail: dict[str, Any]) -> Entry:
    """The columns that every entry has, with the closed lists enforced: a word outside them is kept beside, not in."""
    known = rules.ACTIONS.get(action)
    if known is None:
        detail["unlisted_action"] = action
        action, known = "request.refused", rules.ACTIONS["request.refused"]
    if reason not in reasons.REASONS:
        detail["unlisted_reason"], reason = reason, reasons.UNLISTED
    return {
        "id": str(uuid7()),
        "occurred_at": datetime.now(UTC).isoformat(timespec="milliseconds"),
        "action": action,
        "vocabulary": known.vocabulary,
        "outcome": "",
        "reason": reason,
        "severity": severity if severity in _SEVERITIES else known.severity,
        "status": None,
        "workspace_id": None,
        "asked_workspace_id": None,
        "actor_type": ActorType.ANONYMOUS,
        "actor_id": None,
        "actor_name": "",
        "actor": {},
        "target_type": "",
        "target_id": "",
        "request_id": None,
        "client_address": None,
        "http": {},
        "net": {},
        "trace": {},
        "refused_by": "",
        "detail": {},
        "fingerprint": "",
    }


@lru_cache(maxsize=512)
def _tenant(actor: Tenant) -> Entry:
    """The verified member as columns: names copied, the session or key only as a keyed fingerprint. Read, never changed."""
    kind = {"key": ActorType.KEY, "job": ActorType.JOB}.get(actor.method, ActorType.MEMBER)
    # Which key it was, the keys' page and the entry of its making say; a session's id would be one more thing to steal.
    key = {"key": str(actor.credential_id)} if kind is ActorType.KEY else {}
    return {
        "workspace_id": str(actor.workspace_id),
        "actor_type": kind,
        "actor_id": str(actor.membership_id),
        "actor_name": redaction.clean(actor.display_name or actor.email, 128),
        "actor": {
            "user": str(actor.user_id),
            "role": str(actor.role),
            "method": redaction.clean(actor.method, 16),
            "credential": redaction.pseudonym("credential", str(actor.credential_id)),
            **key,
        },
    }


def _operator(user_id: UUID, name: str) -> Entry:
    return {"actor_type": ActorType.OPERATOR, "actor_id": str(user_id), "actor_name": redaction.clean(name, 128)}


def _nobody(detail: dict[str, Any]) -> Entry:
    """Nobody verified; a user name that was typed survives as a keyed fingerprint and a mask, both made before here."""
    typed = {key: redaction.clean(detail.pop(key), 64) for key in ("account", "mask") if key in detail}
    if "mask" in typed:
        typed["mask"] = redaction.mask(typed["mask"])
    return {"actor": typed} if typed else {}


def _system(workspace_id: UUID | None) -> Entry:
    return {
        "workspace_id": str(workspace_id) if workspace_id else None,
        "actor_type": ActorType.SYSTEM,
        "actor_name": "AiAxis",
    }


def _finish(entry: Entry, context: RequestContext | None, detail: Mapping[str, object]) -> Entry:
    """Add the request's circumstances, the chosen details and the fingerprint by which a review groups entries."""
    route = ""
    if context is not None:
        route = redaction.clean(context.route, 256)
        address = redaction.address(context.client_address)
        entry["request_id"] = str(context.request_id)
        entry["client_address"] = address
        entry["http"] = _http(context, route)
        entry["net"] = {
            "peer": redaction.clean(context.peer, 64),
            "forwarded_for": redaction.free_text(context.forwarded_for, 256),
        }
    entry["trace"] = _trace(context)
    if detail:
        entry["detail"] = {redaction.clean(key, 48): _plain(value) for key, value in detail.items()}
    origin = entry["actor_id"] or (redaction.network(entry["client_address"]) if entry["client_address"] else "")
    grouped = (entry["action"], entry["reason"], origin, entry["asked_workspace_id"] or "", route)
    entry["fingerprint"] = _fingerprint(grouped)
    return entry


def _trace(context: RequestContext | None) -> Entry:
    """By what it can be followed elsewhere: the caller's trace, the id of an error report, of a job the request behind it."""
    if context is None:
        return packed(followed())
    told = {"traceparent": context.traceparent, "report": report_of(context.request_id)}
    return {name: value for name, value in told.items() if value}


def _fingerprint(grouped: Sequence[str]) -> str:
    return hashlib.blake2b("\x1f".join(grouped).encode(), digest_size=8).hexdigest()


def _http(context: RequestContext, route: str) -> Entry:
    kept = redaction.headers(context.headers)
    kept["user-agent"] = redaction.free_text(context.user_agent, 256)
    http: Entry = {
        "method": redaction.clean(context.method, 16),
        "route": route,
        "path": redaction.path(context.path),
        "headers": kept,
    }
    if context.query_keys:
        http["query_keys"] = redaction.names(context.query_keys)
    if context.content_type or context.content_length:
        http["body"] = {"type": redaction.free_text(context.content_type, 128), "length": context.content_length}
    return http


def _say_what_was_sent(http: Entry, sent: Sent) -> None:
    if sent.names:
        http["body_keys"] = redaction.names(sent.names)
    if sent.body:
        http.setdefault("body", {})["fingerprint"] = redaction.fingerprint("body", sent.body)


def _plain(value: object) -> object:
    """A detail as something that JSON holds exactly; anything but numbers and truth values becomes redacted text."""
    if value is None or isinstance(value, bool | int):
        return value
    if isinstance(value, float):
        return round(value, 6) if value == value and abs(value) < 1e15 else str(value)
    if isinstance(value, list | tuple | set | frozenset):
        listed = [_plain(item) for item in value]
        # Whoever reads the entry must not take what is there for all of it.
        return listed if len(listed) <= MOST_LISTED else [*listed[:MOST_LISTED], "…"]
    return redaction.free_text(str(value), 256)
