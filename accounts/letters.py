"""What is written to people when who belongs to a workspace changes, a key is about to end, or an operator looks in or closes the workspace?

Each letter is a job of the member who made the change, whose key it is, or who owns what an operator looks into, and
finds everything else through the fence when it runs: what was undone meanwhile is not told any more.
"""

from __future__ import annotations

import logging
from datetime import timedelta
from typing import Final
from uuid import UUID

from django.urls import reverse
from django.utils import timezone

from accounts import mail
from accounts.http import Tenant
from accounts.identity import providers
from accounts.identity.base import BadCredentials, Unavailable
from accounts.jobs import RetryLater, enqueue_later, job
from accounts.models import ApiKey, Invitation, Membership, Role, Visit, Workspace
from accounts.services import invitations

log = logging.getLogger(__name__)

AGAIN: Final = timedelta(minutes=1)  # until WorkOS is asked again after a silence
# What an operator did is told to the owners: no operator can drop these (`accounts/migrations/0030_told.py`).
OWED: Final = frozenset(
    f"accounts.letters.{name}" for name in ("glass_opened", "glass_closed", "workspace_closed", "workspace_opened")
)
KNOWN_THERE: Final = timedelta(days=7)  # longer than any invitation of ours is open at WorkOS


@job("accounts.letters.invitation", serial="invitation_id")
def invitation(tenant: Tenant, invitation_id: str) -> None:
    """Have the link of an invitation mailed that still waits: by WorkOS where the workspace has an organisation, else by us; never by both."""
    found = Invitation.objects.filter(pk=UUID(invitation_id), accepted_at__isnull=True, revoked_at__isnull=True).first()
    if found is None or found.is_over:
        return
    organization_id = Workspace.objects.get(pk=tenant.workspace_id).organization_id
    if organization_id is not None and providers.has_workos():
        try:
            invitations.mail_by_workos(found, organization_id=organization_id)
        except Unavailable:
            # For as long as the invitation lasts: a job's own few tries are over after minutes, an outage may not be.
            enqueue_later(AGAIN, invitation, invitation_id=invitation_id)
            return
        except BadCredentials:
            # WorkOS mailed nothing: it will not invite whoever belongs to the organisation already, who can join by our link.
            log.info("WorkOS does not send an invitation, so it is sent from here.")
        else:
            return
    path = reverse("accounts:invitation", args=[invitations.token_of(found)])
    _send("invitation", tenant, to=found.email, role=found.get_role_display(), link=mail.link(path))


@job("accounts.letters.invitations_over")
def invitations_over(tenant: Tenant) -> None:
    """Let what WorkOS mailed lead nowhere where the invitation was withdrawn here, by whatever act."""
    late = timezone.now() - KNOWN_THERE
    over = Invitation.objects.filter(revoked_at__isnull=False, sent_at__gt=late)
    invitations.end_at_workos(over.values_list("pk", flat=True))


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


@job("accounts.letters.key_ending")
def key_ending(tenant: Tenant, key_id: str, days: int) -> None:
    """Tell a member that a key of theirs is about to end."""
    found = ApiKey.objects.filter(pk=UUID(key_id), revoked_at__isnull=True, expires_at__gt=timezone.now()).first()
    if found is None or found.warned_days != days:
        return  # It was withdrawn or replaced since, or the later letter is on its way already.
    link = mail.link(reverse("accounts:key_rotate", args=[found.pk]))
    values = {"key": found.name, "prefix": found.prefix, "ends": found.expires_at, "link": link}
    _send("key_ending", tenant, to=tenant.email, message_id=f"key-{found.pk}-{days}", **values)


@job("accounts.letters.glass_opened", of_closed=True)
def glass_opened(tenant: Tenant, visit_id: str, member_id: str) -> None:
    """Tell an owner that an operator may look at the workspace's content, since when, why and until when."""
    _send_visit("glass_opened", tenant, visit_id, member_id)


@job("accounts.letters.glass_closed", of_closed=True)
def glass_closed(tenant: Tenant, visit_id: str, member_id: str) -> None:
    """Tell an owner that it is over, and how much was looked at."""
    _send_visit("glass_closed", tenant, visit_id, member_id)


@job("accounts.letters.workspace_closed", of_closed=True)
def workspace_closed(tenant: Tenant, status: str, member_id: str) -> None:
    """Tell an owner that an operator suspended their workspace, or is closing it for good, why, and until when it can be undone."""
    _send_state("workspace_closed", tenant, status, member_id)


@job("accounts.letters.workspace_opened")
def workspace_opened(tenant: Tenant, status: str, member_id: str) -> None:
    """Tell an owner that their workspace is open again."""
    _send_state("workspace_opened", tenant, status, member_id)


def _send_state(event: str, tenant: Tenant, status: str, member_id: str) -> None:
    place = Workspace.objects.filter(pk=tenant.workspace_id, status=status).first()
    reader = _owner(member_id)
    if place is not None and reader is not None:
        _send(event, tenant, to=reader.email, name=reader.display_name, place=place, link=mail.link("/"))


def _owner(member_id: str) -> Membership | None:
    """Who still owns the workspace."""
    owners = Membership.objects.filter(role=Role.OWNER, status=Membership.Status.ACTIVE)
    found: Membership | None = owners.filter(pk=UUID(member_id)).first()
    return found


def _send_visit(event: str, tenant: Tenant, visit_id: str, member_id: str) -> None:
    visit = Visit.objects.filter(pk=UUID(visit_id)).first()
    reader = _owner(member_id)
    if visit is not None and reader is not None:
        _send(
            event,
            tenant,
            to=reader.email,
            name=reader.display_name,
            visit=visit,
            link=mail.link(reverse("audit:trail")),
        )


def _send(event: str, tenant: Tenant, *, to: str, message_id: str = "", **context: object) -> None:
    values = {**context, "workspace": tenant.workspace_name, "sender": tenant.display_name}
    try:
        mail.send(event, to=to, context=values, message_id=message_id)
    except mail.Undelivered as away:
        raise RetryLater(str(away)) from away
