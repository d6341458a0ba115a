"""What has happened at WorkOS, in order, and how do things stand there now?

An event is a reason to look, not a fact: what is done about it follows from how things stand when it is read. So events that come
twice, late, or all over again after a cursor was lost undo nothing that happened since.
"""

from __future__ import annotations

import logging
from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any, Final

from accounts.identity.base import BadCredentials, Unavailable
from accounts.identity.workos.connection import ONCE, SYSTEM, current, is_missing, translated

SESSION_REVOKED: Final = "session.revoked"
USER_DELETED: Final = "user.deleted"
MEMBERSHIP_UPDATED: Final = "organization_membership.updated"
MEMBERSHIP_DELETED: Final = "organization_membership.deleted"
KEY_REVOKED: Final = "api_key.revoked"
KEY_UPDATED: Final = "api_key.updated"
INVITATION_REVOKED: Final = "invitation.revoked"
KINDS: Final = (
    SESSION_REVOKED,
    USER_DELETED,
    MEMBERSHIP_UPDATED,
    MEMBERSHIP_DELETED,
    KEY_REVOKED,
    KEY_UPDATED,
    INVITATION_REVOKED,
)
PAGE: Final = 100
ACTIVE, GONE = "active", ""

logger = logging.getLogger(__name__)


@dataclass(frozen=True, slots=True)
class Event:
    """One event: about which person, in which organisation ("" for none), and about which session, key or invitation of theirs."""

    id: str
    kind: str
    subject: str = ""
    organization_id: str = ""
    reference: str = ""


@dataclass(frozen=True, slots=True)
class Standing:
    """A person's place in an organisation now: WorkOS's word for its state (``GONE`` if there is none), and its role."""

    status: str
    role: str = ""


def after(cursor: str) -> list[Event]:
    """The next events after this one, the oldest first; from the beginning without one. Raises ``Unavailable``."""
    params = {"events": ",".join(KINDS), "limit": PAGE, **({"after": cursor} if cursor else {})}
    try:
        with translated():
            # Raw: the SDK's models refuse a whole page over one field that they do not know, and nothing after it is ever read.
            answer = current().client.request_raw("get", ("events",), params=params)
            rows = answer["data"]
            if not isinstance(rows, list):
                raise Unavailable(SYSTEM)
    except BadCredentials:
        if not cursor:
            raise Unavailable(SYSTEM) from None
        # WorkOS keeps events for ninety days; a cursor that is older, or lost, means reading them all again.
        logger.warning("WorkOS does not know where its events were read last. They are read from the beginning.")
        return after("")
    return [_event(row) for row in rows]


def standing(subject: str, organization_id: str) -> Standing:
    """How a person stands in an organisation now. Raises ``Unavailable``; any no but "there is none" counts as silence."""
    try:
        with translated():
            try:
                found = (
                    current()
                    .client.organization_membership.list_organization_memberships(
                        user_id=subject,
                        organization_id=organization_id,
                        statuses=["active", "inactive", "pending"],
                        request_options=ONCE,
                    )
                    .data
                )
            except Exception as error:
                if is_missing(error):
                    return Standing(GONE)
                raise
            if not found:
                return Standing(GONE)
            return Standing(str(found[0].status.value), str(found[0].role.slug))
    except BadCredentials:
        raise Unavailable(SYSTEM) from None


def exists(subject: str) -> bool:
    """Does WorkOS know this person now? Raises ``Unavailable``."""
    try:
        with translated():
            try:
                current().client.user_management.get_user(subject, request_options=ONCE)
            except Exception as error:
                if is_missing(error):
                    return False
                raise
            return True
    except BadCredentials:
        raise Unavailable(SYSTEM) from None


def _event(row: Any) -> Event:
    """What of an event is of use; an event of no known form keeps its id, so that it can be passed over."""
    if not isinstance(row, Mapping):
        raise Unavailable(SYSTEM)
    event_id, kind, data = str(row.get("id", "")), str(row.get("event", "")), row.get("data")
    if not event_id:
        raise Unavailable(SYSTEM)
    if not isinstance(data, Mapping):
        return Event(event_id, kind)
    own = str(data.get("id", ""))
    owner = data.get("owner")
    if kind == SESSION_REVOKED:
        return Event(event_id, kind, subject=str(data.get("user_id", "")), reference=own)
    if kind == USER_DELETED:
        return Event(event_id, kind, subject=own)
    if kind == INVITATION_REVOKED:
        return Event(event_id, kind, reference=own)
    if kind in (KEY_REVOKED, KEY_UPDATED):
        subject = str(owner.get("id", "")) if isinstance(owner, Mapping) else ""
        return Event(event_id, kind, subject=subject, reference=own)
    return Event(
        event_id,
        kind,
        subject=str(data.get("user_id", "")),
        organization_id=str(data.get("organization_id", "")),
    )
