"""What does a person show besides the password, and how often is each showing good?

A code of an authenticator (TOTP, RFC 6238: six digits, 30 seconds, one step either way for clocks that differ), each time
step once; or one of ten recovery codes of 79 random bits, each once. The seed is encrypted and bound to its account, the
recovery codes are stored as hashes. Counting guesses is the caller's business (accounts/throttling.py); what is counted
here are wrong codes in a row over months, by somebody who has the password.
"""

from __future__ import annotations

import hmac
import logging
import secrets
import time
from collections.abc import Callable
from dataclasses import dataclass, field
from typing import Final
from uuid import UUID

import pyotp
from django.db import transaction
from django.db.models import F
from django.utils import timezone

from accounts.identity import vault
from accounts.identity.asking import store_asked
from accounts.identity.base import BadCredentials, MfaRequired, Proof, Unavailable
from accounts.identity.store.models import (
    IDENTITY_DATABASE,
    Account,
    RecoveryCode,
    SecondFactor,
    StoreSession,
    account_id,
)
from accounts.identity.tokens import identity_hash

logger = logging.getLogger(__name__)

ISSUER: Final = "AiAxis"
STEP_SECONDS: Final = 30
DIGITS: Final = 6
CODES: Final = 10  # recovery codes of one person
# After so many wrong codes in a row no further one is heard, whatever the pace (NIST SP 800-63B-4 allows 100). Recovery
# codes still open the account: nobody guesses those, so the person is not locked out by whoever has the password.
MOST_WRONG_CODES: Final = 100
# No letters or digits that look alike: these are typed from paper.
ALPHABET: Final = "abcdefghjkmnpqrstuvwxyz23456789"
_GROUPS, _GROUP_LENGTH = 4, 4

Record = Callable[[], None]


class SecondFactorRequired(MfaRequired):
    """The password was right, and is not enough. ``proof`` is what it proved."""

    def __init__(self, proof: Proof) -> None:
        super().__init__(subject=proof.identity.subject, email=proof.identity.email)
        self.proof = proof


class WrongCode(BadCredentials):
    """The code is wrong, or was used."""

    reason = "wrong_code"


class AlreadyOn(Exception):
    """The person has a second factor; another one is set up after that one is switched off."""


class NotBegun(Exception):
    """There is no set-up to finish: it was finished already, or never begun."""


@dataclass(frozen=True, slots=True)
class Enrolment:
    """An authenticator on its way: what the person's app needs to know, shown until a code of it confirms that it does."""

    secret: str = field(repr=False)
    uri: str = field(repr=False)

    @property
    def grouped(self) -> str:
        """The seed in groups of four, as it is typed into an app that reads no pictures."""
        return " ".join(self.secret[start : start + 4] for start in range(0, len(self.secret), 4))


def begin(subject: str) -> None:
    """Make a new seed for the person, in place of one that was never confirmed. Raises ``AlreadyOn``."""
    account = _account(subject)
    seed = vault.sealed(pyotp.random_base32(32), field="totp", row=str(account.pk))
    with transaction.atomic(using=IDENTITY_DATABASE):
        found = SecondFactor.objects.select_for_update().filter(account=account).first()
        if found is not None and found.confirmed_at is not None:
            raise AlreadyOn
        SecondFactor.objects.update_or_create(account=account, defaults={"secret": seed, "created_at": timezone.now()})


def pending(subject: str) -> Enrolment:
    """The set-up that waits for its first code. Raises ``NotBegun``."""
    found = SecondFactor.objects.select_related("account").filter(
        account_id=account_id(subject), confirmed_at__isnull=True
    )
    factor = store_asked(found.first)
    if factor is None:
        raise NotBegun
    seed = _seed(factor)
    return Enrolment(seed, pyotp.TOTP(seed).provisioning_uri(name=factor.account.email, issuer_name=ISSUER))


def confirm(subject: str, code: str, *, record: Record) -> list[str]:
    """Switch the second factor on with its first code; returns the recovery codes, which are never shown again.

    ``record`` runs before it is committed. Raises ``WrongCode``, ``NotBegun``.
    """
    with transaction.atomic(using=IDENTITY_DATABASE):
        factor = (
            SecondFactor.objects.select_for_update()
            .filter(account_id=account_id(subject), confirmed_at__isnull=True)
            .first()
        )
        if factor is None:
            raise NotBegun
        step = _step_of(_seed(factor), _digits(code))
        if step is None:
            raise WrongCode
        factor.confirmed_at, factor.last_step, factor.wrong_codes = timezone.now(), step, 0
        factor.save(update_fields=["confirmed_at", "last_step", "wrong_codes"])
        codes = _new_codes(factor.account_id)
        record()
    return codes


def is_on(subject: str) -> bool:
    """Has the person a second factor that counts?"""
    factors = SecondFactor.objects.filter(account_id=account_id(subject), confirmed_at__isnull=False)
    return store_asked(factors.exists)


def codes_left(subject: str) -> int:
    """How many recovery codes the person has not used yet."""
    unused = RecoveryCode.objects.filter(account_id=account_id(subject), used_at__isnull=True)
    return store_asked(unused.count)


def check(subject: str, code: str, *, record_recovery: Record | None = None) -> None:
    """Use up a code of the authenticator or a recovery code. Raises ``WrongCode``, ``Unavailable``.

    ``record_recovery`` runs before the use of a recovery code is committed, so that none is used unseen.
    """
    store_asked(lambda: _check(account_id(subject), code, record_recovery))


def switch_off(subject: str, *, record: Record) -> None:
    """Forget the authenticator and the recovery codes. Raises ``NotBegun`` if there is none.

    Consoles that an operator has open end too: they were opened by what is now gone.
    """
    owner = account_id(subject)
    with transaction.atomic(using=IDENTITY_DATABASE):
        deleted, _ = SecondFactor.objects.filter(account_id=owner, confirmed_at__isnull=False).delete()
        if not deleted:
            raise NotBegun
        RecoveryCode.objects.filter(account_id=owner).delete()
        StoreSession.objects.filter(account_id=owner, purpose=StoreSession.Purpose.OPERATOR).revoke()
        record()


def new_codes(subject: str, *, record: Record) -> list[str]:
    """Ten new recovery codes in place of the old ones. Raises ``NotBegun`` without a second factor."""
    owner = account_id(subject)
    with transaction.atomic(using=IDENTITY_DATABASE):
        factors = SecondFactor.objects.select_for_update().filter(account_id=owner, confirmed_at__isnull=False)
        if factors.first() is None:
            raise NotBegun
        codes = _new_codes(owner)
        record()
    return codes


def _check(owner: UUID, code: str, record_recovery: Record | None) -> None:
    factor = SecondFactor.objects.filter(account_id=owner, confirmed_at__isnull=False).first()
    if factor is None:
        raise WrongCode
    typed = _digits(code)
    # A recovery code opens the account even where the seed cannot be read.
    step = _step_of(_seed(factor), typed) if typed else None
    if (step is not None and _use_step(factor, step)) or _use_recovery(factor, code, record_recovery):
        return
    SecondFactor.objects.filter(pk=factor.pk).update(wrong_codes=F("wrong_codes") + 1)
    raise WrongCode


def _use_step(factor: SecondFactor, step: int) -> bool:
    """Take the time step, if nobody has: one statement decides, so of two at once one comes first."""
    taken = SecondFactor.objects.filter(
        pk=factor.pk, confirmed_at__isnull=False, last_step__lt=step, wrong_codes__lt=MOST_WRONG_CODES
    ).update(last_step=step, wrong_codes=0)
    if taken and vault.is_outdated(factor.secret):
        seed = vault.sealed(_seed(factor), field="totp", row=str(factor.pk))
        SecondFactor.objects.filter(pk=factor.pk, secret=factor.secret).update(secret=seed)
    return taken == 1


def _use_recovery(factor: SecondFactor, code: str, record: Record | None) -> bool:
    plain = "".join(letter for letter in code.casefold() if letter in ALPHABET)
    if len(plain) != _GROUPS * _GROUP_LENGTH:
        return False
    unused = RecoveryCode.objects.filter(
        account_id=factor.pk, code_hash=_code_hash(factor.pk, plain), used_at__isnull=True
    )
    with transaction.atomic(using=IDENTITY_DATABASE):
        if unused.update(used_at=timezone.now()) != 1:
            return False
        SecondFactor.objects.filter(pk=factor.pk).update(wrong_codes=0)
        if record is not None:
            record()
    return True


def _step_of(seed: str, typed: str) -> int | None:
    """The time step that this code belongs to, now or one either way; None for a wrong one. Compares all three."""
    now = int(time.time()) // STEP_SECONDS
    totp = pyotp.TOTP(seed)
    found = [step for step in (now - 1, now, now + 1) if hmac.compare_digest(totp.generate_otp(step), typed)]
    return found[-1] if found else None


def _digits(code: str) -> str:
    """The code without the spaces in which apps show it; "" for what is no code of an app, as recovery codes are not."""
    compact = "".join(letter for letter in code if not letter.isspace() and letter != "-")
    return compact if len(compact) == DIGITS and compact.isascii() and compact.isdecimal() else ""


def _new_codes(owner: UUID) -> list[str]:
    RecoveryCode.objects.filter(account_id=owner).delete()
    codes = [
        "-".join("".join(secrets.choice(ALPHABET) for _ in range(_GROUP_LENGTH)) for _ in range(_GROUPS))
        for _ in range(CODES)
    ]
    RecoveryCode.objects.bulk_create(
        RecoveryCode(account_id=owner, code_hash=_code_hash(owner, code.replace("-", ""))) for code in codes
    )
    return codes


def _code_hash(owner: UUID, plain: str) -> bytes:
    # 79 random bits, so a plain hash leaves nothing to guess; with the account in it, equal ones could not be told.
    return identity_hash(f"recovery:{owner}:{plain}")


def _seed(factor: SecondFactor) -> str:
    try:
        return vault.opened(factor.secret, field="totp", row=str(factor.pk))
    except vault.SealBroken as error:
        # Nobody is let in without it, and nobody is told that their code is wrong either.
        logger.critical("The second factor of account %s cannot be opened: %s", factor.pk, error)
        raise Unavailable("vault of the identity store") from error


def _account(subject: str) -> Account:
    found = Account.objects.filter(pk=account_id(subject), is_active=True)
    account = store_asked(found.first)
    if account is None:
        raise BadCredentials
    return account
