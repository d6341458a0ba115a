"""How does the local identity store write to people, so that a mail server can be slow or away for a while?

A letter is a row; a round of the worker sends it, tries again with growing pauses, and drops it after a day. The request
that wrote the row took the same time whether or not anybody will get a mail. The row holds no token: the token of a link is
derived when the mail is written, and only its hash is stored.
"""

from __future__ import annotations

import logging
from collections.abc import Mapping
from datetime import timedelta
from typing import Final

from django.db.models import F
from django.urls import reverse
from django.utils import timezone

from accounts import mail, rounds
from accounts.identity import links, vault
from accounts.identity.spelling import email_key
from accounts.identity.store.models import Account, Letter, MailedLink

logger = logging.getLogger(__name__)

ROUND: Final = "identity.letters"
RESET, CONFIRM = "password_reset", "email_confirm"
_EVERY_SECONDS: Final = 15.0
_FIRST_PAUSE_SECONDS: Final = 30
_LONGEST_PAUSE_SECONDS: Final = 3600
_KEPT: Final = timedelta(days=1)
_AT_ONCE: Final = 100
# Where the person finds the page that a link opens.
_PAGES: Final = {RESET: "accounts:reset", CONFIRM: "accounts:email_confirm"}


def write(event: str, *, to: str, link: MailedLink | None = None, facts: Mapping[str, object] | None = None) -> None:
    """Put a letter down, in the caller's transaction; ``event`` names its templates."""
    Letter.objects.create(
        event=event, recipient=vault.sealed(to, field="recipient", row="letter"), link=link, facts=dict(facts or {})
    )


def hurry() -> None:
    """Have what waits sent now rather than with the next round."""
    rounds.hurry(ROUND)


@rounds.every(ROUND, seconds=_EVERY_SECONDS)
def send_waiting() -> None:
    """Send what is due, and drop what has been for too long, links as well: an address that was never confirmed is nobody's here."""
    now = timezone.now()
    Letter.objects.filter(created_at__lt=now - _KEPT).delete()
    links.forget_old()
    for letter in Letter.objects.filter(not_before__lte=now).select_related("link__account").order_by("id")[:_AT_ONCE]:
        _settle(letter)


def _settle(letter: Letter) -> None:
    try:
        _send(letter)
    except mail.Undelivered as error:
        logger.warning("A mail of the identity store waits for the mail server (%s).", error)
        _postpone(letter)
    except Exception:
        # One letter that cannot be written must not keep all the others back.
        logger.exception("A mail of the identity store (%s) could not be written.", letter.event)
        _postpone(letter)
    else:
        letter.delete()


def _postpone(letter: Letter) -> None:
    pause = min(_FIRST_PAUSE_SECONDS * 2**letter.attempts, _LONGEST_PAUSE_SECONDS)
    Letter.objects.filter(pk=letter.pk).update(
        attempts=F("attempts") + 1, not_before=timezone.now() + timedelta(seconds=pause)
    )


def _send(letter: Letter) -> None:
    to = vault.opened(letter.recipient, field="recipient", row="letter")
    link = letter.link
    if letter.event == RESET:
        account = Account.objects.filter(email_key=email_key(to), is_active=True).first()
        if account is None:
            return  # Nobody to write to: found out here, where nobody measures how long it takes.
        # To the address that we know, never to the spelling that was typed: the two may be two mailboxes.
        to, link = account.email, links.for_letter(letter, account)
    if link is not None and not links.is_good(link):
        return
    if letter.event == CONFIRM and link is not None and _is_taken(link):
        return  # Its owner is not told that somebody tried, and whoever tried not that it is taken.
    mail.send(letter.event, to=to, context={**letter.facts, "address": to, "link": _address(letter.event, link)})


def _is_taken(link: MailedLink) -> bool:
    return Account.objects.filter(email_key=email_key(link.email)).exclude(pk=link.account_id).exists()


def _address(event: str, link: MailedLink | None) -> str:
    return mail.link(reverse(_PAGES[event], query={"link": links.token_of(link)})) if link is not None else ""
