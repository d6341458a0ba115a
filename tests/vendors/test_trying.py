"""Does an agent that is tried ask the model of its form, within the workspace's limits, and say so when that goes wrong?"""

from __future__ import annotations

from uuid import UUID

import pytest

from accounts.http import Tenant
from agents.vendors import services as vendors
from agents.vendors.models import ModelProvider, ModelUse
from audit.models import Entry
from conversations.models import Message, Trial
from conversations.trying import services
from tests.agents.shelf import put
from tests.cast import ADA, ALICE, acting
from tests.conversations.stage import POLICY, QUESTION, write
from tests.doors import DOORS, browser
from tests.vendors.faults import Fault
from tests.vendors.server import TOKENS, Double
from tests.vendors.stage import MODEL, provider

pytestmark = pytest.mark.django_db(databases=DOORS)


def tried(asked: ModelProvider) -> tuple[Trial, Message]:
    """Ask with a model, as a new agent's form would."""
    file = put(ALICE, "policy.txt", POLICY)
    with acting(ALICE) as actor:
        trial = begun(asked, actor, file.pk)
        answer = Message.objects.get(conversation=trial.conversation_id, role=Message.Role.ASSISTANT)
    return trial, write(ALICE, answer.pk)


def begun(asked: ModelProvider, actor: Tenant, *file_ids: UUID) -> Trial:
    settings = {
        "instructions": "Answer like a pirate.",
        "refusal_text": "Nothing.",
        "retrieval_depth": 5,
        "retrieval_threshold": 0.25,
        "temperature": 0.4,
        "max_tokens": 70,
        "model_provider_id": asked.pk,
        "model": MODEL,
    }
    return services.begin(QUESTION, actor=actor, settings=settings, file_ids=file_ids, agent=None)


def test_the_model_gets_what_stands_in_the_form_and_its_use_is_counted(vendor: Double) -> None:
    _, answer = tried(provider(vendor))
    assert (answer.status, answer.text[:24]) == (Message.Status.DONE, "According to your files:")
    sent = vendor.asked[-1]
    assert (sent.body["model"], sent.body["temperature"], sent.body["max_tokens"]) == (MODEL, 0.4, 70)
    assert "Answer like a pirate." in str(sent.body["messages"][0]["content"])
    with acting(ALICE):
        use = ModelUse.objects.get()
        assert ((use.tokens_read, use.tokens_written), use.agent_id, use.settled_at is None) == (TOKENS, None, False)
        assert Entry.objects.get(action="model.asked").target_id == ""


def test_a_limit_holds_for_it_too(vendor: Double) -> None:
    """L7: a second way to a model would be a way past the budget."""
    asked, before = provider(vendor), len(vendor.asked)
    with acting(ADA) as ada:
        vendors.set_budget(actor=ada, requests=0, tokens=None, money=None)
    _, answer = tried(asked)
    assert answer.status == Message.Status.FAILED
    assert "used up its requests to models" in answer.error
    assert len(vendor.asked) == before


def test_a_vendor_that_is_down_is_told_in_the_pane(vendor: Double) -> None:
    asked = provider(vendor)
    vendor.faults.set(Fault(status=500))
    trial, answer = tried(asked)
    assert answer.status == Message.Status.FAILED
    page = browser(ALICE).get(f"/conversations/try/{trial.pk}/answer/").content.decode()
    assert "reported a failure of its own" in page
    assert "answer-stream" not in page
