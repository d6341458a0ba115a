"""What does a list of conversations show, and what a conversation?"""

from __future__ import annotations

from uuid import UUID

from django.db.models import Exists, F, OuterRef, Prefetch, QuerySet, Subquery

from agents import queries as agent_queries
from agents.models import Agent
from conversations.models import Citation, Completion, Conversation, Delta, Message

# How many messages a page shows at once; older ones are one link away.
MESSAGES_ON_A_PAGE = 100


def listed(search: str = "") -> QuerySet[Conversation]:
    """Return the bound member's conversations with their agents; `search` looks in titles."""
    # What lasts as long as a program's call (completions) is nobody's to look up.
    passing = Completion.objects.filter(conversation=OuterRef("pk"))
    conversations: QuerySet[Conversation] = Conversation.objects.select_related("agent").exclude(Exists(passing))
    return conversations.filter(title__icontains=search) if search else conversations


def begun(search: str = "") -> QuerySet[Conversation]:
    """Return of those the ones in which something was said: a page lists no conversation that was opened and left."""
    return listed(search).filter(Exists(Message.objects.filter(conversation=OuterRef("pk"))))


def askable(search: str = "") -> QuerySet[Agent]:
    """Return the agents that the bound member may ask, those asked last first; `search` looks in names."""
    asked = Conversation.objects.filter(agent=OuterRef("pk")).order_by("-updated_at").values("updated_at")[:1]
    agents: QuerySet[Agent] = Agent.objects.filter(archived_at=None).annotate(asked_at=Subquery(asked))
    if search:
        agents = agents.filter(name__icontains=search)
    return agents.order_by(F("asked_at").desc(nulls_last=True), "name", "pk")


def with_citations(messages: QuerySet[Message]) -> QuerySet[Message]:
    """Bring each message's citations along, by number, in one query for all."""
    return messages.prefetch_related(Prefetch("citations", Citation.objects.order_by("number")))


def messages_of(conversation: Conversation) -> QuerySet[Message]:
    """Return the conversation's messages with their citations."""
    return with_citations(Message.objects.filter(conversation=conversation))


def page_of(conversation: Conversation, before: int | None) -> tuple[list[Message], bool]:
    """Return the latest messages in the order in which they were said, and whether older ones exist.

    `before` is a position: only messages before it are looked at.
    """
    messages = messages_of(conversation).order_by("-position")
    if before is not None:
        messages = messages.filter(position__lt=before)
    found = list(messages[: MESSAGES_ON_A_PAGE + 1])
    return as_far_as_written(found[:MESSAGES_ON_A_PAGE][::-1]), len(found) > MESSAGES_ON_A_PAGE


def as_far_as_written(messages: list[Message]) -> list[Message]:
    """Give answers that nobody has closed yet the text that has come so far, in memory only. One query, or none."""
    unfinished = {message.pk: message for message in messages if message.is_answer and message.finished_at is None}
    if unfinished:
        for delta in Delta.objects.filter(message__in=unfinished, kind="text").order_by("message", "seq"):
            unfinished[delta.message_id].text += delta.data["text"]
    return messages


def asked(question: Message) -> Message:
    """Bring the id of its answer along with a question, as `answer_id`."""
    following = Message.objects.filter(conversation=question.conversation_id, position=question.position + 1)
    question.answer_id = following.values_list("pk", flat=True).first()  # type: ignore[attr-defined]  # for the API
    return question


def why_silent(conversation: Conversation, reader: UUID) -> str:
    """Say why this conversation's agent can answer nothing to the member `reader`; empty where it can, or is gone."""
    return agent_queries.why_silent(conversation.agent, reader) if conversation.agent else ""
