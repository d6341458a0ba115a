"""What follows from a change of who belongs here, or of whether anybody gets in? A letter, handed to a job in the same transaction."""

from __future__ import annotations

from typing import Final
from uuid import UUID

from django.dispatch import receiver

from accounts import letters, signals
from accounts.http import Tenant
from accounts.identity import providers
from accounts.jobs import enqueue
from accounts.models import ApiKey, Invitation, Membership, Workspace
from accounts.tenancy.context import workspace

STATUS_AFTER: Final = {
    "suspended": Workspace.Status.SUSPENDED,
    "restored": Workspace.Status.ACTIVE,
    "closing": Workspace.Status.CLOSING,
    "reopened": Workspace.Status.ACTIVE,
}


@receiver(
    [signals.invitation_sent, signals.invitation_resent], sender=Invitation, dispatch_uid="accounts.letters.invitation"
)
def mail_the_invitation(sender: type[Invitation], target: Invitation, **facts: object) -> None:
    """Mail the link. The job carries the row's id alone; the letter derives the link."""
    enqueue(letters.invitation, invitation_id=str(target.pk))


@receiver(signals.invitation_withdrawn, sender=Invitation, dispatch_uid="accounts.letters.over")
@receiver([signals.member_suspended, signals.member_removed], sender=Membership, dispatch_uid="accounts.letters.ended")
def end_them_at_workos(sender: type[Invitation | Membership], invitations: int = 1, **facts: object) -> None:
    """Invitations were withdrawn, with their sender or alone: what WorkOS mailed for them leads nowhere either."""
    if invitations and providers.has_workos():
        enqueue(letters.invitations_over)


@receiver(signals.api_key_ending, sender=ApiKey, dispatch_uid="accounts.letters.key_ending")
def tell_whose_key_ends(sender: type[ApiKey], target: ApiKey, days: int, **facts: object) -> None:
    """Tell the owner, as whom the sender of the signal is bound."""
    enqueue(letters.key_ending, key_id=str(target.pk), days=days)


@receiver(signals.member_removed, sender=Membership, dispatch_uid="accounts.letters.removed")
def tell_who_was_removed(sender: type[Membership], target: Membership, **facts: object) -> None:
    """Tell the person, who can no longer read it here."""
    enqueue(letters.removed, member_id=str(target.pk))


@receiver(signals.member_role_changed, sender=Membership, dispatch_uid="accounts.letters.role")
def tell_whose_role_changed(sender: type[Membership], actor: Tenant, target: Membership, **facts: object) -> None:
    """Tell the person, unless it was their own act."""
    if target.pk != actor.membership_id:
        enqueue(letters.role, member_id=str(target.pk))


@receiver(signals.ownership_transferred, sender=Membership, dispatch_uid="accounts.letters.ownership")
def tell_both_owners(sender: type[Membership], actor: Tenant, target: Membership, **facts: object) -> None:
    """Tell the one who gave and the one who received: whoever did not mean it hears of it at once."""
    for member_id in (actor.membership_id, target.pk):
        enqueue(letters.ownership, member_id=str(member_id), owner_id=str(target.pk))


@receiver(signals.workspace_operated, sender=Workspace, dispatch_uid="accounts.letters.workspace")
def tell_the_owners(
    sender: type[Workspace], act: str, workspace_id: UUID, owners: tuple[UUID, ...] = (), **facts: object
) -> None:
    """Tell each owner, by jobs of the longest-standing one: a transaction belongs to one member."""
    status = STATUS_AFTER.get(act)
    if status is None or not owners:
        return
    letter = letters.workspace_opened if status == Workspace.Status.ACTIVE else letters.workspace_closed
    with workspace(workspace_id, owners[0]):
        for owner in owners:
            enqueue(letter, status=str(status), member_id=str(owner))
