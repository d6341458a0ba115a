"""Does one page of a long conversation hold little, and does one get from each part of it to every other?"""

from __future__ import annotations

import re
from typing import Any

import pytest
from django.urls import reverse

from conversations import parts
from conversations.models import Citation, Conversation, Message
from conversations.sharing import services as sharing
from tests import doors
from tests.cast import ALICE, BOB, CHARLIE, Person, acting
from tests.conversations.stage import talk
from tests.factories import ConversationFactory, FileFactory

pytestmark = pytest.mark.django_db(databases=doors.DOORS)
MOST_BYTES = 30_000
LONG = " word" * 500


def long_talk(rounds: int = 20, words: str = LONG, owner: Person = ALICE) -> Conversation:
    """So many questions, each with an answer of these words."""
    with acting(owner):
        conversation: Conversation = ConversationFactory(title="A talk")
        talk(conversation, rounds, words)
    return conversation


def opened(conversation: Conversation, *, person: Person = ALICE, **place: Any) -> tuple[list[int], str]:
    """The numbers of the messages on a page, and the page."""
    answer = doors.browser(person).get(reverse("conversations:detail", args=[conversation.pk]), place)
    assert answer.status_code == 200
    page = answer.content.decode()
    return [int(number) for number in re.findall(r"line (\d+)\.", page)], page


def message(conversation: Conversation, number: int, owner: Person = ALICE) -> Message:
    with acting(owner):
        found: Message = Message.objects.get(conversation=conversation, text__startswith=f"line {number}.")
    return found


def test_a_page_is_light_and_earlier_ones_follow_without_a_gap() -> None:
    conversation = long_talk()
    said, page = opened(conversation)
    everything = said
    assert said[-1] == 39
    while before := re.search(r"\?before=(\d+)\"", page):
        assert len(page.encode()) < MOST_BYTES
        # Each begins with a question, so that no answer stands alone.
        assert said[0] % 2 == 0
        said, page = opened(conversation, before=before[1])
        assert said
        everything = said + everything
    assert everything == list(range(40))


@pytest.mark.parametrize("number", [8, 9])
def test_a_link_to_a_message_shows_it_with_its_pair_and_leads_on_from_there(number: int) -> None:
    conversation = long_talk()
    said, page = opened(conversation, at=str(message(conversation, number).pk))
    assert {8, 9} <= set(said)
    assert "?before=" in page
    everything = said
    while after := re.search(r"\?after=(\d+)&amp;at=([0-9a-f-]{36})#said\"", page):
        assert len(page.encode()) < MOST_BYTES
        said, page = opened(conversation, after=after[1], at=after[2])
        everything += said
    assert everything == list(range(everything[0], 40))
    assert "Later messages" not in page


def test_what_weighs_more_than_a_page_is_shown_all_the_same() -> None:
    conversation = long_talk(words=" word" * 8_000)
    for said, _ in (opened(conversation), opened(conversation, before=1040), opened(conversation, after=1037)):
        assert said == [38, 39]
    assert opened(conversation, at=str(message(conversation, 4).pk))[0] == [4, 5]


def test_quotes_and_files_names_weigh_as_well() -> None:
    conversation = long_talk(words="")
    before = len(opened(conversation)[0])
    with acting(ALICE):
        file = FileFactory(name="policy.txt")
        said = Message.objects.filter(conversation=conversation, role="assistant")
        Citation.objects.bulk_create(
            Citation(message=one, number=1, file=file, file_name=file.name, quote=LONG, start=0, end=9) for one in said
        )
    said_now, page = opened(conversation)
    assert len(said_now) < before <= parts.MOST_MESSAGES
    assert len(page.encode()) < MOST_BYTES


def test_a_place_that_is_nowhere_shows_what_there_is() -> None:
    conversation = long_talk(rounds=2)
    assert opened(conversation, before=0)[0] == []
    assert opened(conversation, after=2**31 - 1)[0] == []
    nonsenses: list[dict[str, Any]] = [{"after": -1}, {"after": "x"}, {"before": "", "after": ""}]
    for nonsense in nonsenses:
        assert opened(conversation, **nonsense)[0] == [0, 1, 2, 3]


def test_no_part_of_anothers_conversation_is_there_and_no_place_of_another_one_leads_into_this() -> None:
    """L15, L17: whatever was added to the address."""
    conversation, other = long_talk(rounds=3), long_talk(rounds=3)
    here, inside = reverse("conversations:detail", args=[conversation.pk]), str(message(conversation, 2).pk)
    own = {person: long_talk(rounds=1, owner=person) for person in (BOB, CHARLIE)}
    for thief, theirs in own.items():
        client, mine = doors.browser(thief), str(message(theirs, 0, thief).pk)
        places: list[dict[str, Any]] = [{"before": 1005}, {"after": 1000}, {"at": inside}, {"at": mine}]
        for place in (*places, {"after": 1000, "at": mine}):
            assert client.get(here, place).status_code == 404, (thief.name, place)
        elsewhere = reverse("conversations:detail", args=[theirs.pk])
        assert client.get(elsewhere, {"after": "0", "at": inside}).status_code == 404
    strange = {"before": "1005", "at": str(message(other, 2).pk)}
    assert doors.browser(ALICE).get(here, strange).status_code == 404


def test_a_reader_goes_through_all_parts_and_meets_no_word_from_a_file_that_they_cannot_open() -> None:
    """L4, L6: on every part, and what was asked in between is there."""
    conversation = long_talk()
    with acting(ALICE) as alice:
        file = FileFactory(name="salaries.txt")
        for number in range(1, 40, 4):
            hidden = Message.objects.get(conversation=conversation, text__startswith=f"line {number}.")
            Citation.objects.create(
                message=hidden, number=1, file=file, file_name=file.name, quote="Bob earns", start=0, end=9
            )
        sharing.share(conversation, actor=alice, visibility="workspace", people=[])
    said, page = opened(conversation, person=BOB)
    everything = said
    while before := re.search(r"\?before=(\d+)\"", page):
        assert "salaries.txt" not in page
        assert "Bob earns" not in page
        said, page = opened(conversation, person=BOB, before=before[1])
        everything = said + everything
    assert everything == [number for number in range(40) if number % 4 != 1]
    assert "salaries.txt" in opened(conversation, at=str(message(conversation, 37).pk))[1], "its owner reads it"
