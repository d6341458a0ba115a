"""May an answer cite exactly what its reader may see, at the moment it is put down and at the database?"""

from __future__ import annotations

import uuid
from typing import Any

import pytest
from django.db import ProgrammingError, connection, transaction

from conversations import answering
from conversations.models import Citation, Conversation, Message
from files import services as files
from files.models import File, Passage, Visibility
from tests import doors
from tests.agents.shelf import agent_of
from tests.cast import ALICE, BOB, Person, acting
from tests.conversations.stage import POLICY, answered

pytestmark = pytest.mark.django_db(databases=doors.DOORS)
GONE, ANEW, OPEN = "This source was deleted", "is being read anew", "Open the passage"


def a_passage(owner: Person, visibility: str) -> Passage:
    with acting(owner):
        file = File.objects.create(
            owner_id=owner.membership_id,
            name="handbook.pdf",
            media_type="application/pdf",
            size=1,
            sha256=uuid.uuid4().hex * 2,
            storage_key=uuid.uuid4().hex,
            visibility=visibility,
        )
        passage: Passage = Passage.objects.create(file=file, position=0, text="Refunds take ten days.", start=0, end=22)
    return passage


def an_answer(person: Person) -> Message:
    conversation = Conversation.objects.create(owner_id=person.membership_id, title="Refunds")
    message: Message = Message.objects.create(conversation=conversation, position=1, role=Message.Role.ASSISTANT)
    return message


def cited(passage: Passage) -> dict[str, Any]:
    return {
        "number": 1,
        "kind": "source",
        "file_id": str(passage.file_id),
        "passage_id": str(passage.pk),
        "file_name": "handbook.pdf",
        "page": None,
        "label": "",
        "quote": "ten days",
        "start": 13,
        "end": 21,
    }


def test_a_colleagues_shared_file_keeps_its_link() -> None:
    """A lock on the passage would have been a write to the policies, and the link would have been lost."""
    passage = a_passage(ALICE, Visibility.WORKSPACE)
    with acting(BOB):
        (citation,) = answering._put_down(an_answer(BOB), [cited(passage)])
        assert str(Citation.objects.get(pk=citation.pk).file_id) == str(passage.file_id)


def test_a_file_that_was_hidden_meanwhile_leaves_its_words_without_a_link() -> None:
    """L4: whoever may not see the file gets no link to it, also when it was visible while the answer was written."""
    passage = a_passage(ALICE, Visibility.PRIVATE)
    with acting(BOB):
        (citation,) = answering._put_down(an_answer(BOB), [cited(passage)])
        assert (citation.file_id, citation.passage_id, citation.quote) == (None, None, "ten days")


def test_the_database_takes_no_link_to_a_colleagues_private_file() -> None:
    """L1, L6: at write and not only at read, whatever the service asked before."""
    passage = a_passage(ALICE, Visibility.PRIVATE)
    with acting(BOB), pytest.raises(ProgrammingError, match="row-level security"), transaction.atomic():
        Citation.objects.create(message=an_answer(BOB), **cited(passage))


def test_a_quote_finds_its_passage_again_when_its_file_was_read_anew() -> None:
    """Its page said that the source was deleted, and never led there again: to whoever read it anew, and to everybody else."""
    with acting(ALICE) as alice:
        file = files.ingest(actor=alice, content=POLICY.encode(), name="policy.txt", visibility="workspace")
    agent = agent_of(ALICE, file, visibility="workspace")
    talks = [(person, answered(person, agent)[0]) for person in (ALICE, BOB)]

    def told() -> list[str]:
        return [doors.browser(person).get(f"/conversations/{talk.pk}/").content.decode() for person, talk in talks]

    assert all(OPEN in page for page in told())
    with acting(ALICE) as alice:
        files.requeue(actor=alice, file=file)
        # As a worker leaves it that was killed once it had the new text.
        file.refresh_from_db()
        files._extract(file)
    assert all(ANEW in page and GONE not in page and OPEN not in page for page in told())
    with acting(ALICE) as alice:
        files.read(actor=alice, file_id=file.pk)
    assert all(OPEN in page and GONE not in page and ANEW not in page for page in told())
    for person, talk in talks:
        with acting(person):
            for quote in Citation.objects.filter(message__conversation=talk).select_related("passage"):
                assert quote.passage is not None
                assert quote.passage.text[quote.start : quote.end] == quote.quote
    with acting(ALICE) as alice:
        files.delete(actor=alice, file=file)
    assert all(GONE in page and OPEN not in page and ANEW not in page for page in told())


def test_a_quote_whose_words_are_not_there_any_more_is_linked_to_no_others() -> None:
    passage = a_passage(ALICE, Visibility.PRIVATE)
    with acting(ALICE):
        answering._put_down(an_answer(ALICE), [cited(passage)])
        Passage.objects.filter(pk=passage.pk).delete()
        other = Passage.objects.create(
            file_id=passage.file_id, position=0, text="Refunds take six days.", start=0, end=22
        )
        assert link(passage.file_id) is None
        Passage.objects.filter(pk=other.pk).delete()
        again = Passage.objects.create(file_id=passage.file_id, position=0, text=passage.text, start=0, end=22)
        assert link(passage.file_id) == again.pk


def link(file_id: uuid.UUID) -> uuid.UUID | None:
    with connection.cursor() as cursor:
        cursor.execute("SELECT fence.link_quotes(%s)", [file_id])
    found: uuid.UUID | None = Citation.objects.get().passage_id
    return found
