"""How do tests give a workspace a server of tools, and an agent that may call some of them?"""

from __future__ import annotations

from typing import Any
from uuid import UUID

from django.utils import timezone

from agents import services as agents
from agents.models import Agent, Tool, ToolServer
from agents.tools import services
from agents.tools.models import Rule
from agents.tools.services import Words
from agents.vendors.models import Kind
from conversations.models import Message
from tests.cast import ADA, ALICE, CHARLIE, Person, acting
from tests.factories import Desk
from tests.tools.server import KEY, ToolDouble
from tests.vendors.server import Double
from tests.vendors.stage import writer


def words(orders: ToolDouble, **changed: Any) -> Words:
    """What an administrator would type to add this server."""
    return Words(**{"name": "Orders", "url": orders.url, "key": KEY, **changed})


def server(orders: ToolDouble, *, by: Person = ADA, free: str = "look_up", ask: str = "cancel") -> ToolServer:
    """The server, added by an administrator, who lets one tool be called without asking and another after a word."""
    with acting(by) as actor:
        added: UUID = services.add(words(orders), actor=actor)
        for tool in Tool.objects.filter(server=added):
            rule = {free: Rule.FREE, ask: Rule.ASK}.get(tool.name)
            if rule:
                services.decide(tool, rule=rule, seen=tool.digest, actor=actor)
        found: ToolServer = ToolServer.objects.get(pk=added)
        return found


def caller(owner: Person, orders: ToolDouble, vendor: Double, kind: str = Kind.OPENAI, **values: Any) -> Agent:
    """An agent of this person with one file and every tool of the server."""
    added = server(orders, by=CHARLIE if owner is CHARLIE else ADA)
    agent = writer(owner, vendor, kind)
    with acting(owner) as actor:
        tools = list(Tool.objects.filter(server=added).values_list("pk", flat=True))
        agents.edit(agent, actor=actor, tool_ids=tools, **values)
    return agent


def once(vendor: Double, *calls: tuple[str, Any], then: str = "") -> None:
    """Have the vendor's model want these calls, and answer when it has what came of them."""
    vendor.wants = lambda asked: [] if asked.results else list(calls)
    vendor.says = lambda asked: (then or f"It says: {asked.results[-1]}") if asked.results else "I look it up. "


def done_before(name: str, desk: Desk) -> None:
    """What these addresses take back or go on from, for the walk over all."""
    if name == "tools:on":
        found = ToolServer.objects.get(pk=desk.rows["server_id"].pk)
        services.switch(found, on=False, actor=ALICE.tenant)
    if name in ("conversations:confirm", "conversations:decline"):
        waiting = {"status": Message.Status.WAITING, "alive_at": timezone.now(), "finished_at": None}
        Message.objects.filter(pk=desk.rows["message_id"].pk).update(**waiting)


def unfinished_under(question: Message, status: str) -> dict[str, Any]:
    """What an answer is made of that is still to come."""
    place = {"conversation": question.conversation, "parent": question}
    return {**place, "text": "", "finished_at": None, "status": status}
