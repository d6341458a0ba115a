"""Does a member find what was said in their own conversations, and nothing of anybody else's?"""

from __future__ import annotations

from typing import Any

import pytest
from django.db import connection
from django.urls import reverse

from conversations import services
from conversations.models import Conversation, Message
from tests import doors
from tests.cast import ALICE, BOB, CHARLIE, acting
from tests.conversations.stage import QUESTION, answered, asked, desk

pytestmark = pytest.mark.django_db(databases=doors.DOORS)

API = "/api/v1/conversations/search"


def search(client: Any, words: str, **more: str) -> Any:
    """What the page shows for these words."""
    return client.get(reverse("conversations:search"), {"q": words, **more})


def test_it_finds_titles_questions_and_answers_with_the_words_marked() -> None:
    conversation, answer = answered(ALICE, desk(ALICE))
    with acting(ALICE) as alice:
        services.rename(conversation, actor=alice, title="Parcels & <b>labels</b>")
    client = doors.browser(ALICE)
    # "parcels" stands in the title, "parcel" in the answer's quote: both are found by either.
    page = search(client, "parcels")
    [hit] = page.context["page"].items
    assert [part.text for part in hit.title if part.is_marked] == ["Parcels"]
    shown = page.content.decode()
    assert "<mark>Parcels</mark> &amp; &lt;b&gt;labels&lt;/b&gt;" in shown
    found = search(client, "article cards").context["page"].items
    assert not found
    [hit] = search(client, '"unused article"').context["page"].items
    assert [(said.id, said.role) for said in hit.said] == [(answer.pk, "assistant")]
    assert f"?at={answer.pk}#message-{answer.pk}" in search(client, '"unused article"').content.decode()
    assert {part.text for said in hit.said for part in said.excerpt if part.is_marked} == {"unused", "article"}


def test_nobody_finds_or_counts_the_words_of_a_colleague_or_of_another_workspace() -> None:
    """L10: the same words, said by three people in two workspaces; each finds what they said themselves."""
    shared = desk(ALICE, visibility="workspace", file_visibility="workspace")
    hers, _ = asked(ALICE, shared, "Where is the zeppelin? The zeppelin of Alice")
    his, _ = asked(BOB, shared, "Zeppelin of Bob")
    elsewhere, _ = asked(CHARLIE, desk(CHARLIE), "Zeppelin of Charlie")
    for person, own in ((ALICE, hers), (BOB, his), (CHARLIE, elsewhere)):
        page = search(doors.browser(person), "zeppelin")
        assert [hit.conversation.pk for hit in page.context["page"].items] == [own.pk]
        assert [hit.matches for hit in page.context["page"].items] == [1]
        for other in {ALICE, BOB, CHARLIE} - {person}:
            assert f"of {other.name}" not in page.content.decode()
        items = doors.program(person).get(API, {"q": "zeppelin"}).json()["items"]
        assert [(item["id"], item["matches"]) for item in items] == [(str(own.pk), 1)]
    with acting(BOB), connection.cursor() as cursor:
        # The database says so too: raw SQL in a colleague's hands counts no word of hers.
        cursor.execute("SELECT count(*) FROM conversations_message WHERE tsv @@ to_tsquery('english', 'zeppelin')")
        assert cursor.fetchone() == (1,)


def test_a_long_list_comes_in_parts_and_a_talkative_conversation_is_one_row_of_it() -> None:
    agent = desk(ALICE)
    keys = [asked(ALICE, agent, f"Lighthouse number {number}")[0].pk for number in range(3)]
    with acting(ALICE):
        newest = Conversation.objects.get(pk=keys[-1])
        Message.objects.bulk_create(
            Message(conversation=newest, position=n, role="user", text=f"The lighthouse of the year {n}", status="done")
            for n in range(2, 12)
        )
    program = doors.program(ALICE)
    first = program.get(API, {"q": "lighthouse", "limit": "2"}).json()
    assert [item["id"] for item in first["items"]] == [str(key) for key in keys[:0:-1]]
    talkative = first["items"][0]
    assert (talkative["matches"], [said["text"] for said in talkative["messages"]]) == (
        11,
        ["The lighthouse of the year 10", "The lighthouse of the year 11"],
    )
    assert talkative["messages"][0]["marked"] == ["lighthouse"]
    rest = program.get(API, {"q": "lighthouse", "limit": "2", "cursor": first["next"]}).json()
    assert ([item["id"] for item in rest["items"]], rest["next"]) == ([str(keys[0])], None)
    assert "And in 9 more messages" in search(doors.browser(ALICE), "lighthouse").content.decode()


def test_it_takes_as_many_queries_for_many_hits_as_for_one(django_assert_num_queries: Any) -> None:
    from conversations.searching import queries

    agent = desk(ALICE)
    for number in range(5):
        asked(ALICE, agent, f"Lighthouse number {number}")
    with acting(ALICE) as alice, django_assert_num_queries(3):
        assert len(queries.found("lighthouse", alice.membership_id, None, 20).items) == 5


@pytest.mark.parametrize("words", ["", "x" * 401, "a\x00b", "the", "-", '"', "(((&|!", "' OR 1=1 --"])
def test_words_that_are_none_find_nothing_and_break_nothing(words: str) -> None:
    """L42."""
    answered(ALICE, desk(ALICE), QUESTION)
    page = search(doors.browser(ALICE), words)
    told = 400 if "\x00" in words else 422 if len(words) > 400 else 200
    assert page.status_code == told
    assert told != 200 or not words or not page.context["page"].items
    answer = doors.program(ALICE).get(API, {"q": words})
    assert answer.status_code == (told if words else 422)


def test_a_cursor_that_is_none_is_a_400() -> None:
    assert search(doors.browser(ALICE), "word", cursor="!").status_code == 400
    assert doors.program(ALICE).get(API, {"q": "word", "cursor": "!"}).status_code == 400
