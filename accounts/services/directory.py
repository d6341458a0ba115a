"""What follows here from what happens at WorkOS: who was taken out of a company is out of its workspace within a second or two.

The identity half is closed first, which alone shuts every door; then the platform's, with an entry in the workspace's own trail.
Nothing here can make a membership, let somebody back in, or touch who owns a workspace. Each event is acted upon once, by its id,
and according to how things stand at WorkOS when it is read, so that reading all of them again does no harm.
"""

from __future__ import annotations

import json
import logging
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from datetime import timedelta
from typing import Final
from uuid import UUID

from django.db import connections, transaction
from django.utils import timezone

from accounts.identity import providers
from accounts.identity.base import Unavailable
from accounts.identity.store.models import VendorCursor, VendorEvent
from accounts.identity.workos import events, invitations, outbox, withdrawals
from accounts.identity.workos.events import Event
from accounts.models import ApiKey, Membership, Session
from accounts.services import members
from accounts.signals import directory_followed
from accounts.tenancy import claims
from accounts.tenancy.context import workspace

logger = logging.getLogger(__name__)

CURSOR = "workos"
_FOLLOW: Final = "SELECT status_before, status_after, role_before, role_after, ended FROM fence.follow_directory(%s)"
_KEPT_DAYS = 100


@dataclass(frozen=True, slots=True)
class About:
    """What an event is about, as the database is told under seal: a person, and one organisation, session or key of theirs."""

    subject: str
    kind: str  # "organization", "person", "session" or "key"
    reference: str = ""

    def sealed(self, **said: str) -> str:
        """The claims."""
        return claims.sealed(
            "directory",
            provider=providers.WORKOS,
            subject=self.subject,
            about=self.kind,
            reference=self.reference,
            **said,
        )


def follow() -> int:
    """Act on WorkOS's events, then tell it what ended here; returns how many events were new.

    Silence is logged and waited out. Neither waits for the other: they are different parts of somebody else's system.
    """
    new = 0
    try:
        new = _read()
    except Unavailable as outage:
        logger.warning("The events of WorkOS wait: %s cannot be asked.", outage.system)
    try:
        outbox.tell()
    except Unavailable as outage:
        logger.warning("WorkOS is told later what ended here: %s cannot be asked.", outage.system)
    return new


def _read() -> int:
    """Act on every event after the cursor. One that fails stays before the cursor and is tried again; it stops no other."""
    row = VendorCursor.objects.filter(pk=CURSOR).first()
    cursor, new, is_held = (row.after if row else ""), 0, False
    while found := events.after(cursor):
        for event in found:
            cursor = event.id
            try:
                new += _once(event)
            except Unavailable:
                raise
            except Exception:
                logger.exception("The event %s (%s) could not be acted upon.", event.id, event.kind)
                is_held = True
            if not is_held:
                VendorCursor.objects.update_or_create(pk=CURSOR, defaults={"after": cursor, "moved_at": timezone.now()})
        if len(found) < events.PAGE:
            break
    if new:
        # WorkOS itself tells nothing that is older than ninety days.
        VendorEvent.objects.filter(handled_at__lt=timezone.now() - timedelta(days=_KEPT_DAYS)).delete()
    return new


def _once(event: Event) -> bool:
    if VendorEvent.objects.filter(pk=event.id).exists():
        return False
    effect = _EFFECTS.get(event.kind)
    if effect is not None and (event.subject or event.kind == events.INVITATION_REVOKED):
        effect(event.subject, event.organization_id, event.reference)
    # Afterwards: whoever dies in between does it again, which changes nothing more.
    VendorEvent.objects.get_or_create(pk=event.id, defaults={"kind": event.kind[:80]})
    return True


# ── effects ─────────────────────────────────────────────────────────────────────────────────────────────────────────


def _membership(subject: str, organization_id: str, reference: str) -> None:
    """A membership changed or ended: the person stands in the workspace as in the organisation, or not at all."""
    about = About(subject, "organization", organization_id)
    places = _places(about)
    if not places and not withdrawals.has_credentials(subject, organization_id):
        return  # Nobody of ours: years of another product's events cost no question each.
    now = events.standing(subject, organization_id)
    if now.status != events.ACTIVE:
        withdrawals.end_all(subject, organization_id=organization_id)
    # "pending" is somebody who was taken out and invited anew: not in, until they accept.
    status = {events.ACTIVE: "active", "inactive": "suspended"}.get(now.status, "removed")
    for place in places:
        _follow(place, about.sealed(status=status, role=now.role))


def _person(subject: str, organization_id: str, reference: str) -> None:
    """A person was deleted at WorkOS: nobody vouches for them any more, in any organisation."""
    if events.exists(subject):
        return
    withdrawals.end_all(subject, organization_id=None)
    about = About(subject, "person")
    for place in _places(about):
        _follow(place, about.sealed(status="removed", role=""))


def _session(subject: str, organization_id: str, reference: str) -> None:
    """A session was revoked at WorkOS."""
    for session_id in withdrawals.end_session(reference):
        for place in _places(About(subject, "session", session_id)):
            with _in(place):
                live = Session.objects.filter(
                    provider=providers.WORKOS, identity_session=session_id, revoked_at__isnull=True
                )
                for session in live:
                    Session.objects.filter(pk=session.pk).update(revoked_at=timezone.now())
                    _tell(place, session, "session")


def _key(subject: str, organization_id: str, reference: str) -> None:
    """A key was withdrawn at WorkOS."""
    withdrawals.end_key(reference)
    for place in _places(About(subject, "key", reference)):
        with _in(place):
            for key in ApiKey.objects.filter(
                provider=providers.WORKOS, identity_key=reference, revoked_at__isnull=True
            ):
                ApiKey.objects.filter(pk=key.pk).update(revoked_at=timezone.now())
                _tell(place, key, "key", prefix=key.prefix)


def _changed_key(subject: str, organization_id: str, reference: str) -> None:
    """A key was changed at WorkOS: what was believed about it is asked anew."""
    withdrawals.doubt_key(reference)


def _invitation(subject: str, organization_id: str, reference: str) -> None:
    """An invitation was withdrawn at WorkOS: its link leads nowhere here either. Who was not let in yet stands in no workspace's trail."""
    invitations.end(tell=False, pk=reference)


_EFFECTS: dict[str, Callable[[str, str, str], None]] = {
    events.MEMBERSHIP_UPDATED: _membership,
    events.MEMBERSHIP_DELETED: _membership,
    events.USER_DELETED: _person,
    events.SESSION_REVOKED: _session,
    events.KEY_REVOKED: _key,
    events.KEY_UPDATED: _changed_key,
    events.INVITATION_REVOKED: _invitation,
}


# ── the platform's half ─────────────────────────────────────────────────────────────────────────────────────────────


@dataclass(frozen=True, slots=True)
class _Place:
    workspace_id: UUID
    membership_id: UUID


def _places(about: About) -> list[_Place]:
    with connections["default"].cursor() as cursor:
        cursor.execute("SELECT workspace_id, membership_id FROM fence.directory_places(%s)", [about.sealed()])
        return [_Place(*row) for row in cursor.fetchall()]


@contextmanager
def _in(place: _Place) -> Iterator[None]:
    """One place at a time, each in a transaction of its own: none belongs to two workspaces."""
    with workspace(place.workspace_id, place.membership_id), transaction.atomic():
        yield


def _follow(place: _Place, sealed: str) -> None:
    with _in(place):
        with connections["default"].cursor() as cursor:
            cursor.execute(_FOLLOW, [sealed])
            status_before, status_after, role_before, role_after, ended = cursor.fetchone()
        target = Membership(pk=place.membership_id)
        if status_before != status_after:
            _tell(place, target, status_after, before=status_before, role=role_after)
        if role_before != role_after:
            _tell(place, target, "role", before=role_before, after=role_after)
    if ended is not None:
        # Sessions and keys that this directory knows nothing of, such as those of a password, ended as well.
        members.stop_vouching(json.loads(ended))


def _tell(place: _Place, target: Membership | Session | ApiKey, effect: str, **detail: str) -> None:
    directory_followed.send(
        sender=type(target), workspace_id=place.workspace_id, target=target, effect=effect, detail=detail
    )
