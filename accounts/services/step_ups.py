"""How does somebody who is signed in show once more that it is them, before a sensitive act?"""

from __future__ import annotations

from collections.abc import Callable
from typing import Final

from django.db import transaction

from accounts.http import Tenant
from accounts.identity import providers, second_factors
from accounts.identity.base import Client
from accounts.models import Session
from accounts.queries import Place
from accounts.services import sessions, sign_ins
from accounts.signals import stepped_up

# By the provider of the session: the name of the page on which its people prove anew who they are. A provider that sends
# people elsewhere adds the address that begins that journey; one that is not here has none but signing in again.
WAYS: Final[dict[str, str]] = {providers.LOCAL.name: "accounts:again"}


def way_of(actor: Tenant) -> str | None:
    """The name of the page on which this person proves anew who they are; None where they have to sign in as at first."""
    return WAYS.get(sessions.current(actor).provider)


def needs_code(actor: Tenant) -> bool:
    """Is a second factor asked for besides the password?"""
    return second_factors.is_on(sessions.current(actor).subject)


def step_up(*, actor: Tenant, password: str, code: str, client: Client, reserve: Callable[[], None]) -> sign_ins.Opened:
    """Verify password and second factor, and give the person a new session in place of the one that asked.

    Raises ``BadCredentials`` whichever was wrong, ``throttling.Throttled``, ``Unavailable``.
    """
    old = sessions.current(actor)
    proof = providers.LOCAL.prove_again(subject=old.subject, password=password, code=code, reserve=reserve)
    opened = sign_ins.open_at(Place.of(actor), proof=proof, client=client)
    with transaction.atomic():
        sessions.replace(old)
        stepped_up.send(sender=Session, actor=opened.tenant, target=Session.objects.get(pk=opened.tenant.credential_id))
    return opened
