"""What follows for agents when a member goes? Those that colleagues use go on, with somebody who is there."""

from __future__ import annotations

from uuid import UUID

from django.dispatch import receiver

from accounts import signals
from accounts.departures import passes_on
from accounts.http import Tenant
from accounts.models import Membership
from agents import queries, services


@receiver([signals.member_removed, signals.member_left], sender=Membership, dispatch_uid="agents.receivers.hand_over")
def hand_over_shared_agents(sender: type[Membership], actor: Tenant, target: Membership, **facts: object) -> None:
    """In the transaction of the removal: a colleague's next question finds the agent, and somebody who can change it."""
    services.hand_over(actor=actor, leaver_id=target.pk)


@receiver(signals.directory_followed, sender=Membership, dispatch_uid="agents.receivers.hand_over_by_directory")
def hand_over_what_the_directory_left(
    sender: type[Membership], target: Membership, effect: str, **facts: object
) -> None:
    """The same where the company's directory took somebody out, who did nothing themselves and is named as nobody's act."""
    if effect == "removed":
        services.hand_over(actor=None, leaver_id=target.pk)


@passes_on("shared agent")
def shared_agents_of(member_id: UUID) -> list[str]:
    """The names of the member's shared agents."""
    return list(queries.shared_by(member_id).values_list("name", flat=True))
