"""How does it change who belongs to a workspace, and as what, so that it takes effect everywhere at once?

The rules stand in the database (accounts/migrations/0008_people.py), which asks the acting member's own role at the moment
of the act. What ends with a member ends in the same transaction; only the identity system's halves of sessions and keys are
withdrawn after it, and alone they open nothing.
"""

from __future__ import annotations

import json
import logging
from collections.abc import Mapping, Sequence
from typing import Any, Final

from django.db import connection, transaction

from accounts.http import Tenant
from accounts.identity import providers
from accounts.identity.base import Unavailable
from accounts.models import Membership, Role
from accounts.signals import (
    member_left,
    member_removed,
    member_restored,
    member_role_changed,
    member_suspended,
    ownership_transferred,
)

logger = logging.getLogger(__name__)

SENTENCES: Final = {
    "role": "Your role here does not include this any more, so nothing was changed. Ask an owner of the workspace.",
    "owner_protected": "Only an owner can change what another owner is, so nothing was changed.",
    "above": "Nobody can give a role above their own, so nothing was changed. Choose a lower one.",
    "last_owner": "A workspace needs an owner, and there is no other, so nothing was changed. Make somebody else an owner first.",
    "self": "Nobody can do this to themselves, so nothing was changed. To go yourself, leave the workspace on the page People.",
    "not_active": "Ownership goes to active members only, so nothing was changed. Restore the member first.",
    "unchanged": "It was like this already, so nothing was changed.",
}


class Refused(Exception):
    """The database refused the act. ``why`` is a word of ``SENTENCES``, or "missing"; nothing was changed."""

    def __init__(self, why: str) -> None:
        super().__init__(why)
        self.why = why


def change_role(*, actor: Tenant, member: Membership, role: Role) -> None:
    """Give the member another role. Raises ``Refused``."""
    with transaction.atomic():
        answer = asked("SELECT fence.change_member_role(%s, %s)", [member.pk, role.value])
        member_role_changed.send(
            sender=Membership, actor=actor, target=member, before=answer["before"], after=role.value
        )


def suspend(*, actor: Tenant, member: Membership) -> None:
    """Keep the member out until somebody restores them; their sessions and keys end now. Raises ``Refused``."""
    with transaction.atomic():
        ended = _set_status(member, Membership.Status.SUSPENDED)
        member_suspended.send(sender=Membership, actor=actor, target=member, **_counts(ended))
    stop_vouching(ended)


def restore(*, actor: Tenant, member: Membership) -> None:
    """Let a suspended member in again, with new sessions and keys. Raises ``Refused``."""
    with transaction.atomic():
        # What was on its way when they were suspended was stored after all the rest had ended.
        ended = _set_status(member, Membership.Status.ACTIVE)
        member_restored.send(sender=Membership, actor=actor, target=member)
    stop_vouching(ended)


def remove(*, actor: Tenant, member: Membership) -> None:
    """End the membership with its sessions, keys and open invitations; shared agents and files go to the actor. Raises ``Refused``."""
    with transaction.atomic():
        ended = _set_status(member, Membership.Status.REMOVED)
        member_removed.send(sender=Membership, actor=actor, target=member, **_counts(ended))
    stop_vouching(ended)


def leave(*, actor: Tenant) -> None:
    """End the actor's own membership. Raises ``Refused`` for the last owner."""
    with transaction.atomic():
        member = Membership.objects.get(pk=actor.membership_id)
        ended = asked("SELECT fence.leave_workspace()", [])
        member_left.send(sender=Membership, actor=actor, target=member, **_counts(ended))
    stop_vouching(ended)


def transfer_ownership(*, actor: Tenant, member: Membership) -> None:
    """Make the member an owner and the acting owner an admin, in one step. Raises ``Refused``."""
    with transaction.atomic():
        asked("SELECT fence.transfer_ownership(%s)", [member.pk])
        ownership_transferred.send(sender=Membership, actor=actor, target=member)


def asked(sql: str, parameters: Sequence[Any]) -> dict[str, Any]:
    """What a function of the fence did, inside the caller's transaction. Raises ``Refused`` with its word, if it did not."""
    with connection.cursor() as cursor:
        cursor.execute(sql, parameters)
        answer: dict[str, Any] = json.loads(cursor.fetchone()[0])
    if "refusal" in answer:
        raise Refused(answer["refusal"])
    return answer


def _set_status(member: Membership, status: str) -> dict[str, Any]:
    return asked("SELECT fence.set_member_status(%s, %s)", [member.pk, status])


def _counts(ended: Mapping[str, Any]) -> dict[str, int]:
    return {"sessions": len(ended["sessions"]), "keys": len(ended["keys"]), "invitations": ended["invitations"]}


def stop_vouching(ended: Mapping[str, Any]) -> None:
    """Have the identity systems withdraw their halves too. The platform's are over, so silence there lets nobody in."""
    for name, reference in ended["sessions"]:
        _tell(name, reference, is_key=False)
    for name, reference in ended["keys"]:
        _tell(name, reference, is_key=True)


def _tell(name: str, reference: str, *, is_key: bool) -> None:
    try:
        provider = providers.named(name)
        (provider.revoke_key if is_key else provider.revoke_session)(reference)
    except Unavailable:
        logger.warning("A credential of a member who left ended; its identity system could not be told.")
