"""May an answer cite exactly what its reader may see, at the moment it is put down and at the database?"""

from __future__ import annotations

import uuid
from typing import Any

import pytest
from django.db import ProgrammingError, transaction

from conversations import answering
from conversations.models import Citation, Conversation, Message
from files.models import File, Passage, Visibility
from tests.cast import ALICE, BOB, Person, acting

pytestmark = pytest.mark.django_db(databases=["default"])


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
