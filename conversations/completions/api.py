"""Which operations are there for OpenAI's clients? An agent is what they call a model."""

from typing import Any

from django.http.response import HttpResponseBase
from ninja import Router

from accounts.access import scope_required
from accounts.http import NotVisible, TenantRequest
from accounts.schemas import Refused
from agents import access as agent_access
from agents import queries as agent_queries
from agents.models import Agent
from conversations import passing, streaming, watching
from conversations import services as conversations
from conversations.completions import services
from conversations.completions.schemas import CompletionIn, CompletionOut, ModelOut, ModelsOut
from conversations.completions.streaming import CompletionStream, Told

router = Router(tags=["openai"])

# Seconds after which a client may try again when a limit of ours was reached.
RETRY_AFTER = 5
# Their clients know no second page of this list.
MOST_MODELS = 1000


@router.get("/models", response=ModelsOut, summary="List models")
@scope_required("agents:read")
def list_models(request: TenantRequest) -> Any:
    """Every agent that the key's member may ask, the latest first; at most 1,000."""
    agents = agent_queries.listed().order_by("-pk")[:MOST_MODELS]
    return {"data": [_model(agent, request) for agent in agents]}


@router.get("/models/{key}", response=ModelOut, summary="Get a model")
@scope_required("agents:read")
def get_model(request: TenantRequest, key: str) -> Any:
    """One agent, by its slug or its id."""
    return _model(_askable(key), request)


@router.post("/chat/completions", response=CompletionOut, summary="Ask an agent")
@scope_required("conversations:write")
def create_completion(request: TenantRequest, body: CompletionIn) -> Any:
    """Ask an agent, whose slug or id is the `model`, and get the answer: whole, or with `stream` in pieces as it is written.

    The messages are the context, and the last one of the user is the question. Nothing of it is kept: no conversation comes of
    it, and only the trail says that this agent was asked, and which files it read. `citations` holds the quoted sources.
    """
    asked = body.asked()
    agent = _askable(body.model)
    try:
        answer = services.begin(agent, asked, actor=request.tenant)
    except conversations.TooManyWaiting as refusal:
        raise Refused(429, str(refusal), retry_after=RETRY_AFTER) from refusal
    told = Told(answer, agent.slug, int(answer.created_at.timestamp()))
    try:
        stream = CompletionStream(told, request.tenant, streaming.verifier(request), wants_usage=body.wants_usage)
    except watching.TooManyStreams as refusal:
        passing.end(answer, actor=request.tenant)
        raise Refused(429, str(refusal), retry_after=RETRY_AFTER) from refusal
    return _in_pieces(stream) if body.stream else _whole(stream)


def _in_pieces(stream: CompletionStream) -> HttpResponseBase:
    failure = stream.begun().failure
    if failure is not None:
        stream.close()
        raise _refused(failure)
    return streaming.response(stream)


def _whole(stream: CompletionStream) -> dict[str, Any]:
    try:
        told = stream.whole()
    finally:
        stream.close()
    if told.failure is not None:
        raise _refused(told.failure)
    choice = {"message": {"content": "".join(told.text)}, "finish_reason": told.finish}
    return {**told.head, "choices": [choice], "usage": told.usage, "citations": told.sources, "closest": told.closest}


def _refused(failure: Refused) -> Exception:
    # The agent went while its question waited: as absent as one that never was.
    return NotVisible() if failure.status == 404 else failure


def _askable(key: str) -> Agent:
    """The agent, if the member may ask it: another workspace's, a colleague's private and an archived one are missing alike (L2)."""
    agent = agent_access.get_agent_or_refuse(key)
    if agent.archived_at is not None:
        raise NotVisible([agent.pk])
    return agent


def _model(agent: Agent, request: TenantRequest) -> dict[str, Any]:
    return {
        "id": agent.slug,
        "created": int(agent.created_at.timestamp()),
        "owned_by": request.tenant.workspace_name,
        "name": agent.name,
        "description": agent.description,
    }
