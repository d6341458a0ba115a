"""Which operations on agents does the API offer?"""

from datetime import datetime
from typing import Annotated, Any, Literal
from uuid import UUID

from django.http import HttpResponse
from ninja import Router, Schema, Status
from pydantic import Field, Strict, StringConstraints

from accounts.access import scope_required
from accounts.http import TenantRequest
from accounts.pagination import paginate
from accounts.schemas import Body, Flag, IdempotencyKey, Limit, Listing, Refused, Trimmed
from accounts.sharing import MOST_PEOPLE
from agents import access, queries, services
from agents.models import DEFAULT_REFUSAL, LONGEST_STARTER, MOST_FILES, MOST_STARTERS, MOST_TOKENS, Agent

router = Router(tags=["agents"])

Name = Annotated[str, Trimmed(1, 120)]
Description = Annotated[str, StringConstraints(max_length=300)]
Instructions = Annotated[str, StringConstraints(max_length=8000)]
RefusalText = Annotated[str, Trimmed(1, 500)]
Starter = Annotated[str, Trimmed(1, LONGEST_STARTER)]
Starters = Annotated[list[Starter], Field(max_length=MOST_STARTERS)]
Sharing = Literal["private", "named", "workspace"]
Address = Annotated[str, Trimmed(3, 254)]
People = Annotated[list[Address], Field(max_length=MOST_PEOPLE)]
# Numbers are numbers: false is not 0 here.
Depth = Annotated[int, Strict(), Field(ge=1, le=20)]
Threshold = Annotated[float, Strict(), Field(ge=0.0, le=1.0, allow_inf_nan=False)]
FileIds = Annotated[list[UUID], Field(max_length=MOST_FILES)]
Temperature = Annotated[float, Strict(), Field(ge=0.0, le=2.0, allow_inf_nan=False)]
Tokens = Annotated[int, Strict(), Field(ge=16, le=MOST_TOKENS)]
# Null means something there: as the vendor does it.
NULLABLE = {"temperature"}


class Model(Body):
    """A language model of one of the workspace's providers."""

    provider_id: UUID
    model: Annotated[str, Trimmed(1, 120)]


# Who writes the answer: a language model, or the built-in retrieval.
Writer = Model | Literal["builtin"]


class AgentIn(Body):
    """A new agent."""

    name: Name
    description: Description = ""
    instructions: Instructions = ""
    refusal_text: RefusalText = DEFAULT_REFUSAL
    starter_prompts: Starters = []
    visibility: Sharing = "private"
    shared_with: People = []
    retrieval_depth: Depth = 5
    retrieval_threshold: Threshold = Agent._meta.get_field("retrieval_threshold").default
    file_ids: FileIds = []
    writer: Writer = "builtin"
    temperature: Temperature | None = None
    max_tokens: Tokens = 1000


class AgentChange(Body):
    """What to change of an agent; what is left out stays. With a `temperature` of null the vendor decides it again."""

    name: Name | None = None
    description: Description | None = None
    instructions: Instructions | None = None
    refusal_text: RefusalText | None = None
    starter_prompts: Starters | None = None
    visibility: Sharing | None = None
    shared_with: People | None = None
    retrieval_depth: Depth | None = None
    retrieval_threshold: Threshold | None = None
    file_ids: FileIds | None = None
    archived: Flag | None = None
    writer: Writer | None = None
    temperature: Temperature | None = None
    max_tokens: Tokens | None = None


class AgentOut(Schema):
    """An agent. `file_ids` are those of its files that the key's member may read.

    `shared_with` holds the e-mail addresses of those who were chosen to ask it, where its visibility is "named": all of them for
    its owner, and one's own for anybody else.
    """

    id: UUID
    slug: str
    name: str
    description: str
    instructions: str
    refusal_text: str
    starter_prompts: list[str]
    visibility: str
    shared_with: list[str]
    provider: str
    provider_id: UUID | None = Field(validation_alias="model_provider_id")
    model: str
    temperature: float | None
    max_tokens: int
    retrieval_depth: int
    retrieval_threshold: float
    file_ids: list[UUID]
    archived: bool
    created_at: datetime
    updated_at: datetime

    @staticmethod
    def resolve_file_ids(agent: Agent) -> list[UUID]:
        """Return the readable files' ids, by name."""
        return [file.pk for file in queries.files_of(agent)]

    @staticmethod
    def resolve_shared_with(agent: Agent) -> list[str]:
        """Return the addresses of those who were chosen, by name."""
        return [one.email for one in queries.shared_with(agent)]

    @staticmethod
    def resolve_archived(agent: Agent) -> bool:
        """Tell whether nobody can ask the agent for the time being."""
        return agent.archived_at is not None


@router.get("/agents", response=Listing[AgentOut], summary="List agents")
@scope_required("agents:read")
def list_agents(request: TenantRequest, cursor: str = "", limit: Limit = 50, archived: bool = False) -> Any:
    """The agents that the key's member may ask, newest first."""
    return paginate(queries.listed(archived=archived), cursor, limit)


@router.post("/agents", response={201: AgentOut}, summary="Make an agent")
@scope_required("agents:write")
def create_agent(request: TenantRequest, body: AgentIn, idempotency_key: IdempotencyKey = None) -> Any:
    """Make an agent that answers from the given files. A file that this member cannot see is answered with 404.

    With an `Idempotency-Key` the same request sent again gives the agent of the first one.
    """
    values = _shared(_written_by(body.model_dump()), body.visibility)
    return Status(201, services.create(actor=request.tenant, submission=idempotency_key, **values))


@router.get("/agents/{key}", response=AgentOut, summary="Get an agent")
@scope_required("agents:read")
def get_agent(request: TenantRequest, key: str) -> Any:
    """One agent, by its id or its slug."""
    return access.get_agent_or_refuse(key)


@router.patch("/agents/{key}", response=AgentOut, summary="Change an agent")
@scope_required("agents:write")
def change_agent(request: TenantRequest, key: str, body: AgentChange) -> Any:
    """Change an agent of the key's member: everything that is given, or, where one part is refused, nothing."""
    agent = access.get_own_agent_or_refuse(request.tenant, key)
    values = body.model_dump(exclude_unset=True)
    if any(value is None for field, value in values.items() if field not in NULLABLE):
        raise Refused(422, "Only the temperature can be null. Leave out what should stay as it is.")
    values = _shared(_written_by(values), values.get("visibility", agent.visibility))
    services.edit(agent, actor=request.tenant, **values)
    return access.get_agent_or_refuse(str(agent.pk))


@router.delete("/agents/{key}", response={204: None}, summary="Delete an agent")
@scope_required("agents:write")
def delete_agent(request: TenantRequest, key: str) -> HttpResponse:
    """Delete an agent of the key's member. Conversations with it stay readable."""
    services.delete(access.get_own_agent_or_refuse(request.tenant, key), actor=request.tenant)
    return HttpResponse(status=204)


def _shared(values: dict[str, Any], visibility: str) -> dict[str, Any]:
    """Say with whom it is shared in the words of the services."""
    addresses = values.pop("shared_with", None)
    if addresses and visibility != "named":
        raise Refused(422, 'People are chosen where the visibility is "named". Send that too, or leave them out.')
    if addresses is None:
        return values
    return {**values, "people": [one.pk for one in access.get_people_or_refuse(addresses)]}


def _written_by(values: dict[str, Any]) -> dict[str, Any]:
    """Say who writes in the words of the services."""
    if "writer" not in values:
        return values
    writer = values.pop("writer")
    is_model = isinstance(writer, dict)
    return {
        **values,
        "model_provider_id": writer["provider_id"] if is_model else None,
        "model": writer["model"] if is_model else "",
    }
