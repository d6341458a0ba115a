"""What does the platform know about where a person belongs and is signed in?"""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from dataclasses import dataclass
from datetime import datetime
from typing import Any
from uuid import UUID

from django.db import connections
from django.db.models import Q, QuerySet
from django.utils import timezone

from accounts.http import Tenant
from accounts.identity import providers, tokens
from accounts.models import ApiKey, Invitation, Membership, Role, Session
from accounts.scopes import within


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

    @classmethod
    def of(cls, actor: Tenant) -> Place:
        """Where somebody is who is signed in. What the workspace insists on was asked when they came in, and is not asked anew."""
        return cls(actor.membership_id, actor.workspace_id, actor.workspace_name, actor.user_id, actor.role)

    @classmethod
    def answered(cls, answer: Mapping[str, Any]) -> Place:
        """The place that a function of the database made somebody a member of."""
        return cls(
            membership_id=UUID(answer["membership_id"]),
            workspace_id=UUID(answer["workspace_id"]),
            workspace_name=answer["workspace_name"],
            user_id=UUID(answer["user_id"]),
            role=Role(answer["role"]),
            organization_id=answer["organization_id"],
            requires_sso=answer["requires_sso"],
        )

    def tenant(self, *, method: str, display_name: str, email: str, credential_id: UUID | None = None) -> Tenant:
        """The member as the trail names them; without a session or key the membership stands for what speaks for them."""
        return Tenant(
            workspace_id=self.workspace_id,
            workspace_name=self.workspace_name,
            user_id=self.user_id,
            membership_id=self.membership_id,
            role=self.role,
            scopes=within(self.role),
            method=method,
            credential_id=credential_id or self.membership_id,
            display_name=display_name,
            email=email,
        )


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


def places_beside(actor: Tenant) -> list[Place]:
    """The other workspaces that the person behind this session may enter now. By name; one question, for the frame of each page."""
    sql = (
        "SELECT p.membership_id, p.workspace_id, p.workspace_name, p.user_id, p.role "
        "FROM accounts_session s, LATERAL fence.memberships_of(s.provider, s.subject) p "
        "WHERE s.id = %s AND p.membership_id <> s.membership_id ORDER BY p.workspace_name, p.membership_id"
    )
    with connections["default"].cursor() as cursor:
        cursor.execute(sql, [actor.credential_id])
        return [Place(member, place, name, user, Role(role)) for member, place, name, user, role in cursor.fetchall()]


def own_identities() -> list[tuple[str, str]]:
    """By which identity systems the bound member proves who they are, and as whom there: provider and subject."""
    with connections["default"].cursor() as cursor:
        cursor.execute("SELECT provider, subject FROM fence.own_identities()")
        return [(provider, subject) for provider, subject in cursor.fetchall()]


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
        for identity in providers.live_sessions(provider, subject)
    }
    return [
        SignedIn(session, is_current=session.pk == actor.credential_id)
        for session in sessions
        if session.identity_session in live
    ]


def keys_of(actor: Tenant) -> list[ApiKey]:
    """The member's keys in this workspace, the latest first, with those that are over."""
    return list(ApiKey.objects.filter(membership_id=actor.membership_id).order_by("-created_at"))


def members(search: str = "", status: str = "") -> QuerySet[Membership]:
    """The workspace's people: those of one status, or all that are not removed; `search` looks in name and address."""
    found: QuerySet[Membership] = Membership.objects.all()
    found = found.filter(status=status) if status else found.exclude(status=Membership.Status.REMOVED)
    if search:
        found = found.filter(Q(display_name__icontains=search) | Q(email__icontains=search))
    return found


def last_seen_of(people: Iterable[Membership]) -> dict[UUID, datetime | None]:
    """When each of them last used a session or a key here. Empty unless the bound member keeps the list of people."""
    with connections["default"].cursor() as cursor:
        cursor.execute("SELECT member, seen FROM fence.last_seen_of(%s)", [[one.pk for one in people]])
        return dict(cursor.fetchall())


@dataclass(frozen=True, slots=True)
class Ties:
    """How much ends at once when a member goes."""

    sessions: int
    keys: int
    invitations: int


def ties_of(member_id: UUID) -> Ties:
    """What a member has open here now; nothing, unless the bound member keeps the list of people."""
    with connections["default"].cursor() as cursor:
        cursor.execute("SELECT sessions, keys, invitations FROM fence.member_ties(%s)", [member_id])
        row = cursor.fetchone()
    return Ties(*row) if row else Ties(0, 0, 0)


def open_invitations() -> list[Invitation]:
    """The invitations that nobody has accepted or withdrawn, the latest first, with those that are over."""
    waiting = Invitation.objects.filter(accepted_at__isnull=True, revoked_at__isnull=True)
    return list(waiting.select_related("invited_by").order_by("-sent_at"))


@dataclass(frozen=True, slots=True)
class Invited:
    """What a mailed link stands for. `refusal` is a word that says why it cannot be accepted, None if it can.

    Where the workspace insists on single sign-on, `insists_on` is the organisation whose sign-in it takes; else None.
    """

    refusal: str | None
    workspace_name: str
    sender_name: str
    email: str
    role: Role
    expires_at: datetime
    insists_on: str | None


def invitation_of(token: str) -> Invited | None:
    """The invitation behind a mailed link; None for a link that is none."""
    if not tokens.is_plausible_token(token):
        return None  # PostgreSQL takes no text with a NUL in it.
    with connections["default"].cursor() as cursor:
        cursor.execute(
            "SELECT refusal, workspace_name, sender_name, email, role, expires_at, "
            "CASE WHEN requires_sso THEN organization_id END FROM fence.invitation_of(%s)",
            [token],
        )
        row = cursor.fetchone()
    return None if row is None else Invited(row[0], row[1], row[2], row[3], Role(row[4]), row[5], row[6])
