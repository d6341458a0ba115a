"""What can an operator do about a kind of refusal, and about whoever it came from?

Each act is one call of the database's function under sealed claims, and an entry; if no sink takes the entry, nothing was
done. What concerns a member stands in the trail of the member's workspace: the customer sees what operators do there.
"""

from __future__ import annotations

import ipaddress
from typing import Final
from uuid import UUID

from django.conf import settings
from django.db import connections, transaction

from accounts.operators import Operator
from accounts.tenancy import claims
from accounts.tenancy.models import new_id
from audit import entries, redaction, services
from audit.reviews import queries
from audit.reviews.models import Resolution, Status

PURPOSE: Final = "operator.act"
_ACT: Final = "SELECT fence.operator_act(%s)"
_ALONE: Final = "SELECT pg_advisory_xact_lock(hashtextextended('review of ' || %s, 0))"
# Where a group has to stand for an act to be one: what its page offers there. To look at it again is never too late.
_WAITING: Final = frozenset({Status.OPEN, Status.ACKNOWLEDGED})
_FROM: Final = {
    "acknowledge": frozenset({Status.OPEN}),
    "assign": _WAITING,
    "resolve": _WAITING,
}


class CameTooLate(Exception):
    """The act changed nothing: somebody else was faster, or there is nothing left to do."""


class ShutsYourselfOut(Exception):
    """The address is the one that the operator's own request came from."""


class ShutsEverybodyOut(Exception):
    """The address is that of a proxy of this installation, or of its network."""


def acknowledge(operator: Operator, *, fingerprint: str) -> None:
    """Say that somebody has seen it."""
    _act(operator, "acknowledge", "review.acknowledged", fingerprint=fingerprint)


def assign(operator: Operator, *, fingerprint: str) -> None:
    """Take a group on oneself."""
    _act(operator, "assign", "review.assigned", fingerprint=fingerprint)


def release(operator: Operator, *, fingerprint: str) -> None:
    """Give a group back to everybody."""
    _act(operator, "release", "review.released", fingerprint=fingerprint)


def resolve(operator: Operator, *, fingerprint: str, resolution: Resolution) -> None:
    """Say what it was. A refusal of the kind that happens afterwards opens the group again."""
    _act(operator, "resolve", "review.resolved", fingerprint=fingerprint, resolution=resolution.value)


def reopen(operator: Operator, *, fingerprint: str) -> None:
    """Look at it again."""
    _act(operator, "reopen", "review.reopened", fingerprint=fingerprint)


def note(operator: Operator, *, fingerprint: str, text: str) -> None:
    """Write something down about a group. What it says is kept beside the group, never in the trail."""
    _act(operator, "note", "review.noted", fingerprint=fingerprint, text=text, id=str(new_id()))


def block(operator: Operator, *, address: str, minutes: int, own: str) -> str:
    """Turn an address away at the door for a time; an IPv6 address takes its network of 64 bits with it.

    ``own`` is where the operator's request came from. Returns what is blocked. Raises ``ShutsYourselfOut``,
    ``ShutsEverybodyOut``, and ``CameTooLate`` when it is shut out already: by whoever chose for how long.
    """
    network = redaction.network(address)
    wanted = ipaddress.ip_network(network)
    if own and ipaddress.ip_address(own) in wanted:
        raise ShutsYourselfOut
    if any(wanted.overlaps(ipaddress.ip_network(proxy)) for proxy in settings.TRUSTED_PROXIES):
        # What comes from it without the address of a client are its own questions: whether we are alive, for one.
        raise ShutsEverybodyOut
    _act(operator, "block", "address.blocked", network=network, minutes=str(minutes))
    return network


def unblock(operator: Operator, *, network: str) -> None:
    """Let an address in again. Raises ``CameTooLate`` when it is not shut out."""
    _act(operator, "unblock", "address.unblocked", network=network)


def end_sessions(operator: Operator, *, member: UUID, workspace: UUID) -> None:
    """End every session of a member in their workspace."""
    _act(operator, "end_sessions", "operator.sessions_ended", member=str(member), workspace=workspace)


def revoke_keys(operator: Operator, *, member: UUID, workspace: UUID) -> None:
    """Withdraw every API key of a member."""
    _act(operator, "revoke_keys", "operator.keys_revoked", member=str(member), workspace=workspace)


def suspend(operator: Operator, *, member: UUID, workspace: UUID) -> None:
    """Suspend a member: every credential of theirs in the workspace is dead at once."""
    _act(operator, "suspend", "operator.member_suspended", member=str(member), workspace=workspace)


def readmit(operator: Operator, *, member: UUID, workspace: UUID) -> None:
    """End a member's suspension."""
    _act(operator, "readmit", "operator.member_readmitted", member=str(member), workspace=workspace)


def _act(operator: Operator, act: str, action: str, *, workspace: UUID | None = None, **values: str) -> None:
    """Do it and record it, both or neither. Raises ``CameTooLate``, ``audit.services.Unrecorded``, ``django.db.Error``."""
    sealed = claims.sealed(PURPOSE, act=act, session=str(operator.session_id), **values)
    with transaction.atomic(), connections["default"].cursor() as cursor:
        if subject := values.get("fingerprint") or values.get("network"):
            # Whoever decides at the same moment waits, and then sees what was decided.
            cursor.execute(_ALONE, [subject])
        if _was_decided(act, values):
            raise CameTooLate
        cursor.execute(_ACT, [sealed])
        if cursor.fetchone() == (0,):
            raise CameTooLate
        detail = {name: value for name, value in values.items() if name not in ("text", "id")}
        entry = entries.operator_act(action, operator_id=operator.user_id, name=operator.display_name, detail=detail)
        if workspace is not None:
            entry |= {"workspace_id": str(workspace), "target_type": "membership", "target_id": values["member"]}
        services.record_or_refuse(entry)


def _was_decided(act: str, values: dict[str, str]) -> bool:
    """Did somebody else decide meanwhile? A page that was open all along must not undo what it does not show."""
    if act == "block":
        return queries.is_blocked(values["network"])
    return act in _FROM and queries.status_of(values["fingerprint"]) not in _FROM[act]
