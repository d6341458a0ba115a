"""How is a password replaced, so that whoever knew the old one is out?"""

from __future__ import annotations

from collections.abc import Callable

from django.db import transaction

from accounts.http import Tenant
from accounts.identity import changes, letters, links, providers
from accounts.identity.base import Client
from accounts.identity.store.models import IDENTITY_DATABASE, Account, MailedLink
from accounts.models import Membership
from accounts.queries import Place, places_of
from accounts.services import everywhere, sessions, sign_ins
from accounts.signals import password_changed, password_reset, password_reset_asked


def change(*, actor: Tenant, current: str, new: str, client: Client, reserve: Callable[[], None]) -> sign_ins.Opened:
    """Replace the password, end every session of the person (incident L33), and open a new one for this browser.

    Raises ``BadCredentials`` if ``current`` is wrong, ``WeakPassword`` if ``new`` is, ``throttling.Throttled`` if too
    many wrong ones came before, ``Unavailable``.
    """
    session = sessions.current(actor)
    context = (actor.email, actor.display_name, actor.workspace_name)
    proof = providers.LOCAL.change_password(
        subject=session.subject,
        current=current,
        new=new,
        context=context,
        reserve=reserve,
        record=lambda: _record(actor),
    )
    letters.hurry()
    return sign_ins.open_at(Place.of(actor), proof=proof, client=client)


def is_kept_here(*, actor: Tenant) -> bool:
    """Does our own store keep this person's password, and not the identity provider of their company?"""
    return sessions.current(actor).provider == providers.LOCAL.name


def ask_reset(*, email: str, account: str, mask: str) -> None:
    """Have a link mailed to whoever has an account with this address.

    Whether anybody has is found out when the letter is sent, by a round of the worker: what happens here, and how long it
    takes, is the same for every address. ``account`` and ``mask`` are what the trail may know of it.
    """
    with transaction.atomic(using=IDENTITY_DATABASE):
        letters.write(letters.RESET, to=email)
        password_reset_asked.send(sender=Account, account=account, mask=mask)
    letters.hurry()


def check_reset(token: str) -> None:
    """Can this link still set a password? Raises ``links.LinkRefused``."""
    links.find(MailedLink.Purpose.RESET, token)


def reset(*, token: str, new: str) -> str:
    """Set a new password by a mailed link, and end every session of the person; opens none (incident L30). Returns their address.

    Raises ``links.LinkRefused``, ``WeakPassword``, ``Unavailable``.
    """
    subject = str(links.find(MailedLink.Purpose.RESET, token).account_id)
    names = [place.workspace_name for place in places_of(providers.LOCAL.name, subject)]
    email = changes.reset_password(token, new=new, context=names, record=_record_reset)
    letters.hurry()
    return email


def _record_reset(subject: str) -> None:
    def say(actor: Tenant, member: Membership) -> None:
        sessions.revoke_here(actor=actor)
        password_reset.send(sender=Membership, actor=actor, target=member)

    if not everywhere.tell(providers.LOCAL.name, subject, say, method="link"):
        password_reset.send(sender=Membership, actor=None, target=None)


def _record(actor: Tenant) -> None:
    with transaction.atomic():
        sessions.revoke_here(actor=actor)
        # Those of the password ended with it. Whoever changes it because somebody else is in means every other browser.
        sessions.stop_vouching()
        target = Membership.objects.get(pk=actor.membership_id)
        password_changed.send(sender=Membership, actor=actor, target=target)
