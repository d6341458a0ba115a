"""How does a conversation begin and end that lasts as long as somebody waits for its one answer: a program's call, a try of an agent?

It is a temporary conversation, so that retrieval, access, budgets, usage, audit and streaming are those of every answer, no list,
search, export or count has it, and its time ends it where nobody did (`keeping/temporary.py`). Only that it has no page of its own
(`access.py`): whoever reads the answer does so where it was asked, and ends it.
"""

from __future__ import annotations

import itertools
from collections.abc import Sequence
from datetime import timedelta

from django.db import transaction
from django.utils import timezone

from accounts.http import Tenant
from agents.models import Agent
from agents.providers import Turn
from conversations import answering, services, signals
from conversations.models import Conversation, Message


def begin(said: Sequence[Turn], *, actor: Tenant, agent: Agent | None, title: str, lasts: timedelta) -> Message:
    """Put down what was said, a question last; returns the answer to come. What marks the conversation follows, and then `ask`.

    Raises `services.TooManyWaiting`.
    """
    with transaction.atomic():
        services.check_waiting(actor)
        conversation = Conversation.objects.create(
            owner_id=actor.membership_id, agent=agent, title=title, erased_after=timezone.now() + lasts
        )
        answer = Message(conversation=conversation, position=len(said), role=Message.Role.ASSISTANT)
        messages = [*(_said(conversation, position, turn) for position, turn in enumerate(said)), answer]
        for above, message in itertools.pairwise(messages):
            message.parent_id = above.pk
        Message.objects.bulk_create(messages)
    return answer


def ask(answer: Message, *, actor: Tenant) -> None:
    """Have it answered by a job."""
    signals.question_asked.send(
        Message,
        actor=actor,
        target=answer,
        conversation_id=answer.conversation_id,
        agent_id=answer.conversation.agent_id,
        again=False,
        kept=False,
    )


def end(answer: Message, *, actor: Tenant) -> None:
    """Break the answer off where it is still being written, and delete all of it. Safe to repeat."""
    with transaction.atomic():
        # Its writer finds it gone within a second, and breaks off what it asked a vendor for.
        answering.close(answer, Message.Status.STOPPED, actor=actor)
        Conversation.objects.filter(pk=answer.conversation_id).delete()


def _said(conversation: Conversation, position: int, turn: Turn) -> Message:
    return Message(
        conversation=conversation,
        position=position,
        role=turn.role,
        text=turn.text,
        status=Message.Status.DONE,
        finished_at=timezone.now(),
    )
