"""How do tests set a conversation up, and play the worker's part?"""

from __future__ import annotations

from uuid import UUID

from django.utils import timezone

from agents.models import Agent
from conversations import answering, services
from conversations.models import Conversation, Message
from files.models import File
from tests.agents.shelf import agent_of, put
from tests.cast import Person, acting

POLICY = (
    "Refunds at the Acme shop\n\nYou may send back any unused article within 30 days of its arrival. The label for the "
    "parcel is free inside the European Union. Money goes back to the card that paid.\f"
    "Guarantee on pans\n\nCast-iron pans carry a guarantee of 25 years against cracking. Scratches are not covered."
)
QUESTION = "How many days do I have to return an article?"
OFF_TOPIC = "Who composed the opera Fidelio?"


def desk(owner: Person, text: str = POLICY, *, visibility: str = "private", file_visibility: str = "private") -> Agent:
    """An agent of this person with one file."""
    file: File = put(owner, "policy.txt", text, visibility=file_visibility)
    return agent_of(owner, file, visibility=visibility)


def asked(person: Person, agent: Agent, text: str = QUESTION) -> tuple[Conversation, Message]:
    """A conversation of this person with one question in it, and the answer that waits to be written."""
    with acting(person) as actor:
        conversation = services.start(agent, actor=actor)
        services.ask(conversation, actor=actor, text=text)
        return conversation, latest(conversation)


def answered(person: Person, agent: Agent, text: str = QUESTION) -> tuple[Conversation, Message]:
    """The same, with the answer written."""
    conversation, answer = asked(person, agent, text)
    return conversation, write(person, answer.pk)


def write(person: Person, message_id: UUID) -> Message:
    """Do what the worker does with the job of this answer."""
    with acting(person) as actor:
        answering.write_answer(message_id, actor=actor)
        written: Message = Message.objects.get(pk=message_id)
        return written


def latest(conversation: Conversation) -> Message:
    """The last message of a conversation, as the bound member sees it."""
    message: Message = Message.objects.filter(conversation=conversation).order_by("-position")[0]
    return message


def talk(conversation: Conversation, turns: int, words: str = "") -> None:
    """Add so many questions with their answers to the bound member's conversation, one after the other; `words` end each answer."""
    parent_id = latest(conversation).pk if Message.objects.filter(conversation=conversation).exists() else None
    said: list[Message] = []
    for number in range(2 * turns):
        role = Message.Role.ASSISTANT if number % 2 else Message.Role.USER
        text = f"line {number}.{words if number % 2 else ''}"
        message = Message(conversation=conversation, parent_id=parent_id, position=1000 + number, role=role, text=text)
        message.status, message.finished_at = Message.Status.DONE, timezone.now()
        said.append(message)
        parent_id = message.pk
    Message.objects.bulk_create(said)
