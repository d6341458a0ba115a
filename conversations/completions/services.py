"""How is a program's call asked, and how does it end without leaving anything but its entries in the trail?

It is a conversation like any other, so that retrieval, access, budgets, audit and streaming are those of every answer; only that
it lasts as long as the call. Whoever gives the answer out ends it: an answer that nobody waits for any more is broken off.
"""

from __future__ import annotations

import itertools
import logging
from dataclasses import dataclass, field
from typing import Final

from django.db import connections, transaction
from django.utils import timezone

from accounts.http import Tenant
from accounts.services.erasing import OWNER
from agents.models import Agent
from agents.providers import Turn, Wishes
from conversations import answering, services, signals
from conversations.completions.models import LEFT_AFTER, Completion
from conversations.models import Conversation, Message

log = logging.getLogger("aiaxis.completions")

TITLE: Final = "A program's question"
# The composite keys take messages, quotes and pieces along.
_SWEEP: Final = (
    "DELETE FROM conversations_conversation v USING conversations_completion c "
    "WHERE v.workspace_id = c.workspace_id AND v.id = c.conversation_id AND c.created_at < %s"
)


@dataclass(frozen=True, slots=True)
class Asked:
    """A question with what was said before it, and what the program wants besides."""

    text: str
    history: tuple[Turn, ...] = ()
    wishes: Wishes = field(default_factory=Wishes)


def begin(agent: Agent, asked: Asked, *, actor: Tenant) -> Message:
    """Put the question, and have it answered by a job; returns the answer to come. Raises `services.TooManyWaiting`."""
    with transaction.atomic():
        services.check_waiting(actor)
        conversation = Conversation.objects.create(owner_id=actor.membership_id, agent=agent, title=TITLE)
        wishes = asked.wishes
        Completion.objects.create(
            conversation=conversation,
            instructions=wishes.instructions,
            temperature=wishes.temperature,
            max_tokens=wishes.max_tokens,
            stop=list(wishes.stop),
        )
        turns = (*asked.history, Turn(Message.Role.USER, asked.text))
        said = [_said(conversation, position, turn) for position, turn in enumerate(turns)]
        for before, message in itertools.pairwise(said):
            message.parent_id = before.pk
        answer = Message(
            conversation=conversation, parent_id=said[-1].pk, position=len(said), role=Message.Role.ASSISTANT
        )
        Message.objects.bulk_create([*said, answer])
        signals.question_asked.send(
            Message,
            actor=actor,
            target=answer,
            conversation_id=conversation.pk,
            agent_id=agent.pk,
            again=False,
            kept=False,
        )
    return answer


def end(answer: Message, *, actor: Tenant) -> None:
    """Break the answer off where it is still being written, and delete all of it. Safe to repeat."""
    with transaction.atomic():
        # Its writer finds it gone within a second, and breaks off what it asked a vendor for.
        answering.close(answer, Message.Status.STOPPED, actor=actor)
        Conversation.objects.filter(pk=answer.conversation_id).delete()


def sweep() -> int:
    """Delete what calls left that were killed before their end, of whatever workspace; returns how many."""
    with connections[OWNER].cursor() as cursor:
        cursor.execute(_SWEEP, [timezone.now() - LEFT_AFTER])
        left: int = cursor.rowcount
    if left:
        log.warning("%s questions of programs were left by calls that did not end. They are deleted.", left)
    return left


def _said(conversation: Conversation, position: int, turn: Turn) -> Message:
    return Message(
        conversation=conversation,
        position=position,
        role=turn.role,
        text=turn.text,
        status=Message.Status.DONE,
        finished_at=timezone.now(),
    )
