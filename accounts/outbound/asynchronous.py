"""How does a client library that only knows asynchronous calls go over the one pinned transport?

Each of its requests is made by `PinnedTransport` on a thread, with that transport's judgement, credential, headers and limits: there is
no second way out. It may post and delete; it may not open a line on which a server speaks unasked. What went wrong on the way
is kept, since such a library may tell it as something else.
"""

from __future__ import annotations

from collections.abc import AsyncIterator, Callable, Iterator
from typing import Final, TypeVar, cast

import anyio.to_thread
import httpx2

from accounts.outbound.streaming import PinnedTransport

Result = TypeVar("Result")

METHODS: Final = frozenset({"POST", "DELETE"})


class Redirected(Exception):
    """The answer wanted the request sent elsewhere, which is never done (L25)."""


class AsyncPinnedTransport(httpx2.AsyncBaseTransport):
    """A `PinnedTransport` for libraries that await. `failure` is what went wrong last, `status` what was answered last."""

    def __init__(self, pinned: PinnedTransport) -> None:
        """Send through this transport, which whoever made it ends."""
        self._pinned = pinned
        self.failure: Exception | None = None
        self.status = 0

    async def handle_async_request(self, request: httpx2.Request) -> httpx2.Response:
        """Send the request from a thread. Raises what `PinnedTransport` raises, and `Redirected`."""
        if request.method not in METHODS:
            # To the library it is a server that has no such line.
            return httpx2.Response(405, request=request)
        try:
            response = await _on_a_thread(lambda: self._pinned.handle_request(request))
        except Exception as error:
            self.failure = error
            raise
        self.status = response.status_code
        if 300 <= response.status_code < 400:
            response.close()
            self.failure = Redirected()
            # Such a library would follow within one origin by itself.
            raise self.failure
        stream = cast("httpx2.SyncByteStream", response.stream)  # as `PinnedTransport` makes them
        return httpx2.Response(
            response.status_code, headers=response.headers, stream=_Body(self, stream), request=request
        )


class _Body(httpx2.AsyncByteStream):
    """An answer's bytes, each piece waited for on a thread."""

    def __init__(self, transport: AsyncPinnedTransport, stream: httpx2.SyncByteStream) -> None:
        self._transport, self._stream = transport, stream

    async def __aiter__(self) -> AsyncIterator[bytes]:
        pieces = iter(self._stream)
        while True:
            try:
                piece = await _on_a_thread(lambda: _next(pieces))
            except Exception as error:
                self._transport.failure = error
                raise
            if piece is None:
                return
            yield piece

    async def aclose(self) -> None:
        """Give the connection back, also while a thread still waits for its next piece."""
        self._stream.close()


async def _on_a_thread(work: Callable[[], Result]) -> Result:
    # Who gives up does not wait for it: `PinnedTransport.end` breaks off what is still open.
    return await anyio.to_thread.run_sync(work, abandon_on_cancel=True)


def _next(pieces: Iterator[bytes]) -> bytes | None:
    return next(pieces, None)
