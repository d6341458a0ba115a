"""Can a question be put differently and an answer be had again, with nothing lost and nothing mixed?"""

from __future__ import annotations

import importlib
import re
from typing import Any
from uuid import UUID

import pytest
from django.db import IntegrityError, connection, transaction
from django.test.utils import CaptureQueriesContext
from django.urls import reverse

from agents import providers
from conversations import answering, branches, queries, services
from conversations.models import Conversation, Message
from tests import doors
from tests.cast import ALICE, BOB, VERA, acting
from tests.conversations.stage import QUESTION, answered, asked, desk, latest, talk, write

pytestmark = pytest.mark.django_db(databases=doors.DOORS)
PAN = "How long is the guarantee on pans?"


def path_of(conversation: Conversation) -> list[str]:
    """The texts of the questions on the path."""
    with acting(ALICE):
        return [message.text for message in queries.part_of(conversation).messages if not message.is_answer]


def said(conversation: Conversation, text: str, **place: Any) -> Message:
    """Ask as Alice, and have it answered; the question."""
    with acting(ALICE) as alice:
        question = services.ask(conversation, actor=alice, text=text, **place)
        answer = Message.objects.get(parent=question)
    write(ALICE, answer.pk)
    return question


def page(conversation: Conversation, **query: Any) -> str:
    answer = doors.browser(ALICE).get(reverse("conversations:detail", args=[conversation.pk]), query)
    assert answer.status_code == 200
    return answer.content.decode()


def test_a_question_put_differently_stands_beside_the_first_and_nothing_is_lost() -> None:
    conversation, answer = answered(ALICE, desk(ALICE))
    first = said(conversation, "And for a pot?", parent_id=answer.pk)
    client, edit = doors.browser(ALICE), reverse("conversations:edit", args=[conversation.pk, first.pk])
    form = page(conversation, edit=str(first.pk))
    assert "And for a pot?</textarea>" in form
    sent = {"text": PAN, "submission": "once"}
    moved = [client.post(edit, sent)["Location"] for _ in range(2)]
    # A double click asks once.
    assert moved[0] == moved[1]
    with acting(ALICE):
        assert Message.objects.filter(conversation=conversation, parent=answer).count() == 2
    assert path_of(conversation) == [QUESTION, PAN]
    shown = page(conversation)
    assert "2 of 2" in shown
    assert "And for a pot?" not in shown
    client.post(reverse("conversations:choose", args=[conversation.pk, first.pk]))
    # Chosen is chosen: in another window too.
    assert path_of(conversation) == [QUESTION, "And for a pot?"]
    assert "1 of 2" in page(conversation)


def test_the_first_question_can_be_put_differently_too() -> None:
    conversation, answer = answered(ALICE, desk(ALICE))
    with acting(ALICE):
        first = Message.objects.get(pk=answer.parent_id)
    said(conversation, PAN, instead_of=first.pk)
    assert path_of(conversation) == [PAN]
    with acting(ALICE):
        assert Message.objects.filter(conversation=conversation, parent=None).count() == 2


def test_a_way_that_was_left_is_found_again_as_it_was() -> None:
    """A branch of a branch: going elsewhere and back leads to what was read there last."""
    conversation, answer = answered(ALICE, desk(ALICE))
    pot = said(conversation, "And for a pot?", parent_id=answer.pk)
    with acting(ALICE):
        under_pot = Message.objects.get(parent=pot)
    said(conversation, "Made of iron?", parent_id=under_pot.pk)
    said(conversation, "Made of tin?", parent_id=under_pot.pk)
    iron = [QUESTION, "And for a pot?", "Made of iron?"]
    with acting(ALICE):
        services.choose(conversation, message=Message.objects.get(text="Made of iron?"))
    assert path_of(conversation) == iron
    pan = said(conversation, PAN, instead_of=pot.pk)
    assert path_of(conversation) == [QUESTION, PAN]
    with acting(ALICE):
        services.choose(conversation, message=pot)
    assert path_of(conversation) == iron
    # A question that names its place takes the path there.
    with acting(ALICE):
        under_pan = Message.objects.get(parent=pan)
    said(conversation, "And if it cracks?", parent_id=under_pan.pk)
    assert path_of(conversation) == [QUESTION, PAN, "And if it cracks?"]


def test_a_complete_answer_can_be_had_again_beside_the_first() -> None:
    conversation, answer = answered(ALICE, desk(ALICE))
    client, again = doors.browser(ALICE), reverse("conversations:retry", args=[conversation.pk, answer.pk])
    moved = [client.post(again)["Location"] for _ in range(2)]
    # Pressed twice, it is the one that is being written.
    assert moved[0] == moved[1]
    with acting(ALICE):
        renewed = latest(conversation)
        assert (renewed.parent_id, renewed.status) == (answer.parent_id, Message.Status.QUEUED)
    assert "<answer-stream" in page(conversation)
    write(ALICE, renewed.pk)
    shown = page(conversation)
    assert "2 of 2" in shown
    assert f'id="message-{renewed.pk}"' in shown
    assert f'id="message-{answer.pk}"' not in shown
    assert f'id="message-{answer.pk}"' in page(conversation, at=str(answer.pk))


def test_a_stopped_answer_stays_beside_the_one_that_was_had_instead() -> None:
    conversation, answer = asked(ALICE, desk(ALICE))
    with acting(ALICE) as alice:
        Message.objects.filter(pk=answer.pk).update(status="writing")
        answering.Writer(answer).take(providers.Text("Half an answer"))
        answering.close(answer, Message.Status.STOPPED, actor=alice)
        renewed = services.retry(conversation, actor=alice)
    write(ALICE, renewed.pk)
    assert "2 of 2" in page(conversation)
    assert "Half an answer" in page(conversation, at=str(answer.pk))


def test_one_answer_of_a_conversation_is_written_at_a_time_whatever_the_branch() -> None:
    conversation, answer = answered(ALICE, desk(ALICE))
    with acting(ALICE) as alice:
        services.ask(conversation, actor=alice, text="More?")
        first = Message.objects.get(pk=answer.parent_id)
        with pytest.raises(services.StillAnswering):
            services.ask(conversation, actor=alice, text=PAN, instead_of=first.pk)
        with pytest.raises(services.StillAnswering):
            services.retry(conversation, actor=alice, answer=answer)
        assert Message.objects.filter(conversation=conversation).count() == 4


def test_a_model_is_told_what_was_said_on_the_way_and_nothing_of_other_branches(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    seen: list[providers.Question] = []

    class Listening:
        key, name = "builtin", "Listening"

        def answer(self, question: providers.Question) -> Any:
            seen.append(question)
            yield providers.Text("Heard.")
            yield providers.Done()

    monkeypatch.setitem(providers._PROVIDERS, "builtin", Listening())
    conversation, answer = answered(ALICE, desk(ALICE))
    secret = said(conversation, "The secret of the other branch", parent_id=answer.pk)
    said(conversation, "On this branch", instead_of=secret.pk)
    said(conversation, "And then?")
    assert [turn.text for turn in seen[-1].history] == [QUESTION, "Heard.", "On this branch", "Heard."]
    assert seen[-1].text == "And then?"


def test_the_page_asks_after_what_it_shows_whatever_another_window_chose_since() -> None:
    conversation, answer = answered(ALICE, desk(ALICE))
    pot = said(conversation, "And for a pot?", parent_id=answer.pk)
    shown = page(conversation)
    [leaf] = re.findall(r'name="parent" value="([^"]+)"', shown)
    said(conversation, PAN, instead_of=pot.pk)
    client, ask = doors.browser(ALICE), reverse("conversations:ask", args=[conversation.pk])
    assert client.post(ask, {"text": "Made of iron?", "parent": leaf}).status_code == 302
    assert path_of(conversation) == [QUESTION, "And for a pot?", "Made of iron?"]
    # A question that cannot be put now is not lost: it stands in its box again.
    waiting = client.post(ask, {"text": "Too early?", "parent": leaf})
    assert waiting.status_code == 409
    assert "Too early?</textarea>" in waiting.content.decode()
    assert "still answering" in waiting.content.decode()


def test_a_program_branches_lists_and_chooses() -> None:
    conversation, answer = answered(ALICE, desk(ALICE))
    said(conversation, "And for a pot?", parent_id=answer.pk)
    pan = said(conversation, PAN, parent_id=answer.pk)
    alice, here = doors.program(ALICE), f"/api/v1/conversations/{conversation.pk}"

    def texts(**query: str) -> list[str]:
        items = alice.get(f"{here}/messages", query).json()["items"]
        return [one["text"] for one in reversed(items) if one["role"] == "user"]

    assert texts() == [QUESTION, PAN]
    assert texts(branches="all") == [QUESTION, "And for a pot?", PAN]
    pot = next(
        one
        for one in alice.get(f"{here}/messages", {"branches": "all"}).json()["items"]
        if one["text"] == "And for a pot?"
    )
    assert pot["parent_id"] == str(answer.pk)
    chosen = alice.post(f"{here}/path", {"message_id": pot["id"]}, content_type="application/json")
    assert chosen.status_code == 204
    assert texts() == [QUESTION, "And for a pot?"]
    both = {"text": "x", "parent_id": str(answer.pk), "instead_of": str(pan.pk)}
    assert alice.post(f"{here}/messages", both, content_type="application/json").status_code == 422
    again = alice.post(f"{here}/messages/{answer.pk}/retry")
    assert again.status_code == 202
    assert again.json()["parent_id"] == str(answer.parent_id)
    assert texts() == [QUESTION]
    # The last of the path is the one that is being written.
    assert alice.post(f"{here}/retry").status_code == 409


def test_a_viewer_looks_at_the_branches_of_what_was_asked_before_and_turns_none() -> None:
    """L20: whoever has become a viewer reads."""
    agent = desk(ALICE, visibility="workspace", file_visibility="workspace")
    with acting(VERA) as vera:
        conversation = Conversation.objects.create(owner_id=vera.membership_id, agent=agent, title="Before")
        talk(conversation, 1)
        beside = Message.objects.create(
            conversation=conversation, position=9, role="user", text="Beside it", status="done", preference=1
        )
        first = Message.objects.get(conversation=conversation, text="line 0.")
    client, here = doors.browser(VERA), reverse("conversations:detail", args=[conversation.pk])
    shown = client.get(here).content.decode()
    assert f'href="{here}?at={first.pk}#message-{first.pk}"' in shown
    assert "/choose/" not in shown
    assert "/edit/" not in shown
    assert "line 0." in client.get(here, {"at": str(first.pk)}).content.decode()
    for verb, message in (("choose", first), ("edit", beside), ("retry", first)):
        url = reverse(f"conversations:{verb}", args=[conversation.pk, message.pk])
        assert client.post(url, {"text": "Mine now"}).status_code == 403
    with acting(VERA):
        assert Message.objects.filter(conversation=conversation).count() == 3


def test_the_database_takes_no_parent_from_another_conversation() -> None:
    """L17, at the database: whatever a service asked before."""
    conversation, answer = answered(ALICE, desk(ALICE))
    other, _ = answered(ALICE, desk(ALICE))
    with acting(ALICE):
        with pytest.raises(IntegrityError, match="parent_id_fk"), transaction.atomic():
            Message.objects.create(conversation=other, parent=answer, position=70, role="user", text="x")
        Message.objects.create(conversation=conversation, parent=answer, position=70, role="user", text="x")


def test_a_page_costs_the_same_for_two_messages_and_for_two_thousand() -> None:
    """At most twelve questions to the database, and as many for a long conversation as for a short one."""
    short, _ = answered(ALICE, desk(ALICE))
    long, _ = answered(ALICE, desk(ALICE))
    with acting(ALICE):
        talk(long, 1000)
    client, counts = doors.browser(ALICE), []
    for conversation in (short, long, long):
        with CaptureQueriesContext(connection) as asked_for:
            client.get(reverse("conversations:detail", args=[conversation.pk]))
        counts.append(len(asked_for))
    assert counts[0] == counts[1] == counts[2]
    assert counts[0] <= 12


def test_what_was_said_before_there_were_branches_is_one_branch() -> None:
    """The migration's own statement, over two conversations of the former kind."""
    before = importlib.import_module("conversations.migrations.0013_branches").ONE_AFTER_THE_OTHER
    conversation, _ = answered(ALICE, desk(ALICE))
    other, _ = answered(ALICE, desk(ALICE))
    with acting(ALICE), connection.cursor() as cursor:
        talk(conversation, 2)
        said_in_order = list(Message.objects.filter(conversation=conversation).order_by("position").values_list("pk"))
        Message.objects.update(parent=None)
        assert len(branches.tree_of(conversation.pk).path()) == 1
        cursor.execute(before)
        assert [(node.id,) for node in branches.tree_of(conversation.pk).path()] == said_in_order
        assert len(branches.tree_of(other.pk).path()) == 2


def test_the_tree_finds_its_way_without_a_database() -> None:
    """Forks, and alternatives that never said a word."""
    ids = [UUID(int=number) for number in range(6)]
    nodes = [
        branches.Node(ids[0], None, 0, 0, is_answer=False, is_void=False),
        branches.Node(ids[1], ids[0], 1, 0, is_answer=True, is_void=True),
        branches.Node(ids[2], ids[0], 2, 1, is_answer=True, is_void=False),
        branches.Node(ids[3], ids[0], 3, 2, is_answer=True, is_void=False),
        branches.Node(ids[4], ids[2], 4, 0, is_answer=False, is_void=False),
    ]
    tree = branches.Tree(nodes)
    assert [node.id for node in tree.path()] == [ids[0], ids[3]]
    assert [node.id for node in tree.path(ids[2])] == [ids[0], ids[2], ids[4]]
    assert tree.fork(ids[0]) is None
    assert tree.fork(ids[2]) == branches.Fork(1, 2, None, ids[3])
    assert tree.fork(ids[1]) == branches.Fork(1, 3, None, ids[2])
    assert tree.turns_to(ids[4]) == {ids[2]: 3}
    assert branches.Tree([]).path() == []


def test_a_colleague_turns_no_path() -> None:
    """L16: side endpoints too."""
    agent = desk(ALICE, visibility="workspace", file_visibility="workspace")
    conversation, answer = answered(ALICE, agent)
    said(conversation, PAN, parent_id=answer.pk)
    with acting(ALICE):
        before = list(Message.objects.order_by("pk").values())
    bob = doors.browser(BOB)
    url = reverse("conversations:choose", args=[conversation.pk, answer.pk])
    assert bob.post(url).status_code == 404
    with acting(ALICE):
        assert list(Message.objects.order_by("pk").values()) == before
