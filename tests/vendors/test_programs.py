"""Does a program that speaks as OpenAI's clients do get a model's answer within its own bounds, and the agent's?"""

from __future__ import annotations

from collections.abc import Iterator

import pytest

from agents.vendors import services as vendors
from agents.vendors.models import Kind
from conversations.watching import HUB
from tests import doors
from tests.cast import ADA, ALICE, acting
from tests.conversations.programs import a_worker, ask, nothing_is_left
from tests.conversations.stage import QUESTION
from tests.vendors.faults import Fault
from tests.vendors.server import Double
from tests.vendors.stage import writer

pytestmark = pytest.mark.django_db(databases=doors.DOORS)


@pytest.fixture
def worker() -> Iterator[None]:
    with a_worker():
        yield


@pytest.fixture(autouse=True)
def _nobody_listens_on() -> Iterator[None]:
    """Answers are followed, and the line on which that listens would outlive the tests' server."""
    yield
    HUB.close()


def test_a_model_gets_the_programs_words_and_its_bounds_within_the_agents(worker: None, vendor: Double) -> None:
    agent = writer(ALICE, vendor, Kind.OPENAI)
    messages = [
        {"role": "system", "content": "Answer like a pirate."},
        {"role": "user", "content": "Hello"},
        {"role": "assistant", "content": "Ahoy"},
        {"role": "user", "content": [{"type": "text", "text": QUESTION}]},
    ]
    alice = doors.program(ALICE)
    answer = ask(alice, agent.slug, messages=messages, temperature=0.1, max_tokens=50_000).json()
    [request] = [one for one in vendor.asked if one.body]
    assert (request.body["temperature"], request.body["max_tokens"]) == (0.1, 1000)
    assert "Answer like a pirate." in request.system
    assert [turn["content"] for turn in request.turns[:2]] == ["Hello", "Ahoy"]
    used = answer["usage"]
    assert used["prompt_tokens"] > 0
    assert used["total_tokens"] == used["prompt_tokens"] + used["completion_tokens"]
    ask(alice, agent.slug, max_completion_tokens=20)
    assert vendor.asked[-1].body["max_tokens"] == 20
    nothing_is_left()


def test_it_ends_before_the_words_at_which_it_shall_end(worker: None, vendor: Double) -> None:
    vendor.says = lambda asked: "One.\n\nSTOP here and never go on."
    agent = writer(ALICE, vendor, Kind.OPENAI)
    answer = ask(doors.program(ALICE), agent.slug, stop=["STOP", "never"]).json()
    assert answer["choices"][0]["message"]["content"].rstrip() == "One."
    assert answer["choices"][0]["finish_reason"] == "stop"


def test_a_vendors_failure_is_a_status_and_a_used_up_budget_is_not_tried_again(worker: None, vendor: Double) -> None:
    agent, alice = writer(ALICE, vendor, Kind.OPENAI), doors.program(ALICE)
    vendor.faults.set(Fault(status=500))
    for stream in (False, True):
        failed = ask(alice, agent.slug, stream=stream)
        assert (failed.status_code, failed.json()["error"]["code"]) == (502, "upstream_error")
        assert "X-Should-Retry" not in failed
    vendor.faults.clear()
    with acting(ADA) as actor:
        vendors.set_budget(actor=actor, requests=1, tokens=None, money=None)
    stopped = ask(alice, agent.slug)
    assert (stopped.status_code, stopped.json()["error"]["code"]) == (429, "insufficient_quota")
    assert stopped["X-Should-Retry"] == "false"
    nothing_is_left()
