"""Who stands behind a cookie or a key, if both systems say so, now?

The one way from a credential to a ``Tenant``. Pages, API, streams and downloads all come through here, so that a
suspension closes every door at once (AnythingLLM had two ways in and one check: incident L13).

It costs exactly one round trip to each system. The platform's definer function answers with one row only if session or
key, user, membership and workspace are all live; the provider answers only if it still vouches. Then the two answers
have to mean the same credential: a session forged in one database does not fit anything in the other.
"""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass
from datetime import datetime, timedelta
from typing import Any, Final

from django.conf import settings
from django.utils import timezone

from accounts.http import Tenant
from accounts.identity import asking, providers, tokens
from accounts.identity.base import Identity, Provider, Revoked, Unavailable
from accounts.models import ApiKey, Role, Session
from accounts.scopes import within
from accounts.tenancy.context import workspace

SYSTEM: Final = "platform database"

_COLUMNS: Final = (
    "refusal, credential_id, provider, subject, identity_reference, method, scopes, last_seen_at, "
    "membership_id, role, display_name, email, user_id, workspace_id, workspace_name"
)
_SESSION_SQL: Final = f"SELECT {_COLUMNS} FROM fence.resolve_session(%s)"  # noqa: S608 - constants only
_KEY_SQL: Final = f"SELECT {_COLUMNS} FROM fence.resolve_key(%s)"  # noqa: S608 - constants only
# Credentials that ended by themselves: every browser left alone overnight brings one, and nobody need be woken for it.
# Nor when the workspace has begun to insist on single sign-on: then everybody's open browser brings one.
_OVER: Final = frozenset({"session_expired", "key_expired", "sso_required"})
# "Last seen" is for people to read; writing it more often would cost every request a third round trip.
_SEEN_EVERY: Final = timedelta(minutes=1)


@dataclass(frozen=True, slots=True)
class _Half:
    """What the platform's database says of a credential."""

    tenant: Tenant
    provider: str
    subject: str
    reference: str
    seen_at: datetime | None


def resolve_session(token: str) -> Tenant:
    """The tenant behind a session cookie. Raises ``Revoked`` (``by`` says which system) or ``Unavailable``."""
    if not tokens.is_plausible_token(token):
        # Empty, null and oversized values never reach a database: an empty hash must not meet an empty column (L43).
        raise Revoked("form", why="malformed")
    half = _resolve(_SESSION_SQL, token, lambda provider: provider.verify_session(token))
    if _is_due(half):
        _asked(lambda: _see_session(half))
    return half.tenant


def resolve_key(value: str) -> Tenant:
    """The tenant behind an API key. Raises ``Revoked`` (``by`` says which system) or ``Unavailable``."""
    if tokens.is_server_key(value):
        # Our own key at WorkOS has the form of its customers' keys. Presented here it was stolen, and nobody is asked about it.
        raise Revoked("form", why="server_key", known=True)
    if not (tokens.is_well_formed_key(value) or (providers.has_workos() and tokens.is_vendor_key(value))):
        # The checksum makes a guess or a typing mistake cost no query at all.
        raise Revoked("form", why="malformed")
    half = _resolve(_KEY_SQL, value, lambda provider: provider.verify_key(value))
    if _is_due(half):
        _asked(lambda: _see_key(half))
    return half.tenant


def _resolve(sql: str, credential: str, vouched: Callable[[Provider], Identity]) -> _Half:
    row = asking.one_row("default", sql, [tokens.platform_hash(credential)], system=SYSTEM)
    if row is None:
        raise Revoked("platform", known=_was_known(credential), why="unknown")
    refusal, *answer = row
    if refusal is not None:
        # Withdrawn, over, or one of user, membership and workspace is not active: one refusal for all of them.
        raise Revoked("platform", known=refusal not in _OVER, why=refusal)
    half = _half(answer)
    identity = vouched(providers.named(half.provider))
    if (identity.provider, identity.subject, identity.session_id) != (half.provider, half.subject, half.reference):
        # Both systems know the credential and mean different people by it: one of the two rows was forged.
        raise Revoked("disagreement", known=True, why="disagreement")
    return half


def _half(answer: list[Any]) -> _Half:
    (credential, provider, subject, reference, method, scopes, seen_at) = answer[:7]
    (membership, role_name, display_name, email, user, workspace_id, workspace_name) = answer[7:]
    role = Role(role_name)
    allowed = within(role)
    tenant = Tenant(
        workspace_id=workspace_id,
        workspace_name=workspace_name,
        user_id=user,
        membership_id=membership,
        role=role,
        # A browser may do what the role may; a key only what it was given of that, however the role changed since.
        scopes=allowed if scopes is None else allowed.intersection(scopes),
        method=method,
        credential_id=credential,
        display_name=display_name,
        email=email,
    )
    return _Half(tenant, provider, subject, reference, seen_at)


def _is_due(half: _Half) -> bool:
    return half.seen_at is None or timezone.now() - half.seen_at > _SEEN_EVERY


def _see_session(half: _Half) -> None:
    now = timezone.now()
    idle_until = now + timedelta(seconds=settings.SIGN_IN_IDLE_SECONDS)
    with workspace(half.tenant.workspace_id, half.tenant.membership_id):
        Session.objects.filter(pk=half.tenant.credential_id).update(last_seen_at=now, idle_until=idle_until)


def _see_key(half: _Half) -> None:
    with workspace(half.tenant.workspace_id, half.tenant.membership_id):
        ApiKey.objects.filter(pk=half.tenant.credential_id).update(last_used_at=timezone.now())


def _asked(question: Callable[[], None]) -> None:
    asking.asked("default", question, system=SYSTEM)


def _was_known(credential: str) -> bool:
    """Did a provider recognise what the platform refuses? Then somebody uses a withdrawn credential: that is news."""
    try:
        return any(provider.knew(credential) for provider in providers.configured())
    except Unavailable:
        # The refusal stands; only its colour in the trail is unknown.
        return False
