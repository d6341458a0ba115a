"""How does a person switch a second factor on and off, and what happens when it is shown at the sign-in?"""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass

from django.db import transaction

from accounts.http import Tenant
from accounts.identity import changes, letters, providers, second_factors
from accounts.identity.base import Client, Identity, Proof, Revoked
from accounts.identity.second_factors import Enrolment
from accounts.identity.store.models import Account, StoreSession, account_id
from accounts.identity.tokens import is_plausible_token, new_token
from accounts.models import Membership
from accounts.services import everywhere, sessions
from accounts.signals import recovery_code_used, recovery_codes_made, second_factor_changed, second_factor_removed

SECONDS = 600  # how long a person may take to show it


class NotLocal(second_factors.NotBegun):
    """The person proves who they are to another identity system, which has second factors of its own: there is none here to change."""


def subject_of(actor: Tenant) -> str:
    """The account in the local store of somebody who is signed in. Raises ``NotLocal``."""
    session = sessions.current(actor)
    if session.provider != providers.LOCAL.name:
        raise NotLocal
    return session.subject


@dataclass(frozen=True, slots=True)
class State:
    """What a person sees of their second factor."""

    is_local: bool  # False where another identity system keeps it
    is_on: bool = False
    codes_left: int = 0


def state(*, actor: Tenant) -> State:
    """Is it on, and how many recovery codes are left?"""
    try:
        subject = subject_of(actor)
    except NotLocal:
        return State(is_local=False)
    return State(is_local=True, is_on=second_factors.is_on(subject), codes_left=second_factors.codes_left(subject))


def begin(*, actor: Tenant) -> None:
    """Make a new seed, which counts for nothing yet. Raises ``second_factors.AlreadyOn``."""
    second_factors.begin(subject_of(actor))


def pending(*, actor: Tenant) -> Enrolment:
    """What the person's authenticator needs to know. Raises ``second_factors.NotBegun``."""
    return second_factors.pending(subject_of(actor))


def confirm(*, actor: Tenant, code: str, reserve: Callable[[], None]) -> list[str]:
    """Switch it on with its first code; returns the recovery codes, shown this once. Raises ``WrongCode``, ``NotBegun``."""
    subject = subject_of(actor)
    reserve()
    return second_factors.confirm(subject, code, record=lambda: _switched_on(actor, subject))


def switch_off(*, actor: Tenant, code: str, reserve: Callable[[], None]) -> None:
    """Switch it off, with a code or a recovery code. Raises ``WrongCode``, ``NotBegun``, ``changes.PasswordTooShort``."""
    subject = subject_of(actor)
    reserve()
    second_factors.check(subject, code)
    changes.switch_off_second_factor(subject, record=lambda: _tell_changed(actor, is_on=False))


def new_codes(*, actor: Tenant, code: str, reserve: Callable[[], None]) -> list[str]:
    """Ten new recovery codes in place of the old ones, against a code. Raises ``WrongCode``, ``NotBegun``."""
    subject = subject_of(actor)
    reserve()
    second_factors.check(subject, code)

    def record() -> None:
        letters.write("second_factor_changed", to=_address(subject), facts={"change": "codes"})
        with transaction.atomic():
            recovery_codes_made.send(sender=Membership, actor=actor, target=_member(actor))

    return second_factors.new_codes(subject, record=record)


def remove_at_terminal(*, email: str) -> bool:
    """For somebody who lost phone and codes; only a command at the server's own terminal comes here.

    Returns whether the password still opens the account. Raises ``second_factors.NotBegun``.
    """

    def record(subject: str) -> None:
        second_factor_removed.send(sender=Account, subject=subject)

    keeps_password = changes.remove_second_factor(email, record=record)
    letters.hurry()
    return keeps_password


def begin_showing(proof: Proof, *, client: Client, purpose: str = StoreSession.Purpose.SECOND) -> str:
    """Remember a right password for as long as the second factor may take; returns the token for the person's cookie."""
    token = new_token()
    providers.LOCAL.open_session(proof, token=token, client=client, lifetime=SECONDS, purpose=purpose)
    return token


def showing(token: str, *, purpose: str = StoreSession.Purpose.SECOND) -> Identity:
    """Whose password was right. Raises ``Revoked`` for a token that is none, used, or over."""
    if not is_plausible_token(token):
        raise Revoked("form", why="malformed")
    return providers.LOCAL.verify_session(token, purpose=purpose)


def show(identity: Identity, code: str, *, reserve: Callable[[], None]) -> None:
    """Use up a code. Raises ``WrongCode``, ``throttling.Throttled`` from ``reserve``, ``Unavailable``.

    ``reserve`` counts the attempt before the code is compared, as it does for passwords. The use of a recovery code is
    told to the person and to every workspace of theirs.
    """
    reserve()
    second_factors.check(identity.subject, code, record_recovery=lambda: recovery_used(identity))


def end_showing(identity: Identity) -> Proof:
    """Use the remembered password up; returns what it proved. Raises ``BadCredentials`` if somebody else just did, or replaced it."""
    return providers.LOCAL.use_up(identity)


def _switched_on(actor: Tenant, subject: str) -> None:
    letters.write("second_factor_changed", to=_address(subject), facts={"change": "on"})
    _tell_changed(actor, is_on=True)


def _tell_changed(actor: Tenant, *, is_on: bool) -> None:
    with transaction.atomic():
        second_factor_changed.send(sender=Membership, actor=actor, target=_member(actor), is_on=is_on)


def _member(actor: Tenant) -> Membership:
    member: Membership = Membership.objects.get(pk=actor.membership_id)
    return member


def _address(subject: str) -> str:
    return Account.objects.values_list("email", flat=True).get(pk=account_id(subject))


def recovery_used(identity: Identity) -> None:
    """Tell the person and every workspace of theirs that one of their recovery codes was used, and how many are left."""
    left = second_factors.codes_left(identity.subject)
    letters.write("second_factor_changed", to=identity.email, facts={"change": "recovery", "left": left})

    def say(actor: Tenant, member: Membership) -> None:
        recovery_code_used.send(sender=Membership, actor=actor, target=member, left=left)

    everywhere.tell(identity.provider, identity.subject, say, method="password")
