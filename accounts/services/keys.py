"""How does a member get an API key, and how does it end?"""

from __future__ import annotations

import logging
from collections.abc import Collection
from dataclasses import dataclass, field
from datetime import datetime, timedelta
from uuid import UUID

from django.core.cache import cache
from django.db import transaction
from django.utils import timezone

from accounts.http import Tenant
from accounts.identity import providers, tokens
from accounts.identity.base import IssuedKey, Unavailable
from accounts.models import ApiKey, Workspace
from accounts.scopes import within
from accounts.services import sessions
from accounts.signals import api_key_created, api_key_revoked

logger = logging.getLogger(__name__)

MOST_LIVE_KEYS = 20  # per member; a list that nobody can oversee hides a leaked key


class ScopeTooWide(Exception):
    """The member's own role does not allow what the key was to be allowed."""


class MadeAlready(Exception):
    """The same form was sent before."""


class TooManyKeys(Exception):
    """The member has as many live keys as one member may have."""


@dataclass(frozen=True, slots=True)
class Minted:
    """A key at the one moment when its value is known."""

    key: ApiKey
    value: str = field(repr=False)


def mint(*, actor: Tenant, name: str, scopes: Collection[str], days: int | None, once: str) -> Minted:
    """Make a key for the acting member, good for ``days`` (None: until it is withdrawn). ``once`` marks the form.

    Raises ``ScopeTooWide``, ``TooManyKeys``, ``MadeAlready`` for a form that was sent before, ``NoOrganization`` or ``BadCredentials`` if the identity
    system makes none for this person here, or ``Unavailable`` if it cannot be asked.
    """
    if not frozenset(scopes) <= within(actor.role):
        # A key must not be a way round its member's role.
        raise ScopeTooWide
    if live_keys(actor) >= MOST_LIVE_KEYS:
        raise TooManyKeys
    _take_form(actor, once)
    session = sessions.current(actor)
    expires_at = None if days is None else timezone.now() + timedelta(days=days)
    issued = providers.named(session.provider).issue_key(
        subject=session.subject, name=name, expires_at=expires_at, organization_id=_organization(actor)
    )
    try:
        key = _store(actor, issued, name, scopes, expires_at, provider=session.provider, subject=session.subject)
    except Exception:
        # The identity half alone opens nothing; it is taken back so that nothing is left lying about.
        providers.named(session.provider).revoke_key(issued.id)
        raise
    return Minted(key, issued.value)


def revoke(*, actor: Tenant, key_id: UUID) -> ApiKey | None:
    """Withdraw one of the member's own keys; None if there is no such live one."""
    with transaction.atomic():
        key: ApiKey | None = ApiKey.objects.filter(
            pk=key_id, membership_id=actor.membership_id, revoked_at__isnull=True
        ).first()
        if key is None:
            return None
        key.revoked_at = timezone.now()
        key.save(update_fields=["revoked_at"])
        api_key_revoked.send(sender=ApiKey, actor=actor, target=key)
    try:
        providers.named(key.provider).revoke_key(key.identity_key)
    except Unavailable:
        # The platform's half is withdrawn, and alone the other half opens nothing.
        logger.warning("Key %s is withdrawn; its identity system could not be told.", key.pk)
    return key


def live_keys(actor: Tenant) -> int:
    """How many keys of the member would open something now?"""
    kept = ApiKey.objects.filter(membership_id=actor.membership_id, revoked_at__isnull=True)
    return int(kept.exclude(expires_at__lte=timezone.now()).count())


def _organization(actor: Tenant) -> str | None:
    """The workspace's organisation at the identity provider, if it is connected to one."""
    return Workspace.objects.values_list("organization_id", flat=True).get(pk=actor.workspace_id)


def _take_form(actor: Tenant, once: str) -> None:
    mark = f"key-form:{actor.membership_id}:{once}"
    if cache.add(mark, 1, timeout=24 * 3600):
        return
    # A cache that cannot be asked says no as well; then nobody knows, and nothing is made.
    raise MadeAlready if cache.get(mark) is not None else Unavailable("cache")


def _store(
    actor: Tenant,
    issued: IssuedKey,
    name: str,
    scopes: Collection[str],
    expires_at: datetime | None,
    *,
    provider: str,
    subject: str,
) -> ApiKey:
    with transaction.atomic():
        key = ApiKey(
            membership_id=actor.membership_id,
            name=name,
            prefix=tokens.shown_part(issued.value),
            key_hash=tokens.platform_hash(issued.value),
            provider=provider,
            subject=subject,
            identity_key=issued.id,
            scopes=sorted(scopes),
            expires_at=expires_at,
        )
        key.save(force_insert=True)
        api_key_created.send(sender=ApiKey, actor=actor, target=key)
    return key
