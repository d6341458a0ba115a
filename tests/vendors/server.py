"""At which addresses does this vendor answer, in which dialect, and how does it fail? A threaded HTTP server on loopback."""

from __future__ import annotations

import gzip
import json
import re
import threading
import time
from collections.abc import Callable, Iterator
from dataclasses import dataclass
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from types import TracebackType
from typing import Any, ClassVar, Final, Self

from tests.vendors import mind
from tests.vendors.faults import Fault, Faults

KEY: Final = "sk-double-0123456789abcdefghijklmnop"
PIECE: Final = re.compile(r"\S+\s*|\s+")
TOKENS: Final = (321, 45)


@dataclass
class Asked:
    """One request, as it came."""

    path: str
    headers: dict[str, str]
    body: dict[str, Any]

    @property
    def turns(self) -> list[dict[str, Any]]:
        """What was said in turns, without the rules."""
        return [turn for turn in self.body.get("messages", []) if turn.get("role") != "system"]

    @property
    def tools(self) -> dict[str, dict[str, Any]]:
        """The tools that it was told of, by name."""
        told = [one.get("function") or one for one in self.body.get("tools", [])]
        return {one["name"]: one for one in told}

    @property
    def results(self) -> list[str]:
        """What came of its calls, in their order."""
        found = []
        for turn in self.turns:
            if turn["role"] == "tool":
                found.append(turn["content"])
            elif turn["role"] == "user" and isinstance(turn["content"], list):
                found += [part["content"] for part in turn["content"] if part["type"] == "tool_result"]
        return found

    @property
    def system(self) -> str:
        """The rules."""
        first = self.body.get("messages", [{}])[0]
        return str(self.body.get("system") or (first.get("content", "") if first.get("role") == "system" else ""))

    @property
    def passages(self) -> list[dict[str, Any]]:
        """The passages that went along."""
        return list(mind.question_of(self.turns).get("passages", []))


class Double:
    """A running vendor. `says` replaces what its model would say; `pause` is how many seconds it takes for each word."""

    def __init__(self, *, host: str = "127.0.0.1", port: int = 0) -> None:
        self.faults = Faults()
        self.asked: list[Asked] = []
        self.says: Callable[[Asked], str] | None = None
        # Which tools its model wants called, with what: by the beginning of their names, or by any name at all.
        self.wants: Callable[[Asked], list[tuple[str, Any]]] | None = None
        self.ending = ""
        # How its marks of calls begin.
        self.mark = "call_"
        self.pause = 0.0
        self.counts = True
        self.models: list[Any] = list(mind.MODELS)
        self._server = ThreadingHTTPServer((host, port), _handler(self))
        self._server.daemon_threads = True
        self._server.handle_error = lambda *args: None  # type: ignore[method-assign]  # who breaks off is what tests are about
        self.origin = f"http://{host}:{self._server.server_port}"
        self._thread = threading.Thread(target=self._server.serve_forever, args=[0.01], daemon=True)

    @property
    def url(self) -> str:
        """Its address for those that speak as OpenAI does."""
        return f"{self.origin}/v1"

    def __enter__(self) -> Self:
        self._thread.start()
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        self.faults.clear()
        self._server.shutdown()
        self._server.server_close()
        self._thread.join()

    def serve(self) -> None:
        """Answer until interrupted."""
        self._server.serve_forever()

    def calls_for(self, asked: Asked) -> list[tuple[str, str]]:
        """What the model wants called after this, as names and written arguments."""
        wanted = self.wants(asked) if self.wants else []
        names = {name: next((one for one in asked.tools if one.startswith(name)), name) for name, _ in wanted}
        return [(names[name], what if isinstance(what, str) else json.dumps(what)) for name, what in wanted]

    def text_for(self, asked: Asked) -> str:
        """What the model says to this."""
        return self.says(asked) if self.says else mind.reply(asked.turns, asked.system)


def _handler(double: Double) -> type[BaseHTTPRequestHandler]:
    class Handler(_Answers):
        owner = double

    return Handler


class _Answers(BaseHTTPRequestHandler):
    owner: ClassVar[Double]
    protocol_version = "HTTP/1.1"
    # Head and body are written one by one: held back until the head is acknowledged, the body came 40 ms late (measured).
    disable_nagle_algorithm = True

    def log_message(self, format: str, *arguments: Any) -> None:  # noqa: A002 - the base class names it so
        """Stay quiet."""

    def do_GET(self) -> None:
        """Answer, whatever the method."""
        raw = self.rfile.read(int(self.headers.get("Content-Length") or 0))
        headers = {name.lower(): value for name, value in self.headers.items()}
        asked = Asked(self.path.partition("?")[0], headers, json.loads(raw) if raw else {})
        self.owner.asked.append(asked)
        fault = self.owner.faults.take()
        if self._failed(fault):
            return
        is_known = headers.get("authorization") == f"Bearer {KEY}" or headers.get("x-api-key") == KEY
        if not is_known:
            # As vendors do, it repeats part of what was sent: no page may show this.
            self._say(401, {"error": {"message": f"Incorrect API key provided: {headers.get('authorization')}"}})
        elif asked.path == "/v1/models":
            self._say(200, {"object": "list", "has_more": False, "data": [_model(name) for name in self.owner.models]})
        elif asked.path in ("/v1/chat/completions", "/v1/messages"):
            self._stream(asked, fault)
        else:
            self._say(404, {"error": {"message": "Not Found"}})

    do_POST = do_GET  # noqa: N815 - the base class looks for this name

    def _failed(self, fault: Fault) -> bool:
        """Fail as wished, as far as that takes the place of an answer."""
        if fault.black_hole:
            fault.over.wait()
            self.close_connection = True
        elif fault.redirect:
            self.send_response(302)
            self.send_header("Location", fault.redirect)
            self.send_header("Content-Length", "0")
            self.end_headers()
        elif fault.status:
            told = {"code": fault.code, "type": fault.code} if fault.code else {}
            self._say(fault.status, {"error": {"message": f"on demand, for {KEY}", **told}})
        elif fault.garbage:
            self._send(200, fault.garbage, "text/event-stream")
        elif fault.gzip:
            self._send(200, gzip.compress(b"0" * 10_000_000), "text/event-stream", [("Content-Encoding", "gzip")])
        else:
            return False
        return True

    def _stream(self, asked: Asked, fault: Fault) -> None:
        self.send_response(200)
        self.send_header("Content-Type", "text/event-stream")
        self.send_header("Transfer-Encoding", "chunked")
        self.end_headers()
        text = "All work and no play. " * (fault.large // 22) if fault.large else self.owner.text_for(asked)
        dialect = _openai if asked.path == "/v1/chat/completions" else _anthropic
        calls = self.owner.calls_for(asked)
        pieces = [text[at : at + 4096] for at in range(0, len(text), 4096)] if fault.large else PIECE.findall(text)
        for number, frame in enumerate(dialect(pieces, self.owner, calls)):
            if fault.cut == number:
                self.close_connection = True
                return
            if fault.stall == number:
                fault.over.wait()
                self.close_connection = True
                return
            self._chunk(frame)
            time.sleep(self.owner.pause)
        self._chunk(b"")

    def _chunk(self, data: bytes) -> None:
        self.wfile.write(f"{len(data):x}\r\n".encode() + data + b"\r\n")
        self.wfile.flush()

    def _say(self, status: int, body: Any) -> None:
        self._send(status, json.dumps(body).encode(), "application/json")

    def _send(self, status: int, body: bytes, kind: str, more: list[tuple[str, str]] | None = None) -> None:
        self.send_response(status)
        self.send_header("Content-Type", kind)
        self.send_header("Content-Length", str(len(body)))
        for name, value in more or ():
            self.send_header(name, value)
        self.end_headers()
        self.wfile.write(body)


def _model(name: Any) -> dict[str, Any]:
    return {"id": name, "object": "model", "type": "model", "created": 0, "owned_by": "tern", "display_name": name}


def _openai(pieces: list[str], double: Double, calls: list[tuple[str, str]]) -> Iterator[bytes]:
    """What OpenAI's dialect sends: chunks of a completion, the tokens, and the end."""
    base = {"id": "c1", "object": "chat.completion.chunk", "created": 0, "model": "tern"}
    for piece in pieces:
        yield _frame({**base, "choices": [{"index": 0, "delta": {"content": piece}, "finish_reason": None}]})
    for place, (name, arguments) in enumerate(calls):
        begun: dict[str, Any] = {
            "index": place,
            "id": f"{double.mark}{place}",
            "type": "function",
            "function": {"name": name, "arguments": ""},
        }
        parts = [{"index": place, "function": {"arguments": part}} for part in (arguments[:3], arguments[3:])]
        for delta in (begun, *parts):
            yield _frame({**base, "choices": [{"index": 0, "delta": {"tool_calls": [delta]}, "finish_reason": None}]})
    ending = double.ending or ("tool_calls" if calls else "stop")
    yield _frame({**base, "choices": [{"index": 0, "delta": {}, "finish_reason": ending}]})
    if double.counts:
        read, written = TOKENS
        usage = {"prompt_tokens": read, "completion_tokens": written, "total_tokens": read + written}
        yield _frame({**base, "choices": [], "usage": usage})
    yield b"data: [DONE]\n\n"


def _anthropic(pieces: list[str], double: Double, calls: list[tuple[str, str]]) -> Iterator[bytes]:
    """What Anthropic's dialect sends: named events around blocks."""
    read, written = TOKENS if double.counts else (0, 0)
    message: dict[str, Any] = {
        "id": "m1",
        "type": "message",
        "role": "assistant",
        "model": "tern",
        "content": [],
        "stop_reason": None,
    }
    yield _event("message_start", message={**message, "usage": {"input_tokens": read, "output_tokens": 1}})
    yield _event("content_block_start", index=0, content_block={"type": "text", "text": ""})
    for piece in pieces:
        yield _event("content_block_delta", index=0, delta={"type": "text_delta", "text": piece})
    yield _event("content_block_stop", index=0)
    for place, (name, arguments) in enumerate(calls, start=1):
        block = {"type": "tool_use", "id": f"{double.mark}{place}", "name": name, "input": {}}
        yield _event("content_block_start", index=place, content_block=block)
        for part in (arguments[:3], arguments[3:]):
            yield _event("content_block_delta", index=place, delta={"type": "input_json_delta", "partial_json": part})
        yield _event("content_block_stop", index=place)
    ending = double.ending or ("tool_use" if calls else "end_turn")
    yield _event("message_delta", delta={"stop_reason": ending}, usage={"output_tokens": written})
    yield _event("message_stop")


def _event(kind: str, **values: Any) -> bytes:
    return f"event: {kind}\n".encode() + _frame({"type": kind, **values})


def _frame(value: Any) -> bytes:
    return f"data: {json.dumps(value)}\n\n".encode()
