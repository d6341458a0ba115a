"""What do the owners of the demo's workspaces have: documents, an agent that answers from them, a conversation with it.

Everything is made through the services that a request calls, as the owner and inside the fence, so the demo holds
nothing that a person could not have made, and the trail tells of it.
"""

from __future__ import annotations

from collections.abc import Collection, Mapping
from dataclasses import dataclass
from pathlib import Path
from types import MappingProxyType
from uuid import UUID

from accounts.http import Tenant
from agents import services as agents
from agents.models import Agent
from aiaxis.demo import rendering
from conversations import answering
from conversations import services as conversations
from conversations.models import Conversation, Message
from files import services as files
from files.models import File, Visibility
from files.tags import services as tags

DOCUMENTS = Path(__file__).with_name("documents")


@dataclass(frozen=True, slots=True)
class Shelf:
    """What one workspace holds."""

    documents: Mapping[str, tuple[str, ...]]
    """Their names, and the tags of each."""
    agent: str
    description: str
    questions: tuple[str, ...]


SHELVES: Mapping[str, Shelf] = MappingProxyType(
    {
        "Acme": Shelf(
            documents={
                "refund-policy.pdf": ("policy", "customers"),
                "security-handbook.docx": ("handbook", "staff"),
                "travel-policy.docx": ("policy", "staff"),
            },
            agent="Policy desk",
            description="Answers questions about refunds, security and travel from the company's own policies.",
            questions=(
                "How many days do schools have to send goods back?",
                "Whom do I call when my laptop was stolen?",
                "What is the recipe for apple pie?",
            ),
        ),
        "Birch": Shelf(
            documents={"site-safety-plan.pdf": ("safety",), "plant-guarantee.docx": ("customers",)},
            agent="Site foreman",
            description="Knows the safety plan of our sites and what we promise about plants.",
            questions=(
                "What do we do when a gas line is hit?",
                "How much water does a new tree need?",
            ),
        ),
    }
)


def ensure(actor: Tenant) -> None:
    """Give the actor's workspace what is missing of its documents, its agent and its conversation."""
    shelf = SHELVES[actor.workspace_name]
    documents = [_document(actor, name, words) for name, words in shelf.documents.items()]
    agent = _agent(actor, shelf, [document.pk for document in documents])
    _conversation(actor, agent, shelf.questions)


def _document(actor: Tenant, name: str, words: Collection[str]) -> File:
    found: File | None = File.objects.filter(name=name, status=File.Status.READY).first()
    if found is not None:
        return found
    text = (DOCUMENTS / f"{name}.md").read_text(encoding="utf-8")
    content = rendering.render(name.rpartition(".")[2], text)
    made = files.ingest(actor=actor, content=content, name=name, visibility=Visibility.WORKSPACE)
    tags.add(actor=actor, file=made, names=words)
    return made


def _agent(actor: Tenant, shelf: Shelf, file_ids: Collection[UUID]) -> Agent:
    found: Agent | None = Agent.objects.filter(name=shelf.agent).first()
    if found is not None:
        return found
    return agents.create(
        actor=actor,
        file_ids=file_ids,
        visibility=Visibility.WORKSPACE,
        name=shelf.agent,
        description=shelf.description,
        starter_prompts=list(shelf.questions[:2]),
    )


def _conversation(actor: Tenant, agent: Agent, questions: Collection[str]) -> None:
    """Ask what was not asked yet, and write each answer here: its job then finds it written, and leaves it alone."""
    conversation: Conversation | None = Conversation.objects.filter(agent=agent).first()
    if conversation is None:
        conversation = conversations.start(agent, actor=actor)
    asked = set(Message.objects.filter(conversation=conversation).values_list("text", flat=True))
    for question in questions:
        if question not in asked:
            conversations.ask(conversation, actor=actor, text=question)
        for answer in Message.objects.filter(conversation=conversation, status=Message.Status.QUEUED):
            answering.write_answer(answer.pk, actor=actor)
