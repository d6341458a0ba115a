"""Does a program get from a file to a cited answer, and never to somebody else's?"""

from __future__ import annotations

from typing import Any
from uuid import UUID, uuid4

import pytest
from django.test import Client

from accounts.models import Role
from accounts.scopes import within
from accounts.tenancy.models import new_id
from conversations.models import Conversation, Message
from tests import doors
from tests.agents.shelf import put
from tests.cast import ALICE, BOB, CHARLIE, VERA, acting
from tests.conversations.stage import OFF_TOPIC, POLICY, QUESTION, answered, asked, desk, write

pytestmark = pytest.mark.django_db(databases=doors.DOORS)
API = "/api/v1"


def post(client: Client, path: str, body: dict[str, Any], **headers: str) -> Any:
    return client.post(f"{API}{path}", body, content_type="application/json", headers=headers)


def test_it_answers_with_a_verbatim_quote_from_file_to_citation() -> None:
    file = put(ALICE, "policy.txt", POLICY)
    alice = doors.program(ALICE)
    agent = post(alice, "/agents", {"name": "Desk", "instructions": "", "file_ids": [str(file.pk)]})
    assert agent.status_code == 201
    conversation = post(alice, "/conversations", {"agent_id": agent.json()["id"]})
    assert conversation.status_code == 201
    messages = f"/conversations/{conversation.json()['id']}/messages"
    question = post(alice, messages, {"text": QUESTION})
    assert question.status_code == 202
    write(ALICE, UUID(question.json()["answer_id"]))

    items = alice.get(f"{API}{messages}").json()["items"]
    answer, said = items
    assert (said["id"], said["role"], said["text"], said["status"]) == (question.json()["id"], "user", QUESTION, "done")
    assert (answer["role"], answer["status"]) == ("assistant", "done")
    citation = answer["citations"][0]
    assert (citation["file_id"], citation["file_name"], citation["page"]) == (str(file.pk), "policy.txt", 1)
    assert "within 30 days" in citation["quote"]
    assert citation["quote"] in POLICY


def test_it_says_so_when_the_files_hold_no_answer() -> None:
    conversation, _ = answered(ALICE, desk(ALICE), OFF_TOPIC)
    answer = doors.program(ALICE).get(f"{API}/conversations/{conversation.pk}/messages").json()["items"][0]
    assert answer["text"].startswith("I could not find an answer")
    assert answer["citations"] == []
    assert answer["closest"]


def test_messages_come_in_the_order_in_which_they_were_said_whatever_their_keys_tell() -> None:
    """Keys of one millisecond are in no order once an import made them anew, and answers stood before their questions."""
    with acting(ALICE):
        conversation = Conversation.objects.create(owner_id=ALICE.membership_id, title="Brought")
        keys, said = sorted((new_id() for _ in range(9)), reverse=True), list[Message]()
        for place, key in enumerate(keys):
            role = Message.Role.ASSISTANT if place % 2 else Message.Role.USER
            above = said[-1].pk if said else None
            said.append(Message(pk=key, conversation=conversation, parent_id=above, position=place, role=role))
        Message.objects.bulk_create(said)
    alice, found = doors.program(ALICE), list[str]()
    cursor: str | None = ""
    while cursor is not None:
        page = alice.get(f"{API}/conversations/{conversation.pk}/messages?limit=4&cursor={cursor}").json()
        found += [message["id"] for message in page["items"]]
        cursor = page["next"]
    assert found == [str(key) for key in reversed(keys)]


def test_a_repeated_submit_gives_the_same_question() -> None:
    conversation, _ = answered(ALICE, desk(ALICE))
    alice, path = doors.program(ALICE), f"/conversations/{conversation.pk}/messages"
    first = post(alice, path, {"text": "And a pan?"}, **{"Idempotency-Key": "k1"})
    again = post(alice, path, {"text": "And a pan?"}, **{"Idempotency-Key": "k1"})
    other = post(alice, path, {"text": "And a pot?"}, **{"Idempotency-Key": "k1"})
    assert (first.status_code, again.status_code, other.status_code) == (202, 202, 422)
    assert first.json()["id"] == again.json()["id"]


def test_a_repeated_submit_begins_one_conversation() -> None:
    agent, other = desk(ALICE), desk(ALICE)
    alice, key = doors.program(ALICE), {"Idempotency-Key": "k1"}
    first, again = (post(alice, "/conversations", {"agent_id": str(agent.pk)}, **key) for _ in range(2))
    refused = post(alice, "/conversations", {"agent_id": str(other.pk)}, **key)
    another = post(alice, "/conversations", {"agent_id": str(other.pk)}, **{"Idempotency-Key": "k2"})
    unmarked = post(alice, "/conversations", {"agent_id": str(agent.pk)})
    assert (first.status_code, again.status_code, refused.status_code) == (201, 201, 422)
    assert first.json()["id"] == again.json()["id"]
    assert len({made.json()["id"] for made in (first, another, unmarked)}) == 3


def test_it_refuses_a_second_question_while_it_answers() -> None:
    conversation, _ = asked(ALICE, desk(ALICE))
    refused = post(doors.program(ALICE), f"/conversations/{conversation.pk}/messages", {"text": "More?"})
    assert refused.status_code == 409
    assert refused["Content-Type"] == "application/problem+json"


def test_a_conversation_and_its_parent_message_must_both_be_the_callers() -> None:
    """L17: a chat id of another user continued his conversation elsewhere."""
    agent = desk(ALICE, visibility="workspace", file_visibility="workspace")
    hers, her_answer = answered(ALICE, agent)
    bobs, bobs_answer = answered(BOB, agent)
    bob = doors.program(BOB)
    elsewhere = [
        (hers.pk, None),
        (hers.pk, her_answer.pk),
        (bobs.pk, her_answer.pk),
        (bobs.pk, uuid4()),
        (uuid4(), bobs_answer.pk),
    ]
    for conversation_id, parent_id in elsewhere:
        body = {"text": "Go on"} | ({"parent_id": str(parent_id)} if parent_id else {})
        assert post(bob, f"/conversations/{conversation_id}/messages", body).status_code == 404
    with acting(ALICE):
        assert Message.objects.filter(conversation=hers).count() == 2
    with acting(BOB):
        assert Message.objects.filter(conversation=bobs).count() == 2
    mine = {"text": "Go on", "parent_id": str(bobs_answer.pk)}
    assert post(bob, f"/conversations/{bobs.pk}/messages", mine).status_code == 202
    # A question follows an answer, and stands in the place of a question.
    with acting(BOB):
        question = Message.objects.get(conversation=bobs, text="Go on")
        Message.objects.filter(parent=question).update(status="done")
    for place in ({"parent_id": str(question.pk)}, {"instead_of": str(bobs_answer.pk)}):
        assert post(bob, f"/conversations/{bobs.pk}/messages", {"text": "More", **place}).status_code == 409


@pytest.mark.parametrize("thief", [BOB, CHARLIE], ids=lambda person: person.name)
def test_nobody_reaches_anothers_conversation_by_any_operation(thief: Any) -> None:
    """L15, L16, L17: streams, stop and retry of others were open where reading was closed."""
    agent = desk(ALICE, visibility="workspace", file_visibility="workspace")
    conversation, answer = asked(ALICE, agent)
    client, missing = doors.program(thief), uuid4()
    for method, path in [
        ("get", ""),
        ("delete", ""),
        ("get", "/messages"),
        ("post", "/messages"),
        ("post", "/stop"),
        ("post", "/retry"),
        ("post", f"/messages/{answer.pk}/retry"),
        ("post", "/path"),
        ("get", "/stream"),
    ]:
        answers = []
        for key in (conversation.pk, missing):
            body = (
                {"/messages": {"text": "x"}, "/path": {"message_id": str(answer.pk)}}.get(path)
                if method == "post"
                else None
            )
            options = {"data": body, "content_type": "application/json"} if body else {}
            answers.append(getattr(client, method)(f"{API}/conversations/{key}{path}", **options))
        assert [found.status_code for found in answers] == [404, 404], path
        without_ids = [{**found.json(), "instance": ""} for found in answers]
        assert without_ids[0] == without_ids[1]
    with acting(ALICE):
        message = Message.objects.get(pk=answer.pk)
        assert message.stop_requested_at is None
    assert doors.program(ALICE).get(f"{API}/conversations/{conversation.pk}").status_code == 200


def test_a_stranger_cannot_start_with_an_agent_that_is_not_his() -> None:
    """L2: the same 404 for a foreign agent by slug, by id, and for one that never was."""
    agent = desk(ALICE)
    for thief in (BOB, CHARLIE):
        client = doors.program(thief)
        for key in (str(agent.pk), agent.slug, str(uuid4()), "desk-zzzzzz", "a\x00b"):
            assert post(client, "/conversations", {"agent_id": key}).status_code in {404, 422}
        with acting(thief):
            assert not Conversation.objects.exists()


def test_a_viewers_key_asks_nothing() -> None:
    """L20: a viewer reads."""
    agent = desk(ALICE, visibility="workspace", file_visibility="workspace")
    assert post(doors.program(VERA, within(Role.VIEWER)), "/conversations", {"agent_id": agent.slug}).status_code == 403


@pytest.mark.parametrize(
    "body",
    [
        {},
        {"text": ""},
        {"text": "   "},
        {"text": None},
        {"text": 7},
        {"text": "x" * 8001},
        {"text": "a\x00b"},
        {"text": "x", "y": 1},
    ],
)
def test_it_refuses_a_body_that_is_no_question(body: dict[str, Any]) -> None:
    conversation, _ = answered(ALICE, desk(ALICE))
    assert post(doors.program(ALICE), f"/conversations/{conversation.pk}/messages", body).status_code == 422


def test_deleting_a_conversation_leaves_nothing_of_it() -> None:
    conversation, _ = answered(ALICE, desk(ALICE))
    assert doors.program(ALICE).delete(f"{API}/conversations/{conversation.pk}").status_code == 204
    from conversations.models import Citation, Delta

    with acting(ALICE):
        for model in (Conversation, Message, Delta, Citation):
            assert not model.objects.exists()
