"""How is a model asked that speaks Anthropic's dialect? Through their library."""

from __future__ import annotations

import json
from collections.abc import Iterator
from typing import Any, Final

import anthropic

from accounts.outbound.streaming import PinnedTransport, Place
from agents.providers.base import Round, ToolOffer
from agents.providers.wire import (
    NAMED,
    Connection,
    Counted,
    Ended,
    Gathered,
    Piece,
    Prompt,
    Trouble,
    Word,
    client_options,
    text_of,
    trouble_of_names,
    trouble_of_status,
)

ENDINGS: Final = {"max_tokens": "length", "refusal": "withheld"}


class AnthropicDialect:
    """Messages."""

    def place(self, connection: Connection) -> Place:
        """The key goes in a header of its own."""
        return Place(connection.base_url, {"X-Api-Key": connection.key} if connection.key else {})

    def words(self, connection: Connection, prompt: Prompt, transport: PinnedTransport) -> Iterator[Word]:
        """Ask, and yield what comes."""
        options: dict[str, Any] = {}
        if connection.temperature is not None:
            options["temperature"] = min(connection.temperature, 1.0)  # theirs ends there
        messages: Any = [{"role": role, "content": text} for role, text in prompt.turns]
        messages += [message for one in prompt.rounds for message in _round(one)]
        if prompt.tools:
            options["tools"] = [_tool(tool) for tool in prompt.tools]
            options["tool_choice"] = {"type": "auto" if prompt.may_call else "none"}
        gathered = Gathered()
        with _client(connection, transport).messages.create(
            model=connection.model,
            max_tokens=connection.max_tokens,
            system=prompt.system,
            messages=messages,
            stream=True,
            **options,
        ) as stream:
            for event in stream:
                yield from _words(event, gathered)
        yield from gathered.calls()

    def names(self, connection: Connection, transport: PinnedTransport) -> Iterator[str]:
        """The ids of their models."""
        for model in _client(connection, transport).models.list(limit=100):
            yield text_of(model.id)

    def trouble(self, error: Exception) -> str:
        """Which kind of trouble it is."""
        if isinstance(error, anthropic.APIStatusError):
            if error.response.is_success:
                return trouble_of_names(error.type)  # an event of the stream, which had begun well
            return NAMED.get(error.type or "", trouble_of_status(error.status_code))
        if isinstance(error, anthropic.APITimeoutError):
            return "slow"
        if isinstance(error, anthropic.APIConnectionError):
            return "down"
        return "garbage" if isinstance(error, anthropic.AnthropicError) else ""


def _client(connection: Connection, transport: PinnedTransport) -> anthropic.Anthropic:
    return anthropic.Anthropic(**client_options(connection, transport))


def _tool(tool: ToolOffer) -> dict[str, Any]:
    return {"name": tool.name, "description": tool.description, "input_schema": dict(tool.schema)}


def _round(one: Round) -> Iterator[dict[str, Any]]:
    said: list[dict[str, Any]] = [{"type": "text", "text": one.said}] if one.said.strip() else []
    calls = [
        {"type": "tool_use", "id": call.id, "name": call.name, "input": _object(call.arguments)}
        for call, _ in one.calls
    ]
    results = [{"type": "tool_result", "tool_use_id": call.id, "content": result} for call, result in one.calls]
    yield {"role": "assistant", "content": said + calls}
    yield {"role": "user", "content": results}


def _object(arguments: str) -> dict[str, Any]:
    try:
        found = json.loads(arguments)
    except ValueError:
        return {}  # what was no object was not called either, and the result says so
    return found if isinstance(found, dict) else {}


def _words(event: Any, gathered: Gathered) -> Iterator[Word]:
    # The library does not check what came against its types, so nothing here can be relied on.
    try:
        if event.type == "message_start":
            yield Counted(read=event.message.usage.input_tokens)
        elif event.type == "content_block_start" and event.content_block.type == "tool_use":
            gathered.take(event.index, call_id=event.content_block.id, name=event.content_block.name)
        elif event.type == "content_block_delta" and event.delta.type == "text_delta":
            yield Piece(text_of(event.delta.text))
        elif event.type == "content_block_delta" and event.delta.type == "input_json_delta":
            gathered.take(event.index, arguments=event.delta.partial_json)
        elif event.type == "message_delta":
            yield Counted(written=event.usage.output_tokens)
            if event.delta.stop_reason:
                yield Ended(ENDINGS.get(event.delta.stop_reason, "stop"))
    except (AttributeError, TypeError) as error:
        raise Trouble("garbage") from error
