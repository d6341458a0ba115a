"""How does a streamed answer stay inside the fence, step by step?

The server asks for a stream's parts after every middleware has returned, so a binding made around the view is gone by then; and
code that yields inside `workspace(…)` would leave its binding on the server's thread, for whatever runs there next (L39: a
cancelled request once answered the next one with somebody else's data). So each step runs in a copy of the request's context, and
nothing of it stays on the thread between two steps.
"""

from __future__ import annotations

from collections.abc import Callable, Iterator
from contextvars import Context, copy_context
from typing import Any, cast

from django.http import StreamingHttpResponse
from django.http.response import HttpResponseBase


class FencedStream:
    """An iterator whose every step, and whose end, runs in the context in which it was made."""

    def __init__(self, parts: Iterator[bytes], context: Context) -> None:
        self._parts = parts
        self._context = context

    def __iter__(self) -> FencedStream:
        return self

    def __next__(self) -> bytes:
        return self._context.run(next, self._parts)

    def close(self) -> None:
        """End the stream where a client left: a generator's `finally` still finds its workspace."""
        close = cast("Callable[[], None] | None", getattr(self._parts, "close", None))
        if close is not None:
            self._context.run(close)


def fence_stream(response: HttpResponseBase) -> None:
    """Make a streaming response run in the context that is bound now. Other responses are left as they are."""
    if not isinstance(response, StreamingHttpResponse):
        return
    if response.is_async:
        raise TypeError(
            "Streams here are plain iterators: the server runs threads, and an async stream would leave the fence."
        )
    inner: Any = cast("Any", response)._iterator  # what Django made of the view's generator
    closers = cast("list[Callable[[], None]]", cast("Any", response)._resource_closers)
    # Closing the view's generator is FencedStream's task now: Django would close it outside the workspace.
    closers[:] = [closer for closer in closers if getattr(closer, "__self__", None) is not inner]
    response.streaming_content = FencedStream(iter(inner), copy_context())
