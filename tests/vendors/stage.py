"""How do tests give a workspace a model provider, and an agent that asks it?"""

from __future__ import annotations

from dataclasses import replace
from typing import Any
from uuid import UUID, uuid4

from django.db import connection

from agents import services as agents
from agents.models import Agent
from agents.vendors import services
from agents.vendors.models import Kind, ModelProvider
from agents.vendors.services import Words
from tests.cast import ADA, CHARLIE, Person, acting
from tests.conversations.stage import desk
from tests.vendors.server import KEY, Double

MODEL = "tern-small"


def words(vendor: Double, kind: str = Kind.OPENAI, **changed: object) -> Words:
    """What an administrator would type to add this vendor."""
    address = vendor.url if kind == Kind.OPENAI else vendor.origin
    typed: dict[str, Any] = {"name": "Tern", "kind": kind, "base_url": address, "key": KEY, **changed}
    return Words(**typed)


def provider(vendor: Double, kind: str = Kind.OPENAI, *, by: Person = ADA, **changed: object) -> ModelProvider:
    """The vendor, added by an administrator."""
    with acting(by) as actor:
        added: UUID = services.add(words(vendor, kind, **changed), actor=actor)
        found: ModelProvider = ModelProvider.objects.get(pk=added)
        return found


def writer(owner: Person, vendor: Double, kind: str = Kind.OPENAI, text: str = "", **values: Any) -> Agent:
    """An agent of this person with one file, whose answers a model of this vendor writes."""
    added = provider(vendor, kind, by=CHARLIE if owner is CHARLIE else ADA)
    agent = desk(owner, text) if text else desk(owner)
    with acting(owner) as actor:
        agents.edit(agent, actor=actor, model_provider_id=added.pk, model=MODEL, **values)
    return agent


def a_use(person: Person) -> UUID:
    """One request of this person's, reserved with a hundred tokens read and a hundred written, each at a price."""
    with acting(CHARLIE if person is CHARLIE else ADA) as actor:
        typed = Words("Tern", "openai", "https://93.184.216.34/v1", key="k" * 20, models=[MODEL])
        priced = replace(typed, price_read=1_000_000, price_written=2_000_000)
        added = services.add(priced, actor=actor)
    use = uuid4()
    with acting(person), connection.cursor() as cursor:
        values = [use, None, added, MODEL, 100, 100]
        cursor.execute("SELECT fence.reserve_model_use(%s, %s, %s, %s, %s, %s)", values)
    return use


def leave_use(person: Person, provider_id: UUID) -> None:
    """Limits of the person's workspace, and one request that was counted; nobody is asked anything."""
    with acting(person) as actor:
        services.set_budget(actor=actor, requests=100, tokens=None, money=None)
        with connection.cursor() as cursor:
            values = [uuid4(), None, provider_id, MODEL, 100, 100]
            cursor.execute("SELECT fence.reserve_model_use(%s, %s, %s, %s, %s, %s)", values)
