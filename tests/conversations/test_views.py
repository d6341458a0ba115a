"""Do the pages let a person ask, follow, stop, retry, rename and delete, and nobody else?"""

from __future__ import annotations

import html
import re
from typing import Any
from uuid import uuid4

import pytest
from django.urls import reverse
from django.utils import timezone

from conversations import answering, services, views
from conversations.models import Conversation, Delta, Message
from tests import doors
from tests.agents.shelf import agent_of
from tests.cast import ALICE, BOB, CHARLIE, VERA, acting
from tests.conversations.stage import OFF_TOPIC, QUESTION, answered, asked, desk, latest, write
from tests.files.shelf import put as stored

pytestmark = pytest.mark.django_db(databases=doors.DOORS)


def test_a_person_gets_from_an_agent_to_an_answer_without_any_script() -> None:
    agent = desk(ALICE)
    alice = doors.browser(ALICE)
    started = alice.post(reverse("conversations:start"), {"agent": str(agent.pk)}, follow=True)
    assert started.status_code == 200
    conversation = started.context["conversation"]
    ask = {"text": QUESTION, "submission": started.context["form"]["submission"].value()}
    waiting = alice.post(reverse("conversations:ask", args=[conversation.pk]), ask, follow=True)
    assert b"<answer-stream" in waiting.content
    # A double click sends the same form twice.
    alice.post(reverse("conversations:ask", args=[conversation.pk]), ask)
    with acting(ALICE):
        assert Message.objects.filter(conversation=conversation).count() == 2
        answer = latest(conversation)
    write(ALICE, answer.pk)
    page = alice.get(reverse("conversations:detail", args=[conversation.pk])).content.decode()
    assert "within 30 days" in page
    assert f'popovertarget="source-{answer.pk.hex}-1"' in page
    assert "policy.txt · Page 1" in page
    assert "<answer-stream" not in page


def test_a_question_that_is_sent_twice_from_the_first_page_begins_one_conversation() -> None:
    agent, alice = desk(ALICE), doors.browser(ALICE)
    page = alice.get(reverse("conversations:new")).content.decode()
    [mark] = re.findall(r'name="submission" value="([^"]{16})"', page)
    sent = {"agent": str(agent.pk), "text": QUESTION, "submission": mark}
    begun = [alice.post(reverse("conversations:start"), sent).headers["Location"] for _ in range(2)]
    assert begun[0] == begun[1]
    with acting(ALICE):
        assert Conversation.objects.count() == 1
        assert Message.objects.count() == 2


@pytest.mark.parametrize(
    ("sent", "told"),
    [({}, "Choose whom to ask"), ({"text": "x" * 8001}, "up to 8,000 characters"), ({"submission": "x" * 81}, "whom")],
)
def test_a_start_that_cannot_be_is_a_422_that_says_why(sent: dict[str, str], told: str) -> None:
    """L42."""
    agent = {"agent": str(desk(ALICE).pk)} if sent else {}
    refused = doors.browser(ALICE).post(reverse("conversations:start"), {**agent, **sent})
    assert refused.status_code == 422
    assert told in refused.content.decode()
    with acting(ALICE):
        assert not Conversation.objects.exists()


def test_the_list_shows_the_readers_own_conversations_only() -> None:
    """L10: counts and links too."""
    agent = desk(ALICE, visibility="workspace", file_visibility="workspace")
    hers, _ = answered(ALICE, agent, "Secret question of Alice")
    answered(BOB, agent, "Plain question of Bob")
    page = doors.browser(BOB).get(reverse("conversations:list")).content.decode()
    assert "Plain question of Bob" in page
    assert "Secret question" not in page
    assert str(hers.pk) not in page


@pytest.mark.parametrize("thief", [BOB, CHARLIE], ids=lambda person: person.name)
def test_nobody_reads_follows_stops_or_changes_anothers_conversation(thief: Any) -> None:
    """L15, L16: an owner's answer was streamed to, and stopped by, whoever knew its id."""
    agent = desk(ALICE, visibility="workspace", file_visibility="workspace")
    conversation, answer = asked(ALICE, agent)
    own, own_answer = (None, None) if thief is CHARLIE else asked(BOB, agent)
    client = doors.browser(thief)
    doors_of = [
        ("get", "detail", []),
        ("post", "ask", []),
        ("get", "stream", []),
        ("post", "rename", []),
        ("post", "delete", []),
        ("get", "turn", [answer.pk]),
        ("post", "stop", [answer.pk]),
        ("post", "retry", [answer.pk]),
        ("post", "edit", [answer.pk]),
        ("post", "choose", [answer.pk]),
    ]
    for method, name, more in doors_of:
        for key in (conversation.pk, uuid4()):
            url = reverse(f"conversations:{name}", args=[key, *more])
            found = getattr(client, method)(url, {"text": "x", "title": "taken"} if method == "post" else {})
            assert found.status_code == 404, (name, key)
    if own is not None and own_answer is not None:
        # Her message under his conversation is as absent as his under hers (L17).
        for name in ("turn", "stop", "retry", "edit", "choose"):
            url = reverse(f"conversations:{name}", args=[own.pk, answer.pk])
            assert (client.get(url) if name == "turn" else client.post(url)).status_code == 404
        detail = reverse("conversations:detail", args=[own.pk])
        assert [client.get(detail, {name: str(answer.pk)}).status_code for name in ("at", "edit")] == [404, 404]
    with acting(ALICE):
        assert Message.objects.get(pk=answer.pk).stop_requested_at is None
        assert Conversation.objects.get(pk=conversation.pk).title != "taken"


def test_a_viewer_reads_the_page_and_is_refused_every_act() -> None:
    """L20: a share lets viewers read, and not one thing more."""
    agent = desk(ALICE, visibility="workspace", file_visibility="workspace")
    vera = doors.browser(VERA)
    assert vera.get(reverse("conversations:list")).status_code == 200
    assert vera.post(reverse("conversations:start"), {"agent": agent.slug}).status_code == 403
    with acting(VERA):
        assert not Conversation.objects.exists()


def test_stop_ends_a_waiting_answer_at_once_and_retry_asks_again() -> None:
    conversation, answer = asked(ALICE, desk(ALICE))
    alice = doors.browser(ALICE)
    alice.post(reverse("conversations:stop", args=[conversation.pk, answer.pk]))
    page = alice.get(reverse("conversations:detail", args=[conversation.pk])).content.decode()
    assert "You stopped this answer." in page
    alice.post(reverse("conversations:retry", args=[conversation.pk, answer.pk]))
    with acting(ALICE):
        renewed = latest(conversation)
    assert renewed.pk != answer.pk
    assert write(ALICE, renewed.pk).status == Message.Status.DONE
    # What never said a word is no version of the answer that came.
    assert "1 of 2" not in alice.get(reverse("conversations:detail", args=[conversation.pk])).content.decode()


def test_a_page_that_a_browser_brought_back_asks_what_it_holds_now() -> None:
    """Its mark had served: the question was refused in words for programs, as often as it was sent."""
    conversation, _ = answered(ALICE, desk(ALICE))
    alice, address = doors.browser(ALICE), reverse("conversations:ask", args=[conversation.pk])
    sent = {"text": "And a pan?", "submission": "once"}
    first = alice.post(address, sent)
    with acting(ALICE):
        write(ALICE, latest(conversation).pk)
    assert alice.post(address, sent)["Location"] == first["Location"], "the same press twice asks once"
    other = alice.post(address, {**sent, "text": "And a pot?"})
    assert other.status_code == 302
    assert other["Location"] != first["Location"]
    with acting(ALICE):
        assert Message.objects.filter(conversation=conversation, role="user").count() == 3


def test_an_agent_that_is_gone_leaves_the_conversation_readable() -> None:
    agent = desk(ALICE, visibility="workspace", file_visibility="workspace")
    conversation, _ = answered(BOB, agent)
    with acting(ALICE) as alice:
        from agents import services

        services.share(agent, actor=alice, visibility="private")
    bob = doors.browser(BOB)
    page = bob.get(reverse("conversations:detail", args=[conversation.pk])).content.decode()
    assert "within 30 days" in page
    assert "cannot be continued" in page
    refused = bob.post(reverse("conversations:ask", args=[conversation.pk]), {"text": "More?"})
    assert refused.status_code == 409


def test_a_refusal_is_shown_as_one_with_the_closest_passages_apart() -> None:
    conversation, _ = answered(ALICE, desk(ALICE), OFF_TOPIC)
    page = doors.browser(ALICE).get(reverse("conversations:detail", args=[conversation.pk])).content.decode()
    assert "I could not find an answer" in page
    assert "Closest passages" in page
    assert "may not answer the question" in page


def test_rename_and_delete_do_what_they_say() -> None:
    conversation, _ = answered(ALICE, desk(ALICE))
    alice = doors.browser(ALICE)
    alice.post(reverse("conversations:rename", args=[conversation.pk]), {"title": "Returns, <b>bold</b>"})
    page = alice.get(reverse("conversations:list")).content.decode()
    assert "Returns, &lt;b&gt;bold&lt;/b&gt;" in page
    gone = alice.post(reverse("conversations:delete", args=[conversation.pk]), follow=True)
    assert "The conversation was deleted." in gone.content.decode()
    assert alice.get(reverse("conversations:detail", args=[conversation.pk])).status_code == 404


def test_the_first_page_shows_the_way_when_there_is_nothing_yet() -> None:
    assert "Upload a file" in doors.browser(CHARLIE).get(reverse("conversations:list")).content.decode()
    assert doors.browser(CHARLIE).get(reverse("conversations:new")).status_code == 200


def test_the_way_goes_on_from_the_file_that_is_there() -> None:
    charlie = doors.browser(CHARLIE)
    stored(ALICE, "Acme's own words.", "acme.txt")
    before = charlie.get(reverse("conversations:list")).content.decode()
    assert "Done" not in before
    assert "acme.txt" not in before
    file = stored(CHARLIE, "Stop all engines.", "site-safety.txt")
    for page in ("conversations:list", "conversations:new"):
        shown = charlie.get(reverse(page)).content.decode()
        assert "Done" in shown
        assert "<bdi>site-safety.txt</bdi> is here." in shown
        assert f"{reverse('agents:create')}?with={file.pk.hex}" in shown


def test_a_file_that_was_refused_is_no_step_on_the_way() -> None:
    file = stored(CHARLIE, "Stop all engines.", "site-safety.txt")
    with acting(CHARLIE):
        type(file).objects.filter(pk=file.pk).update(status="refused", refusal="It is empty.")
    assert "Done" not in doors.browser(CHARLIE).get(reverse("conversations:list")).content.decode()


def test_the_list_of_files_leads_on_to_an_agent_where_there_is_none() -> None:
    """Who had uploaded the first file stood before a list that said "Ready", and nothing of what to do with it."""
    told, page = "There is none to ask yet", reverse("files:list")
    assert told not in doors.browser(CHARLIE).get(page).content.decode()
    refused = stored(CHARLIE, "Stop all engines.", "broken.txt")
    with acting(CHARLIE):
        type(refused).objects.filter(pk=refused.pk).update(status="refused", refusal="It is damaged.")
    assert told not in doors.browser(CHARLIE).get(page).content.decode()
    file = stored(CHARLIE, "Leave upwind.", "site-safety.txt")
    shown = doors.browser(CHARLIE).get(page).content.decode()
    assert told in shown
    assert f"{reverse('agents:create')}?with={file.pk.hex}" in shown
    assert told not in doors.browser(CHARLIE).get(page, {"q": "safety"}).content.decode()
    agent_of(CHARLIE, file)
    assert told not in doors.browser(CHARLIE).get(page).content.decode()
    stored(ALICE, "Acme's own words.", "acme.txt", visibility="workspace")
    assert told in doors.browser(BOB).get(page).content.decode()
    assert told not in doors.browser(VERA).get(page).content.decode()


def test_without_a_script_a_reload_shows_what_has_come_and_stop_is_a_button() -> None:
    conversation, answer = asked(ALICE, desk(ALICE))
    with acting(ALICE):
        Message.objects.filter(pk=answer.pk).update(status="writing", alive_at=timezone.now())
        Delta.objects.create(message=answer, seq=1, kind="text", data={"text": "Your files "})
        Delta.objects.create(message=answer, seq=2, kind="text", data={"text": "say: half"})
    page = doors.browser(ALICE).get(reverse("conversations:detail", args=[conversation.pk])).content.decode()
    assert "Your files say: half" in page
    assert reverse("conversations:stop", args=[conversation.pk, answer.pk]) in page
    items = doors.program(ALICE).get(f"/api/v1/conversations/{conversation.pk}/messages").json()["items"]
    assert (items[0]["status"], items[0]["text"]) == ("writing", "Your files say: half")


def test_an_agent_of_whose_files_none_is_shared_says_that_and_not_that_it_found_nothing() -> None:
    """A shared agent that answers nobody was a silent dead end: other words were tried, and no words could help."""
    agent = desk(ALICE, visibility="workspace")
    sentence = "None of its files is shared with you. Ask Alice to share them."
    with acting(BOB) as bob:
        empty = services.start(agent, actor=bob)
    opening = doors.browser(BOB).get(reverse("conversations:detail", args=[empty.pk])).content.decode()
    assert sentence in opening
    _, answer = answered(BOB, agent)
    assert answer.text == sentence
    _, hers = answered(ALICE, agent, OFF_TOPIC)
    assert hers.text.startswith("I could not find an answer to that in my files.")


@pytest.mark.parametrize(
    ("status", "sentence"),
    [
        ("received", "Its files are still being read"),
        ("indexing", "Its files are still being read"),
        ("refused", "None of its files could be read."),
    ],
)
def test_an_agent_none_of_whose_files_is_read_says_that_and_not_that_it_found_nothing(
    status: str, sentence: str
) -> None:
    """Who asked within seconds of the first upload was told that the files hold no answer."""
    file = stored(ALICE, "Stop all engines.", "site-safety.txt")
    agent = agent_of(ALICE, file)
    with acting(ALICE) as alice:
        type(file).objects.filter(pk=file.pk).update(
            status=status, refusal="It is damaged." if status == "refused" else ""
        )
        empty = services.start(agent, actor=alice)
    page = reverse("conversations:detail", args=[empty.pk])
    assert sentence in doors.browser(ALICE).get(page).content.decode()
    _, answer = answered(ALICE, agent)
    assert answer.text.startswith(sentence)
    with acting(ALICE):
        type(file).objects.filter(pk=file.pk).update(status="ready", refusal="")
    assert sentence not in doors.browser(ALICE).get(page).content.decode()


def test_a_conversation_in_which_nothing_was_said_is_in_no_list_and_at_its_address() -> None:
    agent = desk(ALICE)
    answered(ALICE, agent, "A question that was asked")
    with acting(ALICE) as alice:
        empty = services.start(agent, actor=alice)
    client = doors.browser(ALICE)
    page = client.get(reverse("conversations:list")).content.decode()
    assert "A question that was asked" in page
    assert str(empty.pk) not in page
    assert client.get(reverse("conversations:detail", args=[empty.pk])).status_code == 200
    listed = doors.program(ALICE).get("/api/v1/conversations").json()["items"]
    assert str(empty.pk) in [one["id"] for one in listed]


def test_whom_to_ask_begins_with_those_asked_last_and_says_that_it_is_not_all(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(views, "AGENTS_OFFERED", 2)
    names = ("Zebra desk", "Apple desk", "Berry desk")
    zebra, _, berry = (agent_of(ALICE, name=name) for name in names)
    asked(ALICE, berry)
    asked(ALICE, zebra)
    client, new = doors.browser(ALICE), reverse("conversations:new")
    page = client.get(new)
    assert [agent.name for agent in page.context["agents"]] == ["Zebra desk", "Berry desk"]
    assert "see all agents" in page.content.decode()
    page = client.get(new, {"q": "apple"})
    assert [agent.name for agent in page.context["agents"]] == ["Apple desk"]
    assert "see all agents" not in page.content.decode()
    assert "No agent matches" in client.get(new, {"q": "cherry"}).content.decode()


def test_send_stop_and_retry_lead_to_their_own_message() -> None:
    """Without a script one stood at the top of a long conversation after each question."""
    conversation, answer = asked(ALICE, desk(ALICE))
    client, here = doors.browser(ALICE), reverse("conversations:detail", args=[conversation.pk])
    stop = client.post(reverse("conversations:stop", args=[conversation.pk, answer.pk]))
    assert stop["Location"] == f"{here}#message-{answer.pk}"
    retry = client.post(reverse("conversations:retry", args=[conversation.pk, answer.pk]))
    with acting(ALICE):
        renewed = latest(conversation)
    assert retry["Location"] == f"{here}#message-{renewed.pk}"
    write(ALICE, renewed.pk)
    ask = client.post(reverse("conversations:ask", args=[conversation.pk]), {"text": "And then?"})
    with acting(ALICE):
        question = Message.objects.get(conversation=conversation, text="And then?")
    assert ask["Location"] == f"{here}#message-{question.pk}"
    assert f'id="message-{question.pk}"' in client.get(here).content.decode()


def test_an_answer_that_was_stopped_before_its_first_quote_announces_none() -> None:
    conversation, answer = asked(ALICE, desk(ALICE))
    with acting(ALICE) as alice:
        Message.objects.filter(pk=answer.pk).update(status="writing", alive_at=timezone.now())
        Delta.objects.create(message=answer, seq=1, kind="text", data={"text": "Your files say:"})
        answering.close(answer, Message.Status.STOPPED, actor=alice)
    page = doors.browser(ALICE).get(reverse("conversations:detail", args=[conversation.pk])).content.decode()
    assert "You stopped this answer." in page
    assert "Answer again" in page
    assert "Your files say" not in page


def test_a_citation_leads_to_its_passage_and_the_passage_back_to_the_answer() -> None:
    conversation, answer = answered(ALICE, desk(ALICE))
    client, here = doors.browser(ALICE), reverse("conversations:detail", args=[conversation.pk])
    address = re.search(r'href="(/files/[^"#]+/passages/[^"#]+)#quote"', client.get(here).content.decode())
    assert address is not None
    passage = client.get(html.unescape(address[1])).content.decode()
    assert f'href="{here}?at={answer.pk}#message-{answer.pk}"' in passage
    plain = client.get(html.unescape(address[1]).split("&conversation")[0] + "&conversation=banana").content.decode()
    assert "Back to the conversation" not in plain
