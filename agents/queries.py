"""Which agents does a list show, and which of its files can the reader see?"""

from __future__ import annotations

from uuid import UUID

from django.db.models import Count, Q, QuerySet

from agents.models import Agent
from files.models import File, Visibility


def listed(search: str = "", *, archived: bool = False) -> QuerySet[Agent]:
    """Return the agents that the bound member may see, each with `readable`: how many of its files he can read himself.

    `search` looks in name and description.
    """
    agents: QuerySet[Agent] = Agent.objects.select_related("owner").filter(archived_at__isnull=not archived)
    if search:
        agents = agents.filter(Q(name__icontains=search) | Q(description__icontains=search))
    # The join to the file itself is what asks its policy; the attachment alone is visible with the agent.
    return agents.annotate(readable=Count("agent_files__file__name"))


def files_of(agent: Agent) -> QuerySet[File]:
    """Return those of the agent's files that the bound member may see, by name."""
    files: QuerySet[File] = File.objects.filter(agent_files__agent=agent).order_by("name", "id")
    return files


def hidden_files(agent: Agent) -> int:
    """Return how many of the agent's files the bound member cannot see: their owners keep them private."""
    return int(agent.agent_files.count()) - files_of(agent).count()


def shared_by(member_id: UUID) -> QuerySet[Agent]:
    """Return the agents that this member shares with the workspace, by name."""
    shared: QuerySet[Agent] = Agent.objects.filter(owner_id=member_id, visibility=Visibility.WORKSPACE)
    return shared.order_by("name", "id")
