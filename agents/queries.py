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


def private_note(agent: Agent) -> str:
    """Say that colleagues get no answers from the agent's private files, as many as the bound member can see; or nothing."""
    private = files_of(agent).filter(visibility=Visibility.PRIVATE).count()
    if private == 1:
        return "1 of its files is private: colleagues get no answers from it."
    return f"{private} of its files are private: colleagues get no answers from them." if private else ""


def why_silent(agent: Agent, reader: UUID) -> str:
    """Say why the agent can tell the member `reader` nothing, and whom to ask; empty when he can read one of its files.

    An agent without any file is not silent in this sense: nobody keeps anything from him.
    """
    if files_of(agent).exists() or not agent.agent_files.exists():
        return ""
    if agent.owner_id == reader:
        return "None of its files is shared with you any more. Ask their owners to share them."
    return f"None of its files is shared with you. Ask {agent.owner.display_name} to share them."
