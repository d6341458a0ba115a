"""Is an archived conversation out of the way and still there, for its owner alone?"""

from __future__ import annotations

import pytest
from django.urls import reverse

from conversations.archiving import services
from conversations.models import Conversation
from tests import doors
from tests.cast import ALICE, BOB, acting
from tests.conversations.stage import QUESTION, answered, asked, desk

pytestmark = pytest.mark.django_db(databases=doors.DOORS)

API = "/api/v1/conversations"


def test_it_leaves_the_list_for_the_archive_and_comes_back() -> None:
    conversation, _ = answered(ALICE, desk(ALICE))
    alice, listed = doors.browser(ALICE), reverse("conversations:list")
    before = Conversation.objects.values_list("updated_at", flat=True)
    with acting(ALICE):
        [written] = before
    gone = alice.post(reverse("conversations:archive", args=[conversation.pk]), follow=True)
    assert "The conversation was archived." in gone.content.decode()
    assert not alice.get(listed).context["page"].items
    [kept] = alice.get(listed, {"show": "archived"}).context["page"].items
    assert kept.pk == conversation.pk
    page = alice.get(reverse("conversations:detail", args=[conversation.pk])).content.decode()
    assert "within 30 days" in page
    assert "This conversation is archived." in page
    assert alice.get(reverse("conversations:search"), {"q": "article"}).context["page"].items
    alice.post(reverse("conversations:restore", args=[conversation.pk]))
    [back] = alice.get(listed).context["page"].items
    assert back.pk == conversation.pk
    with acting(ALICE):
        # Putting away is no word in it: the list stays in its order.
        assert list(before) == [written]


def test_nothing_is_asked_in_the_archive() -> None:
    conversation, _answer = answered(ALICE, desk(ALICE))
    with acting(ALICE) as alice:
        services.archive(conversation, actor=alice)
    client, program = doors.browser(ALICE), doors.program(ALICE)
    refused = client.post(reverse("conversations:ask", args=[conversation.pk]), {"text": "More?"})
    assert refused.status_code == 409
    told = program.post(f"{API}/{conversation.pk}/messages", {"text": "More?"}, content_type="application/json")
    assert (told.status_code, "archived" in told.json()["detail"]) == (409, True)


def test_a_program_archives_renames_and_lists_by_either() -> None:
    agent = desk(ALICE)
    first, _ = asked(ALICE, agent)
    second, _ = asked(ALICE, agent)
    program = doors.program(ALICE)
    change = {"archived": True, "title": "Put away"}
    changed = program.patch(f"{API}/{first.pk}", change, content_type="application/json").json()
    assert (changed["archived"], changed["title"]) == (True, "Put away")
    assert [one["id"] for one in program.get(API).json()["items"]] == [str(second.pk)]
    assert [one["id"] for one in program.get(API, {"archived": "true"}).json()["items"]] == [str(first.pk)]
    same = program.patch(f"{API}/{first.pk}", {}, content_type="application/json").json()
    assert (same["archived"], same["title"]) == (True, "Put away")
    back = program.patch(f"{API}/{first.pk}", {"archived": False}, content_type="application/json").json()
    assert back["archived"] is False


def test_nobody_archives_a_colleagues_conversation() -> None:
    """L16: a change beside the conversation is a change of it."""
    conversation, _ = asked(ALICE, desk(ALICE, visibility="workspace"), QUESTION)
    bob = doors.browser(BOB)
    for name in ("archive", "restore"):
        assert bob.post(reverse(f"conversations:{name}", args=[conversation.pk])).status_code == 404
    answer = doors.program(BOB).patch(f"{API}/{conversation.pk}", {"archived": True}, content_type="application/json")
    assert answer.status_code == 404
    with acting(BOB):
        # The database says so too.
        assert Conversation.objects.filter(pk=conversation.pk).update(title="taken") == 0
    with acting(ALICE):
        assert Conversation.objects.get(pk=conversation.pk).archived_at is None
