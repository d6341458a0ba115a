"""How do a person's password, address and second factor change in the identity store, whoever asked for it?

Each change is one transaction of the store: the lock on the account, the change, the end of what it makes void, the letter
that tells the person, and at last ``record``, so that there is no change without its record (incident L38).
"""

from __future__ import annotations

from collections.abc import Callable, Iterable
from dataclasses import dataclass

from django.db import IntegrityError, transaction
from django.db.models import QuerySet
from django.utils import timezone

from accounts.identity import hashing, letters, links, passwords, second_factors
from accounts.identity.asking import store_asked
from accounts.identity.links import LinkRefused
from accounts.identity.spelling import email_key
from accounts.identity.store.models import (
    IDENTITY_DATABASE,
    Account,
    MailedLink,
    SecondFactor,
    StoreSession,
    account_id,
)
from accounts.identity.tokens import new_token

Record = Callable[[], None]


class PasswordTooShort(Exception):
    """The password is shorter than one that stands alone has to be, so the second factor stays."""


class SameAddress(Exception):
    """The new address is the one that the account has."""


@dataclass(frozen=True, slots=True)
class NewPassword:
    """A hashed password, and whether it is long enough to be the only factor."""

    stored: str
    stands_alone: bool


def with_factor() -> QuerySet[Account]:
    """Accounts, each read together with its second factor."""
    return Account.objects.select_related("second_factor")


def has_factor(account: Account) -> bool:
    """Has the account a second factor that counts?"""
    factor: SecondFactor | None = getattr(account, "second_factor", None)
    return factor is not None and factor.confirmed_at is not None


def replace_password(
    account: Account, change: NewPassword, *, record: Record | None, link: MailedLink | None = None
) -> Account:
    """Store the password, end every session (incident L33) and every mailed link, and write to the person. Returns the account.

    Raises ``WeakPassword`` for one that has to stand alone and does not, ``LinkRefused`` if ``link`` was used meanwhile.
    """
    with transaction.atomic(using=IDENTITY_DATABASE):
        # Locked, and asked once more: a second factor that was switched off meanwhile would leave a short password alone.
        now = with_factor().select_for_update(of=("self",)).get(pk=account.pk)
        if not change.stands_alone and not has_factor(now):
            raise passwords.WeakPassword(
                f"Without a second factor the password needs at least {passwords.MINIMUM_ALONE} characters."
            )
        if link is not None:
            links.use(link)
        now.password, now.password_stands_alone = change.stored, change.stands_alone
        now.password_changed_at = timezone.now()
        # Whoever followed a link reads the mail of this address.
        now.email_verified = now.email_verified or link is not None
        now.save(update_fields=["password", "password_stands_alone", "password_changed_at", "email_verified"])
        StoreSession.objects.filter(account=now).revoke()
        links.void(now)
        letters.write("password_changed", to=now.email, facts={"by_link": link is not None})
        if record is not None:
            record()
    return now


def reset_password(token: str, *, new: str, context: Iterable[str], record: Callable[[str], None]) -> str:
    """Set a new password by a mailed link; ``record`` is told the subject. Opens no session. Returns the account's address.

    Raises ``LinkRefused``, ``WeakPassword``, ``Unavailable``.
    """
    link = links.find(MailedLink.Purpose.RESET, token)
    account = store_asked(lambda: with_factor().get(pk=link.account_id))
    passwords.check(new, context=(account.email, *context), has_second_factor=has_factor(account))
    with hashing.slot():
        stored = hashing.encoded(new)
    change = NewPassword(stored, passwords.stands_alone(new))
    changed = store_asked(lambda: replace_password(account, change, record=lambda: record(str(account.pk)), link=link))
    return changed.email


def switch_off_second_factor(subject: str, *, record: Record) -> None:
    """Switch the second factor off. Raises ``PasswordTooShort`` if the password could not stand alone then."""
    with transaction.atomic(using=IDENTITY_DATABASE):
        account = Account.objects.select_for_update().filter(pk=account_id(subject)).first()
        if account is None:
            raise second_factors.NotBegun
        if not account.password_stands_alone:
            raise PasswordTooShort
        letters.write("second_factor_changed", to=account.email, facts={"change": "off"})
        second_factors.switch_off(subject, record=record)


def remove_second_factor(email: str, *, record: Callable[[str], None]) -> bool:
    """Switch off the second factor of somebody who has lost it and every recovery code; ``record`` is told the subject.

    Every session ends. Returns False if the password was too short to stand alone: it opens nothing any more then, and
    the person sets a new one by a mailed link. Raises ``second_factors.NotBegun``.
    """
    with hashing.slot():
        nobodys = hashing.encoded(new_token())
    with transaction.atomic(using=IDENTITY_DATABASE):
        account = Account.objects.select_for_update().filter(email_key=email_key(email)).first()
        if account is None:
            raise second_factors.NotBegun
        keeps_password = account.password_stands_alone
        if not keeps_password:
            account.password, account.password_stands_alone = nobodys, True
            account.password_changed_at = timezone.now()
            account.save(update_fields=["password", "password_stands_alone", "password_changed_at"])
        StoreSession.objects.filter(account=account).revoke()
        letters.write("second_factor_changed", to=account.email, facts={"change": "off"})
        second_factors.switch_off(str(account.pk), record=lambda: record(str(account.pk)))
    return keeps_password


def ask_new_email(subject: str, new: str, *, record: Record) -> None:
    """Write to the new address for confirmation, and to the present one so that its owner knows. Raises ``SameAddress``.

    A taken address is not told from a free one: that shows when the letter is sent, and to nobody.
    """
    account = store_asked(lambda: Account.objects.filter(pk=account_id(subject), is_active=True).get())
    if new == account.email:
        raise SameAddress
    with transaction.atomic(using=IDENTITY_DATABASE):
        link = links.make(account, MailedLink.Purpose.EMAIL, email=new)
        letters.write(letters.CONFIRM, to=new, link=link)
        letters.write("email_changed", to=account.email, facts={"done": False})
        record()


def confirm_email(token: str, *, subject: str, record: Callable[[str], None]) -> str:
    """Make the confirmed address the account's; ``record`` is told it, and changes the platform's copies. Returns it.

    Raises ``LinkRefused``, also where the address has become somebody else's: that is not said apart.
    """
    link = links.find(MailedLink.Purpose.EMAIL, token, subject=subject)
    try:
        with transaction.atomic(using=IDENTITY_DATABASE):
            account = Account.objects.select_for_update().get(pk=link.account_id)
            links.use(link)
            links.void(account)
            before, account.email, account.email_key = account.email, link.email, email_key(link.email)
            account.email_verified = True
            account.save(update_fields=["email", "email_key", "email_verified"])
            letters.write("email_changed", to=before, facts={"done": True})
            record(link.email)
    except IntegrityError as error:
        raise LinkRefused("taken") from error
    return link.email
