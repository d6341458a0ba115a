"""Is an answer rated by its owner alone, and does the agent's owner learn of it without reading a private conversation?"""

from __future__ import annotations

from typing import Any

import pytest
from django.db import connection, transaction
from django.db.utils import DatabaseError
from django.urls import reverse

from agents.models import Agent
from audit.models import Entry
from conversations.feedback import queries
from conversations.feedback.models import Feedback
from conversations.models import Conversation, Message
from tests import doors
from tests.cast import ADA, ALICE, BOB, CHARLIE, Person, acting
from tests.conversations.stage import QUESTION, answered, asked, desk

pytestmark = pytest.mark.django_db(databases=doors.DOORS)

SECRET = "The answer about my dismissal was wrong"


def shared_desk() -> Agent:
    """An agent of Alice that Bob asks."""
    return desk(ALICE, visibility="workspace", file_visibility="workspace")


def at(name: str, conversation: Conversation, message: Message) -> str:
    """The address of an act on this answer."""
    return reverse(f"conversations:{name}", args=[conversation.pk, message.pk])


def rated(person: Person, agent: Agent, helpful: str = "no", **more: str) -> tuple[Conversation, Message]:
    """An answer to this person that they rated."""
    conversation, answer = answered(person, agent)
    told = doors.browser(person).post(at("rate", conversation, answer), {"helpful": helpful, **more})
    assert told.status_code == 302
    return conversation, answer


def test_one_click_rates_another_changes_it_and_the_comment_stays() -> None:
    conversation, answer = rated(BOB, shared_desk(), "yes")
    bob = doors.browser(BOB)
    page = bob.get(reverse("conversations:detail", args=[conversation.pk])).content.decode()
    assert page.count('aria-pressed="true"') == 1
    bob.post(at("rate", conversation, answer), {"helpful": "no", "comment": SECRET, "pass_on": "on"})
    bob.post(at("rate", conversation, answer), {"helpful": "yes"})
    form = bob.get(at("feedback", conversation, answer)).context["form"]
    assert form.initial == {"helpful": "yes", "comment": SECRET, "pass_on": True}
    bob.post(at("withdraw", conversation, answer))
    bob.post(at("withdraw", conversation, answer))
    with acting(BOB):
        assert not Feedback.objects.exists()
    with acting(ALICE):
        kept = list(Entry.objects.filter(target_id=str(answer.pk)).order_by("id").values_list("action", "detail"))
    assert [action for action, _ in kept if action.startswith("message.rat")] == [
        *["message.rated"] * 3,
        "message.rating_withdrawn",
    ]
    # The trail is read by owners and administrators: what was written is none of their business either.
    assert SECRET not in str(kept)


def test_the_agents_owner_reads_counts_and_what_was_passed_on_and_nothing_else() -> None:
    """L10: neither the conversation, nor the comment that was kept, nor who it was."""
    agent = shared_desk()
    conversation, answer = rated(BOB, agent, comment=SECRET)
    rated(BOB, agent, comment="It quotes the old edition", pass_on="on")
    rated(ADA, agent, "yes")
    rated(CHARLIE, desk(CHARLIE), "yes", comment="Of Birch", pass_on="on")
    page = doors.browser(ALICE).get(reverse("conversations:agent_feedback", args=[agent.slug]))
    verdict = page.context["verdict"]
    assert (verdict.helpful, verdict.unhelpful) == (1, 2)
    shown = page.content.decode()
    assert "It quotes the old edition" in shown
    for hidden in (SECRET, "Bob", "Ada", QUESTION, str(conversation.pk), str(answer.pk), "Of Birch"):
        assert hidden not in shown
    told = doors.program(ALICE).get(f"/api/v1/agents/{agent.pk}/feedback").json()
    assert (told["helpful"], told["unhelpful"], [one["text"] for one in told["comments"]]) == (
        1,
        2,
        ["It quotes the old edition"],
    )
    with acting(ALICE), connection.cursor() as cursor:
        cursor.execute("SELECT count(*) FROM conversations_feedback")
        assert cursor.fetchone() == (0,)


@pytest.mark.parametrize("thief", [BOB, CHARLIE], ids=lambda person: person.name)
def test_nobody_else_learns_how_an_agent_was_rated(thief: Person) -> None:
    agent = shared_desk()
    rated(ALICE, agent, comment="Mine", pass_on="on")
    refused = 403 if thief is BOB else 404
    assert doors.browser(thief).get(reverse("conversations:agent_feedback", args=[agent.slug])).status_code == refused
    assert doors.program(thief).get(f"/api/v1/agents/{agent.pk}/feedback").status_code == refused
    with acting(thief):
        # The function says so too, for whoever calls it in raw SQL.
        assert queries.verdict_on(agent.pk) == queries.Verdict(0, 0, [])


@pytest.mark.parametrize("thief", [ADA, CHARLIE], ids=lambda person: person.name)
def test_nobody_rates_or_reads_the_rating_of_anothers_answer(thief: Person) -> None:
    """L16: the acts beside a conversation are as closed as the conversation."""
    conversation, answer = rated(BOB, shared_desk(), "yes", comment=SECRET)
    client, program = doors.browser(thief), doors.program(thief)
    address = f"/api/v1/conversations/{conversation.pk}/messages/{answer.pk}/feedback"
    assert client.get(at("feedback", conversation, answer)).status_code == 404
    for name in ("rate", "withdraw"):
        assert client.post(at(name, conversation, answer), {"helpful": "no"}).status_code == 404
    assert program.get(address).status_code == 404
    assert program.put(address, {"helpful": False}, content_type="application/json").status_code == 404
    assert program.delete(address).status_code == 404
    with acting(BOB):
        assert Feedback.objects.get().is_helpful


def test_the_database_takes_no_verdict_on_an_agent_that_did_not_answer() -> None:
    """L1: raw SQL would rate whatever agent it knows the id of."""
    conversation, answer = answered(BOB, shared_desk())
    elsewhere = desk(ALICE, visibility="workspace")
    with acting(BOB) as bob:
        for agent in (elsewhere, None):
            row = Feedback(owner_id=bob.membership_id, message=answer, agent=agent, is_helpful=False)
            with pytest.raises(DatabaseError), transaction.atomic():
                row.save(force_insert=True)
        Feedback(owner_id=bob.membership_id, message=answer, agent=conversation.agent, is_helpful=False).save(
            force_insert=True
        )


def test_a_program_rates_reads_and_takes_back() -> None:
    conversation, answer = answered(BOB, shared_desk())
    program = doors.program(BOB)
    address = f"/api/v1/conversations/{conversation.pk}/messages/{answer.pk}/feedback"
    assert program.get(address).json() is None
    said: dict[str, Any] = {"helpful": False, "comment": " Too short ", "pass_on": True}
    kept = {"helpful": False, "comment": "Too short", "passed_on": True}
    assert program.put(address, said, content_type="application/json").json() == kept
    assert program.get(address).json() == kept
    blank = program.put(address, {"helpful": True, "comment": " " * 2001}, content_type="application/json")
    assert blank.status_code == 422, "what is too long as it was sent is too long, blank or not"
    bare = program.put(address, {"helpful": True, "pass_on": True}, content_type="application/json").json()
    assert bare == {"helpful": True, "comment": "", "passed_on": False}
    assert program.delete(address).status_code == 204
    assert program.get(address).json() is None


def test_only_an_answer_that_has_ended_is_rated() -> None:
    conversation, answer = asked(BOB, shared_desk())
    with acting(BOB):
        question = Message.objects.get(conversation=conversation, role="user")
    program = doors.program(BOB)
    for message in (answer, question):
        address = f"/api/v1/conversations/{conversation.pk}/messages/{message.pk}/feedback"
        assert program.put(address, {"helpful": True}, content_type="application/json").status_code == 409
    refused = doors.browser(BOB).post(at("rate", conversation, answer), {"helpful": "yes"}, follow=True)
    assert "Only an answer that is complete can be rated" in refused.content.decode()
    assert doors.browser(BOB).post(at("rate", conversation, answer), {"helpful": "maybe"}).status_code == 422
