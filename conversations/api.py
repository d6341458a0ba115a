"""Which operations on conversations does the API offer?"""

from datetime import datetime
from typing import Annotated, Any, Literal
from uuid import UUID

from django.db import transaction
from django.http import HttpResponse
from django.http.response import HttpResponseBase
from ninja import Router, Schema, Status
from pydantic import Field, StringConstraints

from accounts.access import scope_required
from accounts.http import TenantRequest
from accounts.pagination import paginate
from accounts.schemas import Body, Flag, IdempotencyKey, Limit, Listing, Refused, Trimmed
from agents import access as agent_access
from agents.api import People, Sharing
from conversations import access, queries, services, streaming, watching
from conversations.archiving import services as archiving
from conversations.models import LONGEST_QUESTION, Citation, Conversation, Message, ToolCall
from conversations.sharing import queries as sharing_queries
from conversations.sharing import services as sharing

router = Router(tags=["conversations"])

Question = Annotated[str, Trimmed(1, LONGEST_QUESTION)]
# Seconds after which a client may try again when a limit of ours was reached.
RETRY_AFTER = 5


class ConversationIn(Body):
    """A new conversation."""

    agent_id: Annotated[
        str,
        StringConstraints(min_length=1, max_length=80),
        Field(description="The agent's id. Its slug, the name in the API that its page shows, works as well."),
    ]
    temporary: Annotated[Flag, Field(description="It stands in no list, and is erased after 24 hours.")] = False


class ConversationOut(Schema):
    """A conversation. `agent_id` is null when the agent was deleted, or the key's member cannot see it.

    `shared_with` holds the e-mail addresses of those who were chosen to read it, where its visibility is "named": all of them for
    its owner, and one's own for anybody else. `shared_by` is the address of its owner where that is a colleague. `erased_after`
    says when a temporary one goes, and is null for every other.
    """

    id: UUID
    title: str
    agent_id: UUID | None
    archived: bool
    visibility: str
    shared_with: list[str]
    shared_by: str | None
    erased_after: datetime | None
    created_at: datetime
    updated_at: datetime

    @staticmethod
    def resolve_agent_id(conversation: Conversation) -> UUID | None:
        """Return the id of an agent that the reader can see."""
        return conversation.agent.pk if conversation.agent else None

    @staticmethod
    def resolve_shared_with(conversation: Conversation) -> list[str]:
        """Return the addresses of those who were chosen, by name."""
        return [one.email for one in sharing_queries.shared_with(conversation)]

    @staticmethod
    def resolve_shared_by(conversation: Conversation) -> str | None:
        """Return whose it is, where it is not the reader's."""
        return None if access.is_own(conversation) else conversation.owner.email

    @staticmethod
    def resolve_archived(conversation: Conversation) -> bool:
        """Tell whether it was put away."""
        return conversation.archived_at is not None


class ConversationChange(Body):
    """What changes. What is left out stays as it is."""

    title: Annotated[str, Trimmed(1, 200)] = ""
    archived: Flag = False
    visibility: Sharing = "private"
    shared_with: Annotated[People, Field(description='E-mail addresses; only where the visibility is "named".')] = []


class MessageIn(Body):
    """A question. It goes to the end of the conversation's path, unless it says where else.

    `parent_id` is the answer that it follows, `instead_of` the question beside which it stands; send one of them at most. Where
    something follows there already, the question begins a branch, which is the path from now on.
    """

    text: Question
    parent_id: UUID | None = None
    instead_of: UUID | None = None


class PathIn(Body):
    """The message through which the path leads from now on."""

    message_id: UUID


class CitationOut(Schema):
    """A verbatim quote from a file. `file_id` is null when the file was deleted since.

    `passage_id` is null then too, and where the file is being read anew or reads differently since.
    """

    file_id: UUID | None
    file_name: str
    page: int | None
    quote: str
    number: int
    label: str
    passage_id: UUID | None


class ToolCallOut(Schema):
    """A tool that the answer called, or wanted to call. `arguments` are JSON, as they were sent; `result` is text of the tool's."""

    id: UUID
    server_name: str
    tool_name: str
    arguments: str
    state: str
    result: str


class MessageOut(Schema):
    """A question or an answer. `closest` holds passages that are near a question without answering it.

    `parent_id` is the message that it follows: two messages with the same one are two branches. Null where one begins.
    """

    id: UUID
    parent_id: UUID | None
    role: str
    text: str
    status: str
    error: str
    created_at: datetime
    finished_at: datetime | None
    citations: list[CitationOut]
    closest: list[CitationOut]
    calls: list[ToolCallOut]

    @staticmethod
    def resolve_error(message: Message) -> str:
        """Say why it failed."""
        return message.trouble

    @staticmethod
    def resolve_calls(message: Message) -> list[ToolCall]:
        """Return the calls in the order in which the model wanted them."""
        return sorted(message.calls.all(), key=lambda call: call.number)

    @staticmethod
    def resolve_status(message: Message) -> str:
        """Return the state as it is now, also for an answer whose worker died unmarked."""
        return message.state

    @staticmethod
    def resolve_citations(message: Message) -> list[Citation]:
        """Return the sources that the answer is made of."""
        return [citation for citation in message.citations.all() if citation.kind == Citation.Kind.SOURCE]

    @staticmethod
    def resolve_closest(message: Message) -> list[Citation]:
        """Return what a refusal shows beside itself."""
        return [citation for citation in message.citations.all() if citation.kind == Citation.Kind.CLOSEST]


class Asked(MessageOut):
    """The question as it was stored, with the id of the answer to come."""

    answer_id: UUID | None


@router.get("/conversations", response=Listing[ConversationOut], summary="List conversations")
@scope_required("conversations:read")
def list_conversations(
    request: TenantRequest, cursor: str = "", limit: Limit = 50, archived: bool = False, shared: bool = False
) -> Any:
    """The key's member's own conversations, newest first: those that are not archived, or with `archived=true` those that are.

    With `shared=true` those that colleagues share with this member, to be read.
    """
    return paginate(sharing_queries.with_reader() if shared else queries.listed(archived=archived), cursor, limit)


@router.post("/conversations", response={201: ConversationOut}, summary="Start a conversation")
@scope_required("conversations:write")
def start_conversation(request: TenantRequest, body: ConversationIn, key: IdempotencyKey = None) -> Any:
    """Start a conversation with an agent that the key's member may ask; any other is answered with 404.

    With an `Idempotency-Key` a repeated request gives the conversation of the first one.
    """
    agent = agent_access.get_agent_or_refuse(body.agent_id)
    try:
        begun = services.start(agent, actor=request.tenant, submission=key, is_temporary=body.temporary)
    except services.Refusal as refusal:
        raise Refused(409, str(refusal)) from refusal
    return Status(201, begun)


@router.get("/conversations/{uuid:conversation_id}", response=ConversationOut, summary="Get a conversation")
@scope_required("conversations:read")
def get_conversation(request: TenantRequest, conversation_id: UUID) -> Any:
    """One conversation of the key's member, or one that a colleague shares with them."""
    return access.get_conversation_or_refuse(conversation_id)


@router.patch("/conversations/{uuid:conversation_id}", response=ConversationOut, summary="Change a conversation")
@scope_required("conversations:write")
def change_conversation(request: TenantRequest, conversation_id: UUID, body: ConversationChange) -> Any:
    """Give a conversation of the key's member another title, put it into the archive or take it out, or share it to be read.

    Answers from files that a reader cannot open are not shown to that reader.
    """
    conversation = access.get_own_conversation_or_refuse(conversation_id)
    with transaction.atomic():
        if "title" in body.model_fields_set:
            services.rename(conversation, actor=request.tenant, title=body.title)
        if "archived" in body.model_fields_set:
            change = archiving.archive if body.archived else archiving.restore
            change(conversation, actor=request.tenant)
        if body.model_fields_set & {"visibility", "shared_with"}:
            _share(request, conversation, body)
    return conversation


@router.delete("/conversations/{uuid:conversation_id}", response={204: None}, summary="Delete a conversation")
@scope_required("conversations:write")
def delete_conversation(request: TenantRequest, conversation_id: UUID) -> HttpResponse:
    """Delete a conversation with all that was said in it."""
    services.delete(access.get_own_conversation_or_refuse(conversation_id), actor=request.tenant)
    return HttpResponse(status=204)


@router.get("/conversations/{uuid:conversation_id}/messages", response=Listing[MessageOut], summary="List messages")
@scope_required("conversations:read")
def list_messages(
    request: TenantRequest,
    conversation_id: UUID,
    cursor: str = "",
    limit: Limit = 50,
    branches: Literal["path", "all"] = "path",
) -> Any:
    """What was said, newest first: on the path that is shown, or on `all` branches.

    Of a colleague's conversation, answers from sources that the key's member cannot open are left out.
    """
    conversation = access.get_conversation_or_refuse(conversation_id)
    sharing.note_reading(conversation, actor=request.tenant)
    wanted = queries.messages_of if branches == "all" else queries.on_path
    page = paginate(wanted(conversation), cursor, limit, by="position")
    queries.as_far_as_written(page.items)
    return page


@router.post("/conversations/{uuid:conversation_id}/path", response={204: None}, summary="Choose a branch")
@scope_required("conversations:write")
def choose_path(request: TenantRequest, conversation_id: UUID, body: PathIn) -> HttpResponse:
    """Lead the path through a message: what follows it is listed and shown from now on, as it was last."""
    conversation = access.get_own_conversation_or_refuse(conversation_id)
    services.choose(conversation, message=access.get_message_or_refuse(conversation, body.message_id))
    return HttpResponse(status=204)


@router.post("/conversations/{uuid:conversation_id}/messages", response={202: Asked}, summary="Ask a question")
@scope_required("conversations:write")
def ask(request: TenantRequest, conversation_id: UUID, body: MessageIn, key: IdempotencyKey = None) -> Any:
    """Put a question. It is answered in the background: follow the stream, or read the messages until the answer is finished.

    With an `Idempotency-Key` a repeated request gives the question of the first one. 409 says why it is no moment for a question:
    an answer is being written, an attached file is still being read.
    """
    conversation = access.get_own_conversation_or_refuse(conversation_id)
    if body.parent_id and body.instead_of:
        raise Refused(422, "Send parent_id or instead_of, not both: each says where the question stands.")
    place = {"parent_id": body.parent_id, "instead_of": body.instead_of}
    try:
        question = services.ask(conversation, actor=request.tenant, text=body.text, idempotency_key=key, **place)
    except services.TooManyWaiting as refusal:
        raise Refused(429, str(refusal), retry_after=RETRY_AFTER) from refusal
    except services.KeyReused as refusal:
        raise Refused(422, str(refusal)) from refusal
    except services.Refusal as refusal:
        raise Refused(409, str(refusal)) from refusal
    return Status(202, queries.asked(question))


@router.post("/conversations/{uuid:conversation_id}/stop", response={204: None}, summary="Stop the answer")
@scope_required("conversations:write")
def stop(request: TenantRequest, conversation_id: UUID) -> HttpResponse:
    """End the answer that is being written; what was written stays."""
    services.stop(access.get_own_conversation_or_refuse(conversation_id), actor=request.tenant)
    return HttpResponse(status=204)


@router.post("/conversations/{uuid:conversation_id}/retry", response={202: MessageOut}, summary="Answer anew")
@scope_required("conversations:write")
def retry(request: TenantRequest, conversation_id: UUID) -> Any:
    """Have the latest question answered once more, whether its answer is complete, was stopped or failed.

    The new answer stands beside the old one and is the path from now on.
    """
    return _again(request, access.get_own_conversation_or_refuse(conversation_id))


@router.post(
    "/conversations/{uuid:conversation_id}/messages/{uuid:message_id}/retry",
    response={202: MessageOut},
    summary="Answer one question anew",
)
@scope_required("conversations:write")
def retry_message(request: TenantRequest, conversation_id: UUID, message_id: UUID) -> Any:
    """The same for any answer of the conversation. Asked for again while it is written, the new answer is given back."""
    conversation = access.get_own_conversation_or_refuse(conversation_id)
    return _again(request, conversation, access.get_message_or_refuse(conversation, message_id))


@router.get(
    "/conversations/{uuid:conversation_id}/stream", response={200: None, 204: None}, summary="Follow the latest answer"
)
@scope_required("conversations:read")
def stream(request: TenantRequest, conversation_id: UUID) -> HttpResponseBase:
    """Server-sent events of the latest answer: `status`, `text`, `citation`, `call` (of a tool), and last its state (`done`,
    `stopped` …). With `waiting` it goes on when its asker has confirmed or declined a call, on the conversation's page.

    Of a colleague's conversation the answer comes when it is complete, and ends unsaid if its sources cannot be opened.

    Send `Last-Event-ID` to go on after a dropped line. 204 when there is nothing that you have not seen.
    """
    conversation = access.get_conversation_or_refuse(conversation_id)
    last = request.headers.get("Last-Event-ID", "")
    if not streaming.has_news(conversation, last):
        nothing = HttpResponse(status=204)
        # What is not there has no kind.
        del nothing["Content-Type"]
        return nothing
    sharing.note_reading(conversation, actor=request.tenant)
    try:
        frames = streaming.AnswerStream(conversation, request.tenant, last, streaming.verifier(request))
    except watching.TooManyStreams as refusal:
        raise Refused(429, str(refusal), retry_after=RETRY_AFTER) from refusal
    return streaming.response(frames)


def _again(request: TenantRequest, conversation: Conversation, answer: Message | None = None) -> Any:
    try:
        return Status(202, services.retry(conversation, actor=request.tenant, answer=answer))
    except services.TooManyWaiting as refusal:
        raise Refused(429, str(refusal), retry_after=RETRY_AFTER) from refusal
    except services.Refusal as refusal:
        raise Refused(409, str(refusal)) from refusal


def _share(request: TenantRequest, conversation: Conversation, body: ConversationChange) -> None:
    is_chosen = "visibility" in body.model_fields_set
    visibility = body.visibility if is_chosen else conversation.visibility
    if body.shared_with and visibility != "named":
        raise Refused(422, 'People are chosen where the visibility is "named". Send that too, or leave them out.')
    people = None
    if "shared_with" in body.model_fields_set:
        people = [one.pk for one in agent_access.get_people_or_refuse(body.shared_with)]
    try:
        sharing.share(conversation, actor=request.tenant, visibility=visibility, people=people)
    except sharing.NotShareable as refusal:
        raise Refused(409, str(refusal)) from refusal
