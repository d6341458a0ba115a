"""What do two requests get that want the same thing at the same moment, one to use it and one to delete it?

Each loser is held exactly between its look-up and its write, on a connection of its own, while the other one deletes.
"""

from __future__ import annotations

import threading
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from typing import Any, BinaryIO

import pytest
from django.db import connections
from django.dispatch import Signal
from django.http import Http404

from agents import access as agent_access
from agents import services as agent_services
from agents import signals as agent_signals
from agents.models import Agent
from conversations import services, signals
from conversations.attachments import services as attachments
from conversations.models import Conversation, ConversationFile
from files import extraction
from files import services as file_services
from files import signals as file_signals
from files.extraction.pages import Page
from files.models import File
from files.types import DocumentType
from files.uploads import from_bytes
from tests.agents.shelf import put
from tests.cast import ALICE, BOB, acting
from tests.conversations.stage import QUESTION, desk
from tests.files.shelf import put as stored_file
from tests.waiting import PATIENCE

pytestmark = pytest.mark.usefixtures("committed")


@contextmanager
def heard(signal: Signal) -> Iterator[list[Any]]:
    facts: list[Any] = []

    def listen(target: Any, **fact: object) -> None:
        facts.append(target.pk)

    signal.connect(listen)
    try:
        yield facts
    finally:
        signal.disconnect(listen)


def elsewhere(act: Callable[[], object]) -> list[BaseException]:
    """Run the act in a thread, with connections of its own; return what it raised."""
    raised: list[BaseException] = []

    def run() -> None:
        try:
            with acting(ALICE):
                act()
        except Exception as error:
            raised.append(error)
        finally:
            connections.close_all()

    thread = threading.Thread(target=run)
    thread.start()
    thread.join(PATIENCE)
    return raised


@pytest.mark.parametrize("verb", ["ask", "retry"])
def test_a_question_to_a_conversation_that_is_gone_is_a_404(verb: str) -> None:
    agent = desk(ALICE)
    with acting(ALICE) as alice:
        conversation = services.start(agent, actor=alice)
        late = Conversation.objects.get(pk=conversation.pk)
        assert not elsewhere(lambda: services.delete(conversation, actor=alice))
        verbs: dict[str, Callable[[], object]] = {
            "ask": lambda: services.ask(late, actor=alice, text=QUESTION),
            "retry": lambda: services.retry(late, actor=alice),
        }
        late_verb = verbs[verb]
        with pytest.raises(Http404):
            late_verb()


def test_an_agent_made_of_a_file_that_is_gone_is_a_404_and_is_not_made(monkeypatch: pytest.MonkeyPatch) -> None:
    """The look-up found the file, and the foreign key did not."""
    file = put(ALICE, "notes.txt", "Refunds take five days.")
    look_up = agent_access.get_files_or_refuse

    def then_deleted(file_ids: Any) -> list[File]:
        found = look_up(file_ids)
        elsewhere(lambda: file_services.delete(actor=ALICE.tenant, file=File.objects.get(pk=file.pk)))
        return found

    monkeypatch.setattr(agent_access, "get_files_or_refuse", then_deleted)
    with acting(ALICE) as alice:
        with pytest.raises(Http404):
            agent_services.create(actor=alice, file_ids=[file.pk], name="Made too late")
        assert not Agent.objects.filter(name="Made too late").exists()


@pytest.mark.parametrize("end", ["deleted", "hidden"])
def test_a_file_that_is_gone_meanwhile_is_not_attached_and_is_a_404(end: str) -> None:
    """L1, L6: whoever attaches it looked it up while they could still see it."""
    file = put(BOB, "notes.txt", "Refunds take five days.", visibility="workspace")
    with acting(ALICE) as alice:
        conversation = services.start(desk(ALICE), actor=alice)
        seen = File.objects.get(pk=file.pk)
    with acting(BOB) as bob:
        if end == "deleted":
            file_services.delete(actor=bob, file=file)
        else:
            file_services.share(actor=bob, file=file, visibility="private")
    with acting(ALICE) as alice:
        with pytest.raises(Http404):
            attachments.attach(conversation, actor=alice, files=[seen])
        assert not ConversationFile.objects.exists()


THINGS: dict[str, tuple[Signal, Callable[[Any], object]]] = {
    "file": (file_signals.file_deleted, lambda file: file_services.delete(actor=ALICE.tenant, file=file)),
    "agent": (agent_signals.agent_deleted, lambda agent: agent_services.delete(agent, actor=ALICE.tenant)),
    "conversation": (signals.conversation_deleted, lambda one: services.delete(one, actor=ALICE.tenant)),
}


@pytest.mark.parametrize("kind", THINGS)
def test_what_is_deleted_six_times_at_once_is_deleted_once(kind: str) -> None:
    """Duplicate submits: one result, and no fact of what did not happen."""
    agent = desk(ALICE)
    file = stored_file(ALICE, "Refunds take five days.")
    with acting(ALICE) as alice:
        conversation = services.start(agent, actor=alice)
    thing = {"file": file, "agent": agent, "conversation": conversation}[kind]
    signal, delete = THINGS[kind]
    together = threading.Barrier(6)
    raised: list[BaseException] = []

    def delete_it() -> None:
        own = type(thing).objects.get(pk=thing.pk)
        together.wait(timeout=PATIENCE)
        delete(own)

    with heard(signal) as facts:
        threads = [threading.Thread(target=lambda: raised.extend(elsewhere(delete_it))) for _ in range(6)]
        for thread in threads:
            thread.start()
        for thread in threads:
            thread.join()
    assert facts == [thing.pk]
    assert [type(error) for error in raised] == [Http404] * 5


def test_a_file_that_is_deleted_while_it_is_read_leaves_no_failure() -> None:
    """The reader's own row vanishes between two of its steps."""
    with acting(ALICE) as alice:
        with from_bytes("a.txt", b"some words") as content:
            file = file_services.upload(actor=alice, content=content, name="a.txt").file
        extract = extraction.extract

        def then_deleted(stream: BinaryIO, kind: DocumentType) -> list[Page]:
            pages = extract(stream, kind)
            assert not elsewhere(lambda: file_services.delete(actor=ALICE.tenant, file=File.objects.get(pk=file.pk)))
            return pages

        with pytest.MonkeyPatch.context() as patch:
            patch.setattr(extraction, "extract", then_deleted)
            file_services.read(actor=alice, file_id=file.pk)
        assert not File.objects.exists()


@pytest.mark.parametrize("thing", ["agent", "conversation"])
def test_the_same_submit_at_the_same_moment_makes_one(thing: str) -> None:
    """The second waits for the first, and finds what that one made."""
    agent = desk(ALICE)
    made: list[Any] = []
    at_once = threading.Barrier(6)

    def submit() -> None:
        with acting(ALICE) as alice:
            at_once.wait(PATIENCE)
            if thing == "agent":
                made.append(agent_services.create(actor=alice, name="Front desk", submission="k1").pk)
            else:
                made.append(services.start(agent, actor=alice, text=QUESTION, submission="k1").pk)

    raised: list[BaseException] = []
    threads = [threading.Thread(target=lambda: raised.extend(elsewhere(submit))) for _ in range(6)]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join(PATIENCE)
    assert not raised
    assert (len(made), len(set(made))) == (6, 1)
