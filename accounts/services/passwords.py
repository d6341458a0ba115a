"""How is a password replaced, so that whoever knew the old one is out?"""

from __future__ import annotations

from collections.abc import Callable

from django.db import transaction

from accounts.http import Tenant
from accounts.identity import providers
from accounts.identity.base import Client, Proof
from accounts.models import Membership
from accounts.queries import Place
from accounts.services import sessions, sign_ins
from accounts.signals import password_changed


def change(*, actor: Tenant, current: str, new: str, client: Client, reserve: Callable[[], None]) -> sign_ins.Opened:
    """Replace the password, end every session of the person (incident L33), and open a new one for this browser.

    Raises ``BadCredentials`` if ``current`` is wrong, ``WeakPassword`` if ``new`` is, ``throttling.Throttled`` if too
    many wrong ones came before, ``Unavailable``.
    """
    session = sessions.current(actor)
    context = (actor.email, actor.display_name, actor.workspace_name)
    identity = providers.LOCAL.change_password(
        subject=session.subject,
        current=current,
        new=new,
        context=context,
        reserve=reserve,
        record=lambda: _record(actor),
    )
    place = Place(
        membership_id=actor.membership_id,
        workspace_id=actor.workspace_id,
        workspace_name=actor.workspace_name,
        user_id=actor.user_id,
        role=actor.role,
    )
    return sign_ins.open_at(place, proof=Proof(identity), client=client)


def _record(actor: Tenant) -> None:
    with transaction.atomic():
        sessions.revoke_here(actor=actor)
        target = Membership.objects.get(pk=actor.membership_id)
        password_changed.send(sender=Membership, actor=actor, target=target)
