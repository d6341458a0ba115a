"""How does somebody come to belong to a workspace: invited by whom, proved by what, and as whom?

The link that is mailed carries a token which no database holds: the row keeps its hash, and the letter derives it anew from
the row's id and nonce. Accepting takes the token and a proof, by an identity system, of the very address that was
invited; the database joins the person in one step (accounts/migrations/0009_invitations.py).

Where the workspace has an organisation, WorkOS mails the invitation instead, and its link stands for ours: the rules are the same ones.
"""

from __future__ import annotations

import secrets
from collections.abc import Iterable
from typing import Final
from uuid import UUID

from django.db import transaction

from accounts.http import Tenant
from accounts.identity import providers, tokens
from accounts.identity.base import BadCredentials, Identity, Proof
from accounts.identity.spelling import email_key
from accounts.models import Invitation, Role
from accounts.queries import Place, invitation_of
from accounts.services.members import Refused, asked
from accounts.signals import invitation_accepted, invitation_resent, invitation_sent, invitation_withdrawn
from accounts.tenancy import claims
from accounts.tenancy.context import workspace
from accounts.tenancy.models import new_id

PURPOSE: Final = "invitation"

SENDING: Final = {
    "role": "Your role here does not include this any more, so nobody was invited. Ask an owner of the workspace.",
    "above": "Nobody can invite into a role above their own. Choose a lower one.",
    "member_already": "Somebody with this address is a member here already. Find them on the page People.",
    "invited_already": "This address is invited already. Send that invitation again, or withdraw it first.",
    "too_many": "200 invitations wait for an answer or 500 were sent today, which is the most. Withdraw some that nobody will "
    "use, or wait until tomorrow.",
    "too_soon": "This invitation was sent within the last minute, so it was not sent again. Give the mail time to arrive.",
}

ACCEPTING: Final = {
    "unknown": "This link leads to no invitation. Ask whoever invited you to send it again, and use the latest mail.",
    "used": "This invitation was accepted already. If it was you, sign in.",
    "withdrawn": "This invitation was withdrawn. Ask whoever invited you for a new one.",
    "expired": "This invitation has ended: each is good for 72 hours. Ask whoever invited you to send it again.",
    "workspace": "The workspace is closed for the moment, so nobody can join it. Ask whoever invited you.",
    "sender": "Whoever invited you can no longer do so. Ask an owner of the workspace for a new invitation.",
    "other_address": "This invitation is for another e-mail address than the one you signed in with. Sign in with the address "
    "that it was sent to.",
    "unverified": "Your address has not been verified yet, so you cannot join. Verify it first, then open the link again.",
    "known_address": "This address is used by somebody who signs in another way. Sign in with the account that you have, then "
    "open the link again.",
    "sso_required": "This workspace takes single sign-on only. Sign in through your company’s sign-in, then open the link again.",
    "inactive": "Your account is closed, so you cannot join. Ask whoever runs this installation.",
    "member_already": "You are a member of this workspace already. Sign in to enter it.",
    "suspended": "Your membership there is suspended. Ask an owner of the workspace to restore it.",
}


def send(*, actor: Tenant, email: str, role: Role) -> Invitation:
    """Invite the reader of a mailbox; the letter leaves with the transaction. Raises ``Refused`` with a word of ``SENDING``."""
    key, nonce = new_id(), secrets.token_hex(16)
    with transaction.atomic():
        asked(
            "SELECT fence.send_invitation(%s, %s, %s, %s, %s, %s)",
            [key, email, email_key(email), role.value, nonce, _hash(key, nonce)],
        )
        invitation: Invitation = Invitation.objects.get(pk=key)
        invitation_sent.send(sender=Invitation, actor=actor, target=invitation, role=role.value)
    return invitation


def resend(*, actor: Tenant, invitation: Invitation) -> None:
    """Mail a new link, good for another 72 hours; the one before is void. Raises ``Refused``."""
    nonce = secrets.token_hex(16)
    with transaction.atomic():
        asked("SELECT fence.renew_invitation(%s, %s, %s)", [invitation.pk, nonce, _hash(invitation.pk, nonce)])
        invitation_resent.send(sender=Invitation, actor=actor, target=invitation)


def withdraw(*, actor: Tenant, invitation: Invitation) -> None:
    """Make the link void. Raises ``Refused``."""
    with transaction.atomic():
        asked("SELECT fence.withdraw_invitation(%s)", [invitation.pk])
        invitation_withdrawn.send(sender=Invitation, actor=actor, target=invitation)


def token_of(invitation: Invitation) -> str:
    """The token of the invitation's latest link. For the letter alone: whoever has it has half of what joining takes."""
    return _token(invitation.pk, invitation.nonce)


def accept(token: str, *, proof: Proof, name: str) -> Place:
    """Make the proven person a member, and return where they may enter. Raises ``Refused`` with a word of ``ACCEPTING``, ``Unavailable``.

    ``proof`` may come from any identity system; ``name`` is what a person who is new here is called.
    """
    identity = proof.identity
    if not tokens.is_plausible_token(token):
        # Empty, null and oversized values never reach a database (L43).
        raise Refused("unknown")
    if not identity.email_verified:
        # The invitation is bound to a mailbox; an address that somebody merely claimed is nobody's (L32).
        raise Refused("unverified")
    _accept_there(token, identity)
    with transaction.atomic():
        answer = asked("SELECT fence.accept_invitation(%s, %s)", [token, _claims(identity, name)])
        place = Place.answered(answer)
        with workspace(place.workspace_id, place.membership_id):
            target = Invitation(pk=UUID(answer["invitation_id"]), workspace_id=place.workspace_id)
            actor = place.tenant(method=identity.method, display_name=answer["display_name"], email=answer["email"])
            invitation_accepted.send(sender=Invitation, actor=actor, target=target, role=answer["role"])
    if providers.has_workos():
        providers.workos().used_invitation(token)
    return place


def mail_by_workos(invitation: Invitation, *, organization_id: str) -> None:
    """Have WorkOS mail it, once for each sending. Raises ``BadCredentials`` if WorkOS will not, ``Unavailable``."""
    # A directory never makes an owner, so WorkOS is told of none; every other role is kept there from now on.
    role = None if invitation.role == Role.OWNER else invitation.role
    providers.workos().send_invitation(
        invitation=invitation.pk,
        nonce=invitation.nonce,
        link=token_of(invitation),
        email=invitation.email,
        organization_id=organization_id,
        role=role,
    )


def end_at_workos(invitations: Iterable[UUID]) -> None:
    """Let the links that WorkOS mailed for these lead nowhere."""
    if providers.has_workos():
        providers.workos().end_invitations(list(invitations))


def link_behind(token: str) -> str | None:
    """The token of ours for which one that WorkOS mailed stands; None if it stands for none. Raises ``Unavailable``."""
    found = providers.workos().invitation_behind(token) if token and providers.has_workos() else None
    return None if found is None else _token(*found)


def accept_elsewhere(proof: Proof, *, name: str) -> Place:
    """Join by an invitation that this very person has just accepted on WorkOS's own page. Raises ``Refused``, ``Unavailable``."""
    identity = proof.identity
    if identity.provider != providers.WORKOS or identity.organization_id is None:
        raise Refused("unknown")
    found = providers.workos().accepted_invitation(identity)
    if found is None:
        raise Refused("unknown")
    return accept(_token(*found), proof=proof, name=name)


def register(token: str, *, email: str, name: str, password: str, workspace_name: str) -> tuple[Place, Proof]:
    """Make an account in the local store for the reader of the invited mailbox, and a member of its holder.

    Raises ``EmailTaken``, ``passwords.WeakPassword``, ``Unavailable``, ``Refused``.
    """
    # Whoever holds the token reads the mailbox: it was mailed there and stands nowhere else.
    proof = providers.LOCAL.create_account(email=email, password=password, context=(name, workspace_name))
    try:
        return accept(token, proof=proof, name=name), proof
    except Refused:
        # An account that leads nowhere would keep its address from whoever comes in as they should.
        providers.LOCAL.drop_account(proof.identity.subject)
        raise


def _accept_there(token: str, identity: Identity) -> None:
    """Make somebody whom WorkOS vouches for a member of the organisation there, before they are one here. Raises ``Refused``."""
    if identity.provider != providers.WORKOS or not providers.has_workos():
        return  # WorkOS mailed nothing to whom it does not know.
    shown = invitation_of(token)
    if shown is None or shown.refusal is not None or email_key(shown.email) != email_key(identity.email):
        # The database is about to refuse them, and WorkOS finds the person by the address alone.
        return
    try:
        providers.workos().accept_invitation(token)
    except BadCredentials:
        # Withdrawn there: a no of either system is a no.
        raise Refused("withdrawn") from None


def _token(key: UUID, nonce: str) -> str:
    return tokens.derived_token(PURPOSE, f"{key}:{nonce}")


def _hash(key: UUID, nonce: str) -> bytes:
    return tokens.platform_hash(_token(key, nonce))


def _claims(identity: Identity, name: str) -> str:
    return claims.sealed(
        PURPOSE,
        provider=identity.provider,
        subject=identity.subject,
        email=identity.email,
        email_key=email_key(identity.email),
        name=name,
        method=identity.method,
        # Made here, because PostgreSQL 15 to 17 make no UUIDv7; used if there is no such row yet.
        user_id=str(new_id()),
        link_id=str(new_id()),
        membership_id=str(new_id()),
    )
