"""Which agents does a list show, and which of its files can the reader see?"""

from __future__ import annotations

from uuid import UUID

from django.db.models import Count, Q, QuerySet

from accounts.http import Tenant
from accounts.models import Membership
from accounts.sharing import people_of
from agents.models import Agent, AgentShare, Visibility
from files.models import File

STILL_READ = (
    "Its files are still being read: a few seconds for a short document, some minutes for a long one. Ask it then."
)


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
    """Return the agents that this member shares with the workspace or with chosen people, by name."""
    shared: QuerySet[Agent] = Agent.objects.filter(owner_id=member_id).exclude(visibility=Visibility.PRIVATE)
    return shared.order_by("name", "id")


def shared_with(agent: Agent) -> list[Membership]:
    """Return the members who were chosen to ask the agent, by name: all of them for its owner, oneself for anybody else."""
    return people_of(AgentShare, agent=agent) if agent.visibility == Visibility.NAMED else []


def private_note(agent: Agent) -> str:
    """Say that colleagues get no answers from the agent's private files, as many as the bound member can see; or nothing."""
    private = files_of(agent).filter(visibility=Visibility.PRIVATE).count()
    if private == 1:
        return "1 of its files is private: colleagues get no answers from it."
    return f"{private} of its files are private: colleagues get no answers from them." if private else ""


def why_silent(agent: Agent, reader: UUID) -> str:
    """Say why the agent can tell the member `reader` nothing, and what to do; empty when he can read one of its files.

    An agent without any file is not silent in this sense: nobody keeps anything from him.
    """
    files = files_of(agent)
    if files.filter(status=File.Status.READY).exists() or not agent.agent_files.exists():
        return ""
    if files.exclude(status=File.Status.REFUSED).exists():
        return STILL_READ
    if files.exists():
        return "None of its files could be read. Each says why on its own page."
    if agent.owner_id == reader:
        return "None of its files is shared with you any more. Ask their owners to share them."
    return f"None of its files is shared with you. Ask {agent.owner.display_name} to share them."


def who_can_ask(agent: Agent, owner: Tenant) -> str:
    """Say to the agent's owner who can ask it now."""
    if agent.visibility == Visibility.WORKSPACE:
        return f"Everyone in {owner.workspace_name} can ask {agent.name} now."
    if agent.visibility == Visibility.PRIVATE:
        return f"Only you can ask {agent.name} now."
    count = len(shared_with(agent))
    return f"You and {count} {'person' if count == 1 else 'people'} can ask {agent.name} now."
