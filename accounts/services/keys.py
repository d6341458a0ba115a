"""How does a member get an API key, and how does it end?"""

from __future__ import annotations

import logging
from collections.abc import Callable, Collection, Iterator
from contextlib import contextmanager
from dataclasses import dataclass, field
from datetime import datetime, timedelta
from uuid import UUID

from django.core.cache import cache
from django.db import transaction
from django.utils import timezone

from accounts.counting import count_alone
from accounts.http import Tenant
from accounts.identity import providers, tokens
from accounts.identity.base import Unavailable
from accounts.models import ApiKey, Workspace
from accounts.scopes import within
from accounts.services import sessions
from accounts.signals import api_key_created, api_key_revoked, api_key_rotated

logger = logging.getLogger(__name__)

MOST_LIVE_KEYS = 20  # per member; a list that nobody can oversee hides a leaked key


class ScopeTooWide(Exception):
    """The member's own role does not allow what the key was to be allowed."""


class MadeAlready(Exception):
    """The same form was sent before."""


class NotLive(Exception):
    """The key was withdrawn, or is over."""


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
    _check_count(actor, more=1)
    expires_at = None if days is None else timezone.now() + timedelta(days=days)
    with _form_taken(actor, once):
        return _issue(actor, name, scopes, expires_at, lambda key: _made(actor, key))


def rotate(*, actor: Tenant, key: ApiKey, hours: int, once: str) -> Minted:
    """Replace one of the member's live keys by one of the same name, scopes and length of life; the old one ends in ``hours``.

    The new key gets no scope that the member's role no longer allows. Raises as ``mint`` does, and ``NotLive``.
    """
    if not _is_live(key):
        # A key that is over must not come to life again under another value.
        raise NotLive
    if hours:
        _check_count(actor, more=1)
    lifetime = key.expires_at - key.created_at if key.expires_at else None
    expires_at = timezone.now() + lifetime if lifetime else None
    scopes = within(actor.role).intersection(key.scopes)
    with _form_taken(actor, once):
        minted = _issue(actor, key.name, scopes, expires_at, lambda new: _replaced(actor, key, new, hours))
    if not hours:
        _stop_vouching(key)
    return minted


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
    _stop_vouching(key)
    return key


def live_keys(actor: Tenant) -> int:
    """How many keys of the member would open something now?"""
    kept = ApiKey.objects.filter(membership_id=actor.membership_id, revoked_at__isnull=True)
    return int(kept.exclude(expires_at__lte=timezone.now()).count())


def _check_count(actor: Tenant, *, more: int) -> None:
    if live_keys(actor) + more > MOST_LIVE_KEYS:
        raise TooManyKeys


def _organization(actor: Tenant) -> str | None:
    """The workspace's organisation at the identity provider, if it is connected to one."""
    return Workspace.objects.values_list("organization_id", flat=True).get(pk=actor.workspace_id)


@contextmanager
def _form_taken(actor: Tenant, once: str) -> Iterator[None]:
    """Make a key in this block, unless one was made of the same form before."""
    mark = f"key-form:{actor.membership_id}:{once}"
    if not cache.add(mark, 1, timeout=24 * 3600):
        # A cache that cannot be asked says no as well; then nobody knows, and nothing is made.
        raise MadeAlready if cache.get(mark) is not None else Unavailable("cache")
    try:
        yield
    except Exception:
        # No key came of it, and whoever sends the form again must not be told that one did.
        cache.delete(mark)
        raise


def _issue(
    actor: Tenant,
    name: str,
    scopes: Collection[str],
    expires_at: datetime | None,
    tell: Callable[[ApiKey], None],
) -> Minted:
    """Make both halves of a key; ``tell`` runs in the transaction that stores it."""
    session = sessions.current(actor)
    provider = providers.named(session.provider)
    issued = provider.issue_key(
        subject=session.subject, name=name, expires_at=expires_at, organization_id=_organization(actor)
    )
    key = ApiKey(
        membership_id=actor.membership_id,
        name=name,
        prefix=tokens.shown_part(issued.value),
        key_hash=tokens.platform_hash(issued.value),
        provider=session.provider,
        subject=session.subject,
        identity_key=issued.id,
        method=session.method,
        scopes=sorted(scopes),
        expires_at=expires_at,
    )
    try:
        with transaction.atomic():
            count_alone(actor, "keys")
            key.save(force_insert=True)
            tell(key)
            # Once more: another form may have been sent at the same moment.
            _check_count(actor, more=0)
    except Exception:
        # The identity half alone opens nothing; it is taken back so that nothing is left lying about.
        provider.revoke_key(issued.id)
        raise
    return Minted(key, issued.value)


def _made(actor: Tenant, key: ApiKey) -> None:
    api_key_created.send(sender=ApiKey, actor=actor, target=key)


def _replaced(actor: Tenant, old: ApiKey, new: ApiKey, hours: int) -> None:
    # Locked and read anew: of two forms that replace one key at the same moment, or of a form and a withdrawal, one wins.
    found = ApiKey.objects.select_for_update().get(pk=old.pk)
    if not _is_live(found):
        raise NotLive
    ends = timezone.now() + timedelta(hours=hours)
    if hours:
        found.expires_at = min(found.expires_at or ends, ends)
    else:
        found.revoked_at = timezone.now()
    found.warned_days = 0  # Its owner has just said when it ends.
    found.save(update_fields=["expires_at", "revoked_at", "warned_days"])
    api_key_rotated.send(sender=ApiKey, actor=actor, target=new, replaced=old.pk, hours=hours)


def _is_live(key: ApiKey) -> bool:
    return key.revoked_at is None and (key.expires_at is None or key.expires_at > timezone.now())


def _stop_vouching(key: ApiKey) -> None:
    try:
        providers.named(key.provider).revoke_key(key.identity_key)
    except Unavailable:
        # The platform's half is withdrawn, and alone the other half opens nothing.
        logger.warning("Key %s is withdrawn; its identity system could not be told.", key.pk)
