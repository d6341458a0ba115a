"""People's sign-ins and credentials: what is kept of them?"""

from typing import Any
from uuid import UUID

from django.db.models import Model
from django.dispatch import receiver

from accounts import signals as accounts
from accounts.http import Tenant
from audit import entries, services
from audit.receivers.facts import keep


@receiver(accounts.signed_in)
def signed_in(sender: object, *, actor: Tenant, target: Model, **kwargs: Any) -> None:
    """A session began."""
    keep("member.signed_in", actor, target)


@receiver(accounts.signed_out)
def signed_out(sender: object, *, actor: Tenant, target: Model, **kwargs: Any) -> None:
    """A person ended the session that they were using."""
    keep("member.signed_out", actor, target)


@receiver(accounts.session_revoked)
def session_revoked(sender: object, *, actor: Tenant, target: Model, **kwargs: Any) -> None:
    """A person ended a session of theirs elsewhere."""
    keep("session.revoked", actor, target)


@receiver(accounts.password_changed)
def password_changed(sender: object, *, actor: Tenant, target: Model, **kwargs: Any) -> None:
    """A person replaced their password."""
    keep("password.changed", actor, target)


@receiver(accounts.password_reset_asked)
def password_reset_asked(sender: object, *, account: str, mask: str, **kwargs: Any) -> None:
    """Somebody asked for a link to a new password: in no workspace's trail, for nobody knows yet whose account it is."""
    services.record_or_refuse(entries.stranger("password.reset_asked", {"account": account, "mask": mask}))


@receiver(accounts.password_reset)
def password_reset(sender: object, *, actor: Tenant | None, target: Model | None, **kwargs: Any) -> None:
    """A mailed link set a new password; for somebody in no workspace the entry stands in no workspace's trail."""
    if actor is None:
        services.record_or_refuse(entries.stranger("password.reset", {}))
    else:
        keep("password.reset", actor, target)


@receiver(accounts.second_factor_changed)
def second_factor_changed(sender: object, *, actor: Tenant, target: Model, is_on: bool, **kwargs: Any) -> None:
    """A person switched their second factor on or off."""
    keep("second_factor.switched_on" if is_on else "second_factor.switched_off", actor, target)


@receiver(accounts.second_factor_removed)
def second_factor_removed(sender: object, *, subject: str, **kwargs: Any) -> None:
    """Somebody at the server's terminal removed a second factor: refused unless a durable sink takes the entry."""
    services.record_or_refuse(entries.terminal("second_factor.removed", workspace_id=None, detail={"subject": subject}))


@receiver(accounts.recovery_codes_made)
def recovery_codes_made(sender: object, *, actor: Tenant, target: Model, **kwargs: Any) -> None:
    """A person made their recovery codes anew."""
    keep("second_factor.codes_made", actor, target)


@receiver(accounts.recovery_code_used)
def recovery_code_used(sender: object, *, actor: Tenant, target: Model, left: int, **kwargs: Any) -> None:
    """A recovery code stood in for an authenticator."""
    keep("second_factor.code_used", actor, target, left=left)


@receiver(accounts.email_change_asked)
def email_change_asked(sender: object, *, actor: Tenant, target: Model, **kwargs: Any) -> None:
    """A person asked for another address, which is not kept."""
    keep("email.change_asked", actor, target)


@receiver(accounts.email_changed)
def email_changed(sender: object, *, actor: Tenant, target: Model, **kwargs: Any) -> None:
    """A person's confirmed address took the place of the old one."""
    keep("email.changed", actor, target)


@receiver(accounts.stepped_up)
def stepped_up(sender: object, *, actor: Tenant, target: Model, **kwargs: Any) -> None:
    """A person proved anew who they are."""
    keep("member.stepped_up", actor, target)


@receiver(accounts.api_key_created)
def api_key_created(sender: object, *, actor: Tenant, target: Model, **kwargs: Any) -> None:
    """A member made a key: its shown prefix and its scopes say which and how powerful."""
    keep("key.created", actor, target, prefix=getattr(target, "prefix", ""), scopes=getattr(target, "scopes", []))


@receiver(accounts.api_key_revoked)
def api_key_revoked(sender: object, *, actor: Tenant, target: Model, **kwargs: Any) -> None:
    """A member withdrew a key."""
    keep("key.revoked", actor, target, prefix=getattr(target, "prefix", ""))


@receiver(accounts.api_key_rotated)
def api_key_rotated(sender: object, *, actor: Tenant, target: Model, replaced: UUID, hours: int, **kwargs: Any) -> None:
    """A member replaced a key by another, and the old one goes on for so many hours."""
    keep("key.rotated", actor, target, replaced=replaced, hours=hours)


@receiver(accounts.workspace_switched)
def workspace_switched(sender: object, *, actor: Tenant, target: Model, **kwargs: Any) -> None:
    """A person went on into another workspace; which one is not this one's business."""
    keep("workspace.switched", actor, target)
