"""Which tools does this server offer, what was it sent, and how does it fail? The protocol is spoken by the library's server side."""

from __future__ import annotations

import asyncio
import json
import threading
from collections.abc import Awaitable, Callable
from dataclasses import dataclass, field
from types import TracebackType
from typing import Any, Final, Self

import mcp_types as types
import uvicorn
from mcp.server.lowlevel import Server

KEY: Final = "tools-double-0123456789abcdefghij"
LOOKUP: Final = {
    "type": "object",
    "properties": {"order": {"type": "string", "description": "Number of the order"}},
    "required": ["order"],
}
Receive = Callable[[], Awaitable[dict[str, Any]]]
Send = Callable[[dict[str, Any]], Awaitable[None]]


@dataclass
class Asked:
    """One request, as it came: its headers and what it holds."""

    method: str
    headers: dict[str, str]
    body: dict[str, Any] = field(default_factory=dict)


def tool(name: str, description: str = "", *, reads: bool = False, schema: dict[str, Any] | None = None) -> types.Tool:
    """A tool as a server describes it."""
    hints = types.ToolAnnotations(read_only_hint=True) if reads else None
    return types.Tool(name=name, description=description, input_schema=schema or LOOKUP, annotations=hints)


class ToolDouble:
    """A running server of tools. `answers` is what a tool says to its arguments; the rest are faults, each until it is taken away."""

    def __init__(self) -> None:
        self.tools = [tool("look_up", "Looks an order up.", reads=True), tool("cancel", "Cancels an order.")]
        self.asked: list[Asked] = []
        self.called: list[tuple[str, dict[str, Any]]] = []
        self.answers: Callable[[str, dict[str, Any]], Any] = lambda name, arguments: f"{name} did it: {arguments}"
        self.status, self.redirect, self.garbage, self.large = 0, "", b"", 0
        # Bytes of its answers, and as many in their place: what the library would not write.
        self.instead: tuple[bytes, bytes] | None = None
        # A server of the years before `server/discover`.
        self.is_old = False
        # Held here, a call waits until the test lets it go.
        self.held = threading.Event()
        self.held.set()
        protocol = Server("Orders", on_list_tools=self._list, on_call_tool=self._call)
        self._app: Any = protocol.streamable_http_app()
        config = uvicorn.Config(
            self._guarded,
            port=0,
            log_level="critical",
            interface="asgi3",
            lifespan="on",
            timeout_graceful_shutdown=1,
            ws="none",
            loop="asyncio",
        )
        self._server = uvicorn.Server(config)
        self._thread = threading.Thread(target=self._server.run, name="tools", daemon=True)

    @property
    def url(self) -> str:
        """Where it answers."""
        port = self._server.servers[0].sockets[0].getsockname()[1]
        return f"http://127.0.0.1:{port}/mcp"

    def __enter__(self) -> Self:
        self._thread.start()
        while not self._server.started:
            self._thread.join(0.01)
            assert self._thread.is_alive()
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        self.held.set()
        self._server.should_exit = True
        self._thread.join()

    async def _list(self, context: Any, parameters: Any) -> types.ListToolsResult:
        return types.ListToolsResult(tools=self.tools)

    async def _call(self, context: Any, parameters: types.CallToolRequestParams) -> types.CallToolResult:
        arguments = parameters.arguments or {}
        self.called.append((parameters.name, arguments))
        # On a thread: the test lets go from its own.
        await asyncio.to_thread(self.held.wait)
        answer = self.answers(parameters.name, arguments)
        if isinstance(answer, types.CallToolResult):
            return answer
        return types.CallToolResult(content=[types.TextContent(type="text", text=str(answer))])

    def _fault(self, asked: Asked) -> tuple[int, bytes, str, str] | None:
        """What is said in the place of an answer: status, body, kind and where to."""
        key = asked.headers.get("authorization", "")
        if key != f"Bearer {KEY}":
            # As servers do, it repeats what was sent: no page may show this.
            return 401, f"Refused: {key}".encode(), "text/plain", ""
        if self.is_old and asked.body.get("method") == "server/discover":
            return 404, b"", "text/plain", ""
        if self.status or self.redirect:
            return self.status or 307, b"on demand", "text/plain", self.redirect
        if self.garbage or self.large:
            return 200, self.garbage or b"0" * self.large, "application/json", ""
        return None

    async def _guarded(self, scope: dict[str, Any], receive: Receive, send: Send) -> None:
        """The key and the faults, before the protocol."""
        if scope["type"] != "http":
            await self._app(scope, receive, send)
            return
        body = b""
        while True:
            message = await receive()
            body += message.get("body", b"")
            if not message.get("more_body"):
                break
        headers = {name.decode(): value.decode() for name, value in scope["headers"]}
        self.asked.append(Asked(scope["method"], headers, json.loads(body) if body else {}))
        fault = self._fault(self.asked[-1])
        if fault is not None:
            await _say(send, *fault)
        else:
            given = iter([{"type": "http.request", "body": body, "more_body": False}])

            async def again() -> dict[str, Any]:
                return next(given, None) or await receive()

            async def told(message: dict[str, Any]) -> None:
                if self.instead and "body" in message:
                    message = {**message, "body": message["body"].replace(*self.instead)}
                await send(message)

            await self._app(scope, again, told)


async def _say(send: Send, status: int, body: bytes, kind: str, leads_to: str) -> None:
    headers = [(b"content-type", kind.encode()), *([(b"location", leads_to.encode())] if leads_to else [])]
    await send({"type": "http.response.start", "status": status, "headers": headers})
    await send({"type": "http.response.body", "body": body})
