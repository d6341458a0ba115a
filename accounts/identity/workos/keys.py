"""Does WorkOS recognise this API key? Its keys have no form that could be checked here, so a yes is believed for half a minute.

The yes stands in a row of the identity database, under a keyed hash of the value: one round trip, and a purge of the row is seen by
every process at once. Whatever is not a fresh yes is asked for, and silence is a no. Half a minute is the longest that a key lives
that was withdrawn at WorkOS without our hearing of it.
"""

from __future__ import annotations

import hmac
import time
from datetime import datetime
from typing import Final

from django.conf import settings
from django.utils import timezone

from accounts.identity import asking, vault
from accounts.identity.asking import store_asked
from accounts.identity.base import Identity, IssuedKey, NoOrganization, Revoked
from accounts.identity.store.models import IDENTITY_DATABASE, VendorKey
from accounts.identity.workos.connection import ONCE, current, translated
from accounts.identity.workos.proofs import PROVIDER

_SQL: Final = "SELECT id, subject, organization_id, expires_at, is_fresh, is_over FROM identity_vendor_key(%s)"
# A key that was withdrawn here stays withdrawn, whatever WorkOS says in the meantime.
_CONFIRM_SQL: Final = """
INSERT INTO identity_store_vendorkey AS k
       (id, value_mac, subject, organization_id, expires_at, confirmed_at, created_at, reason)
VALUES (%s, %s, %s, %s, %s, now() - %s * interval '1 second', now(), '')
ON CONFLICT (id) DO UPDATE SET value_mac = excluded.value_mac, subject = excluded.subject,
       organization_id = excluded.organization_id, expires_at = excluded.expires_at, confirmed_at = excluded.confirmed_at
 WHERE k.revoked_at IS NULL
RETURNING 1"""


class Keys:
    """The part of the provider that issues and recognises API keys."""

    def issue_key(
        self, *, subject: str, name: str, expires_at: datetime | None, organization_id: str | None
    ) -> IssuedKey:
        """Have WorkOS mint a key for the person in their organisation."""
        if not organization_id:
            raise NoOrganization
        with translated():
            made = current().client.user_management.create_user_api_key(
                subject, name=name, organization_id=organization_id, expires_at=expires_at, request_options=ONCE
            )
            key_id, value = made.id, made.value
        row = VendorKey(
            id=key_id,
            value_mac=_mac(value),
            subject=subject,
            organization_id=organization_id,
            expires_at=expires_at,
            confirmed_at=timezone.now(),
        )
        store_asked(lambda: row.save(force_insert=True))
        return IssuedKey(id=key_id, value=value)

    def verify_key(self, value: str) -> Identity:
        """Does WorkOS recognise the key? One round trip; a remote call only if the last yes is older than half a minute."""
        if hmac.compare_digest(value.encode(), settings.WORKOS_API_KEY.encode()):
            # Our own server key, which has the same form: it would open everything at WorkOS, and nothing here.
            raise Revoked("identity", why="server_key", known=True)
        row = asking.one_row(IDENTITY_DATABASE, _SQL, [_mac(value)], system=asking.STORE)
        if row is not None:
            key_id, subject, organization_id, expires_at, is_fresh, is_over = row
            if is_over:
                expired = expires_at is not None and expires_at <= timezone.now()
                raise Revoked("identity", why="key", known=not expired)
            if is_fresh:
                return _identity(key_id, subject, organization_id, expires_at)
        return self._confirmed(value, known=row is not None)

    def revoke_key(self, key_id: str) -> bool:
        """Stop recognising a key, here at once; WorkOS is told by the next round of the worker."""
        keys = VendorKey.objects.filter(pk=key_id, revoked_at__isnull=True)
        return store_asked(lambda: keys.update(revoked_at=timezone.now(), reason="ended here")) > 0

    def _confirmed(self, value: str, *, known: bool) -> Identity:
        begun = time.monotonic()
        with current().on_the_way() as client:
            found = client.api_keys.create_validation(value=value, request_options=ONCE).api_key
            owner = getattr(found, "owner", None)
            if found is not None and owner is not None and owner.type == "user":
                details = (found.id, owner.id, owner.organization_id, found.expires_at)
            else:
                # Unknown, withdrawn, over, or an organisation's key, behind which there is no person who could be asked.
                details = None
        if details is None:
            mac = _mac(value)
            store_asked(lambda: VendorKey.objects.filter(value_mac=mac).update(confirmed_at=None))
            raise Revoked("identity", why="key", known=known)
        key_id, subject, organization_id, expires_at = details
        # The half minute begins when WorkOS was asked, not when it had answered.
        parameters = [key_id, _mac(value), subject, organization_id, expires_at, time.monotonic() - begun]
        if asking.one_row(IDENTITY_DATABASE, _CONFIRM_SQL, parameters, system=asking.STORE) is None:
            raise Revoked("identity", why="key", known=True)
        return _identity(key_id, subject, organization_id, expires_at)


def known(value: str) -> bool:
    """Was there ever a key of this value here?"""
    mac = _mac(value)
    return store_asked(lambda: VendorKey.objects.filter(value_mac=mac).exclude(expires_at__lte=timezone.now()).exists())


def _mac(value: str) -> bytes:
    return vault.fingerprint(value, purpose="key")


def _identity(key_id: str, subject: str, organization_id: str, expires_at: datetime | None) -> Identity:
    return Identity(
        provider=PROVIDER,
        subject=subject,
        session_id=key_id,
        email="",
        email_verified=False,
        method="key",
        expires_at=expires_at,
        organization_id=organization_id,
    )
