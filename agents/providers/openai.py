"""How is a model asked that speaks OpenAI's dialect? Through their library: OpenAI, Azure, vLLM, Ollama and many more."""

from __future__ import annotations

from collections.abc import Iterator
from typing import Any, Final
from urllib.parse import urlsplit

import openai

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

# Their own servers want the newer name of the limit; servers that follow them mostly know the older one only.
OWN_HOSTS: Final = ("openai.com", "openai.azure.com")
ENDINGS: Final = {"length": "length", "content_filter": "withheld"}


class OpenAIDialect:
    """Chat completions."""

    def place(self, connection: Connection) -> Place:
        """The key goes as a bearer token; a server of one's own may want none."""
        credential = {"Authorization": f"Bearer {connection.key}"} if connection.key else {}
        return Place(connection.base_url, credential)

    def words(self, connection: Connection, prompt: Prompt, transport: PinnedTransport) -> Iterator[Word]:
        """Ask, and yield what comes."""
        options: dict[str, Any] = {_limit(connection): connection.max_tokens}
        if connection.temperature is not None:
            options["temperature"] = connection.temperature
        messages: Any = [
            {"role": "system", "content": prompt.system},
            *({"role": role, "content": text} for role, text in prompt.turns),
            *(message for one in prompt.rounds for message in _round(one)),
        ]
        if prompt.tools:
            options["tools"] = [_tool(tool) for tool in prompt.tools]
            options["tool_choice"] = "auto" if prompt.may_call else "none"
        client, gathered = _client(connection, transport), Gathered()
        with client.chat.completions.create(
            model=connection.model, messages=messages, stream=True, stream_options={"include_usage": True}, **options
        ) as stream:
            for chunk in stream:
                yield from _words(chunk, gathered)
        yield from gathered.calls()

    def names(self, connection: Connection, transport: PinnedTransport) -> Iterator[str]:
        """The ids of the server's models."""
        for model in _client(connection, transport).models.list():
            yield text_of(model.id)

    def trouble(self, error: Exception) -> str:
        """Which kind of trouble it is."""
        if isinstance(error, openai.APIStatusError):
            # 429 is also what they answer where an account is empty, and 400 what is too long.
            return NAMED.get(error.code or "", trouble_of_status(error.status_code))
        if isinstance(error, openai.APITimeoutError):
            return "slow"
        if isinstance(error, openai.APIConnectionError):
            return "down"
        if type(error) is openai.APIError:
            return trouble_of_names(error.code, error.type)  # told in the stream, which had begun well
        return "garbage" if isinstance(error, openai.OpenAIError) else ""


def _client(connection: Connection, transport: PinnedTransport) -> openai.OpenAI:
    return openai.OpenAI(**client_options(connection, transport))


def _limit(connection: Connection) -> str:
    host = urlsplit(connection.base_url).hostname or ""
    is_theirs = any(host == own or host.endswith(f".{own}") for own in OWN_HOSTS)
    return "max_completion_tokens" if is_theirs else "max_tokens"


def _tool(tool: ToolOffer) -> dict[str, Any]:
    described = {"name": tool.name, "description": tool.description, "parameters": dict(tool.schema)}
    return {"type": "function", "function": described}


def _round(one: Round) -> Iterator[dict[str, Any]]:
    calls = [
        {"id": call.id, "type": "function", "function": {"name": call.name, "arguments": call.arguments}}
        for call, _ in one.calls
    ]
    yield {"role": "assistant", "content": one.said or None, "tool_calls": calls}
    for call, result in one.calls:
        yield {"role": "tool", "tool_call_id": call.id, "content": result}


def _words(chunk: Any, gathered: Gathered) -> Iterator[Word]:
    # The library does not check what came against its types, so nothing here can be relied on.
    try:
        if chunk.usage is not None:
            yield Counted(chunk.usage.prompt_tokens, chunk.usage.completion_tokens)
        for choice in (chunk.choices or ())[:1]:
            if choice.delta is not None and choice.delta.content:
                yield Piece(text_of(choice.delta.content))
            for call in (choice.delta.tool_calls or ()) if choice.delta is not None else ():
                wanted = call.function
                gathered.take(call.index, call_id=call.id, name=wanted.name, arguments=wanted.arguments)
            if choice.finish_reason:
                yield Ended(ENDINGS.get(choice.finish_reason, "stop"))
    except (AttributeError, TypeError) as error:
        raise Trouble("garbage") from error
