"""Which identity system answers for a credential?

A credential names its provider in the platform's row, so that people of two providers can sit in one workspace; a new
password sign-in asks the one that settings choose.
"""

from __future__ import annotations

from typing import TYPE_CHECKING

from django.conf import settings

from accounts.identity.asking import store_asked
from accounts.identity.base import Provider, SingleSignOn, Unavailable
from accounts.identity.local import LocalIdentity
from accounts.identity.store.models import VendorSession

if TYPE_CHECKING:
    from accounts.identity.workos.provider import WorkOSIdentity

LOCAL = LocalIdentity()
WORKOS = "workos"


def named(name: str) -> Provider:
    """The provider of this name. Raises ``Unavailable`` for one that is not configured: nobody can vouch, so nobody enters."""
    if name == LOCAL.name:
        return LOCAL
    if name == WORKOS:
        return workos()
    raise Unavailable(f"identity provider {name!r}")


def has_workos() -> bool:
    """Is WorkOS configured, as far as it has to be for anybody to come in by it?"""
    return bool(settings.WORKOS_API_KEY and settings.WORKOS_CLIENT_ID and settings.WORKOS_ISSUER)


def workos() -> WorkOSIdentity:
    """WorkOS. Raises ``Unavailable`` where it is not configured."""
    if not has_workos():
        raise Unavailable(f"identity provider {WORKOS!r}")
    # Its SDK takes a second to load, which an installation without it should not wait for.
    from accounts.identity.workos.provider import WORKOS as PROVIDER

    return PROVIDER


def single_sign_on() -> SingleSignOn:
    """Who can send a browser away to prove who it is. Raises ``Unavailable`` where nobody can."""
    return workos()


def for_passwords() -> Provider:
    """Who verifies the passwords of new sign-ins, as settings choose."""
    return named(settings.PASSWORDS)


def configured() -> list[Provider]:
    """Every provider that could vouch for somebody here."""
    return [LOCAL, workos()] if has_workos() else [LOCAL]


def end_sessions(provider: str, subject: str) -> None:
    """Let this person's identity system vouch for none of their sessions any more. Raises ``Unavailable``."""
    if provider == WORKOS and not has_workos():
        # Nobody vouches for these now, and nobody is going to if it is configured again.
        store_asked(VendorSession.objects.filter(subject=subject).revoke)
        return
    named(provider).revoke_sessions(subject)


def live_sessions(provider: str, subject: str) -> frozenset[str]:
    """The ids of the person's sessions for which this identity system vouches now: for none where it is not configured any more."""
    if provider == WORKOS and not has_workos():
        return frozenset()
    return named(provider).live_sessions(subject)


def drop(token: str) -> None:
    """Let no provider vouch for the holder of this token any more, without asking anybody outside whether one still would.

    Raises ``Unavailable`` if our own database cannot be asked.
    """
    LOCAL.drop(token)
    if has_workos():
        workos().drop(token)
