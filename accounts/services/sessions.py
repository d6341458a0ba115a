"""How does a session end, so that the old cookie is dead on the server and not only gone from the browser?"""

from __future__ import annotations

import logging
from collections.abc import Callable
from uuid import UUID

from django.db import transaction
from django.utils import timezone

from accounts.http import Tenant
from accounts.identity import providers, resolution
from accounts.identity.base import Revoked, Unavailable
from accounts.models import Session
from accounts.queries import live_sessions, own_identities
from accounts.signals import session_revoked, signed_out, workspace_switched
from accounts.tenancy.context import workspace

logger = logging.getLogger(__name__)


def sign_out(*, actor: Tenant) -> None:
    """End the session that the request came with (incident L34). The platform's half first: alone it closes the door."""
    with transaction.atomic():
        ended = _end(live_sessions(actor).filter(pk=actor.credential_id).first())
        if ended is not None:
            signed_out.send(sender=Session, actor=actor, target=ended)
    if ended is not None:
        _stop_vouching(ended)


def revoke(*, actor: Tenant, session_id: UUID) -> bool:
    """End one of the member's own sessions; False if there is no such live one."""
    with transaction.atomic():
        ended = _end(live_sessions(actor).filter(pk=session_id).first())
        if ended is not None:
            session_revoked.send(sender=Session, actor=actor, target=ended)
    if ended is None:
        return False
    _stop_vouching(ended)
    return True


def revoke_everywhere(*, actor: Tenant) -> None:
    """End every session of the person, in every workspace, with the one that asks.

    The sessions of other workspaces cannot be reached through the fence, and need not be: both systems have to agree,
    and no identity system of the person's vouches for any of them any more.
    """
    with transaction.atomic():
        revoke_here(actor=actor)
        # Inside: if an identity system cannot be told, nothing has changed here, and the person can try again.
        stop_vouching()


def stop_vouching() -> None:
    """Let no identity system vouch for a session of the bound member's person, by whichever of them it was opened."""
    for provider, subject in own_identities():
        providers.end_sessions(provider, subject)


def leave(token: str) -> None:
    """End the session of a cookie that a browser brings to a new sign-in, if it is one: sessions are replaced, not kept."""
    try:
        tenant = resolution.resolve_session(token)
    except Revoked:
        return  # Nothing that could be ended, which is the usual case.
    except Unavailable:
        # Somebody else's server is silent about the old session. Its half with us ends all the same: a no from one is enough.
        providers.drop(token)
        return
    with workspace(tenant.workspace_id, tenant.membership_id):
        sign_out(actor=tenant)


def revoke_here(*, actor: Tenant) -> None:
    """End the platform's half of every session of the member in this workspace."""
    with transaction.atomic():
        for session in live_sessions(actor).select_for_update():
            ended = _end(session)
            session_revoked.send(sender=Session, actor=actor, target=ended)


def switched(*, actor: Tenant) -> None:
    """End the session that the request came with because the person went on into another workspace."""
    with transaction.atomic():
        ended = _end(live_sessions(actor).filter(pk=actor.credential_id).first())
        if ended is not None:
            workspace_switched.send(sender=Session, actor=actor, target=ended)
    if ended is not None:
        _stop_vouching(ended)


def replace(session: Session, *, record: Callable[[], object]) -> None:
    """End a session that a new one of the same browser has taken the place of. Where ``record`` fails, it goes on."""
    with transaction.atomic():
        ended = _ended(session)
        record()
    _stop_vouching(ended)


def current(actor: Tenant) -> Session:
    """The session that the request came with."""
    session: Session = Session.objects.get(pk=actor.credential_id)
    return session


def _end(session: Session | None) -> Session | None:
    return None if session is None else _ended(session)


def _ended(session: Session) -> Session:
    session.revoked_at = timezone.now()
    session.save(update_fields=["revoked_at"])
    return session


def _stop_vouching(session: Session) -> None:
    try:
        providers.named(session.provider).revoke_session(session.identity_session)
    except Unavailable:
        # The platform's half is over, and alone the other half opens nothing until it ends by itself.
        logger.warning("Session %s ended; its identity system could not be told.", session.pk)
