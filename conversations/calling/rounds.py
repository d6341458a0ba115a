"""How does an answer go on, round by round: the model is asked, its calls are made or wait for a word, and it is asked again?

What has been done stands in the calls' rows, so an answer that waited for a word goes on from there in another worker, and with what
this member may see then.
"""

from __future__ import annotations

import time
from collections.abc import Generator, Iterator, Mapping
from contextlib import closing
from dataclasses import dataclass, replace
from itertools import groupby
from typing import Final
from uuid import UUID

from accounts.http import Tenant
from accounts.jobs import member_there
from agents import providers
from agents.models import Agent, Tool
from agents.tools import queries
from agents.vendors import writing
from conversations.calling import making, noting
from conversations.calling.models import ToolCall
from conversations.models import Delta, Message

# So often the model may call before it has to answer.
MOST_ROUNDS: Final = 8
# After so long nothing more is called, so that an answer holds its worker's place for a few minutes at most.
CALL_SECONDS: Final = 240.0
State = ToolCall.State
NEEDS_PERSON: Final = "This agent wanted to call “{name}”, which changes something and so needs the word of a person. Ask it in a conversation."
LEFT: Final = "Whoever asked is no member of this workspace any more, so the answer ends here."
DECLINED: Final = "The person declined this call. Do not ask for it again; answer without it."


@dataclass(frozen=True, slots=True)
class Calling:
    """A call came, or came to something: what watchers are told."""

    number: int
    server: str
    tool: str
    state: str


@dataclass(frozen=True, slots=True)
class Paused:
    """The answer waits for the asker's word. It stands last."""


Events = Generator[providers.Event | Calling | Paused, None, None]


def events(
    agent: Agent,
    message: Message,
    question: providers.Question,
    *,
    actor: Tenant,
    spent: providers.Spent,
    with_tools: bool = True,
) -> Events:
    """Yield the answer's events over all its rounds, the last one `Done`, `Failed` or `Paused`. Close it to leave early."""
    cited, until = _cited(message), time.monotonic() + CALL_SECONDS
    while True:
        yield from _made(agent, message, until, actor=actor)
        calls = list(ToolCall.objects.filter(message=message).order_by("number"))
        ending = _ending(calls, actor)
        if ending is not None:
            yield ending
            return
        tools = noting.offers(queries.callable_by(agent) if with_tools else ())
        asked = _asked(question, calls, tools, cited, until)
        wants: providers.Wants | None = None
        with closing(writing.answer(agent, asked, actor=actor, spent=spent)) as answer:
            for event in answer:
                if isinstance(event, providers.Wants):
                    wants = event
                    continue
                if isinstance(event, providers.Cited):
                    cited[event.quote.found.passage_id] = event.number
                yield event
        if wants is None:
            return
        if wants.said.strip():
            yield providers.Text("\n\n")
        noted = noting.note(message, wants, tools)
        yield from (_told(call) for call in noted)
        unmade = next((call for call in noted if call.is_waiting), None)
        if question.wishes is not None and unmade is not None:
            # A program cannot give a person's word.
            yield providers.Failed(NEEDS_PERSON.format(name=unmade.tool_name), "confirmation")
            return


def _ending(calls: list[ToolCall], actor: Tenant) -> providers.Failed | Paused | None:
    """Why the model is not asked once more; None: it is."""
    if calls and member_there(actor.membership_id) is None:
        return providers.Failed(LEFT, "gone")
    return Paused() if any(call.is_waiting for call in calls) else None


def _asked(
    question: providers.Question,
    calls: list[ToolCall],
    tools: Mapping[str, Tool],
    cited: Mapping[UUID, int],
    until: float,
) -> providers.Question:
    """The question of the next round, with what was called so far."""
    rounds = _rounds(calls)
    may_call = bool(tools) and len(rounds) < MOST_ROUNDS and time.monotonic() < until
    offers = (*noting.offered(tools), *_gone(rounds, tools))
    return replace(question, tools=offers, rounds=rounds, cited=dict(cited), may_call=may_call)


def _made(agent: Agent, message: Message, until: float, *, actor: Tenant) -> Events:
    """Make every call that may be made, for as long as there is time."""
    for call in ToolCall.objects.filter(message=message, state__in=making.READY).order_by("number"):
        if member_there(actor.membership_id) is None:
            # Removed or suspended since the job began: nothing more is sent anywhere in their name (L13).
            return
        if time.monotonic() >= until:
            making.leave(call)
        else:
            for _ in making.made(call, agent, actor=actor):
                yield providers.Waiting()
        call.refresh_from_db()
        yield _told(call)


def _rounds(calls: list[ToolCall]) -> tuple[providers.Round, ...]:
    found = []
    for _, group in groupby(calls, key=lambda call: call.round):
        members = list(group)
        answers = tuple((providers.Call(call.mark, call.model_name, call.arguments), _result(call)) for call in members)
        found.append(providers.Round(members[0].said, answers))
    return tuple(found)


def _gone(rounds: tuple[providers.Round, ...], tools: Mapping[str, Tool]) -> Iterator[providers.ToolOffer]:
    """Tools that were called and are not there any more: vendors take no call of a tool of which they are told nothing."""
    named = dict.fromkeys(call.name for one in rounds for call, _ in one.calls if call.name not in tools)
    for name in named:
        yield providers.ToolOffer(name, "Not available any more. Do not call it.", {"type": "object", "properties": {}})


def _result(call: ToolCall) -> str:
    if call.state == State.DECLINED:
        return DECLINED
    return f"It failed: {call.result}" if call.went_wrong else call.result or "It answered nothing."


def _told(call: ToolCall) -> Calling:
    return Calling(call.number, call.server_name, call.tool_name, call.state)


def _cited(message: Message) -> dict[UUID, int]:
    """The numbers of passages that the answer has cited so far."""
    said = Delta.objects.filter(message=message, kind="citation")
    return {UUID(delta.data["passage_id"]): delta.data["number"] for delta in said}
