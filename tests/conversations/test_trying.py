"""Can an agent be tried as its form stands, by whoever may make it so, and is nothing left of it but the trail?"""

from __future__ import annotations

from typing import Any
from uuid import UUID

import pytest
from django.db import ProgrammingError, transaction
from django.urls import reverse

from agents.models import Agent, AgentVersion
from audit.models import Entry
from conversations import answering, queries, services
from conversations.models import Citation, Conversation, DailyUse, Delta, Message, Trial, TrialFile
from tests import doors
from tests.agents.shelf import put
from tests.cast import ALICE, BOB, CHARLIE, VERA, Person, acting
from tests.conversations.stage import OFF_TOPIC, POLICY, QUESTION, answered, asked, desk, write

pytestmark = pytest.mark.django_db(databases=doors.DOORS)

TRY = "/conversations/try/"
FORM = {
    "question": QUESTION,
    "refusal_text": "Nothing of the sort.",
    "retrieval_depth": "5",
    "retrieval_threshold": "0.25",
    "instructions": "Be brief.",
}


def tried(person: Person, **more: Any) -> UUID:
    """Press the button of the form, and return which try it became."""
    answer = doors.browser(person).post(TRY, {**FORM, **more})
    assert answer.status_code == 302, answer.content.decode()[-3000:]
    return UUID(answer.headers["Location"].split("/")[-2])


def read(person: Person, trial: UUID) -> Message:
    """Do what the worker does, and return the answer."""
    with acting(person):
        message = Message.objects.get(conversation__trials=trial, role=Message.Role.ASSISTANT)
    return write(person, message.pk)


def test_an_agent_that_is_not_made_yet_answers_as_its_form_stands() -> None:
    """With the files and the refusal of the form, and no agent, version or conversation comes of it."""
    file = put(ALICE, "policy.txt", POLICY)
    answer = read(ALICE, tried(ALICE, attached=str(file.pk)))
    assert "within 30 days" in answer.text
    with acting(ALICE):
        [citation, *_] = Citation.objects.filter(message=answer)
        assert (citation.file_id, citation.quote in POLICY) == (file.pk, True)
    refusal = read(ALICE, tried(ALICE, attached=str(file.pk), question=OFF_TOPIC))
    assert refusal.text.startswith("Nothing of the sort.")
    assert read(ALICE, tried(ALICE)).text.startswith("Nothing of the sort.")
    with acting(ALICE):
        assert not Agent.objects.exists()
        assert not AgentVersion.objects.exists()


def test_an_agent_that_is_edited_stays_as_it_is() -> None:
    agent, other = desk(ALICE), put(ALICE, "wages.txt", "Wages\n\nWages are paid on the 25th day of each month.")
    with acting(ALICE):
        before = (Agent.objects.values().get(), AgentVersion.objects.count())
    more = {"agent": agent.slug, "attached": str(other.pk), "refusal_text": "Ask somebody else."}
    assert "25th day" in read(ALICE, tried(ALICE, question="When are wages paid?", **more)).text
    # Its own file is not chosen in the form, so nothing is said out of it.
    assert "30 days" not in read(ALICE, tried(ALICE, **more)).text
    with acting(ALICE):
        assert (Agent.objects.values().get(), AgentVersion.objects.count()) == before
        assert other.pk not in agent.agent_files.values_list("file", flat=True)


@pytest.mark.parametrize("person", [BOB, CHARLIE], ids=lambda one: one.name)
def test_a_file_that_somebody_keeps_private_is_refused_by_page_and_database(person: Person) -> None:
    """L1, L6: chosen by its id, put in by hand. A colleague's and another company's are as missing as one that never was."""
    theirs, own = put(ALICE, "policy.txt", POLICY), put(person, "own.txt", "Nothing in here.")
    refused = doors.browser(person).post(TRY, {**FORM, "attached": [str(own.pk), str(theirs.pk)]})
    assert refused.status_code == 404
    trial = tried(person, attached=str(own.pk))
    with acting(person):
        assert Trial.objects.count() == 1
        with pytest.raises(ProgrammingError, match="row-level security"), transaction.atomic():
            TrialFile.objects.create(trial_id=trial, file_id=theirs.pk)
    assert "30 days" not in read(person, trial).text


def test_a_file_that_becomes_private_while_its_question_waits_is_not_read() -> None:
    """L6: what may be read is asked when it is read, by the database."""
    shared = put(ALICE, "policy.txt", POLICY, visibility="workspace")
    trial = tried(BOB, attached=str(shared.pk))
    with acting(ALICE):
        shared.visibility = "private"
        shared.save(update_fields=["visibility"])
    assert "30 days" not in read(BOB, trial).text


def test_only_who_may_change_an_agent_tries_it() -> None:
    """L20: whoever it is shared with asks it, and no more."""
    agent = desk(ALICE, visibility="workspace", file_visibility="workspace")
    for person, status in ((BOB, 403), (VERA, 403), (CHARLIE, 404)):
        answer = doors.browser(person).post(TRY, {**FORM, "agent": agent.slug})
        assert answer.status_code == status, person.name
    assert doors.browser(VERA).post(TRY, FORM).status_code == 403
    with acting(ALICE):
        assert not Conversation.objects.exists()


WAYS = (
    ("get", "trial"),
    ("get", "trial_answer"),
    ("get", "trial_stream"),
    ("post", "trial_stop"),
    ("post", "trial_end"),
)


@pytest.mark.parametrize("thief", [BOB, CHARLIE], ids=lambda one: one.name)
def test_nobody_else_reads_stops_or_ends_a_try(thief: Person) -> None:
    """L15, L16."""
    trial = tried(ALICE, attached=str(put(ALICE, "policy.txt", POLICY, visibility="workspace").pk))
    client = doors.browser(thief)
    for method, name in WAYS:
        assert getattr(client, method)(reverse(f"conversations:{name}", args=[trial])).status_code == 404
    with acting(ALICE):
        assert Message.objects.get(role=Message.Role.ASSISTANT).stop_requested_at is None


def test_a_form_that_cannot_be_tried_says_why_and_a_whole_agent_is_not_needed() -> None:
    """L42."""
    alice = doors.browser(ALICE)
    wrong = {"question": "", "retrieval_depth": "21", "refusal_text": ""}
    page = alice.post(TRY, {**FORM, **wrong})
    assert page.status_code == 422
    for told in (
        "Write a question to try it with.",
        "Use a whole number from 1 to 20.",
        "Write what it says when it finds",
    ):
        assert told in page.content.decode()
    # Neither a name nor who can ask it decides an answer.
    tried(ALICE, name="", visibility="named")
    assert alice.post(TRY, {**FORM, "question": "x" * 8001}).status_code == 422


def test_one_waits_for_so_many_answers_and_no_more() -> None:
    for _ in range(services.MOST_WAITING):
        tried(BOB)
    page = doors.browser(BOB).post(TRY, FORM)
    assert page.status_code == 409
    assert "You are waiting for 8 answers already." in page.content.decode()


def test_a_try_stands_in_no_list_search_or_export_and_the_next_one_deletes_it() -> None:
    agent = desk(ALICE)
    kept, _ = asked(ALICE, agent, "What stays?")
    read(ALICE, tried(ALICE, agent=agent.slug))
    alice = doors.browser(ALICE)
    for path in ("/conversations/", "/conversations/search/?q=article"):
        assert QUESTION not in alice.get(path).content.decode()
    listed = doors.program(ALICE).get("/api/v1/conversations").json()["items"]
    assert [one["id"] for one in listed] == [str(kept.pk)]
    with acting(ALICE):
        assert list(queries.kept()) == [kept]
    second = tried(ALICE)
    with acting(ALICE):
        assert [one.pk for one in Trial.objects.all()] == [second]
        assert Conversation.objects.count() == 2


def test_its_end_leaves_nothing_but_its_entries_and_its_count() -> None:
    """L36, L37: that it was asked, that it ended and what was read stand in the trail; what was said stands nowhere."""
    file = put(ALICE, "policy.txt", POLICY)
    trial = tried(ALICE, attached=str(file.pk))
    answer = read(ALICE, trial)
    ended = doors.browser(ALICE).post(reverse("conversations:trial_end", args=[trial]))
    assert ended.headers["Location"] == "/agents/new/"
    with acting(ALICE):
        assert not any(model.objects.exists() for model in (Conversation, Message, Delta, Citation, Trial, TrialFile))
        entries = {one.action: one for one in Entry.objects.all()}
        assert {"message.asked", "file.read", "message.finished"} <= set(entries)
        assert entries["message.asked"].detail["kept"] is False
        assert entries["message.asked"].target_id == str(answer.pk)
        assert entries["file.read"].detail["agent"] is None
        [use] = DailyUse.objects.filter(member_id=ALICE.membership_id)
        assert (use.agent_id, use.questions, use.answers) == (None, 1, 1)


def test_its_conversation_has_no_address_of_its_own() -> None:
    """L17: not while it is written, and not when it was read; with a usual one beside it that opens."""
    agent = desk(ALICE)
    usual, _ = answered(ALICE, agent)
    trial, alice, program = tried(ALICE, agent=agent.slug), doors.browser(ALICE), doors.program(ALICE)
    with acting(ALICE):
        hidden = Trial.objects.get(pk=trial).conversation_id
    for _ in ("written", "read"):
        for name in ("detail", "share", "export", "files"):
            address = f"conversations:{name}"
            assert alice.get(reverse(address, args=[usual.pk])).status_code == 200, name
            assert alice.get(reverse(address, args=[hidden])).status_code == 404, name
        assert alice.get(reverse("conversations:stream", args=[hidden])).status_code == 404
        assert alice.post(reverse("conversations:ask", args=[hidden]), {"text": "And now?"}).status_code == 404
        for path in ("", "/messages"):
            assert program.get(f"/api/v1/conversations/{usual.pk}{path}").status_code == 200, path
            assert program.get(f"/api/v1/conversations/{hidden}{path}").status_code == 404, path
        read(ALICE, trial)


def test_it_can_be_stopped_and_ended_while_it_is_written() -> None:
    trial, alice = tried(ALICE), doors.browser(ALICE)
    page = alice.get(reverse("conversations:trial", args=[trial])).content.decode()
    assert f'<answer-stream src="{reverse("conversations:trial_stream", args=[trial])}"' in page
    assert QUESTION in page
    stopped = alice.post(reverse("conversations:trial_stop", args=[trial]), follow=True).content.decode()
    assert "You stopped this answer." in stopped
    second = tried(ALICE)
    assert alice.get(reverse("conversations:trial", args=[trial])).status_code == 404
    with acting(ALICE):
        message_id = Message.objects.get(conversation__trials=second, role=Message.Role.ASSISTANT).pk
    alice.post(reverse("conversations:trial_end", args=[second]))
    with acting(ALICE) as actor:
        # Its job finds nothing to write.
        answering.write_answer(message_id, actor=actor)
        assert not Conversation.objects.exists()


def test_its_answer_shows_its_sources_and_leads_to_no_conversation() -> None:
    trial = tried(ALICE, attached=str(put(ALICE, "policy.txt", POLICY).pk))
    read(ALICE, trial)
    page = doors.browser(ALICE).get(reverse("conversations:trial_answer", args=[trial])).content.decode()
    assert "within 30 days" in page
    assert "policy.txt · Page 1" in page
    assert "Open the passage" in page
    assert "conversation=" not in page
    assert "<answer-stream" not in page
