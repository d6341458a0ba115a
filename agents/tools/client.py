"""How is a server of tools asked what it offers, and one of its tools called? The one door to the protocol's library.

Over our own pinned transport, in a session that lasts as long as one piece of work. The server gets the name of a tool and its
arguments, and nothing else: not who asks, for whom, or in which workspace. It gets no answer to a question of its own: no file, no
sampling, no form. Whatever comes back is text of somebody else's.
"""

from __future__ import annotations

import hashlib
import json
import logging
import re
import threading
from collections.abc import Callable, Coroutine, Iterator
from contextlib import closing
from dataclasses import dataclass, field, replace
from typing import Any, Final, TypeVar

import anyio
import httpx2

from accounts import outbound
from accounts.outbound.asynchronous import AsyncPinnedTransport, Redirected
from accounts.outbound.streaming import Compressed, Limits, PinnedTransport, Place, TooLarge
from agents.providers.citing import visible
from agents.providers.wire import Trouble, trouble_of_status
from agents.tools.models import LONGEST_DESCRIPTION, LONGEST_TOOL

MOST_TOOLS: Final = 100
MOST_PAGES: Final = 10
LARGEST_SCHEMA: Final = 16_000  # characters
LONGEST_RESULT: Final = 20_000  # characters
SHORTEST_KEY: Final = 8  # characters
NAME: Final = re.compile(rf"[A-Za-z0-9_.\-/]{{1,{LONGEST_TOOL}}}", re.ASCII)
Result = TypeVar("Result")

# The library writes what servers say, and addresses with them, into the log (L44).
logging.getLogger("mcp").setLevel(logging.CRITICAL + 1)


@dataclass(frozen=True, slots=True)
class Connection:
    """Where a server of tools is, and with which key."""

    url: str
    key: str = field(default="", repr=False)
    limits: Limits = field(default_factory=Limits)

    @property
    def place(self) -> Place:
        """Where to, with the key as servers of tools want it."""
        return Place(self.url, {"Authorization": f"Bearer {self.key}"} if self.key else {})


@dataclass(frozen=True, slots=True)
class Offered:
    """A tool as its server describes it, cleaned of what shows nothing. `digest` is of all that it said, cleaned or not."""

    name: str
    description: str
    schema: dict[str, Any]
    says_it_reads: bool
    digest: str


@dataclass(frozen=True, slots=True)
class Returned:
    """What a tool answered, as text."""

    text: str
    is_error: bool = False


class Ending:
    """How another thread breaks a call off, whether or not it has begun."""

    def __init__(self) -> None:
        self._lock = threading.Lock()
        self._pinned: PinnedTransport | None = None
        self._is_over = False

    def take(self, pinned: PinnedTransport) -> None:
        """End this one when the time comes."""
        with self._lock:
            self._pinned = pinned
            if self._is_over:
                pinned.end()

    def end(self) -> None:
        """Break off what is open, and let nothing more begin."""
        with self._lock:
            self._is_over = True
            if self._pinned is not None:
                self._pinned.end()


class Changed(Exception):
    """The server describes the tool differently from how it was looked at, or not at all any more. It was not called."""


def offered(connection: Connection) -> list[Offered]:
    """Ask the server what it offers. Whatever cannot be shown or called is left out. Raises `Trouble`."""
    return _worked(connection, _listed)


def call(
    connection: Connection, name: str, arguments: dict[str, Any], *, digest: str, ending: Ending
) -> Iterator[Returned]:
    """Call a tool that still is what `digest` stands for; yields once. Raises `Changed` or `Trouble`.

    The server is asked anew what the tool is, in the same session: what it said last week proves nothing.
    """

    async def work(client: Any) -> Returned:
        if not any(tool.name == name and tool.digest == digest for tool in await _listed(client)):
            raise Changed
        return await _called(client, name, arguments)

    returned = _worked(connection, work, ending)
    # Servers repeat in their failures what they were sent, and whoever asks is no administrator (L44).
    yield replace(returned, text=_cut(_without(connection.key, returned.text)))


def _worked(
    connection: Connection, work: Callable[[Any], Coroutine[Any, Any, Result]], ending: Ending | None = None
) -> Result:
    try:
        pinned = PinnedTransport(connection.place, connection.limits)
    except outbound.Forbidden as error:
        raise Trouble("forbidden") from error
    with closing(pinned):
        if ending is not None:
            ending.take(pinned)
        transport = AsyncPinnedTransport(pinned)
        try:
            return anyio.run(_session, connection, transport, work)
        except Exception as error:
            for inner in _leaves(error):
                if isinstance(inner, Changed | Trouble):
                    raise inner from error
            kind = _trouble(error, transport)
            if not kind:
                raise
            raise Trouble(kind) from error


async def _session(
    connection: Connection, transport: AsyncPinnedTransport, work: Callable[[Any], Coroutine[Any, Any, Result]]
) -> Result:
    # A second to load, so only where a server of tools is asked.
    from mcp.client import Client
    from mcp.client.streamable_http import streamable_http_client

    with anyio.fail_after(connection.limits.seconds):
        async with httpx2.AsyncClient(transport=transport, trust_env=False, follow_redirects=False) as http:
            line = streamable_http_client(connection.url, http_client=http)
            async with Client(line, cache=None) as client:
                return await work(client)


async def _listed(client: Any) -> list[Offered]:
    found: dict[str, Offered] = {}
    cursor: str | None = None
    for _ in range(MOST_PAGES):
        page = await client.list_tools(cursor=cursor)
        for tool in page.tools:
            shown = _offered(tool)
            if shown is not None and len(found) < MOST_TOOLS:
                found.setdefault(shown.name, shown)
        cursor = page.next_cursor
        if not cursor or len(found) >= MOST_TOOLS:
            break
    return sorted(found.values(), key=lambda tool: tool.name)


def _offered(tool: Any) -> Offered | None:
    """The tool, unless it could not be shown to an administrator whole: then nobody could have looked at it."""
    reads = tool.annotations is not None and tool.annotations.read_only_hint is True
    said = [tool.name, tool.description or "", tool.input_schema, reads]
    try:
        written = json.dumps(said, sort_keys=True, ensure_ascii=True, allow_nan=False)
    except ValueError:
        return None  # a number beyond all numbers, which no column takes and no model is told
    schema = json.dumps(tool.input_schema, ensure_ascii=False)
    description = visible(tool.description or "")
    if not NAME.fullmatch(tool.name) or len(schema) > LARGEST_SCHEMA or len(description) > LONGEST_DESCRIPTION:
        return None
    cleaned = json.loads(json.dumps(_cleaned(tool.input_schema)))
    return Offered(tool.name, description, cleaned, reads, hashlib.sha256(written.encode()).hexdigest())


def _cleaned(value: Any) -> Any:
    if isinstance(value, str):
        return visible(value)
    if isinstance(value, dict):
        return {visible(str(key)): _cleaned(one) for key, one in value.items()}
    return [_cleaned(one) for one in value] if isinstance(value, list) else value


async def _called(client: Any, name: str, arguments: dict[str, Any]) -> Returned:
    import mcp_types as types
    from mcp.shared.exceptions import MCPError

    # Not the library's own `call_tool`: it checks answers by the server's schema, whose patterns could take for ever.
    asked = types.CallToolRequest(params=types.CallToolRequestParams(name=name, arguments=arguments))
    try:
        result = await client.session.send_request(asked, types.CallToolResult)
    except MCPError as error:
        if error.code not in (types.INVALID_PARAMS, types.METHOD_NOT_FOUND):
            raise
        return Returned(f"The tool did not take these arguments: {error}", is_error=True)
    parts = [_text(block) for block in result.content]
    if not any(parts) and result.structured_content is not None:
        parts = [json.dumps(result.structured_content, ensure_ascii=False)]
    return Returned("\n\n".join(part for part in parts if part), is_error=bool(result.is_error))


def _text(block: Any) -> str:
    if block.type == "text":
        return str(block.text)
    if block.type == "resource" and getattr(block.resource, "text", None):
        return str(block.resource.text)
    # No picture, sound or link of somebody's server is fetched or drawn (L21).
    return f"[{block.type}: not shown]"


def _without(key: str, text: str) -> str:
    """The text, cleaned of what shows nothing and of the key; one that is as short as a word is no secret."""
    text = visible(text)
    return text.replace(key, "[key]") if len(key) >= SHORTEST_KEY else text


def _cut(text: str) -> str:
    return text if len(text) <= LONGEST_RESULT else f"{text[:LONGEST_RESULT]}\n[cut off here: the result was longer]"


def _trouble(error: Exception, transport: AsyncPinnedTransport) -> str:
    """Which kind of trouble it was; "" for a failure of our own. The library wraps, and often only logs, what went wrong."""
    import pydantic
    from mcp.shared.exceptions import MCPError

    # What the transport met counts first: the library tells a refused key, and a cut line, as something else.
    for met in (transport.failure, *_leaves(error)):
        for kinds, kind in TROUBLES:
            if isinstance(met, kinds):
                return kind
    if transport.status >= 400:
        return trouble_of_status(transport.status)
    known = (MCPError, pydantic.ValidationError, RuntimeError, ValueError)
    return "garbage" if any(isinstance(leaf, known) for leaf in _leaves(error)) else ""


def _leaves(error: BaseException) -> Iterator[BaseException]:
    if isinstance(error, BaseExceptionGroup):
        for inner in error.exceptions:
            yield from _leaves(inner)
    else:
        yield error


TROUBLES: Final[tuple[tuple[type[Exception] | tuple[type[Exception], ...], str], ...]] = (
    ((outbound.Forbidden, httpx2.InvalidURL), "forbidden"),
    ((Redirected,), "redirect"),
    ((TooLarge,), "large"),
    ((Compressed, httpx2.DecodingError), "garbage"),
    ((httpx2.TimeoutException, TimeoutError), "slow"),
    ((outbound.Unreachable, httpx2.TransportError), "down"),
)
