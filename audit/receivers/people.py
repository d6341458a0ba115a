"""Who belongs to a workspace, as what, and by whose word: what is kept of it?"""

from typing import Any
from uuid import UUID

from django.db.models import Model
from django.dispatch import receiver

from accounts import signals as accounts
from accounts.http import Tenant
from audit import entries, ledger
from audit.receivers.facts import keep


@receiver(accounts.member_role_changed)
def member_role_changed(
    sender: object, *, actor: Tenant, target: Model, before: str, after: str, **kwargs: Any
) -> None:
    """A member got another role."""
    keep("member.role_changed", actor, target, before=before, after=after)


@receiver(accounts.member_suspended)
def member_suspended(sender: object, *, actor: Tenant, target: Model, sessions: int, keys: int, **kwargs: Any) -> None:
    """A member was suspended, with so many sessions and keys."""
    keep("member.suspended", actor, target, sessions=sessions, keys=keys)


@receiver(accounts.member_restored)
def member_restored(sender: object, *, actor: Tenant, target: Model, **kwargs: Any) -> None:
    """A suspended member may come in again."""
    keep("member.restored", actor, target)


@receiver(accounts.member_removed)
def member_removed(sender: object, *, actor: Tenant, target: Model, sessions: int, keys: int, **kwargs: Any) -> None:
    """A member was removed, with so many sessions and keys."""
    keep("member.removed", actor, target, sessions=sessions, keys=keys)


@receiver(accounts.member_left)
def member_left(sender: object, *, actor: Tenant, target: Model, **kwargs: Any) -> None:
    """A member left."""
    keep("member.left", actor, target)


@receiver(accounts.ownership_transferred)
def ownership_transferred(sender: object, *, actor: Tenant, target: Model, **kwargs: Any) -> None:
    """An owner handed the workspace over."""
    keep("ownership.transferred", actor, target)


@receiver(accounts.invitation_sent)
def invitation_sent(sender: object, *, actor: Tenant, target: Model, role: str, **kwargs: Any) -> None:
    """Somebody was invited: into which role, never which address."""
    keep("invitation.sent", actor, target, role=role)


@receiver(accounts.invitation_resent)
def invitation_resent(sender: object, *, actor: Tenant, target: Model, **kwargs: Any) -> None:
    """An invitation was sent again."""
    keep("invitation.resent", actor, target)


@receiver(accounts.invitation_withdrawn)
def invitation_withdrawn(sender: object, *, actor: Tenant, target: Model, **kwargs: Any) -> None:
    """An invitation was withdrawn."""
    keep("invitation.withdrawn", actor, target)


@receiver(accounts.invitation_accepted)
def invitation_accepted(sender: object, *, actor: Tenant, target: Model, role: str, **kwargs: Any) -> None:
    """Somebody joined, in which role."""
    keep("invitation.accepted", actor, target, role=role)


@receiver(accounts.member_joined)
def member_joined(sender: object, *, actor: Tenant, target: Model, role: str, **kwargs: Any) -> None:
    """Somebody joined by the rule of their organisation's domain, in which role."""
    keep("member.joined", actor, target, role=role)


@receiver(accounts.identity_linked)
def identity_linked(sender: object, *, actor: Tenant, target: Model, provider: str, **kwargs: Any) -> None:
    """A member can sign in by an outside identity system from now on."""
    keep("member.linked", actor, target, provider=provider)


@receiver(accounts.organization_connected)
def organization_connected(
    sender: object, *, actor: Tenant, target: Model, organization: str, domains: list[str], **kwargs: Any
) -> None:
    """The workspace trusts an organisation's sign-in: whose, and for which domains."""
    keep("organization.connected", actor, target, organization=organization, domains=domains)


@receiver(accounts.organization_disconnected)
def organization_disconnected(
    sender: object, *, actor: Tenant, target: Model, sessions: int, keys: int, **kwargs: Any
) -> None:
    """The workspace trusts it no longer, and how much ended by that."""
    keep("organization.disconnected", actor, target, sessions=sessions, keys=keys)


@receiver(accounts.sign_in_rules_changed)
def sign_in_rules_changed(
    sender: object,
    *,
    actor: Tenant,
    target: Model,
    requires_sso: bool,
    joins_as: str,
    sessions: int,
    keys: int,
    **kwargs: Any,
) -> None:
    """What the workspace insists on, as what people of its domains join, and how much ended where it insists no longer."""
    detail = {"requires_sso": requires_sso, "joins_as": joins_as, "sessions": sessions, "keys": keys}
    keep("sign_in.rules_changed", actor, target, **detail)


DIRECTORY = {
    "suspended": "directory.suspended",
    "removed": "directory.removed",
    "role": "directory.role_changed",
    "session": "directory.session_ended",
    "key": "directory.key_withdrawn",
}


@receiver(accounts.directory_followed)
def directory_followed(
    sender: object, *, workspace_id: UUID, target: Model, effect: str, detail: dict[str, str], **kwargs: Any
) -> None:
    """What the company's directory says was followed, or the identity system withdrew a credential."""
    entry = entries.fact(DIRECTORY[effect], actor=None, target=target, workspace_id=workspace_id, detail=detail)
    ledger.post_fact(entry)
