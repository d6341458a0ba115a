"""Which credentials end here because WorkOS says so? It is not told of them in turn."""

from __future__ import annotations

from django.utils import timezone

from accounts.identity.asking import store_asked
from accounts.identity.store.models import VendorKey, VendorSession
from accounts.identity.workos.sessions import end

ENDED = "ended at WorkOS"


def has_credentials(subject: str, organization_id: str) -> bool:
    """Has the person a live session or key of this organisation?"""
    mine = {"subject": subject, "organization_id": organization_id}
    return store_asked(
        lambda: VendorSession.objects.filter(**mine).live().exists() or VendorKey.objects.filter(**mine).live().exists()
    )


def end_all(subject: str, *, organization_id: str | None) -> int:
    """End every session and key of the person, in one organisation or (None) in any; returns how many."""
    sessions, keys = VendorSession.objects.filter(subject=subject), VendorKey.objects.filter(subject=subject)
    if organization_id is not None:
        sessions, keys = (
            sessions.filter(organization_id=organization_id),
            keys.filter(organization_id=organization_id),
        )
    now = timezone.now()
    ended = end(sessions, reason=ENDED, tell=False)
    return ended + store_asked(lambda: keys.live().update(revoked_at=now, told_at=now, reason=ENDED))


def end_session(vendor_session: str) -> list[str]:
    """End our sessions that stand on this one of WorkOS's; returns the ids of all that do, ended now or before."""
    sessions = VendorSession.objects.filter(vendor_session=vendor_session)
    end(sessions, reason=ENDED, tell=False)
    return store_asked(lambda: [str(pk) for pk in sessions.values_list("pk", flat=True)])


def end_key(key_id: str) -> int:
    """End a key that WorkOS withdrew; returns how many ended by it."""
    now = timezone.now()
    keys = VendorKey.objects.filter(pk=key_id, revoked_at__isnull=True)
    return store_asked(lambda: keys.update(revoked_at=now, told_at=now, confirmed_at=None, reason=ENDED))


def doubt_key(key_id: str) -> None:
    """Believe no earlier yes about this key."""
    store_asked(lambda: VendorKey.objects.filter(pk=key_id).update(confirmed_at=None))
