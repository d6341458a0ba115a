"""How is a call made that may be made, once, with what was shown and by nobody else's right?

The tool gets what stands in the call's arguments and nothing besides. Those are the model's, and the model saw only this member's
question, this conversation, passages that this member may read, and answers of tools: so nothing of a colleague's private file can be
in them. Before anything leaves, the call is marked as running, in the transaction that records it; a worker that dies then
leaves a call that nobody makes a second time.
"""

from __future__ import annotations

import json
from collections.abc import Iterator
from typing import Final

from django.db import transaction
from django.utils import timezone

from accounts.http import Tenant
from agents.models import Agent, Tool
from agents.providers.pumping import pumped
from agents.providers.wire import Trouble
from agents.tools import client, queries, services
from agents.tools.models import Rule
from agents.vendors import vault
from conversations import signals
from conversations.calling.models import ToolCall
from conversations.calling.noting import digest_of
from conversations.models import Message

State = ToolCall.State
READY: Final = (State.READY, State.CONFIRMED)
NOT_ALLOWED: Final = "An administrator does not allow this tool any more, or the agent lost it. It was not called."
NOW_ASKS: Final = "This tool asks the person before each call now, so it was not called. Ask again."
OTHER: Final = "An administrator allowed another form of this tool meanwhile, so it was not called. Ask again."
WHY: Final = {NOT_ALLOWED: "not_allowed", NOW_ASKS: "asks_now", OTHER: "other_form"}
LATE: Final = "No time was left for this call. Answer with what is there, or ask again."
CHANGED: Final = (
    "The server describes this tool differently now. It was not called, and is off until an administrator looks at it."
)
SEALED: Final = (
    "The key of this tool’s server cannot be opened. An administrator has to enter it again, under Settings, Tools."
)
SENTENCES: Final = {
    "down": "The tool’s server could not be reached.",
    "slow": "The tool’s server did not answer in time. It may have done what it was called for.",
    "busy": "The tool’s server takes no more requests just now.",
    "failing": "The tool’s server reported a failure of its own.",
    "large": "The tool’s answer did not end, and was cut off.",
    "redirect": "The tool’s server wanted the call sent to another address, which is never done.",
    "forbidden": "The address of the tool’s server may not be called from here.",
    "key": "The tool’s server did not accept its key. An administrator has to enter it anew, under Settings, Tools.",
}
GARBAGE: Final = "What the tool’s server sent is no answer."


def made(call: ToolCall, agent: Agent, *, actor: Tenant) -> Iterator[None]:
    """Make the call and keep what came of it; yields while it waits, so that the answer can be stopped meanwhile."""
    tool = next((one for one in queries.callable_by(agent) if one.pk == call.tool_id), None)
    refusal = NOT_ALLOWED if tool is None else NOW_ASKS if tool.rule != Rule.FREE and call.state == State.READY else ""
    if tool is not None and not refusal and digest_of(call.message, tool, call.arguments) != call.digest:
        refusal = OTHER
    if refusal or tool is None:
        _refuse(call, refusal, actor=actor)
        return
    if not _claimed(call, agent, tool, actor=actor):
        return
    try:
        connection = services.connection_to(tool.server)
    except vault.Unopened:
        _end(call, State.FAILED, SEALED, tool, actor=actor)
        return
    arguments = json.loads(call.arguments)
    pinned = client.Ending()
    try:
        for returned in pumped(
            lambda: client.call(connection, tool.name, arguments, digest=tool.digest, ending=pinned), pinned.end
        ):
            if returned is None:
                yield
                continue
            state = State.FAILED if returned.is_error else State.DONE
            _end(call, state, returned.text, tool, actor=actor)
    except client.Changed:
        services.switch_off_changed(tool, actor=actor)
        _end(call, State.FAILED, CHANGED, tool, actor=actor)
    except Trouble as trouble:
        _end(call, State.FAILED, SENTENCES.get(trouble.kind, GARBAGE), tool, actor=actor)


def leave(call: ToolCall) -> None:
    """Do not make a call for which no time is left."""
    _finish(call, State.FAILED, LATE)


def drop(message: Message) -> None:
    """Say of every call of an answer that ended that it is not made any more; of one under way, that nobody knows."""
    calls = ToolCall.objects.filter(message=message)
    calls.filter(state=State.RUNNING).update(state=State.LOST, finished_at=timezone.now())
    calls.filter(state__in=[*READY, State.WAITING]).update(state=State.DROPPED, finished_at=timezone.now())


def _claimed(call: ToolCall, agent: Agent, tool: Tool, *, actor: Tenant) -> bool:
    with transaction.atomic():
        if not ToolCall.objects.filter(pk=call.pk, state__in=READY).update(state=State.RUNNING):
            return False
        signals.tool_called.send(
            ToolCall,
            actor=actor,
            target=call,
            agent_id=agent.pk,
            server_id=tool.server_id,
            tool_id=tool.pk,
            arguments=call.digest,
            confirmed=call.state == State.CONFIRMED,
        )
    return True


def _refuse(call: ToolCall, refusal: str, *, actor: Tenant) -> None:
    with transaction.atomic():
        _finish(call, State.FAILED, refusal)
        signals.tool_refused.send(
            ToolCall, actor=actor, target=call, tool_id=call.tool_id, arguments=call.digest, why=WHY[refusal]
        )


def _end(call: ToolCall, state: str, result: str, tool: Tool, *, actor: Tenant) -> None:
    with transaction.atomic():
        _finish(call, state, result)
        signals.tool_returned.send(
            ToolCall, actor=actor, target=call, tool_id=tool.pk, works=state == State.DONE, size=len(result)
        )


def _finish(call: ToolCall, state: str, result: str) -> None:
    ToolCall.objects.filter(pk=call.pk).update(state=state, result=result, finished_at=timezone.now())
