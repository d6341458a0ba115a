"""How is an answer told to a program that speaks as OpenAI's clients do, in pieces or in one?

Both follow the answer as every watcher does (`conversations/streaming.py`), and end it when they end: with the last piece, or
when the program has gone.
"""

from __future__ import annotations

import json
import time
from collections.abc import Callable
from dataclasses import dataclass, field
from typing import Any, Final

from django.conf import settings

from accounts.http import Tenant
from accounts.schemas import Refused
from accounts.waiting import no_connection_kept
from conversations import passing
from conversations.completions.models import Completion
from conversations.models import Citation, Message
from conversations.streaming import AnswerStream

# The longest that a stream waits with its status for the first word: what fails before it is told by a status of its own.
BEGIN_SECONDS: Final = 15.0
# Beyond what the writing of an answer may take, for a worker that is busy elsewhere.
GRACE_SECONDS: Final = 60.0
LATE: Final = "No answer came in time. Try again in a moment."
BROKEN: Final = "The answer was broken off before it was complete. Try again in a moment."
KEY_ENDED: Final = "The key has ended, so the answer is not sent any further."
SHOWN: Final = ("number", "file_id", "file_name", "page", "label", "quote")
# By the word that the writer left: what a program is told. All else is a vendor's failure, which may pass.
FAILURES: Final = {
    "gone": (404, "model_not_found"),
    "budget": (429, "insufficient_quota"),
    "long": (400, "context_length_exceeded"),
    "unset": (502, "model_not_available"),
    "key": (502, "model_not_available"),
    "paid": (502, "model_not_available"),
    "forbidden": (502, "model_not_available"),
    "missing": (502, "model_not_available"),
    "confirmation": (403, "tool_confirmation_required"),
}
FAILED: Final = (502, "upstream_error")
# What will not be better a moment later: OpenAI's clients read this header, and do not try again by themselves.
LASTING: Final = frozenset({"insufficient_quota", "model_not_available", "tool_confirmation_required"})


@dataclass(slots=True)
class Told:
    """An answer as far as it has been told. `failure` says why nothing more comes."""

    message: Message
    model: str
    created: int
    text: list[str] = field(default_factory=list)
    sources: list[dict[str, Any]] = field(default_factory=list)
    closest: list[dict[str, Any]] = field(default_factory=list)
    finish: str = ""
    usage: dict[str, int] | None = None
    failure: Refused | None = None

    def take(self, event: str, data: dict[str, Any]) -> None:
        """Take one event of the stream in."""
        if event == "text":
            self.text.append(data["text"])
        elif event == "citation":
            place = self.sources if data["kind"] == Citation.Kind.SOURCE else self.closest
            place.append({name: data[name] for name in SHOWN})
        elif event == "closed":
            self.failure = Refused(401, KEY_ENDED)
        elif event not in ("status", "call"):
            self._end(event, data)

    def _end(self, event: str, data: dict[str, Any]) -> None:
        completion = Completion.objects.filter(conversation=self.message.conversation_id).first()
        if completion is None or event in (Message.Status.STOPPED, Message.Status.INTERRUPTED):
            self.failure = Refused(502, BROKEN)
        elif event == Message.Status.FAILED:
            status, code = FAILURES.get(completion.failure, FAILED)
            self.failure = Refused(status, data["error"], code=code, is_lasting=code in LASTING)
        else:
            read, written = completion.tokens_read, completion.tokens_written
            self.usage = {"prompt_tokens": read, "completion_tokens": written, "total_tokens": read + written}
            self.finish = "length" if completion.is_cut else "stop"

    @property
    def head(self) -> dict[str, Any]:
        """What stands first in every piece."""
        return {"id": f"chatcmpl-{self.message.pk.hex}", "created": self.created, "model": self.model}


class CompletionStream(AnswerStream):
    """The pieces of one answer, as server-sent events of OpenAI's kind."""

    # Their client takes whatever has no data for a piece that it cannot read, and does not come back by itself anyway.
    first_frames = ()

    def __init__(self, told: Told, tenant: Tenant, verify: Callable[[], Tenant], *, wants_usage: bool = False) -> None:
        """Take a place, as every stream does. Raises `TooManyStreams`."""
        super().__init__(told.message.conversation, tenant, "", verify)
        self.told = told
        self._wants_usage = wants_usage
        self._until = time.monotonic() + settings.MODEL_SECONDS + GRACE_SECONDS
        self._has_ended = False

    def whole(self) -> Told:
        """Follow the answer to its end."""
        for _ in self:
            continue
        return self.told

    def begun(self) -> Told:
        """Wait, not for long, until there is something to tell: a word, a source or a failure."""
        until = time.monotonic() + BEGIN_SECONDS
        while not self._is_over and time.monotonic() < until:
            if self.told.text or self.told.sources or self.told.closest:
                break
            self._step()
        return self.told

    def close(self) -> None:
        """End the answer with its stream: whoever asked has it, or has gone."""
        super().close()
        if not self._has_ended:
            self._has_ended = True
            with no_connection_kept():
                passing.end(self.told.message, actor=self._tenant)

    def _step(self) -> None:
        super()._step()
        if self._is_over or time.monotonic() < self._until:
            return
        self.told.failure = Refused(502, LATE)
        self._frames.append(_frame(error(self.told.failure)))
        self._is_over = True

    def frames(self, event: str, data: dict[str, Any], event_id: str) -> list[bytes]:
        """Write one event down as OpenAI's clients read it."""
        self.told.take(event, data)
        if event == "call":
            return []  # OpenAI's own calls are for the program to make; these are made here
        if event == "status":
            return [self._piece({"role": "assistant", "content": ""})]
        if event == "text":
            return [self._piece({"content": data["text"]})]
        if event == "citation":
            name = "citations" if data["kind"] == Citation.Kind.SOURCE else "closest"
            return [self._piece({}, more={name: [{key: data[key] for key in SHOWN}]})]
        if self.told.failure is not None:
            return [_frame(error(self.told.failure))]
        usage = [_frame(self._chunk([], usage=self.told.usage))] if self._wants_usage else []
        return [self._piece({}, finish=self.told.finish), *usage, b"data: [DONE]\n\n"]

    def _piece(self, delta: dict[str, Any], finish: str | None = None, more: dict[str, Any] | None = None) -> bytes:
        choice = {"index": 0, "delta": delta, "finish_reason": finish, "logprobs": None}
        return _frame(self._chunk([choice], **(more or {})))

    def _chunk(self, choices: list[dict[str, Any]], **more: Any) -> dict[str, Any]:
        nothing = {"usage": None} if self._wants_usage else {}
        return {"object": "chat.completion.chunk", **self.told.head, "choices": choices, **nothing, **more}


def error(refused: Refused) -> dict[str, Any]:
    """A failure in the middle of a stream, where no status can be told any more."""
    return {"error": {"message": refused.detail, "type": "server_error", "param": None, "code": refused.code or None}}


def _frame(data: dict[str, Any]) -> bytes:
    # JSON puts a line break inside a text as \n, so no text can end a frame or begin another.
    return f"data: {json.dumps(data, ensure_ascii=False)}\n\n".encode()
