"""Is what somebody typed a place that messages can go to, and what of it may be shown later?"""

from __future__ import annotations

from dataclasses import dataclass, field
from uuid import UUID

from accounts import outbound
from accounts.waiting import NoPlace, asking_elsewhere
from audit.notices import delivery, sentry, signing, vault
from audit.notices.models import Kind


class Unfit(Exception):
    """Nothing can be sent there. The message is a sentence for whoever typed it."""


@dataclass(frozen=True, slots=True)
class Place:
    """A new channel's address in the forms in which it is kept and shown, and the secret that its owner sees once."""

    shown: str
    sealed: str = field(repr=False)
    secret: str = field(default="", repr=False)


def place(kind: str, address: str, channel: UUID) -> Place:
    """Judge and encrypt an address for this channel. Asks the name server, once. Raises ``Unfit``."""
    if kind == Kind.EMAIL:
        return Place(address, vault.sealed(vault.Secrets(address), channel))
    try:
        with asking_elsewhere():
            target = outbound.check(sentry.project(address).url if kind == Kind.SENTRY else address)
    except (outbound.Forbidden, outbound.Unreachable, NoPlace) as error:
        raise Unfit(str(error)) from error
    if delivery.is_own(target):
        raise Unfit("This address leads to AiAxis itself. Choose one of the program that is to receive the messages.")
    secret = signing.new_secret() if kind == Kind.WEBHOOK else ""
    # A chat's address is its secret, and so may be any address's path: the host and the last four characters are enough
    # to recognise it by.
    return Place(f"{target.shown} …{address[-4:]}", vault.sealed(vault.Secrets(address, secret), channel), secret)
