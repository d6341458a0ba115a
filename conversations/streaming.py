"""How does an answer reach whoever watches, while it is written and after a dropped line?

A stream is a loop of short steps: read what is new through the fence, give the connection back, wait. It holds a thread of the
server while it waits and no database connection. An announcement wakes it (`watching.py`); without one it would still look every
three seconds. At least once a second the credential is resolved again, so a revocation ends the stream (L13, L15).

Each step runs in the context of the request (`accounts.streams`): a cancelled stream leaves nothing on its thread (L39).
"""

from __future__ import annotations

import json
import logging
import threading
import time
import weakref
from collections import deque
from collections.abc import Callable, Iterator
from typing import Any, Final
from uuid import UUID

from django.conf import settings
from django.db import InterfaceError, OperationalError
from django.http import HttpResponse, StreamingHttpResponse
from django.http.response import HttpResponseBase

from accounts.http import Tenant, TenantRequest
from accounts.identity import resolution
from accounts.identity.base import IdentityRefusal
from accounts.waiting import no_connection_kept
from conversations.models import Conversation, Delta, Message
from conversations.watching import HUB, PLACES, TooManyStreams, topic

log = logging.getLogger("aiaxis.streams")

# A closed browser is noticed at the next write only, and a revoked credential at the next look.
TICK_SECONDS: Final = 1.0
# After so many ticks without an announcement a stream looks for news all the same, in case nobody listens.
UNASKED_EVERY: Final = 3
ENDED: Final = "end"


class WatchingRefused(Exception):
    """The credential of an open stream does not hold any more."""


class AnswerStream:
    """The frames of one answer as server-sent events, from where the watcher left off to the answer's end."""

    first_frames: tuple[bytes, ...] = (b"retry: 1000\n\n",)  # milliseconds

    def __init__(
        self, conversation: Conversation, tenant: Tenant, last_event_id: str, verify: Callable[[], Tenant]
    ) -> None:
        """Take a place. `verify` resolves the credential anew and returns whom it stands for, or raises `WatchingRefused`."""
        self._give_back = PLACES.take(tenant)
        self._conversation = conversation
        self._tenant = tenant
        self._is_own = conversation.owner_id == tenant.membership_id
        self._verify = verify
        self._verified_at = time.monotonic()
        self._message_id, self._seq = _position(last_event_id)
        self._topic = topic(conversation.workspace_id, conversation.pk)
        self._bell = HUB.watch(self._topic)
        self._frames: deque[bytes] = deque()
        self._has_begun = self._has_told = self._is_over = False
        self._quiet_ticks = 0
        # A server that drops the response without closing it must not keep the place for ever.
        self._end = weakref.finalize(self, _leave, self._topic, self._bell, self._give_back)

    def __iter__(self) -> AnswerStream:
        return self

    def __next__(self) -> bytes:
        """Return the next frame; wait for one, at most a second, in which case it is a sign of life."""
        if not self._frames and not self._is_over:
            self._step()
        if not self._frames:
            self.close()
            raise StopIteration
        return self._frames.popleft()

    def close(self) -> None:
        """Give the place back. Called by the server when the client has gone or the stream is over."""
        self._is_over = True
        self._end()

    def _step(self) -> None:
        try:
            self._advance()
        except (OperationalError, InterfaceError) as outage:
            # The line ends without an end of the answer: the client comes back by itself, with what it saw last.
            log.warning("A stream ended because the database went away (%s).", type(outage).__name__)
            self._is_over = True

    def _advance(self) -> None:
        if not self._has_begun:
            self._has_begun = True
            self._frames.extend(self.first_frames)
            self._look()
            if self._frames or self._is_over:
                return
        # Whatever was announced since the last look has rung the bell, so there is no need to look before waiting.
        self._quiet_ticks = 0 if self._bell.wait(TICK_SECONDS) else self._quiet_ticks + 1
        self._bell.clear()
        self._look()
        if not self._frames:
            self._frames.append(b": tick\n\n")

    def _look(self) -> None:
        with no_connection_kept():
            if time.monotonic() - self._verified_at >= TICK_SECONDS and not self._still_welcome():
                return
            # What becomes of one's own answer is announced, unless its worker was killed. One that is shared ends with its owner, too.
            if self._is_own and self._quiet_ticks % UNASKED_EVERY:
                return
            message = _answer_to_follow(self._conversation.pk, self._message_id)
            if message is None or (self._has_told and message.pk != self._message_id):
                # Deleted, shared no more, or complete and from a source that this watcher cannot open.
                self._is_over = True
                return
            if message.pk != self._message_id:
                self._message_id, self._seq = message.pk, 0
                self._tell("status", {"message_id": str(message.pk), "status": message.state})
            self._has_told = True
            self._send_new(message)

    def _still_welcome(self) -> bool:
        self._verified_at = time.monotonic()
        try:
            now = self._verify()
        except WatchingRefused:
            now = None
        # The same credential may have been given to somebody else's membership meanwhile: compare, do not assume.
        if now is not None and now.membership_id == self._tenant.membership_id:
            return True
        self._is_over = True
        self._tell("closed", {"detail": "Your sign-in or key has ended, so this answer is not sent any further."})
        return False

    def _send_new(self, message: Message) -> None:
        # The status was read before the deltas: when it says finished, no delta can come after those that we read now.
        for delta in Delta.objects.filter(message=message, seq__gt=self._seq).order_by("seq"):
            self._tell(delta.kind, delta.data, f"{message.pk}:{delta.seq}")
            self._seq = delta.seq
        if not message.is_at_rest:
            return
        if not self._seq:
            # Its deltas were cleared away after it was finished, so it comes in one piece.
            for event, data in _whole(message):
                self._tell(event, data)
        data = {"message_id": str(message.pk), "status": message.state, "error": message.trouble}
        # One that waits for its asker's word goes on later, from here.
        self._tell(message.state, data, f"{message.pk}:{ENDED if message.is_finished else self._seq}")
        self._is_over = True

    def _tell(self, event: str, data: dict[str, Any], event_id: str = "") -> None:
        self._frames.extend(self.frames(event, data, event_id))

    def frames(self, event: str, data: dict[str, Any], event_id: str) -> list[bytes]:
        """Write one event down as it goes over the line."""
        return [_frame(event, data, event_id)]


def has_news(conversation: Conversation, last_event_id: str) -> bool:
    """Is there anything to stream to somebody who saw everything up to `last_event_id`?"""
    latest = _answer_to_follow(conversation.pk, None)
    return latest is not None and last_event_id != f"{latest.pk}:{ENDED}"


def verifier(request: TenantRequest) -> Callable[[], Tenant]:
    """Return what resolves this request's credential once more, through the same function that let the request in (L13)."""
    resolve: Callable[[str], Tenant] = resolution.resolve_session
    credential = request.COOKIES.get(settings.SESSION_COOKIE_NAME, "")
    if request.tenant.method == "key":
        resolve = resolution.resolve_key
        credential = request.META.get("HTTP_AUTHORIZATION", "").partition(" ")[2].strip()

    def verify() -> Tenant:
        try:
            return resolve(credential)
        except IdentityRefusal as refusal:
            # A no, or a system that does not answer: neither is a yes.
            raise WatchingRefused from refusal

    return verify


def follow(
    request: TenantRequest, conversation: Conversation, *, first: Callable[[], None] = lambda: None
) -> HttpResponseBase:
    """Answer a browser with the latest answer of a conversation, from where it left off; `first` is done where there is news."""
    last = request.headers.get("Last-Event-ID", "")
    if not has_news(conversation, last):
        # 204 tells an EventSource to stop asking.
        return HttpResponse(status=204)
    first()
    try:
        stream = AnswerStream(conversation, request.tenant, last, verifier(request))
    except TooManyStreams as refusal:
        return come_back_later(str(refusal))
    return response(stream)


def response(stream: Iterator[bytes] | AnswerStream) -> StreamingHttpResponse:
    """Wrap a stream with the headers that keep proxies and compression from holding it back (L49)."""
    answer = StreamingHttpResponse(stream, content_type="text/event-stream; charset=utf-8")
    answer["X-Accel-Buffering"] = "no"
    answer["Cache-Control"] = "no-store, no-transform"
    # Says to every compressing layer that this body is as it shall be.
    answer["Content-Encoding"] = "identity"
    return answer


def come_back_later(sentence: str) -> StreamingHttpResponse:
    """Tell a browser why it cannot follow the answer now; its EventSource asks again in five seconds by itself."""
    return response(iter([b"retry: 5000\n\n" + _frame("refused", {"detail": sentence})]))


def _leave(name: str, bell: threading.Event, give_back: Callable[[], None]) -> None:
    HUB.leave(name, bell)
    give_back()


def _position(last_event_id: str) -> tuple[UUID | None, int]:
    """Read `message:seq`. Anything else, a client may send what it likes, is the beginning of the latest answer."""
    message, _, seq = last_event_id.partition(":")
    if seq == ENDED:
        return None, 0
    try:
        return UUID(message), int(seq) if seq.isascii() and seq.isdigit() and len(seq) < 10 else 0
    except ValueError:
        return None, 0


def _answer_to_follow(conversation_id: UUID, message_id: UUID | None) -> Message | None:
    """The answer that the watcher was at, while it is in this conversation and unfinished; else the latest one."""
    answers = Message.objects.filter(conversation=conversation_id, role=Message.Role.ASSISTANT).defer(
        "text", "html", "tsv"
    )
    known: Message | None = answers.filter(pk=message_id).first() if message_id is not None else None
    return known or answers.order_by("-position").first()


def _whole(message: Message) -> Iterator[tuple[str, dict[str, Any]]]:
    for citation in message.citations.order_by("number"):
        data = {name: getattr(citation, name) for name in ("number", "kind", "file_name", "page", "label", "quote")}
        yield "citation", {**data, "file_id": str(citation.file_id) if citation.file_id else None}
    yield "text", {"text": message.text}


def _frame(event: str, data: dict[str, Any], event_id: str = "") -> bytes:
    # JSON puts a line break inside a text as \n, so no text can end a frame or begin another.
    head = f"id: {event_id}\n" if event_id else ""
    return f"{head}event: {event}\ndata: {json.dumps(data, ensure_ascii=False)}\n\n".encode()
