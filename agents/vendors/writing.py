"""Who writes the answer of an agent, with which key, and within which budget?

What a request may come to is counted before it is made, and what it came to after it: a worker that is killed in between leaves
the higher number. The record that the workspace's words go to a vendor is written with the first.
"""

from __future__ import annotations

from collections.abc import Generator
from typing import Any
from uuid import UUID

from django.db import connections, transaction

from accounts.http import Tenant
from accounts.tenancy.models import new_id
from agents import providers, signals
from agents.models import Agent
from agents.providers.language import estimated
from agents.providers.prompts import named, prompt
from agents.vendors import services, vault
from agents.vendors.models import ModelProvider

GONE = "The provider of this agent’s model was removed. Edit the agent and choose another."
SEALED = "The key of “{name}” cannot be opened. An administrator has to enter it again, under Settings, Models."
LIMITS = {
    "requests": "requests to models",
    "tokens": "tokens",
    "money": "money for models",
}
STOPPED = "This workspace has used up its {what} for this month. An administrator can raise the limit, under Settings, Models."


class OverBudget(Exception):
    """The request would pass a limit of the workspace's. The message is a sentence for people."""


Events = Generator[providers.Event, None, None]


def answer(
    agent: Agent, question: providers.Question, *, actor: Tenant, spent: providers.Spent | None = None
) -> Events:
    """Yield the answer's events, whoever writes it. Close it where it is left early: that ends the work, and settles it.

    `spent` holds afterwards which tokens a model took; an answer that no model wrote takes none.
    """
    events = _written(agent, question, actor, spent or providers.Spent(0, 0))
    yield from providers.until(events, question.wishes.stop if question.wishes else ())


def _written(agent: Agent, question: providers.Question, actor: Tenant, spent: providers.Spent) -> Events:
    if agent.provider == Agent.Provider.MODEL:
        yield from _by_model(agent, question, actor, spent)
        return
    try:
        provider = providers.provider(agent.provider)
    except providers.UnknownProvider as unknown:
        yield providers.Failed(str(unknown), "unset")
        return
    yield from provider.answer(question)


def _by_model(agent: Agent, question: providers.Question, actor: Tenant, spent: providers.Spent) -> Events:
    found: ModelProvider | None = ModelProvider.objects.filter(pk=agent.model_provider_id).first()
    if found is None:
        yield providers.Failed(GONE, "unset")
        return
    try:
        connection = services.connection_to(
            found, model=agent.model, temperature=_temperature(agent, question), max_tokens=_limit(agent, question)
        )
    except vault.Unopened:
        # Its key is not configured, or the row was written past us: then nothing is sent anywhere.
        yield providers.Failed(SEALED.format(name=found.name), "unset")
        return
    model = providers.LanguageModel(connection)
    if not providers.needs_model(question):
        yield from model.answer(question)
        return
    try:
        use = _reserved(agent, found, question, actor)
    except OverBudget as over:
        yield providers.Failed(str(over), "budget")
        return
    try:
        yield from model.answer(question)
    finally:
        # Also when the reader went away: what was used was used.
        _settle(use, model.spent)
        # An answer that calls tools is asked for in several rounds, each reserved and settled by itself.
        spent.read += model.spent.read
        spent.written += model.spent.written


def _temperature(agent: Agent, question: providers.Question) -> float | None:
    wished = question.wishes.temperature if question.wishes else None
    return agent.temperature if wished is None else wished


def _limit(agent: Agent, question: providers.Question) -> int:
    wished = question.wishes.max_tokens if question.wishes else None
    # Less than the agent allows, never more: its owner's limit is what the workspace pays for.
    return agent.max_tokens if wished is None else min(wished, agent.max_tokens)


def _reserved(agent: Agent, provider: ModelProvider, question: providers.Question, actor: Tenant) -> UUID:
    """Count what the request may come to, and record that it is made. Raises `OverBudget`."""
    sent, use = named(question), new_id()
    may_read = estimated(prompt(question, sent))
    with transaction.atomic():
        with connections["default"].cursor() as cursor:
            values: list[Any] = [use, agent.pk, provider.pk, agent.model, may_read, _limit(agent, question)]
            cursor.execute("SELECT fence.reserve_model_use(%s, %s, %s, %s, %s, %s)", values)
            verdict, _, what = str(cursor.fetchone()[0]).partition(" ")
        if verdict == "stopped":
            signals.budget_reached.send(Agent, actor=actor, target=None, what=what)
        elif verdict == "near":
            signals.budget_neared.send(Agent, actor=actor, target=None, what=what)
        if not verdict.startswith("stop"):
            # One that is tried before it is made has no name in the trail.
            key: UUID | None = agent.pk
            asked = agent if key else None
            signals.model_asked.send(
                Agent, actor=actor, target=asked, provider_id=provider.pk, model=agent.model, passages=len(sent)
            )
    if verdict.startswith("stop"):
        raise OverBudget(STOPPED.format(what=LIMITS[what]))
    return use


def _settle(use: UUID, spent: providers.Spent) -> None:
    with connections["default"].cursor() as cursor:
        cursor.execute("SELECT fence.settle_model_use(%s, %s, %s)", [use, spent.read, spent.written])
