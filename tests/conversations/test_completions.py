"""Does a program that speaks as OpenAI's clients do get an agent's answer, and nobody else's agent, file or words?"""

from __future__ import annotations

import json
from collections.abc import Iterator
from typing import Any
from uuid import uuid4

import pytest
from django.test import Client

from accounts.models import Role
from accounts.scopes import within
from agents import services as agents
from audit.models import Entry
from conversations import queries, services, watching
from conversations.completions import services as completions
from conversations.completions import streaming as completion_streaming
from conversations.completions.schemas import CompletionIn
from conversations.models import Conversation, Message
from tests import doors
from tests.cast import ALICE, BOB, CHARLIE, VERA, Person, acting
from tests.conversations.programs import CHAT, a_worker, ask, nothing_is_left, pieces
from tests.conversations.stage import OFF_TOPIC, POLICY, QUESTION, asked, desk

pytestmark = pytest.mark.django_db(databases=doors.DOORS)


@pytest.fixture
def worker() -> Iterator[None]:
    with a_worker():
        yield


def test_an_agent_is_a_model(worker: None) -> None:
    agent = desk(ALICE)
    alice = doors.program(ALICE)
    [model] = alice.get("/v1/models").json()["data"]
    assert (model["id"], model["object"], model["owned_by"]) == (agent.slug, "model", "Acme")
    assert alice.get(f"/v1/models/{agent.slug}").json() == model == alice.get(f"/v1/models/{agent.pk}").json()
    answer = ask(alice, agent.slug).json()
    [choice] = answer["choices"]
    assert (answer["object"], answer["model"], choice["finish_reason"]) == ("chat.completion", agent.slug, "stop")
    assert "within 30 days" in choice["message"]["content"]
    assert "[1]" in choice["message"]["content"]
    # No language model was asked, so no token was used.
    assert answer["usage"] == {"prompt_tokens": 0, "completion_tokens": 0, "total_tokens": 0}
    [citation, *_] = answer["citations"]
    assert (citation["number"], citation["file_name"], citation["page"]) == (1, "policy.txt", 1)
    assert citation["quote"] in POLICY
    nothing_is_left()


def test_a_stream_tells_the_same_in_pieces(worker: None) -> None:
    alice, agent = doors.program(ALICE), desk(ALICE)
    whole = ask(alice, agent.slug).json()
    told = pieces(ask(alice, str(agent.pk), stream=True, stream_options={"include_usage": True}))
    first, *middle, last, usage = told
    assert first["choices"][0]["delta"] == {"role": "assistant", "content": ""}
    said = "".join(piece["choices"][0]["delta"].get("content", "") for piece in (first, *middle, last))
    assert said == whole["choices"][0]["message"]["content"]
    assert [one for piece in middle for one in piece.get("citations", [])] == whole["citations"]
    assert last["choices"][0]["finish_reason"] == "stop"
    assert (usage["choices"], usage["usage"]) == ([], whole["usage"])
    assert {piece["id"] for piece in told} == {first["id"]}
    nothing_is_left()
    assert "usage" not in pieces(ask(alice, agent.slug, stream=True))[-1]


def test_what_the_files_do_not_say_is_told_with_the_closest_passages(worker: None) -> None:
    answer = ask(doors.program(ALICE), desk(ALICE).slug, OFF_TOPIC).json()
    assert answer["choices"][0]["message"]["content"].startswith("I could not find an answer")
    assert (answer["citations"], bool(answer["closest"])) == ([], True)


@pytest.mark.parametrize("thief", [BOB, CHARLIE], ids=lambda person: person.name)
def test_a_foreign_agent_is_the_same_404_by_slug_and_by_id(thief: Person) -> None:
    """L2: a lookup by name was scoped, and by id it was not. Private of a colleague, of another workspace, archived, or none."""
    theirs, archived = desk(ALICE), desk(thief)
    with acting(thief) as actor:
        agents.archive(archived, actor=actor)
    client = doors.program(thief)
    told = set()
    for key in (theirs.slug, str(theirs.pk), archived.slug, str(archived.pk), str(uuid4()), "desk-zzzzzz"):
        for answer in (ask(client, key), ask(client, key, stream=True), client.get(f"/v1/models/{key}")):
            assert answer.status_code == 404
            told.add(answer.content)
    assert len(told) == 1
    error = json.loads(told.pop())["error"]
    assert (error["type"], error["param"], error["code"]) == ("invalid_request_error", "model", "model_not_found")
    assert client.get("/v1/models").json()["data"] == []
    with acting(thief):
        assert not Message.objects.exists()


def test_nobody_reads_by_a_shared_agent_what_is_private(worker: None) -> None:
    """L6: the agent is shared, its file is not: a colleague is told nothing out of it."""
    agent = desk(BOB, visibility="workspace")
    answer = ask(doors.program(ALICE), agent.slug).json()
    assert "30 days" not in json.dumps(answer)
    assert (answer["citations"], answer["closest"]) == ([], [])


@pytest.mark.parametrize(
    ("body", "param"),
    [
        ({}, "model"),
        ({"messages": []}, "messages"),
        ({"messages": [{"role": "system", "content": "Be brief."}]}, "messages"),
        ({"messages": [{"role": "captain", "content": "x"}]}, "messages.0.role"),
        (
            {"messages": [{"role": "user", "content": [{"type": "image_url", "image_url": {"url": "x"}}]}]},
            "messages[0].content",
        ),
        ({"messages": [{"role": "user", "content": "x" * 8001}]}, "messages"),
        ({"n": 2}, "n"),
        ({"temperature": 3}, "temperature"),
        ({"max_tokens": 0}, "max_tokens"),
        ({"stop": ["a", "b", "c", "d", "e"]}, "stop"),
        # Each would have been answered as if it had not been asked for, and the program would have read prose for its JSON.
        ({"response_format": {"type": "json_object"}}, "response_format"),
        ({"response_format": {"type": "json_schema", "json_schema": {"name": "x", "schema": {}}}}, "response_format"),
        ({"tool_choice": "required", "tools": []}, "tool_choice"),
        ({"tool_choice": {"type": "function", "function": {"name": "x"}}}, "tool_choice"),
        ({"logprobs": True}, "logprobs"),
        ({"modalities": ["text", "audio"]}, "modalities"),
    ],
)
def test_what_cannot_be_done_is_refused_in_the_words_of_their_clients(body: dict[str, Any], param: str) -> None:
    default = {"model": "desk", "messages": [{"role": "user", "content": "x"}]} if body else {}
    refused = doors.program(ALICE).post(CHAT, {**default, **body}, content_type="application/json")
    assert refused.status_code == 400
    error = refused.json()["error"]
    assert error["type"] == "invalid_request_error"
    assert str(error["param"]).startswith(param)
    assert error["message"]


def test_user_and_unknown_fields_are_dropped_here_and_nowhere_else(worker: None) -> None:
    agent, alice = desk(ALICE), doors.program(ALICE)
    extra: dict[str, Any] = {"user": "u-1", "logit_bias": {}, "tools": [], "metadata": {"role": "x"}, "store": False}
    assert ask(alice, agent.slug, **extra).status_code == 200
    usual: dict[str, Any] = {
        "response_format": {"type": "text"},
        "tool_choice": "auto",
        "logprobs": False,
        "modalities": ["text"],
    }
    assert ask(alice, agent.slug, **usual).status_code == 200
    # Who asks is still not for a client to say (P4): of the reserved names only the one that their clients send passes.
    assert ask(alice, agent.slug, workspace_id=str(uuid4())).status_code == 400
    for field in ("user", "logit_bias"):
        elsewhere = alice.post("/api/v1/conversations", {"agent_id": agent.slug, field: "x"}, "application/json")
        assert elsewhere.status_code in (400, 422)


def test_a_vast_history_is_left_out_as_a_model_would_not_be_told_it() -> None:
    """L42: more words than the index of them takes were told as an outage of the database, and rang the operators' bell."""
    words = " ".join(f"{letter}{number:04}" for letter in "abcdefgh" for number in range(10_000))
    said = [("user", "Before?"), ("assistant", words), ("user", "Hello?"), ("assistant", "Hello."), ("user", QUESTION)]
    messages = [{"role": role, "content": text} for role, text in said]
    body = CompletionIn.model_validate({"model": "x", "messages": messages})
    asked_for = body.asked()
    assert [turn.text for turn in asked_for.history] == ["Hello?", "Hello."]
    agent = desk(ALICE)
    with acting(ALICE) as alice:
        answer = completions.begin(agent, asked_for, actor=alice)
        assert Message.objects.filter(conversation=answer.conversation_id).count() == 4


def test_every_refusal_is_in_their_shape() -> None:
    agent = desk(ALICE, visibility="workspace", file_visibility="workspace")
    keyless, viewer = Client(), doors.program(VERA, within(Role.VIEWER))
    cases = [
        (ask(keyless, agent.slug), 401, "authentication_error", "invalid_api_key"),
        (ask(doors.program(), agent.slug), 401, "authentication_error", "invalid_api_key"),
        (ask(viewer, agent.slug), 403, "permission_error", "insufficient_permissions"),
        (ask(doors.program(ALICE, ["agents:read"]), agent.slug), 403, "permission_error", "insufficient_permissions"),
        (doors.program(ALICE).post("/v1/models"), 405, "invalid_request_error", None),
        (doors.program(ALICE).get("/v1/embeddings"), 404, "invalid_request_error", "not_found"),
        (doors.program(ALICE).post(CHAT, "{", content_type="application/json"), 400, "invalid_request_error", None),
        (doors.program(ALICE).post(CHAT, "x", content_type="text/plain"), 415, "invalid_request_error", None),
    ]
    for answer, status, kind, code in cases:
        error = answer.json()["error"]
        assert (answer.status_code, error["type"], error["code"]) == (status, kind, code)
        assert set(error) == {"message", "type", "param", "code"}
        assert error["message"]


def test_as_many_wait_as_may_and_one_more_is_told_when_to_come_back() -> None:
    agent, alice = desk(ALICE), doors.program(ALICE)
    for _ in range(services.MOST_WAITING):
        asked(ALICE, agent)
    refused = ask(alice, agent.slug)
    assert (refused.status_code, refused["Retry-After"]) == (429, "5")
    assert refused.json()["error"]["code"] == "rate_limit_exceeded"


def test_as_many_follow_as_may_and_what_was_begun_for_one_more_is_taken_back() -> None:
    agent, alice = desk(ALICE), doors.program(ALICE)
    with acting(ALICE) as actor:
        places = [watching.PLACES.take(actor) for _ in range(watching.MOST_OF_MEMBER)]
    try:
        assert ask(alice, agent.slug, stream=True).status_code == 429
    finally:
        for give_back in places:
            give_back()
    nothing_is_left()


def test_a_client_that_goes_away_ends_the_work() -> None:
    agent, alice = desk(ALICE), doors.program(ALICE)
    completion_streaming.BEGIN_SECONDS, seconds = 0.0, completion_streaming.BEGIN_SECONDS  # type: ignore[misc]  # nobody writes
    try:
        response = ask(alice, agent.slug, stream=True)
    finally:
        completion_streaming.BEGIN_SECONDS = seconds  # type: ignore[misc]  # as above
    with acting(ALICE):
        waiting = Message.objects.get(status=Message.Status.QUEUED)
        # Not among the member's conversations while it lasts.
        assert Conversation.objects.exists()
        assert not queries.listed().exists()
    assert alice.get(f"/api/v1/conversations/{waiting.conversation_id}").status_code == 404
    next(iter(response))
    # What the test client closes where a client goes away; closing the response itself would close the test's connection.
    response._iterator.close()
    nothing_is_left()
    # Its job, which comes later, finds nothing to do.
    with acting(ALICE) as actor:
        from conversations import answering

        answering.write_answer(waiting.pk, actor=actor)
    nothing_is_left()


def test_the_trail_says_who_asked_and_which_files_were_read_for_it(worker: None) -> None:
    """L36: by the retrieval, before the answer, whatever the question says; and never a word of it."""
    heard: list[str] = []

    def hear(sender: object, **facts: Any) -> None:
        heard.append(str(facts["agent_id"]))

    from agents.signals import file_read

    file_read.connect(hear)
    agent = desk(ALICE)
    try:
        ask(doors.program(ALICE), agent.slug, f"Do not link the file. {QUESTION}")
    finally:
        file_read.disconnect(hear)
    assert heard == [str(agent.pk)]
    with acting(ALICE):
        told = {entry.action: entry for entry in Entry.objects.all()}
    assert {"message.asked", "file.read", "message.finished"} <= set(told)
    assert told["message.asked"].detail["kept"] is False
    assert "conversation.started" not in told
