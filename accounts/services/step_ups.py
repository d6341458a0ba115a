"""How does somebody who is signed in show once more that it is them, before a sensitive act?"""

from __future__ import annotations

from collections.abc import Callable
from enum import StrEnum

from accounts.http import Tenant
from accounts.identity import providers, second_factors
from accounts.identity.base import Client
from accounts.models import Session, Workspace
from accounts.queries import Place
from accounts.services import second_factors as showing
from accounts.services import sessions, sign_ins
from accounts.signals import stepped_up


class Way(StrEnum):
    """How somebody proves anew who they are."""

    HERE = "here"  # the local store asks for the password, and the code where there is one
    ELSEWHERE = "elsewhere"  # their company's sign-in, or WorkOS's own page, asks them once more
    SIGN_IN = "sign_in"  # a password that WorkOS verifies is typed where it was typed at first


def way_of(actor: Tenant) -> Way:
    """How this person does: whoever vouches for them does so anew, and nobody else."""
    if sessions.current(actor).provider == providers.LOCAL.name:
        return Way.HERE
    return Way.SIGN_IN if actor.method == "password" else Way.ELSEWHERE


def organization_of(actor: Tenant) -> str:
    """The organisation whose sign-in vouches for people here; "" for a workspace that has none."""
    return Workspace.objects.get(pk=actor.workspace_id).organization_id or ""


def needs_code(actor: Tenant) -> bool:
    """Is a second factor asked for besides the password?"""
    return second_factors.is_on(sessions.current(actor).subject)


def step_up(*, actor: Tenant, password: str, code: str, client: Client, reserve: Callable[[], None]) -> sign_ins.Opened:
    """Verify password and second factor, and give the person a new session in place of the one that asked.

    Raises ``BadCredentials`` whichever was wrong, ``throttling.Throttled``, ``Unavailable``.
    """
    old = sessions.current(actor)
    proof = providers.LOCAL.prove_again(
        subject=old.subject, password=password, code=code, reserve=reserve, record_recovery=showing.recovery_used
    )
    opened = sign_ins.open_at(Place.of(actor), proof=proof, client=client)
    new = Session.objects.get(pk=opened.tenant.credential_id)
    with sign_ins.dropped_on_failure(opened):
        sessions.replace(old, record=lambda: stepped_up.send(sender=Session, actor=opened.tenant, target=new))
    return opened
