"""Is a temporary conversation its owner's alone, in no list, and gone when it was said to be, as a try and a program's call are?"""

from __future__ import annotations

from datetime import timedelta
from typing import Any

import pytest
from django.db import DatabaseError, IntegrityError, connections, transaction
from django.urls import reverse
from django.utils import timezone

from audit.models import Entry
from conversations import recurring, services
from conversations.completions import services as completions
from conversations.keeping import temporary as erasing
from conversations.models import Citation, Conversation, Message, Trial
from conversations.sharing import services as sharing
from conversations.trying import services as trying
from tests import doors
from tests.cast import ALICE, BOB, CHARLIE, Person, acting
from tests.conversations.stage import QUESTION, answered, desk, latest, write

in_a_transaction = pytest.mark.django_db(databases=doors.DOORS)
API = "/api/v1/conversations"
FORM = {"refusal_text": "No.", "retrieval_depth": 5, "retrieval_threshold": 0.2, "model_provider_id": None}


def temporary(person: Person = ALICE) -> Conversation:
    """A temporary conversation with one answer."""
    agent = desk(person)
    with acting(person) as actor:
        conversation = services.start(agent, actor=actor, text=QUESTION, is_temporary=True)
        answer = latest(conversation)
    write(person, answer.pk)
    return conversation


@in_a_transaction
def test_it_begins_on_a_page_that_says_what_becomes_of_it_and_ends_with_a_press() -> None:
    agent, alice = desk(ALICE), doors.browser(ALICE)
    new = alice.get(reverse("conversations:new"), {"temporary": "1"}).content.decode()
    assert "is erased after 24 hours" in new
    begun = alice.post(reverse("conversations:start"), {"agent": agent.slug, "temporary": "1"}, follow=True)
    shown = begun.content.decode()
    assert "This conversation is temporary." in shown
    assert "Erase now" in shown
    assert "in 23 hours" in shown
    assert "/share/" not in shown
    with acting(ALICE):
        conversation = Conversation.objects.get()
    alice.post(reverse("conversations:delete", args=[conversation.pk]))
    with acting(ALICE):
        assert not Conversation.objects.exists()


@in_a_transaction
def test_it_stands_in_no_list_and_no_search() -> None:
    """With a usual one beside it that stands in each of them."""
    hidden, (usual, _) = temporary(), answered(ALICE, desk(ALICE))
    alice, program = doors.browser(ALICE), doors.program(ALICE)
    for path in ("/conversations/", "/conversations/?q=days", "/conversations/search/?q=article"):
        page = alice.get(path).content.decode()
        assert str(usual.pk) in page, path
        assert str(hidden.pk) not in page, path
    for path in (API, f"{API}/search?q=article"):
        assert [one["id"] for one in program.get(path).json()["items"]] == [str(usual.pk)], path
    alice.post(reverse("conversations:archive", args=[hidden.pk]))
    assert str(hidden.pk) not in alice.get("/conversations/?show=archived").content.decode()


@pytest.mark.usefixtures("committed")
def test_it_is_gone_at_its_minute_and_erased_by_the_round_with_all_that_it_held() -> None:
    over, other, (usual, _) = temporary(), temporary(), answered(ALICE, desk(ALICE))
    elsewhere = temporary(CHARLIE)
    alice, address = doors.browser(ALICE), reverse("conversations:detail", args=[over.pk])
    assert alice.get(address).status_code == 200
    with acting(ALICE), pytest.raises(DatabaseError, match="permission denied"), transaction.atomic():
        Conversation.objects.filter(pk=over.pk).update(erased_after=None)
    ended(over, elsewhere)
    assert alice.get(address).status_code == 404
    assert doors.program(ALICE).get(f"{API}/{over.pk}/messages").status_code == 404
    assert erasing.erase_due() == 2
    with acting(ALICE):
        assert set(Conversation.objects.values_list("pk", flat=True)) == {other.pk, usual.pk}
        assert not Message.objects.filter(conversation=over.pk).exists()
        assert Citation.objects.values("message__conversation").distinct().count() == 2
        [entry] = Entry.objects.filter(action="conversation.erased")
        assert (entry.target_id, entry.actor_id) == (str(over.pk), None)
    with acting(CHARLIE):
        assert not Conversation.objects.exists()


@pytest.mark.usefixtures("committed")
def test_what_a_closed_tab_and_a_killed_call_left_goes_the_same_way() -> None:
    """Without a word in the list of conversations, or anywhere else; what is young or kept stays."""
    agent = desk(ALICE)
    kept, _ = answered(ALICE, agent)
    with acting(ALICE) as actor:
        tries = [trying.begin(QUESTION, actor=actor, settings=FORM, file_ids=[], agent=None) for _ in range(2)]
        calls = [completions.begin(agent, completions.Asked(QUESTION), actor=actor) for _ in range(2)]
    for begun, lasts in ((tries[0], trying.LASTS), (calls[0], completions.LASTS)):
        assert begun.conversation.erased_after <= timezone.now() + lasts
    left, young = zip(*((one.conversation for one in pair) for pair in (tries, calls)), strict=True)
    ended(*left)
    assert doors.browser(ALICE).get(reverse("conversations:trial", args=[tries[0].pk])).status_code == 404
    recurring.keep()
    with acting(ALICE):
        assert set(Conversation.objects.values_list("pk", flat=True)) == {kept.pk, *(one.pk for one in young)}
        assert {one.pk for one in Trial.objects.all()} == {tries[1].pk}
        erased = Entry.objects.filter(action="conversation.erased").values_list("target_id", flat=True)
        assert set(erased) == {str(one.pk) for one in left}


def ended(*conversations: Conversation) -> None:
    """Let the time of these be over."""
    with connections["owner"].cursor() as cursor:
        cursor.execute(
            "UPDATE conversations_conversation SET erased_after = %s WHERE id = ANY(%s)",
            [timezone.now() - timedelta(seconds=1), [one.pk for one in conversations]],
        )


@in_a_transaction
def test_nobody_shares_it() -> None:
    """By the page, the API or in raw SQL; and it stays its owner's."""
    conversation, alice = temporary(), doors.browser(ALICE)
    share = alice.post(reverse("conversations:share", args=[conversation.pk]), {"visibility": "workspace"}, follow=True)
    assert "A temporary conversation is yours alone." in share.content.decode()
    body: dict[str, Any] = {"visibility": "named", "shared_with": [BOB.email]}
    assert (
        doors.program(ALICE).patch(f"{API}/{conversation.pk}", body, content_type="application/json").status_code == 409
    )
    with acting(ALICE) as actor:
        with pytest.raises(sharing.NotShareable):
            sharing.share(conversation, actor=actor, visibility="workspace")
        with pytest.raises(IntegrityError), transaction.atomic():
            Conversation.objects.filter(pk=conversation.pk).update(visibility="workspace")
    assert doors.browser(BOB).get(reverse("conversations:detail", args=[conversation.pk])).status_code == 404


@in_a_transaction
def test_a_program_begins_one() -> None:
    agent, program = desk(ALICE), doors.program(ALICE)
    begun = program.post(API, {"agent_id": agent.slug, "temporary": True}, content_type="application/json")
    assert begun.status_code == 201
    assert begun.json()["erased_after"] is not None
    assert program.get(f"{API}/{begun.json()['id']}").status_code == 200
    usual = program.post(API, {"agent_id": agent.slug}, content_type="application/json")
    assert usual.json()["erased_after"] is None
