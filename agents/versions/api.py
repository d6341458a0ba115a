"""Which operations on an agent's versions does the API offer?"""

from datetime import datetime
from typing import Any
from uuid import UUID

from ninja import Router, Schema

from accounts.access import scope_required
from accounts.http import TenantRequest
from accounts.pagination import paginate
from accounts.schemas import Limit, Listing
from agents import access, services
from agents.api import AgentOut
from agents.models import AgentVersion
from agents.versions import queries

router = Router(tags=["agents"])


class VersionOut(Schema):
    """A saved change of an agent. `author_id` is the membership of whoever saved it."""

    id: UUID
    number: int
    author_id: UUID
    author: str
    restored_from: int | None
    created_at: datetime

    @staticmethod
    def resolve_author(version: AgentVersion) -> str:
        """Return the name of whoever saved it."""
        return str(version.author)


class VersionContent(Schema):
    """What the agent was. Ids are those of then: files and providers may be gone."""

    name: str
    description: str
    instructions: str
    refusal_text: str
    starter_prompts: list[str]
    provider: str
    model_provider_id: UUID | None
    model: str
    temperature: float | None
    max_tokens: int
    retrieval_depth: int
    retrieval_threshold: float
    file_ids: list[UUID]


class WholeVersionOut(VersionOut):
    """A version with what the agent was then."""

    content: VersionContent


@router.get("/agents/{key}/versions", response=Listing[VersionOut], summary="List an agent's versions")
@scope_required("agents:read")
def list_agent_versions(request: TenantRequest, key: str, cursor: str = "", limit: Limit = 50) -> Any:
    """The versions of an agent of the key's member, the latest first."""
    agent = access.get_own_agent_or_refuse(request.tenant, key)
    return paginate(queries.versions_of(agent), cursor, limit)


@router.get("/agents/{key}/versions/{version_id}", response=WholeVersionOut, summary="Get a version of an agent")
@scope_required("agents:read")
def get_agent_version(request: TenantRequest, key: str, version_id: UUID) -> Any:
    """One version of an agent of the key's member, whole."""
    return queries.get_version_or_refuse(access.get_own_agent_or_refuse(request.tenant, key), version_id)


@router.post("/agents/{key}/versions/{version_id}/restore", response=AgentOut, summary="Restore a version of an agent")
@scope_required("agents:write")
def restore_agent_version(request: TenantRequest, key: str, version_id: UUID) -> Any:
    """Make the agent what it was in this version, as a new version. What of it is gone since stays out."""
    agent = access.get_own_agent_or_refuse(request.tenant, key)
    services.return_to(agent, queries.get_version_or_refuse(agent, version_id), actor=request.tenant)
    return access.get_agent_or_refuse(str(agent.pk))
