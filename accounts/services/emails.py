"""How does a person's address change, here and in every workspace that copies it?"""

from __future__ import annotations

from collections.abc import Callable

from django.db import connections, transaction

from accounts.http import Tenant
from accounts.identity import changes, letters, providers
from accounts.models import Membership
from accounts.services import everywhere
from accounts.services.second_factors import subject_of
from accounts.signals import email_change_asked, email_changed
from accounts.tenancy import claims

PURPOSE = "change_email"


def ask(*, actor: Tenant, new: str, password: str, reserve: Callable[[], None]) -> None:
    """Mail a link to the new address and a notice to the present one; nothing changes before the link is followed.

    Raises ``BadCredentials`` for a wrong password, ``changes.SameAddress``, ``throttling.Throttled``, ``Unavailable``.
    """
    subject = subject_of(actor)
    providers.LOCAL.prove_again(subject=subject, password=password, code=None, reserve=reserve)

    def record() -> None:
        with transaction.atomic():
            target = Membership.objects.get(pk=actor.membership_id)
            email_change_asked.send(sender=Membership, actor=actor, target=target)

    changes.ask_new_email(subject, new, record=record)
    letters.hurry()


def confirm(*, actor: Tenant, token: str) -> str:
    """Make the confirmed address the person's, in the identity store and in every workspace. Returns it.

    Raises ``links.LinkRefused`` for a link that opens nothing, or was mailed to somebody else.
    """
    subject = subject_of(actor)

    def record(email: str) -> None:
        # The other trails first: if one of them cannot be told, no copy has changed, and neither does the identity store's.
        everywhere.tell(providers.LOCAL.name, subject, _tell, method="link", besides=actor.workspace_id)
        with transaction.atomic():
            _copy(subject, email)
            _tell(actor, Membership.objects.get(pk=actor.membership_id))

    email = changes.confirm_email(token, subject=subject, record=record)
    letters.hurry()
    return email


def _copy(subject: str, email: str) -> None:
    """Have the function with the owner's rights change what this application may only read."""
    sealed = claims.sealed(PURPOSE, provider=providers.LOCAL.name, subject=subject, email=email)
    with connections["default"].cursor() as cursor:
        cursor.execute("SELECT fence.change_email(%s)", [sealed])


def _tell(actor: Tenant, member: Membership) -> None:
    email_changed.send(sender=Membership, actor=actor, target=member)
