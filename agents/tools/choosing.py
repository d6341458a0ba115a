"""How does an agent get its tools? In its owner's transaction; that the workspace allows them is asked again at every call."""

from __future__ import annotations

from collections.abc import Collection
from uuid import UUID

from django.db import transaction

from accounts.http import Tenant
from agents import access, signals
from agents.models import MOST_TOOLS, Agent, AgentTool


class TooManyTools(Exception):
    """An agent was given more tools than it can have. The message is a sentence for people."""


def choose(agent: Agent, tool_ids: Collection[UUID], *, actor: Tenant) -> None:
    """Make these the agent's tools. Raises `Http404` for one that is not of this workspace, and `TooManyTools`."""
    if len(set(tool_ids)) > MOST_TOOLS:
        raise TooManyTools(f"An agent can have up to {MOST_TOOLS} tools. Choose fewer.")
    with transaction.atomic():
        wanted = {tool.pk for tool in access.get_tools_or_refuse(tool_ids)}
        present = set(AgentTool.objects.filter(agent=agent).values_list("tool_id", flat=True))
        added, removed = wanted - present, present - wanted
        if not added and not removed:
            return
        AgentTool.objects.filter(agent=agent, tool_id__in=removed).delete()
        AgentTool.objects.bulk_create([AgentTool(agent=agent, tool_id=key) for key in added], ignore_conflicts=True)
        signals.agent_tools_changed.send(
            Agent, actor=actor, target=agent, added=sorted(map(str, added)), removed=sorted(map(str, removed))
        )
