"""What ended here, and does WorkOS know? Told by a round of the worker, and again until it was heard."""

from __future__ import annotations

from collections.abc import Callable, Iterable
from typing import Final, TypeVar

from django.db.models import Model
from django.utils import timezone

from accounts.identity.asking import store_asked
from accounts.identity.base import BadCredentials
from accounts.identity.store.models import VendorInvitation, VendorKey, VendorSession
from accounts.identity.workos.connection import ONCE, current, translated

AT_ONCE: Final = 50  # a round also has events to read

Row = TypeVar("Row", bound=Model)


def tell() -> int:
    """Tell WorkOS of sessions, keys and invitations that ended here; returns how many. Raises ``Unavailable``: the rest waits."""
    client = current().client
    sessions = VendorSession.objects.filter(revoked_at__isnull=False, told_at__isnull=True).exclude(vendor_session="")
    keys = VendorKey.objects.filter(revoked_at__isnull=False, told_at__isnull=True)
    told = _each(
        store_asked(lambda: list(sessions.order_by("revoked_at")[:AT_ONCE])),
        lambda row: client.user_management.revoke_session(session_id=row.vendor_session, request_options=ONCE),
    )
    told += _each(
        store_asked(lambda: list(keys.order_by("revoked_at")[:AT_ONCE])),
        lambda row: client.api_keys.delete_api_key(row.pk, request_options=ONCE),
    )
    return told + tell_invitations()


def tell_invitations() -> int:
    """Withdraw at WorkOS the invitations that are over here; returns how many. Raises ``Unavailable``."""
    rows = VendorInvitation.objects.filter(revoked_at__isnull=False, told_at__isnull=True)
    client = current().client
    return _each(
        store_asked(lambda: list(rows.order_by("revoked_at")[:AT_ONCE])),
        lambda row: client.user_management.revoke_invitation(row.pk, request_options=ONCE),
    )


def _each(rows: Iterable[Row], end: Callable[[Row], object]) -> int:
    told = 0
    for row in rows:
        try:
            with translated():
                end(row)
        except BadCredentials:
            # It was over there already, which is what was to be said.
            pass
        _mark(row)
        told += 1
    return told


def _mark(row: Model) -> None:
    store_asked(lambda: type(row)._default_manager.filter(pk=row.pk).update(told_at=timezone.now()))
