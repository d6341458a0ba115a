"""Who waits for a model that is slow or says nothing? Its own workspace, in places of its own, and no connection."""

from __future__ import annotations

import pytest
from django.db import connection, connections
from pytest_django import Settings

from agents import services as agents
from conversations import answering, jobs, services
from conversations.models import Message
from tests.cast import ALICE, CHARLIE, acting
from tests.conversations.stage import asked, desk, write
from tests.vendors.faults import Fault
from tests.vendors.server import Double
from tests.vendors.stage import MODEL, provider, writer
from tests.vendors.test_trying import begun

pytestmark = pytest.mark.usefixtures("committed")


def handed_in() -> list[str]:
    """Which answers wait for a worker, in the order in which they were asked for."""
    with connections["owner"].cursor() as cursor:
        cursor.execute("SELECT task_name FROM procrastinate_jobs WHERE task_name LIKE 'conversations.%' ORDER BY id")
        return [name.removeprefix("conversations.") for (name,) in cursor.fetchall()]


def test_what_no_model_writes_never_waits_behind_what_one_does(vendor: Double) -> None:
    asked(CHARLIE, desk(CHARLIE))
    assert handed_in() == ["answer"]
    conversation, pending = asked(ALICE, writer(ALICE, vendor))
    write(ALICE, pending.pk)
    with acting(ALICE) as alice:
        services.retry(conversation, actor=alice)
    assert handed_in() == ["answer", "answer_by_model", "answer_by_model"]


def test_a_model_that_the_agent_was_given_meanwhile_is_asked_in_its_own_places(vendor: Double) -> None:
    """Whoever asked first and chose a silent model then would hold the places of what needs none, and so everybody's answers."""
    agent = desk(ALICE)
    _, pending = asked(ALICE, agent)
    added = provider(vendor)
    with acting(ALICE) as alice:
        agents.edit(agent, actor=alice, model_provider_id=added.pk, model=MODEL)
        jobs.answer(alice, message_id=str(pending.pk))
        assert Message.objects.get(pk=pending.pk).status == Message.Status.QUEUED
        assert handed_in() == ["answer", "answer_by_model"]
        jobs.answer_by_model(alice, message_id=str(pending.pk))
        assert Message.objects.get(pk=pending.pk).status == Message.Status.DONE


def test_a_try_waits_as_its_form_says(vendor: Double) -> None:
    """Of an agent that is not there yet."""
    tern = provider(vendor)
    with acting(ALICE) as alice:
        begun(tern, alice)
    assert handed_in() == ["answer_by_model"]


def test_a_vendor_that_says_nothing_is_waited_for_without_a_connection(
    vendor: Double, settings: Settings, monkeypatch: pytest.MonkeyPatch
) -> None:
    """A slow vendor of one workspace would hold connections that every workspace needs."""
    settings.MODEL_SILENCE_SECONDS = 1
    agent = writer(ALICE, vendor)
    vendor.faults.set(Fault(stall=4))
    _, pending = asked(ALICE, agent)
    held: list[bool] = []
    rest = answering.Writer.rest

    def look(self: answering.Writer) -> None:
        rest(self)
        held.append(connection.connection is not None)

    monkeypatch.setattr(answering.Writer, "rest", look)
    assert write(ALICE, pending.pk).status == Message.Status.FAILED
    assert held
    assert not any(held)
