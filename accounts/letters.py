"""What is written to people when who belongs to a workspace changes?

Each letter is a job of the member who made the change, and finds everything else through the fence when it runs: what was
undone meanwhile is not told any more.
"""

from __future__ import annotations

from uuid import UUID

from django.urls import reverse

from accounts import mail
from accounts.http import Tenant
from accounts.jobs import RetryLater, job
from accounts.models import Invitation, Membership
from accounts.services import invitations


@job("accounts.letters.invitation")
def invitation(tenant: Tenant, invitation_id: str) -> None:
    """Mail the link of an invitation that still waits."""
    found = Invitation.objects.filter(pk=UUID(invitation_id), accepted_at__isnull=True, revoked_at__isnull=True).first()
    if found is not None:
        path = reverse("accounts:invitation", args=[invitations.token_of(found)])
        _send("invitation", tenant, to=found.email, role=found.get_role_display(), link=mail.link(path))


@job("accounts.letters.removed")
def removed(tenant: Tenant, member_id: str) -> None:
    """Tell somebody that they are no longer a member."""
    found = Membership.objects.filter(pk=UUID(member_id), status=Membership.Status.REMOVED).first()
    if found is not None:
        _send("member_removed", tenant, to=found.email, name=found.display_name)


@job("accounts.letters.role")
def role(tenant: Tenant, member_id: str) -> None:
    """Tell a member what they are now."""
    found = Membership.objects.filter(pk=UUID(member_id), status=Membership.Status.ACTIVE).first()
    if found is not None:
        _send("role_changed", tenant, to=found.email, name=found.display_name, role=found.get_role_display())


@job("accounts.letters.ownership")
def ownership(tenant: Tenant, member_id: str, owner_id: str) -> None:
    """Tell one of the two that the workspace has another owner."""
    found = Membership.objects.filter(pk__in=[UUID(member_id), UUID(owner_id)])
    people = {member.pk: member for member in found}
    if UUID(member_id) in people and UUID(owner_id) in people:
        reader, owner = people[UUID(member_id)], people[UUID(owner_id)]
        _send("ownership_transferred", tenant, to=reader.email, name=reader.display_name, owner=owner.display_name)


def _send(event: str, tenant: Tenant, *, to: str, **context: str) -> None:
    values = {**context, "workspace": tenant.workspace_name, "sender": tenant.display_name}
    try:
        mail.send(event, to=to, context=values)
    except mail.Undelivered as away:
        raise RetryLater(str(away)) from away
