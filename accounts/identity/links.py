"""Is a link that somebody follows one that we mailed, for this purpose, not used, not over, and to them?

Its token is derived from the row's id under the installation's secret; the row holds a hash. Whatever is wrong with a
token, it is refused in one way: empty, null, missing, unknown, used, over, for something or somebody else (incident L43).
"""

from __future__ import annotations

from datetime import timedelta
from typing import Final

from django.utils import timezone

from accounts.identity.asking import store_asked
from accounts.identity.store.models import Account, Letter, MailedLink, account_id
from accounts.identity.tokens import derived_token, identity_hash, is_plausible_token

LASTS: Final = timedelta(hours=1)
_KEPT: Final = timedelta(
    days=90
)  # as sessions are: so long the trail says of a link that it was used, and not that it is unknown


class LinkRefused(Exception):
    """The link opens nothing. ``why`` is a word for the trail, never for the person."""

    def __init__(self, why: str) -> None:
        super().__init__(why)
        self.why = why


def make(account: Account, purpose: str, *, email: str = "") -> MailedLink:
    """A new link for the person, good for an hour; its token is ``token_of``."""
    link = MailedLink(account=account, purpose=purpose, email=email, expires_at=timezone.now() + LASTS)
    link.token_hash = identity_hash(token_of(link))
    link.save(force_insert=True)
    return link


def for_letter(letter: Letter, account: Account) -> MailedLink:
    """The link of a letter that asked for a new password: the same one however often the letter is tried."""
    link = MailedLink(
        id=letter.id, account=account, purpose=MailedLink.Purpose.RESET, expires_at=letter.created_at + LASTS
    )
    values = {"account": account, "purpose": link.purpose, "expires_at": link.expires_at}
    found, _ = MailedLink.objects.get_or_create(
        id=letter.id, defaults={**values, "token_hash": identity_hash(token_of(link))}
    )
    return found


def token_of(link: MailedLink) -> str:
    """The token that the mailed address carries."""
    return derived_token(f"identity.{link.purpose}", str(link.pk))


def is_good(link: MailedLink) -> bool:
    """Can the link still be followed?"""
    return link.used_at is None and link.expires_at > timezone.now()


def find(purpose: str, token: str, *, subject: str | None = None) -> MailedLink:
    """The link of this token. Raises ``LinkRefused``; also if it was mailed to somebody else than ``subject``."""
    if not is_plausible_token(token):
        # An empty or odd token reaches no database: it must not meet a row without one (incident L43).
        raise LinkRefused("malformed")
    found = MailedLink.objects.select_related("account").filter(token_hash=identity_hash(token), purpose=purpose)
    link = store_asked(found.first)
    if link is None:
        raise LinkRefused("unknown")
    if subject is not None and link.account_id != account_id(subject):
        raise LinkRefused("somebody_else")
    if not is_good(link):
        raise LinkRefused("used" if link.used_at else "expired")
    if not link.account.is_active:
        raise LinkRefused("inactive")
    return link


def use(link: MailedLink) -> None:
    """Use the link up, in the caller's transaction. Raises ``LinkRefused`` if somebody else just did."""
    now = timezone.now()
    if MailedLink.objects.filter(pk=link.pk, used_at__isnull=True, expires_at__gt=now).update(used_at=now) != 1:
        raise LinkRefused("used")


def forget_old() -> None:
    """Delete links that have been over for so long that their use again would be no news."""
    MailedLink.objects.filter(expires_at__lt=timezone.now() - _KEPT).delete()


def void(account: Account) -> None:
    """End every link that was mailed to the person: after a new password or address, what lies in a mailbox opens nothing."""
    MailedLink.objects.filter(account=account, used_at__isnull=True).update(used_at=timezone.now())
