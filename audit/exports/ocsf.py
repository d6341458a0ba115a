"""How does an entry read in the words of the Open Cybersecurity Schema Framework (OCSF 1.6.0), which SIEMs take in?

Three of its classes: who proved who they are (Authentication, 3002), what a session or key may do and what it was refused
for want of it (Authorize Session, 3003), and everything else that was done or refused (API Activity, 6003). What the
schema has no place for stands in ``unmapped``, under our own names.
"""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any, Final

from accounts.http import Reason
from audit import reasons
from audit.models import Entry
from audit.rules import ActorType, Outcome, Severity

VERSION: Final = "1.6.0"
US: Final = {"name": "AiAxis", "vendor_name": "AiAxis"}
AUTHENTICATION, AUTHORIZE_SESSION, API_ACTIVITY = 3002, 3003, 6003
OTHER: Final = 99
_LOGON, _LOGOFF, _SWITCH, _PRIVILEGES = 1, 2, 7, 1
_SESSIONS: Final = {
    "sign_in.failed": _LOGON,
    "sign_in.throttled": _LOGON,
    "sign_in.second_failed": _LOGON,
    "credential.refused": _LOGON,
    "member.signed_in": _LOGON,
    "member.stepped_up": _LOGON,
    "member.step_up_failed": _LOGON,
    "second_factor.code_used": _LOGON,
    "operator.signed_in": _LOGON,
    "operator.recovery_used": _LOGON,
    "operator.sign_in_failed": _LOGON,
    "member.signed_out": _LOGOFF,
    "operator.signed_out": _LOGOFF,
    "session.revoked": _LOGOFF,
    "directory.session_ended": _LOGOFF,
    "operator.sessions_ended": _LOGOFF,
    "workspace.switched": _SWITCH,
}
_RIGHTS: Final = frozenset(
    {"member.role_changed", "directory.role_changed", "ownership.transferred", "key.created", "key.rotated"}
)
# Refused though it was known who asked: what they may do did not reach.
_WITHOUT_RIGHT: Final = frozenset({Reason.ROLE, Reason.SCOPE, Reason.STALE_LOGIN, Reason.FORBIDDEN})
_ENDINGS: Final = {"create": 1, "created": 1, "complete": 1, "read": 2, "update": 3, "updated": 3, "changed": 3, "change": 3, "delete": 4, "deleted": 4, "revoked": 4}  # fmt: skip
_SEVERITIES: Final = {Severity.INFO: 1, Severity.NOTICE: 2, Severity.WARNING: 3, Severity.CRITICAL: 5}
_USERS: Final = {ActorType.MEMBER: 1, ActorType.OPERATOR: 2, ActorType.KEY: 4, ActorType.JOB: 4, ActorType.SYSTEM: 3}
_METHODS: Final = frozenset({"GET", "HEAD", "POST", "PUT", "PATCH", "DELETE", "OPTIONS", "TRACE", "CONNECT"})


def event(entry: Entry) -> dict[str, Any]:
    """The entry as one event of the schema, ready for JSON."""
    class_uid, activity = _class_of(entry)
    said = {
        **_about(entry),
        "class_uid": class_uid,
        "category_uid": class_uid // 1000,
        "activity_id": activity,
        "type_uid": class_uid * 100 + activity,
        "actor": {"user": _user(entry)},
        "src_endpoint": {"ip": entry.client_address} if entry.client_address else {"name": US["name"]},
    }
    if activity == OTHER:
        said["activity_name"] = entry.words
    if class_uid == API_ACTIVITY:
        said["api"] = {"operation": entry.action, "service": {"name": US["name"]}}
        if entry.target_type:
            said["resources"] = [{"type": entry.target_type, "uid": entry.target_id}]
    else:
        said["user"] = _user(entry)
    if class_uid == AUTHENTICATION:
        said["service"] = {"name": US["name"]}
    if class_uid == AUTHORIZE_SESSION:
        said["privileges"] = _privileges(entry)
    return {**said, **_request(entry)}


def _class_of(entry: Entry) -> tuple[int, int]:
    if entry.action in _SESSIONS:
        return AUTHENTICATION, _SESSIONS[entry.action]
    if entry.action in _RIGHTS or entry.reason in _WITHOUT_RIGHT:
        return AUTHORIZE_SESSION, _PRIVILEGES
    return API_ACTIVITY, _ENDINGS.get(entry.vocabulary.rpartition("_")[2], OTHER)


def _about(entry: Entry) -> dict[str, Any]:
    """What every class has."""
    said: dict[str, Any] = {
        "time": int(entry.occurred_at.timestamp() * 1000),
        "severity_id": _SEVERITIES[Severity(entry.severity)],
        "status_id": 1 if entry.outcome == Outcome.ALLOWED else 2,
        "message": entry.words,
        "count": entry.burst or 1,
        "metadata": {
            "version": VERSION,
            "product": US,
            "uid": str(entry.pk),
            "event_code": entry.action,
            "log_name": "trail",
            "logged_time": int(entry.received_at.timestamp() * 1000),
            "tenant_uid": str(entry.workspace_id or ""),
        },
        "unmapped": {
            "outcome": entry.outcome,
            "actor_type": entry.actor_type,
            "target_type": entry.target_type,
            "target_id": entry.target_id,
            "detail": entry.detail,
        },
    }
    if entry.origin_id:
        said["metadata"]["correlation_uid"] = str(entry.origin_id)
    if entry.reason:
        said |= {"status_code": entry.reason, "status_detail": reasons.REASONS.get(entry.reason, entry.reason)}
    return said


def _user(entry: Entry) -> dict[str, Any]:
    """Whoever acted; where nobody was verified, the mask of what they typed, or that word."""
    known: dict[str, Any] = {"type_id": _USERS.get(ActorType(entry.actor_type), 0)}
    if entry.actor_id:
        known["uid"] = str(entry.actor_id)
    return {**known, "name": entry.actor_name or str(entry.actor.get("mask") or "unknown")}


def _privileges(entry: Entry) -> list[str]:
    """The rights that it is about: those that were given, else the role with which somebody did not get further."""
    told: Mapping[str, Any] = {**entry.actor, **entry.detail}
    found = next((told[name] for name in ("scopes", "after", "role") if told.get(name)), "unknown")
    return [str(one) for one in found] if isinstance(found, list) else [str(found)]


def _request(entry: Entry) -> dict[str, Any]:
    if not entry.http.get("path"):
        return {}
    method = str(entry.http.get("method", ""))
    request: dict[str, Any] = {"url": {"path": str(entry.http["path"])}}
    if agent := (entry.http.get("headers") or {}).get("user-agent"):
        request["user_agent"] = str(agent)
    if method in _METHODS:
        request["http_method"] = method
    return {"http_request": request, **({"http_response": {"code": entry.status}} if entry.status else {})}
