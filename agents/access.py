"""Which agents may this member see, use and change?

Seeing is the fence's business: a private agent of a colleague, an agent of another workspace and one that never was are all the
same 404. Changing takes the owner of the agent, which the table's own policy holds as well.
"""

from __future__ import annotations

from collections.abc import Collection
from uuid import UUID

from django.core.exceptions import PermissionDenied

from accounts.access import has_role
from accounts.http import NotVisible, Tenant
from accounts.models import Membership, Role
from agents.models import Agent, ModelProvider, Tool, ToolServer
from agents.tools import queries as tools
from agents.vendors.queries import listed
from files.models import File


def can_create(actor: Tenant) -> bool:
    """May this member make agents? Viewers may not."""
    return has_role(actor, Role.MEMBER)


def is_own(actor: Tenant, agent: Agent) -> bool:
    """Is this member its owner? To end its sharing that is enough: a viewer takes back what he shared before."""
    return agent.owner_id == actor.membership_id


def can_change(actor: Tenant, agent: Agent) -> bool:
    """May this member edit, share, archive and delete this agent? Its owner may, unless he has become a viewer."""
    return is_own(actor, agent) and can_create(actor)


def get_agent_or_refuse(key: str) -> Agent:
    """Return the agent with this slug or id, if the bound member may see it; raise NotVisible otherwise.

    Both ways in are one query under one fence: elsewhere the name was scoped and the id was not (L2).
    """
    agent: Agent | None = Agent.objects.select_related("owner").filter(**_named(key)).first()
    if agent is None:
        raise NotVisible(value for value in _named(key).values() if isinstance(value, UUID))
    return agent


def get_own_agent_or_refuse(actor: Tenant, key: str, *, to_take_back: bool = False) -> Agent:
    """Return the agent if this member may change it; raise NotVisible when he may not see it, PermissionDenied when only that.

    `to_take_back`: he wants to end its sharing, and nothing else.
    """
    agent = get_agent_or_refuse(key)
    if not (is_own if to_take_back else can_change)(actor, agent):
        # Sharing an agent lets colleagues ask it, and nothing else (L20).
        raise PermissionDenied(
            "Only the person who made this agent can change it. Duplicate it to have one of your own."
        )
    return agent


def get_files_or_refuse(file_ids: Collection[UUID]) -> list[File]:
    """Return exactly these files, if the bound member may see every one; raise NotVisible otherwise.

    One that belongs to another workspace, or to a colleague who keeps it private, looks like one that does not exist (L1, L6).
    """
    wanted = set(file_ids)
    found = list(File.objects.filter(pk__in=wanted))
    if len(found) != len(wanted):
        raise NotVisible(wanted - {file.pk for file in found})
    return found


def get_people_or_refuse(addresses: Collection[str]) -> list[Membership]:
    """Return the active members with these e-mail addresses; raise NotVisible when one of them is nobody here."""
    wanted = {address.strip().lower() for address in addresses}
    active = Membership.objects.filter(status=Membership.Status.ACTIVE)
    found = [one for one in active.filter(email__in=wanted) if one.email in wanted]
    if len(found) != len(wanted):
        raise NotVisible
    return found


def get_provider_or_refuse(provider_id: UUID) -> ModelProvider:
    """Return this model provider of the bound workspace; raise NotVisible otherwise."""
    provider: ModelProvider | None = listed().filter(pk=provider_id).first()
    if provider is None:
        raise NotVisible([provider_id])
    return provider


def get_server_or_refuse(server_id: UUID) -> ToolServer:
    """Return this server of tools of the bound workspace; raise NotVisible otherwise."""
    server: ToolServer | None = tools.listed().filter(pk=server_id).first()
    if server is None:
        raise NotVisible([server_id])
    return server


def get_tool_or_refuse(server: ToolServer, tool_id: UUID) -> Tool:
    """Return this tool of this very server; raise NotVisible otherwise (L17)."""
    tool: Tool | None = Tool.objects.filter(server=server, pk=tool_id).first()
    if tool is None:
        raise NotVisible([tool_id])
    return tool


def get_tools_or_refuse(tool_ids: Collection[UUID]) -> list[Tool]:
    """Return exactly these tools of the bound workspace; raise NotVisible otherwise (L1)."""
    wanted = set(tool_ids)
    found = list(Tool.objects.filter(pk__in=wanted))
    if len(found) != len(wanted):
        raise NotVisible(wanted - {tool.pk for tool in found})
    return found


def _named(key: str) -> dict[str, str | UUID]:
    try:
        return {"pk": UUID(key)}
    except ValueError:
        # NUL cannot be in a text of PostgreSQL, so it can be in no slug; asking would be an error instead of a 404.
        return {"slug": key.replace("\x00", "")}
