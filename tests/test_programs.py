"""Does the served installation answer programs: the official client of OpenAI's, and what kills or leaves a call?"""

from __future__ import annotations

from collections.abc import Iterator

import openai
import pytest

from conversations.models import Citation, Completion, Conversation, Delta, Message
from tests import databases, doors
from tests.cast import ALICE, BOB, CHARLIE, Person, acting
from tests.conversations.stage import OFF_TOPIC, POLICY, QUESTION, desk
from tests.served import running
from tests.waiting import until


@pytest.fixture(scope="module")
def served(
    django_db_setup: None, django_db_blocker: pytest.FixtureRequest, tmp_path_factory: pytest.TempPathFactory
) -> Iterator[str]:
    with running(tmp_path_factory.mktemp("served")) as address:
        yield address
    with django_db_blocker.unblock():  # type: ignore[attr-defined]  # pytest-django's blocker
        databases.put_back()


def client(served: str, person: Person) -> openai.OpenAI:
    return openai.OpenAI(base_url=f"{served}/v1", api_key=doors.key(person).value, max_retries=0)


def is_gone() -> bool:
    with acting(ALICE):
        return not any(model.objects.exists() for model in (Conversation, Message, Delta, Citation, Completion))


def test_openais_client_works_by_changing_its_base_url(served: str, committed: None) -> None:
    """Whole and in pieces, its list of models, its `user`, its errors: nothing but the address and the key is ours."""
    agent = desk(ALICE)
    alice = client(served, ALICE)
    assert [model.id for model in alice.models.list()] == [agent.slug]
    assert alice.models.retrieve(agent.slug).owned_by == "Acme"
    messages: list[openai.types.chat.ChatCompletionMessageParam] = [{"role": "user", "content": QUESTION}]
    whole = alice.chat.completions.create(model=agent.slug, messages=messages, user="u-7", temperature=0.2, stop=["§"])
    said = whole.choices[0].message.content or ""
    assert "within 30 days" in said
    assert (whole.choices[0].finish_reason, whole.usage and whole.usage.total_tokens) == ("stop", 0)
    citations = (whole.model_extra or {})["citations"]
    assert citations[0]["quote"] in POLICY
    with alice.chat.completions.create(
        model=str(agent.pk), messages=messages, stream=True, stream_options={"include_usage": True}
    ) as stream:
        chunks = list(stream)
    assert "".join(chunk.choices[0].delta.content or "" for chunk in chunks if chunk.choices) == said
    assert chunks[-1].usage is not None
    off_topic: list[openai.types.chat.ChatCompletionMessageParam] = [{"role": "user", "content": OFF_TOPIC}]
    refused = alice.chat.completions.create(model=agent.slug, messages=off_topic)
    assert (refused.choices[0].message.content or "").startswith("I could not find")
    for thief in (BOB, CHARLIE):
        for key in (agent.slug, str(agent.pk)):
            with pytest.raises(openai.NotFoundError, match="There is no model of this name"):
                client(served, thief).chat.completions.create(model=key, messages=messages)
    with pytest.raises(openai.AuthenticationError):
        openai.OpenAI(base_url=f"{served}/v1", api_key="sk-nobodys", max_retries=0).models.list()
    with pytest.raises(openai.BadRequestError, match="temperature"):
        alice.chat.completions.create(model=agent.slug, messages=messages, temperature=7)
    assert until(is_gone)


def test_a_client_that_leaves_in_the_middle_ends_the_work(served: str, committed: None) -> None:
    agent = desk(ALICE)
    stream = client(served, ALICE).chat.completions.create(
        model=agent.slug, messages=[{"role": "user", "content": QUESTION}], stream=True
    )
    next(iter(stream))
    stream.close()
    assert until(is_gone)
