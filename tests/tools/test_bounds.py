"""Does what is called stay between the conversation and the server, end with the membership of whoever asked, and hold up nobody?"""

from __future__ import annotations

import json
import threading
from contextlib import ExitStack
from hashlib import sha256

import pytest
from django.db import connection, connections

from accounts import waiting
from agents.models import ToolServer
from agents.tools import client, services
from agents.unfit import Unfit
from audit.models import Entry
from conversations.calling import rounds
from conversations.models import Message, ToolCall
from tests import doors
from tests.cast import ACME, ADA, ALICE, CHARLIE, acting
from tests.conversations.stage import answered
from tests.tools.server import KEY, ToolDouble
from tests.tools.stage import caller, once, words
from tests.vendors.server import Double

in_a_transaction = pytest.mark.django_db(databases=doors.DOORS)


@in_a_transaction
def test_a_key_that_a_server_repeats_is_told_to_nobody(orders: ToolDouble, vendor: Double) -> None:
    """L44: an administrator entered it; whoever asks, the model, and whoever the conversation is taken to see none of it."""
    agent = caller(ALICE, orders, vendor)
    orders.answers = lambda name, arguments: f"Upstream refused us: Bearer {KEY}"
    once(vendor, ("look_up", {"order": "17"}))
    conversation, answer = answered(ALICE, agent)
    with acting(ALICE):
        result = ToolCall.objects.get(message=answer).result
    assert result == "Upstream refused us: Bearer [key]"
    taken = doors.browser(ALICE).get(f"/conversations/{conversation.pk}/export/", {"format": "json"})
    assert b"Upstream refused us" in taken.content
    assert KEY not in taken.content.decode() + json.dumps(vendor.asked[-1].body)


@in_a_transaction
def test_the_trail_confirms_no_guess_at_what_a_tool_was_called_with(orders: ToolDouble, vendor: Double) -> None:
    """P9: operators and administrators read the trail, and no conversation. Arguments are short: a plain hash of them would tell."""
    agent = caller(ALICE, orders, vendor)
    once(vendor, ("look_up", {"order": "17"}))
    _, answer = answered(ALICE, agent)
    with acting(ALICE):
        call = ToolCall.objects.get(message=answer)
        tool = call.tool
    with acting(ADA):
        told = Entry.objects.get(action="tool.called").detail["arguments"]
    assert tool is not None
    known = [ACME.id.hex, answer.pk.hex, tool.pk.hex, tool.digest, call.arguments]
    assert sha256(json.dumps(known).encode()).hexdigest() != told
    assert told == call.digest, "whoever holds the conversation can show that it is the same"


@in_a_transaction
def test_an_answer_does_not_grow_with_its_rounds(orders: ToolDouble, vendor: Double) -> None:
    """L42: what no index of words holds can never be closed, and its conversation would not go on."""
    agent = caller(ALICE, orders, vendor)
    vendor.wants = lambda asked: [("look_up", {"order": "17"})]
    vendor.says = lambda asked: "x" * 70_000
    _, answer = answered(ALICE, agent)
    assert (answer.status, "far more than an answer holds" in answer.error) == (Message.Status.FAILED, True)
    assert len(answer.text) < 2 * 70_000


def test_whoever_waits_for_a_server_holds_no_connection_and_not_every_thread(
    orders: ToolDouble, committed: None, monkeypatch: pytest.MonkeyPatch
) -> None:
    """Pages in front of a silent server, of one workspace's administrators, held every connection that others waited for."""
    held: list[bool] = []
    ask = client.offered

    def offered(place: client.Connection) -> list[client.Offered]:
        held.append(connection.connection is not None)
        return ask(place)

    monkeypatch.setattr(client, "offered", offered)
    with acting(ADA) as ada, ExitStack() as waiters:
        services.add(words(orders), actor=ada)
        for _ in range(waiting.MOST_ASKED_OF_WORKSPACE):
            waiters.enter_context(waiting.asking_elsewhere())
        with pytest.raises(Unfit, match="asked for your workspace already"):
            services.look(ToolServer.objects.get(), actor=ada)
        with acting(CHARLIE) as charlie:
            services.add(words(orders), actor=charlie)
    assert held == [False, False]
    assert waiting.ASKED.taken() == 0


def test_in_the_name_of_whoever_was_suspended_nothing_more_is_called_or_asked(
    orders: ToolDouble, vendor: Double, committed: None
) -> None:
    """L13: between two calls of one answer, whose job looked its member up before the first."""
    agent = caller(ALICE, orders, vendor)

    def suspend() -> None:
        with connections["owner"].cursor() as cursor:
            cursor.execute("UPDATE accounts_membership SET status = 'suspended' WHERE id = %s", [ALICE.membership_id])
        connections.close_all()

    def called(name: str, arguments: dict[str, str]) -> str:
        other = threading.Thread(target=suspend)
        other.start()
        other.join()
        return "It left on Monday."

    orders.answers = called
    once(vendor, ("look_up", {"order": "17"}), ("look_up", {"order": "18"}))
    _, answer = answered(ALICE, agent)
    assert (answer.status, answer.error) == (Message.Status.FAILED, rounds.LEFT)
    assert orders.called == [("look_up", {"order": "17"})]
    assert len([one for one in vendor.asked if one.body]) == 1
    with acting(ALICE):
        states = list(ToolCall.objects.filter(message=answer).order_by("number").values_list("state", flat=True))
    assert states == ["done", "dropped"]
