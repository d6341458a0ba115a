"""How is an agent tried as its form stands, and how does that end without leaving anything but its entries in the trail?

It is a conversation like any other, so that retrieval, access, budgets, usage, audit and streaming are those of every answer; only
that what answers is the form, and that nobody keeps it: whoever read the answer deletes it, the next try does, or the hour.
"""

from __future__ import annotations

import logging
from collections.abc import Collection, Mapping
from typing import Any, Final
from uuid import UUID

from django.db import IntegrityError, ProgrammingError, connections, transaction
from django.utils import timezone

from accounts.http import Tenant
from accounts.services.erasing import OWNER
from agents import access as agent_access
from agents.models import Agent
from conversations import answering, services, signals
from conversations.models import UNFINISHED, Conversation, Message, Trial, TrialFile
from conversations.trying import access
from conversations.trying.models import LEFT_AFTER

log = logging.getLogger("aiaxis.trying")

TITLE: Final = "A try"
# The composite keys take messages, quotes, pieces and chosen files along.
_SWEEP: Final = (
    "DELETE FROM conversations_conversation v USING conversations_trial t "
    "WHERE v.workspace_id = t.workspace_id AND v.id = t.conversation_id AND t.created_at < %s"
)


def begin(
    question: str, *, actor: Tenant, settings: Mapping[str, Any], file_ids: Collection[UUID], agent: Agent | None
) -> Trial:
    """Ask the agent as its form stands, and have it answered by a job. `agent` is the one that is edited; None for a new one.

    Raises `services.TooManyWaiting`, and `Http404` for a file or a provider that the actor may not see; then nothing is there.
    """
    agent_access.get_files_or_refuse(file_ids)
    if settings["model_provider_id"] is not None:
        agent_access.get_provider_or_refuse(settings["model_provider_id"])
    with transaction.atomic():
        services.check_waiting(actor)
        _end_read(actor)
        conversation = Conversation.objects.create(owner_id=actor.membership_id, agent=agent, title=TITLE)
        trial: Trial = Trial.objects.create(conversation=conversation, settings=_as_json(settings))
        _choose(trial, file_ids)
        asked = Message(
            conversation=conversation,
            position=0,
            role=Message.Role.USER,
            text=question,
            status=Message.Status.DONE,
            finished_at=timezone.now(),
        )
        answer = Message(conversation=conversation, parent_id=asked.pk, position=1, role=Message.Role.ASSISTANT)
        Message.objects.bulk_create([asked, answer])
        signals.question_asked.send(
            Message,
            actor=actor,
            target=answer,
            conversation_id=conversation.pk,
            agent_id=agent.pk if agent else None,
            again=False,
            kept=False,
        )
    return trial


def end(trial: Trial, *, actor: Tenant) -> None:
    """Break the answer off where it is still being written, and delete all of it."""
    with transaction.atomic():
        _, answer = access.said_in(trial)
        # Its writer finds it gone within a second, and breaks off what it asked a vendor for.
        answering.close(answer, Message.Status.STOPPED, actor=actor)
        Conversation.objects.filter(pk=trial.conversation_id).delete()


def sweep() -> int:
    """Delete the tries that nobody ended, of whatever workspace; returns how many."""
    with connections[OWNER].cursor() as cursor:
        cursor.execute(_SWEEP, [timezone.now() - LEFT_AFTER])
        left: int = cursor.rowcount
    if left:
        log.info("%s tries of agents that nobody ended were deleted.", left)
    return left


def _end_read(actor: Tenant) -> None:
    """Delete the actor's tries that are answered: where there is no script, nothing else says that an answer was read."""
    trials = Trial.objects.filter(conversation__owner=actor.membership_id)
    writing = Message.objects.filter(status__in=UNFINISHED)
    over = trials.exclude(conversation__in=writing.values("conversation"))
    Conversation.objects.filter(pk__in=list(over.values_list("conversation", flat=True))).delete()


def _choose(trial: Trial, file_ids: Collection[UUID]) -> None:
    try:
        with transaction.atomic():
            TrialFile.objects.bulk_create([TrialFile(trial=trial, file_id=file_id) for file_id in file_ids])
    except (IntegrityError, ProgrammingError):
        # Deleted or hidden since it was looked up: the policy and the foreign key see to that. It is the 404 that it would be now.
        agent_access.get_files_or_refuse(file_ids)
        raise


def _as_json(settings: Mapping[str, Any]) -> dict[str, Any]:
    provider = settings["model_provider_id"]
    kind = Agent.Provider.BUILTIN if provider is None else Agent.Provider.MODEL
    return {**settings, "provider": str(kind), "model_provider_id": provider and str(provider)}
