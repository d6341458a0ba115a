"""What does the platform know about where a person belongs and is signed in?"""

from __future__ import annotations

from dataclasses import dataclass
from uuid import UUID

from django.db import connections
from django.db.models import QuerySet
from django.utils import timezone

from accounts.http import Tenant
from accounts.identity import providers
from accounts.models import ApiKey, Role, Session


@dataclass(frozen=True, slots=True)
class Place:
    """A workspace that a person may enter, and as whom."""

    membership_id: UUID
    workspace_id: UUID
    workspace_name: str
    user_id: UUID
    role: Role
    organization_id: str | None = None
    requires_sso: bool = False


def places_of(provider: str, subject: str) -> list[Place]:
    """Every workspace that this identity may enter now: user, membership and workspace are active. By name."""
    sql = (
        "SELECT membership_id, workspace_id, workspace_name, user_id, role, organization_id, requires_sso "
        "FROM fence.memberships_of(%s, %s) ORDER BY workspace_name, membership_id"
    )
    with connections["default"].cursor() as cursor:
        cursor.execute(sql, [provider, subject])
        return [
            Place(membership, workspace, name, user, Role(role), organization, requires_sso)
            for membership, workspace, name, user, role, organization, requires_sso in cursor.fetchall()
        ]


@dataclass(frozen=True, slots=True)
class SignedIn:
    """One browser in which a member is signed in."""

    session: Session
    is_current: bool


def live_sessions(actor: Tenant) -> QuerySet[Session]:
    """The platform's halves of the member's sessions that are neither withdrawn nor over."""
    now = timezone.now()
    found: QuerySet[Session] = Session.objects.filter(
        membership_id=actor.membership_id, revoked_at__isnull=True, expires_at__gt=now, idle_until__gt=now
    )
    return found


def signed_in_places(actor: Tenant) -> list[SignedIn]:
    """The browsers in which the member is signed in to this workspace, the latest first. Both systems are asked."""
    sessions = list(live_sessions(actor).order_by("-last_seen_at"))
    live = {
        identity
        for provider, subject in {(session.provider, session.subject) for session in sessions}
        for identity in providers.named(provider).live_sessions(subject)
    }
    return [
        SignedIn(session, is_current=session.pk == actor.credential_id)
        for session in sessions
        if session.identity_session in live
    ]


def keys_of(actor: Tenant) -> list[ApiKey]:
    """The member's keys in this workspace, the latest first, with those that are over."""
    return list(ApiKey.objects.filter(membership_id=actor.membership_id).order_by("-created_at"))
