"""How is an agent tried as its form stands, and how does that end without leaving anything but its entries in the trail?

It is said in passing (`conversations/passing.py`); only that what answers is the form. Whoever read the answer deletes it, the next
try does, or the hour.
"""

from __future__ import annotations

from collections.abc import Collection, Mapping
from datetime import timedelta
from typing import Any, Final
from uuid import UUID

from django.db import IntegrityError, ProgrammingError, transaction

from accounts.http import Tenant
from agents import access as agent_access
from agents.models import Agent
from agents.providers import Turn
from conversations import passing
from conversations.models import UNFINISHED, Conversation, Message, Trial, TrialFile
from conversations.trying import access

TITLE: Final = "A try"
# Who tried is long gone. What is left then belongs to a tab that was closed.
LASTS: Final = timedelta(hours=1)


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
        _end_read(actor)
        said = [Turn(Message.Role.USER, question)]
        answer = passing.begin(said, actor=actor, agent=agent, title=TITLE, lasts=LASTS)
        trial: Trial = Trial.objects.create(conversation=answer.conversation, settings=_as_json(settings))
        _choose(trial, file_ids)
        passing.ask(answer, actor=actor)
    return trial


def end(trial: Trial, *, actor: Tenant) -> None:
    """End it, read or not."""
    passing.end(access.said_in(trial)[1], actor=actor)


def _end_read(actor: Tenant) -> None:
    """Delete the actor's tries that are answered: where there is no script, nothing else says that an answer was read."""
    trials = Trial.objects.filter(owner=actor.membership_id)
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
