"""Which servers of tools are there, which tools may be chosen for an agent, and which may it call now?"""

from __future__ import annotations

from django.db.models import Count, F, Q, QuerySet

from agents.models import Agent, AgentTool, Tool, ToolServer
from agents.tools.models import Rule

ALLOWED = Q(is_there=True, approved=F("digest")) & ~Q(rule=Rule.OFF)


def listed() -> QuerySet[ToolServer]:
    """Return the workspace's servers, each with how many tools it has, how many are allowed, and how many wait to be looked at."""
    there, allowed = Q(tools__is_there=True), Q(tools__approved=F("tools__digest")) & ~Q(tools__rule=Rule.OFF)
    servers: QuerySet[ToolServer] = ToolServer.objects.annotate(
        there=Count("tools", filter=there),
        allowed=Count("tools", filter=there & allowed),
        waiting=Count("tools", filter=there & ~Q(tools__rule=Rule.OFF) & ~Q(tools__approved=F("tools__digest"))),
    )
    return servers.order_by("name", "pk")


def tools_of(server: ToolServer) -> QuerySet[Tool]:
    """Return what the server offers, those that changed first, and what it no longer has that was allowed once."""
    tools: QuerySet[Tool] = Tool.objects.filter(Q(is_there=True) | ~Q(rule=Rule.OFF), server=server)
    return tools.annotate(agents=Count("agent_tools")).order_by("name")


def choices() -> QuerySet[Tool]:
    """Return the tools that may be chosen for an agent, with their servers."""
    tools: QuerySet[Tool] = Tool.objects.filter(ALLOWED, server__is_on=True).select_related("server")
    return tools.order_by("server__name", "name", "pk")


def offered_to(agent: Agent) -> QuerySet[Tool]:
    """Return the tools that may be chosen, and those that this agent has already."""
    own = AgentTool.objects.filter(agent=agent).values("tool_id")
    tools: QuerySet[Tool] = Tool.objects.filter((ALLOWED & Q(server__is_on=True)) | Q(pk__in=own))
    return tools.select_related("server").order_by("server__name", "name", "pk")


def callable_by(agent: Agent) -> list[Tool]:
    """Return the tools that this agent may call at this moment, with their servers."""
    return list(choices().filter(agent_tools__agent=agent)) if agent.provider == Agent.Provider.MODEL else []


def chosen_for(agent: Agent) -> QuerySet[Tool]:
    """Return the tools that were chosen for the agent, whether or not they may be called now."""
    tools: QuerySet[Tool] = Tool.objects.filter(agent_tools__agent=agent).select_related("server")
    return tools.order_by("server__name", "name", "pk")
