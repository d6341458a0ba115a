"""How is a program's call asked? As what is said in passing (`conversations/passing.py`), with what the program wants besides."""

from __future__ import annotations

from dataclasses import dataclass, field
from datetime import timedelta
from typing import Final

from django.db import transaction

from accounts.http import Tenant
from agents.models import Agent
from agents.providers import Turn, Wishes
from conversations import passing
from conversations.completions.models import Completion
from conversations.models import Message

TITLE: Final = "A program's question"
# Nobody waits for so long. What is left then belongs to a call that was killed.
LASTS: Final = timedelta(hours=2)


@dataclass(frozen=True, slots=True)
class Asked:
    """A question with what was said before it, and what the program wants besides."""

    text: str
    history: tuple[Turn, ...] = ()
    wishes: Wishes = field(default_factory=Wishes)


def begin(agent: Agent, asked: Asked, *, actor: Tenant) -> Message:
    """Put the question, and have it answered by a job; returns the answer to come. Raises `services.TooManyWaiting`."""
    wishes, said = asked.wishes, (*asked.history, Turn(Message.Role.USER, asked.text))
    with transaction.atomic():
        answer = passing.begin(said, actor=actor, agent=agent, title=TITLE, lasts=LASTS)
        Completion.objects.create(
            conversation=answer.conversation,
            instructions=wishes.instructions,
            temperature=wishes.temperature,
            max_tokens=wishes.max_tokens,
            stop=list(wishes.stop),
        )
        passing.ask(answer, actor=actor)
    return answer
