"""How does WorkOS invite somebody for us, and what has become of an invitation there?

A workspace that has an organisation lets WorkOS mail its invitations: accepting one is what makes the person a member of the
organisation there, without which nobody enters the workspace here. The platform's own invitation stays the rule: its link is derived
as ever, is mailed to nobody, and stands here for WorkOS's link, whose token is kept encrypted and looked up by its hash.
"""

from __future__ import annotations

from datetime import timedelta
from typing import TYPE_CHECKING, Final
from uuid import UUID

from django.utils import timezone

from accounts.identity import vault
from accounts.identity.asking import store_asked
from accounts.identity.base import BadCredentials, Identity
from accounts.identity.spelling import email_key
from accounts.identity.store.models import VendorInvitation
from accounts.identity.tokens import identity_hash
from accounts.identity.workos import outbox
from accounts.identity.workos.connection import ONCE, current, translated

if TYPE_CHECKING:
    from workos.user_management.models import UserInvite

DAYS: Final = 3  # our 72 hours, in the unit that WorkOS takes
_KEPT_DAYS: Final = 90
_PENDING, _ACCEPTED = "pending", "accepted"
_ENDED = "ended here"


class Invitations:
    """The part of the provider that invites people into organisations."""

    def send_invitation(
        self, *, invitation: UUID, nonce: str, link: str, email: str, organization_id: str, role: str | None
    ) -> None:
        """Have WorkOS mail an invitation that stands for our ``link``; nothing to do if it has. Those before it are void.

        Raises ``BadCredentials`` if WorkOS will not (somebody who belongs to the organisation, a role that it does not know),
        ``Unavailable``; then nothing was mailed.
        """
        if store_asked(VendorInvitation.objects.filter(invitation=invitation, nonce=nonce).exists):
            return
        self.end_invitations([invitation])
        # Before anything else: WorkOS takes one invitation of an address at a time.
        outbox.tell_invitations()
        with translated():
            made = _waiting(email, organization_id) or current().client.user_management.send_invitation(
                email=email,
                organization_id=organization_id,
                role_slug=role,
                expires_in_days=DAYS,
                request_options=ONCE,
            )
            key, token = str(made.id), str(made.token)
        row = VendorInvitation(
            id=key,
            invitation=invitation,
            nonce=nonce,
            link_hash=identity_hash(link),
            token_hash=identity_hash(token),
            token=vault.sealed(token, field="invitation", row=key),
            organization_id=organization_id,
            recipient_mac=_macs(email)[0],
            expires_at=timezone.now() + timedelta(days=DAYS),
        )
        store_asked(row.save)
        store_asked(VendorInvitation.objects.filter(expires_at__lt=timezone.now() - timedelta(days=_KEPT_DAYS)).delete)

    def invitation_behind(self, token: str) -> tuple[UUID, str] | None:
        """Which invitation of ours, and which sending of it, WorkOS's token stands for; None if it is none, or over."""
        row = store_asked(VendorInvitation.objects.filter(token_hash=identity_hash(token)).live().first)
        return None if row is None else (row.invitation, row.nonce)

    def invitation_token(self, link: str) -> str | None:
        """WorkOS's token behind a link of ours: whoever goes there to sign in brings it along. None if there is none."""
        row = _of(link)
        return None if row is None else vault.opened(row.token, field="invitation", row=row.pk)

    def accept_invitation(self, link: str) -> None:
        """Make the invited person a member of the organisation there. Raises ``BadCredentials`` if it was withdrawn there, ``Unavailable``.

        Nothing to do for an invitation that WorkOS did not mail. The caller has compared the person's address.
        """
        row = _of(link)
        if row is None:
            return
        try:
            with translated():
                current().client.user_management.accept_invitation(row.pk, request_options=ONCE)
        except BadCredentials:
            # Taken already, in the sign-in from which the person came back; any other state is a no.
            if _now(row.pk).state.value != _ACCEPTED:
                raise

    def accepted_invitation(self, identity: Identity) -> tuple[UUID, str] | None:
        """The invitation into their organisation that this very person accepted on WorkOS's own page, if there is one."""
        rows = VendorInvitation.objects.filter(
            organization_id=identity.organization_id or "", recipient_mac__in=_macs(identity.email)
        )
        for row in store_asked(lambda: list(rows.live())):
            found = _now(row.pk)
            if found.state.value == _ACCEPTED and found.accepted_user_id == identity.subject:
                return row.invitation, row.nonce
        return None

    def end_invitations(self, invitations: list[UUID]) -> None:
        """Let WorkOS's links for these lead nowhere, here at once; WorkOS is told by the next round of the worker."""
        end(invitation__in=invitations)

    def used_invitation(self, link: str) -> None:
        """The link was taken. WorkOS is told, in case it was by somebody whom it does not know."""
        end(link_hash=identity_hash(link))


def end(*, tell: bool = True, **which: object) -> None:
    """End those of the invitations that are open; ``tell``: WorkOS does not know it yet."""
    now = timezone.now()
    rows = VendorInvitation.objects.filter(revoked_at__isnull=True, **which)
    store_asked(lambda: rows.update(revoked_at=now, told_at=None if tell else now, reason=_ENDED))


def _of(link: str) -> VendorInvitation | None:
    return store_asked(VendorInvitation.objects.filter(link_hash=identity_hash(link)).live().first)


def _waiting(email: str, organization_id: str) -> UserInvite | None:
    """One that WorkOS mailed to this address already: for somebody at its dashboard, or for us, who died before writing it down."""
    found = current().client.user_management.list_invitations(
        email=email, organization_id=organization_id, request_options=ONCE
    )
    return next((one for one in found.data if one.state.value == _PENDING), None)


def _now(key: str) -> UserInvite:
    with translated():
        return current().client.user_management.get_invitation(key, request_options=ONCE)


def _macs(email: str) -> list[bytes]:
    return vault.fingerprints(email_key(email), purpose="invitation")
