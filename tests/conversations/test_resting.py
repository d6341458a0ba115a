"""What does a stream ask for while nothing happens to its answer, and does it see all the same what nobody announces?"""

from __future__ import annotations

import threading
from collections.abc import Iterator
from contextlib import closing, contextmanager
from itertools import islice

import pytest
from django.db import connections
from django.test.utils import CaptureQueriesContext
from django.utils import timezone

from accounts.models import Membership
from accounts.tenancy.context import whole_workspace
from conversations import streaming, watching
from conversations.models import Conversation, Delta, Message
from conversations.sharing import services as sharing
from tests import doors
from tests.cast import ACME, ALICE, BOB, Person, acting
from tests.conversations.stage import asked, desk
from tests.factories import AgentFactory, ConversationFactory, MessageFactory

pytestmark = pytest.mark.usefixtures("committed")


def test_pieces_that_nobody_announced_come_all_the_same(monkeypatch: pytest.MonkeyPatch) -> None:
    """A listening connection may be dead without anybody's knowing."""
    monkeypatch.setattr(streaming, "TICK_SECONDS", 0.01)
    monkeypatch.setattr(watching.HUB, "watch", lambda name: threading.Event())
    opened = doors.session(ALICE)
    with acting(ALICE):
        writing = {"status": Message.Status.WRITING, "finished_at": None, "alive_at": timezone.now()}
        message = MessageFactory(conversation=ConversationFactory(agent=AgentFactory()), text="", **writing)
        stream = streaming.AnswerStream(message.conversation, opened.tenant, "", lambda: opened.tenant)
        with closing(stream):
            assert b"event: status" in next(stream) + next(stream)
            Delta.objects.create(message=message, seq=1, kind="text", data={"text": "late"})
            frames = [next(stream) for _ in range(streaming.UNASKED_EVERY + 1)]
    assert any(b"late" in frame for frame in frames)


@contextmanager
def at_rest(reader: Person, monkeypatch: pytest.MonkeyPatch) -> Iterator[tuple[Conversation, streaming.AnswerStream]]:
    """What this person follows of an answer of Alice's at which nothing happens; and nobody announces anything."""
    monkeypatch.setattr(streaming, "TICK_SECONDS", 0.01)
    monkeypatch.setattr(watching.HUB, "watch", lambda name: threading.Event())
    conversation, _ = asked(ALICE, desk(ALICE, file_visibility="workspace"))
    with acting(ALICE) as alice:
        sharing.share(conversation, actor=alice, visibility="workspace")
    with acting(reader) as tenant, closing(streaming.AnswerStream(conversation, tenant, "", lambda: tenant)) as stream:
        while b"event: status" not in next(stream):
            pass
        yield conversation, stream


def test_a_stream_at_rest_asks_for_nothing_but_its_credential(monkeypatch: pytest.MonkeyPatch) -> None:
    """150 of them would take a core from those that read pages. Now and then it looks, in case nobody listens."""
    with at_rest(ALICE, monkeypatch) as (_, stream):
        for tick in range(1, 2 * streaming.UNASKED_EVERY + 1):
            with CaptureQueriesContext(connections["default"]) as asked_for:
                assert next(stream) == b": tick\n\n"
            assert bool(len(asked_for)) == (tick % streaming.UNASKED_EVERY == 0), tick


def test_a_stream_of_what_is_shared_ends_with_its_owner_in_the_next_look(monkeypatch: pytest.MonkeyPatch) -> None:
    """L15: a suspended member shares nothing, and nobody announces that."""
    monkeypatch.setattr(streaming, "UNASKED_EVERY", 1000)
    with at_rest(BOB, monkeypatch) as (_, stream):
        assert next(stream) == b": tick\n\n"
        with whole_workspace(ACME.id):
            Membership.objects.using("owner").filter(pk=ALICE.membership_id).update(status="suspended")
        # A sign of life at most, which it owed before it looked.
        assert len(list(islice(stream, 5))) <= 1
