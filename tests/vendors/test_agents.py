"""Can a person and a program choose which model an agent asks, of their own workspace's providers only?"""

from __future__ import annotations

import json

import pytest
from django.template.loader import render_to_string

from agents import services as agents
from agents.models import Agent
from agents.vendors import services
from agents.vendors.models import ModelProvider
from tests import doors
from tests.cast import ADA, ALICE, BOB, CHARLIE, acting
from tests.factories import AgentFactory, a_provider

pytestmark = pytest.mark.django_db(databases=doors.DOORS)
FORM = {
    "name": "Desk",
    "visibility": "private",
    "retrieval_depth": "5",
    "retrieval_threshold": "0.25",
    "refusal_text": "Nothing.",
}


def test_a_person_chooses_a_model_by_its_providers_name() -> None:
    provider = a_provider(BOB)
    client = doors.browser(BOB)
    typed = {**FORM, "writer": f"{provider} tern-small", "temperature": "0.5", "max_tokens": "800"}
    made = client.post("/agents/new/", typed)
    assert made.status_code == 302
    with acting(BOB):
        agent = Agent.objects.get()
        assert (agent.provider, agent.model_provider_id, agent.model) == ("model", provider, "tern-small")
        assert (agent.temperature, agent.max_tokens) == (0.5, 800)
    page = client.get(made["Location"]).content.decode()
    assert "tern-small" in page
    assert " of Tern" in page
    begun = client.post("/conversations/start/", {"agent": str(agent.pk)}, follow=True).content.decode()
    assert "A language model (tern-small)" in begun
    # And back.
    client.post(f"{made['Location']}edit/", FORM)
    with acting(BOB):
        agent.refresh_from_db()
        assert (agent.provider, agent.model_provider_id, agent.model) == ("builtin", None, "")


def test_where_a_conversation_begins_it_says_who_writes() -> None:
    """It promised quotes, word for word, of an agent whose answers a model writes."""
    told = {
        provider: render_to_string("conversations/_opening.html", {"agent": Agent(name="Desk", provider=provider)})
        for provider in Agent.Provider
    }
    assert "word for word" in told[Agent.Provider.BUILTIN]
    assert "word for word" not in told[Agent.Provider.MODEL]
    assert "A language model writes" in told[Agent.Provider.MODEL]


def test_a_provider_of_elsewhere_is_none() -> None:
    """L1: another workspace's provider, named by hand, in the form and by the API."""
    theirs = a_provider(CHARLIE)
    a_provider(BOB)
    client, program = doors.browser(BOB), doors.program(BOB)
    assert client.post("/agents/new/", {**FORM, "writer": f"{theirs} tern-small"}).status_code == 422
    body = {"name": "Desk", "writer": {"provider_id": str(theirs), "model": "tern-small"}}
    assert program.post("/api/v1/agents", json.dumps(body), "application/json").status_code == 404
    with acting(BOB):
        assert not Agent.objects.exists()


def test_a_program_chooses_a_model_and_goes_back() -> None:
    provider = str(a_provider(BOB))
    program = doors.program(BOB)
    body = {"name": "Desk", "writer": {"provider_id": provider, "model": "tern-small"}, "max_tokens": 500}
    made = program.post("/api/v1/agents", json.dumps(body), "application/json").json()
    assert (made["provider"], made["provider_id"], made["model"], made["max_tokens"]) == (
        "model",
        provider,
        "tern-small",
        500,
    )
    path = f"/api/v1/agents/{made['id']}"
    same = program.patch(path, json.dumps({"description": "Anew"}), "application/json").json()
    assert same["model"] == "tern-small"
    back = program.patch(path, json.dumps({"writer": "builtin"}), "application/json").json()
    assert (back["provider"], back["provider_id"], back["model"]) == ("builtin", None, "")


def test_an_agent_whose_provider_went_is_not_changed_behind_its_owners_back() -> None:
    """It would answer by other means than its owner chose, and nobody would have said so."""
    provider = a_provider(BOB)
    with acting(BOB) as bob:
        agent = AgentFactory()
        agents.edit(agent, actor=bob, model_provider_id=provider, model="tern-small")
    with acting(ADA) as ada:
        services.remove(ModelProvider.objects.get(), actor=ada)
    client = doors.browser(BOB)
    page = client.get(f"/agents/{agent.slug}/edit/").content.decode()
    assert '<option value="gone" selected>Its provider was removed: choose another</option>' in page
    refused = client.post(f"/agents/{agent.slug}/edit/", {**FORM, "writer": "gone"})
    assert (refused.status_code, b"was removed. Choose who writes the answer now." in refused.content) == (422, True)
    with acting(BOB):
        agent.refresh_from_db()
        assert (agent.provider, agent.model_provider_id) == ("model", None)


def test_a_shared_agent_of_a_colleague_is_duplicated_with_its_model() -> None:
    provider = a_provider(ALICE)
    with acting(ALICE) as alice:
        agent = AgentFactory(visibility="workspace")
        agents.edit(agent, actor=alice, model_provider_id=provider, model="tern-small", temperature=0.2)
    with acting(BOB) as bob:
        copy = agents.duplicate(Agent.objects.get(pk=agent.pk), actor=bob)
        assert (copy.provider, copy.model_provider_id, copy.model, copy.temperature) == (
            "model",
            provider,
            "tern-small",
            0.2,
        )
