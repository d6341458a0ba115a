"""What does an operator see of a workspace's agents while a visit is open? To read, and nothing else."""

from __future__ import annotations

from uuid import UUID

from django.template.response import TemplateResponse

from accounts.glass.models import Visit
from accounts.glass.sections import Page, shown, shows
from accounts.operators import OperatorRequest
from accounts.pagination import paginate
from agents import access, queries
from agents.models import Agent

ROWS_ON_A_PAGE = 50


def agent_list(request: OperatorRequest, visit: Visit) -> TemplateResponse:
    """Every agent of the workspace, archived and private ones included, newest first."""
    page = paginate(Agent.objects.select_related("owner"), request.GET.get("cursor"), ROWS_ON_A_PAGE)
    return shown(request, "agents/operator_glass_agents.html", visit, page=page)


def agent_page(request: OperatorRequest, visit: Visit, row_id: UUID) -> TemplateResponse:
    """One agent: how it is set up, and from which files it answers."""
    agent = access.get_agent_or_refuse(str(row_id))
    return shown(request, "agents/operator_glass_agent.html", visit, agent=agent, files=queries.files_of(agent))


shows(
    "agents",
    "Agents",
    pages=[
        Page("", "glass_agents", "", agent_list),
        Page("<uuid:row_id>/", "glass_agent", "agent", agent_page),
    ],
)
