"""How is a version kept of each saved change, numbered without a gap?"""

from __future__ import annotations

from accounts.http import Tenant
from agents.models import Agent, AgentVersion
from agents.versions import content
from agents.versions.queries import versions_of


def keep(agent: Agent, *, actor: Tenant, restored_from: int | None = None) -> AgentVersion | None:
    """Keep what the agent is now as its next version, in the caller's transaction; None where it is what it was.

    `restored_from` is the number of the version that the agent was brought back to.
    """
    # One that saves at the same moment waits here, and then numbers on from what this one kept.
    locked = Agent.objects.select_for_update().get(pk=agent.pk)
    now, latest = content.of(locked), versions_of(agent).first()
    if latest is not None and latest.content == now:
        return None
    version: AgentVersion = AgentVersion.objects.create(
        agent=locked,
        number=latest.number + 1 if latest else 1,
        author_id=actor.membership_id,
        restored_from=restored_from,
        content=now,
    )
    return version
