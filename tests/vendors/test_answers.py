"""Does a model's answer come as every other does, with citations that were checked, and a sentence for whatever goes wrong?"""

from __future__ import annotations

import pytest
from pytest_django import Settings

from agents.vendors import services as vendors
from agents.vendors.models import Kind
from conversations import services, signals
from conversations.models import Citation, Delta, Message
from tests.cast import ADA, ALICE, acting
from tests.conversations.stage import OFF_TOPIC, POLICY, answered, asked, desk, latest, write
from tests.vendors.faults import Fault
from tests.vendors.server import Double
from tests.vendors.stage import MODEL, writer

pytestmark = pytest.mark.django_db(databases=["default"])
KINDS = pytest.mark.parametrize("kind", [Kind.OPENAI, Kind.ANTHROPIC])


@KINDS
def test_a_model_answers_from_the_passages_and_its_marks_become_citations(vendor: Double, kind: str) -> None:
    _, answer = answered(ALICE, writer(ALICE, vendor, kind))
    assert (answer.status, answer.error) == (Message.Status.DONE, "")
    assert answer.text.startswith("According to your files:\n\n")
    [request] = [one for one in vendor.asked if one.body]
    assert (request.body["model"], request.body["max_tokens"]) == (MODEL, 1000)
    assert {passage["file"] for passage in request.passages} == {"policy.txt"}
    with acting(ALICE):
        cited = list(Citation.objects.filter(message=answer).order_by("number"))
        assert [citation.number for citation in cited] == list(range(1, len(request.passages[:2]) + 1))
        for citation in cited:
            assert citation.passage is not None
            # Verbatim, as the built-in retrieval quotes.
            assert citation.passage.text[citation.start : citation.end] == citation.quote
            assert citation.kind == Citation.Kind.SOURCE
        assert (
            "".join(d.data["text"] for d in Delta.objects.filter(message=answer, kind="text").order_by("seq"))
            == answer.text
        )
    assert answer.html.count('class="cite"') == len(cited)


@KINDS
def test_what_was_said_before_goes_along_without_its_marks(vendor: Double, kind: str) -> None:
    agent = writer(ALICE, vendor, kind)
    conversation, _ = answered(ALICE, agent)
    with acting(ALICE) as alice:
        services.ask(conversation, actor=alice, text="And how long is the guarantee on pans?")
        pending = latest(conversation).pk
    second = write(ALICE, pending)
    assert second.status == Message.Status.DONE
    turns = vendor.asked[-1].turns
    assert [turn["role"] for turn in turns] == ["user", "assistant", "user"]
    assert turns[0]["content"] == "How many days do I have to return an article?"
    assert turns[1]["content"].startswith("According to your files")
    assert "[1]" not in turns[1]["content"]


def test_a_mark_that_names_no_passage_is_dropped_and_told(vendor: Double) -> None:
    vendor.says = lambda asked: "Thirty days [p1], or ninety [p77]. See [p1, p78] and `list[9]`."
    _, answer = answered(ALICE, writer(ALICE, vendor))
    assert answer.text.startswith("Thirty days [1], or ninety . See [1] and `list[9]`.")
    assert answer.text.endswith(
        "2 marks in this answer named no passage that the model was given. They were left out.*"
    )
    with acting(ALICE):
        assert Citation.objects.filter(message=answer).count() == 1


def test_without_anything_to_go_on_no_model_is_asked(vendor: Double) -> None:
    """A model that is given nothing can only invent; what would have been sent is nobody's business either."""
    agent = writer(ALICE, vendor)
    before = len(vendor.asked)
    _, answer = answered(ALICE, agent, OFF_TOPIC)
    assert answer.text.startswith(agent.refusal_text)
    assert len(vendor.asked) == before


def test_the_refusal_of_a_model_counts_as_one(vendor: Double) -> None:
    agent = writer(ALICE, vendor)
    vendor.says = lambda asked: agent.refusal_text
    heard: list[bool] = []

    def hear(sender: object, refused: bool, **facts: object) -> None:
        heard.append(refused)

    signals.answer_finished.connect(hear)
    try:
        _, answer = answered(ALICE, agent)
    finally:
        signals.answer_finished.disconnect(hear)
    assert (answer.text, heard) == (agent.refusal_text, [True])


def told(name: str) -> bytes:
    return b'event: error\ndata: {"type": "error", "error": {"type": "%b", "message": "sk-double"}}\n\n' % name.encode()


# A first word, to each in its dialect.
HALF = (
    b'data: {"id": "c", "object": "chat.completion.chunk", "choices": [{"index": 0, "delta": {"content": "Thirty days."}}]}\n\n'
    b'event: content_block_delta\ndata: {"type": "content_block_delta", "index": 0, "choices": [], '
    b'"delta": {"type": "text_delta", "text": "Thirty days."}}\n\n'
)
FAULTS = {
    "busy": (Fault(status=429), "takes no more requests"),
    # What whoever adds a fresh key meets first: it was told to come back in a minute, which never helps.
    "empty account": (Fault(status=429, code="insufficient_quota"), "nothing left to spend"),
    "unpaid": (Fault(status=402), "nothing left to spend"),
    "long": (Fault(status=400, code="context_length_exceeded"), "too long for this model"),
    "overloaded at once": (Fault(status=529, code="overloaded_error"), "takes no more requests"),
    "failing": (Fault(status=500), "reported a failure of its own"),
    "key": (Fault(status=401), "did not accept its key"),
    "missing": (Fault(status=404), f"does not know the model “{MODEL}”"),
    "request": (Fault(status=400), "did not accept the request"),
    "garbage": (
        Fault(garbage=b'data: {"choices": [{"delta": 7}]}\n\nevent: content_block_delta\ndata: {"type":\n\n'),
        "is no answer",
    ),
    # How both tell of it once a stream has begun, which is when most of it happens.
    "overloaded": (Fault(garbage=told("overloaded_error")), "takes no more requests"),
    "failing late": (Fault(garbage=told("server_error")), "reported a failure of its own"),
    "broken off": (Fault(garbage=HALF + told("overloaded_error")), "broke off before the answer was complete"),
    "page": (Fault(garbage=b"<html>Welcome</html>"), "is no answer"),
    "nothing": (Fault(garbage=b"data: [DONE]\n\n"), "is no answer"),
    "large": (Fault(large=10_000_000), "far more than an answer holds"),
    "compressed": (Fault(gzip=True), "is no answer"),
    "redirect": (Fault(redirect="http://169.254.169.254/latest/meta-data/"), "another address, which is never done"),
    "black hole": (Fault(black_hole=True), "did not answer in time"),
    "cut": (Fault(cut=4), "broke off before the answer was complete"),
    "stall": (Fault(stall=4), "broke off before the answer was complete"),
}


@KINDS
@pytest.mark.parametrize("name", FAULTS)
def test_whatever_the_vendor_does_is_told_in_a_sentence_and_can_be_retried(
    name: str, kind: str, vendor: Double, settings: Settings
) -> None:
    """L19, L25, L44: the question stays, nothing that the vendor said is shown, and nothing waits for ever."""
    settings.MODEL_SILENCE_SECONDS = 1
    agent = writer(ALICE, vendor, kind)
    fault, sentence = FAULTS[name]
    vendor.faults.set(fault)
    conversation, pending = asked(ALICE, agent)
    failed = write(ALICE, pending.pk)
    assert failed.status == Message.Status.FAILED
    assert failed.error.startswith(("“Tern”", "The question"))
    assert sentence in failed.error
    assert "sk-double" not in failed.error + failed.text + failed.html
    assert failed.can_retry
    vendor.faults.clear()

    with acting(ALICE) as alice:
        renewed = services.retry(conversation, actor=alice)
    assert write(ALICE, renewed.pk).status == Message.Status.DONE


@KINDS
@pytest.mark.parametrize("status", [429, 500])
def test_a_failure_that_passes_is_tried_once_more(status: int, kind: str, vendor: Double) -> None:
    agent = writer(ALICE, vendor, kind)
    vendor.faults.set(Fault(status=status, times=1))
    before = len(vendor.asked)
    _, answer = answered(ALICE, agent)
    assert answer.status == Message.Status.DONE
    assert len(vendor.asked) == before + 2


def test_the_address_is_judged_at_each_call(vendor: Double, settings: Settings) -> None:
    """L23: what was admitted when the provider was added is not for ever."""
    agent = writer(ALICE, vendor)
    settings.OUTBOUND_ALLOWED_NETWORKS = []
    before = len(vendor.asked)
    _, failed = answered(ALICE, agent)
    assert (failed.status, len(vendor.asked)) == (Message.Status.FAILED, before)
    assert "may not be called from here" in failed.error


def test_an_agent_whose_provider_was_removed_says_so(vendor: Double) -> None:
    agent = writer(ALICE, vendor)
    with acting(ADA) as ada:
        provider = agent.model_provider
        assert provider is not None
        vendors.remove(provider, actor=ada)
    _, failed = answered(ALICE, agent)
    assert (failed.status, failed.error) == (
        Message.Status.FAILED,
        "The provider of this agent’s model was removed. Edit the agent and choose another.",
    )


def test_the_environment_lends_no_key_and_tells_nothing(vendor: Double, monkeypatch: pytest.MonkeyPatch) -> None:
    """L45: a vendor's library takes keys, organisations and headers from the environment where nobody gives it one."""
    for name in ("OPENAI_API_KEY", "OPENAI_ORG_ID", "OPENAI_PROJECT_ID", "ANTHROPIC_API_KEY", "ANTHROPIC_AUTH_TOKEN"):
        monkeypatch.setenv(name, "canary-of-the-operator")
    monkeypatch.setenv("OPENAI_BASE_URL", "http://127.0.0.1:1/v1")
    monkeypatch.setenv("HTTPS_PROXY", "http://127.0.0.1:1")
    monkeypatch.setenv("HTTP_PROXY", "http://127.0.0.1:1")
    _, answer = answered(ALICE, writer(ALICE, vendor))
    assert answer.status == Message.Status.DONE
    for request in vendor.asked:
        assert "canary-of-the-operator" not in str(request.headers)
        assert set(request.headers) <= {
            "host", "user-agent", "accept", "accept-encoding", "content-type", "content-length", "authorization",
        }  # fmt: skip
        assert (request.headers["user-agent"], request.headers["accept-encoding"]) == ("AiAxis", "identity")


def test_the_built_in_retrieval_goes_on_without_any_provider() -> None:
    _, answer = answered(ALICE, desk(ALICE, POLICY))
    assert answer.text.startswith("Your files say:")
