"""How is a call that a model wants written down, before anything is done about it?"""

from __future__ import annotations

import json
import re
from collections.abc import Mapping, Sequence
from typing import Final

from django.db import transaction

from accounts.pseudonyms import pseudonym
from agents import providers
from agents.models import Tool
from agents.providers.citing import visible
from agents.tools.models import Rule
from conversations.calling.models import LONGEST_ARGUMENTS, ToolCall
from conversations.models import Message

# In one answer. What a model wants beyond that is not made, and it is told so.
MOST_CALLS: Final = 24
LONGEST_NAME: Final = 48
_PLAIN: Final = re.compile(r"[^A-Za-z0-9_-]+", re.ASCII)
State = ToolCall.State


def offers(tools: Sequence[Tool]) -> dict[str, Tool]:
    """The tools by the names under which the model knows them: of plain letters, and each its own across all servers."""
    return {f"{_PLAIN.sub('_', tool.name)[:LONGEST_NAME]}_{tool.pk.hex[-8:]}": tool for tool in tools}


def offered(tools: Mapping[str, Tool]) -> tuple[providers.ToolOffer, ...]:
    """What the model is told of them: what an administrator has read."""
    return tuple(providers.ToolOffer(name, tool.description, tool.schema) for name, tool in tools.items())


def note(message: Message, wants: providers.Wants, tools: Mapping[str, Tool]) -> list[ToolCall]:
    """Write the calls of one round down: those that are made at once, those that wait for a word, and those that cannot be."""
    before = ToolCall.objects.filter(message=message)
    count = before.count()
    number = 1 + max(before.values_list("round", flat=True), default=0)
    calls = [
        _noted(message, call, tools.get(call.name), ToolCall(message=message, number=count + place, round=number))
        for place, call in enumerate(wants.calls, start=1)
    ]
    calls[0].said = wants.said
    with transaction.atomic():
        ToolCall.objects.bulk_create(calls)
    return calls


def digest_of(message: Message, tool: Tool | None, arguments: str) -> str:
    """What a confirmation is bound to: this answer, this tool as it was looked at, these arguments.

    Under a key, as it stands in the trail: whoever reads that could try out what they guess, arguments being short.
    """
    what = [
        message.workspace_id.hex,
        message.pk.hex,
        tool.pk.hex if tool else "",
        tool.digest if tool else "",
        arguments,
    ]
    return pseudonym("call", json.dumps(what))


def _noted(message: Message, call: providers.Call, tool: Tool | None, noted: ToolCall) -> ToolCall:
    arguments, trouble = _arguments(call.arguments)
    if tool is None:
        trouble = "There is no such tool."
    elif noted.number > MOST_CALLS:
        trouble = f"An answer may call up to {MOST_CALLS} tools. Answer with what is there."
    # The mark is the model's own, and it gets back what is kept of it.
    noted.mark, noted.model_name = visible(call.id) or f"call_{noted.number}", visible(call.name)[:200]
    noted.tool, noted.tool_name = tool, tool.name if tool else visible(call.name)[:200] or "?"
    noted.server_name = tool.server.name if tool else ""
    noted.arguments, noted.digest = arguments, digest_of(message, tool, arguments)
    noted.asks = tool is None or tool.rule != Rule.FREE
    noted.state = State.FAILED if trouble else State.WAITING if noted.asks else State.READY
    noted.result = trouble
    return noted


def _arguments(raw: str) -> tuple[str, str]:
    """The arguments as they are shown, confirmed and sent, and what is wrong with them."""
    try:
        found = json.loads(raw or "{}")
        # Numbers that JSON does not know would be sent as something else than they were shown.
        written = json.dumps(found, ensure_ascii=False, allow_nan=False)
    except (ValueError, RecursionError):
        return visible(raw)[:1000], "The arguments were no JSON. Nothing was called."
    # NUL and half characters are in no text of the database; what shows nothing could not be confirmed.
    if not isinstance(found, dict) or len(written) > LONGEST_ARGUMENTS or visible(written) != written:
        return visible(written)[:1000], "The arguments were too long, or no plain JSON object. Nothing was called."
    return written, ""
