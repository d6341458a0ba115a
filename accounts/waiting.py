"""What may a request hold while it waits for its client, or for a server that somebody named, and how many may wait at once?

A body that arrives slowly and an answer that is read slowly each hold a thread for as long as the client likes, and so does a
server that answers slowly. So they hold nothing else (no database connection), and there are never so many that nobody else finds
a thread: one key with seventy idle connections once stopped every workspace. The server cannot end such a wait itself; `docs/deploy.md` says what a proxy does.
"""

from __future__ import annotations

import threading
import weakref
from collections import Counter
from collections.abc import Callable, Hashable, Iterator, Mapping
from contextlib import contextmanager
from typing import Any, Final, cast

from django.conf import settings
from django.db import connections
from django.http import HttpRequest, StreamingHttpResponse
from django.http.response import HttpResponseBase

from accounts.http import Tenant, tenant_of
from accounts.requests import client_address
from accounts.tenancy.context import bound

MOST_BODIES_OF_MEMBER: Final = 8
# An office behind one address sends few bodies in the same instant; a body that arrives whole holds its place for milliseconds.
MOST_BODIES_OF_ADDRESS: Final = 24
MOST_DOWNLOADS_OF_MEMBER: Final = 8
# Of the threads of a process, the share that may wait for bodies, and for readers of downloads. The rest answers pages.
BODIES_SHARE: Final = 3 / 8
DOWNLOADS_SHARE: Final = 1 / 8

# Servers that one workspace has asked at the same moment: its administrators add one now and then.
MOST_ASKED_OF_WORKSPACE: Final = 4
ASKED_SHARE: Final = 1 / 8

# Requests that wait for the turn of their workspace (`accounts.turns`). Half of them at most are one member's: whoever sends
# without end shuts no colleague out.
MOST_IN_LINE_OF_WORKSPACE: Final = 64
MOST_IN_LINE_OF_MEMBER: Final = 32
LINE_SHARE: Final = 3 / 8

TOO_MANY_BODIES = (
    "You are sending many things at once already. Wait until one of them has arrived, then send this again."
)
TOO_MANY_DOWNLOADS = (
    "You are downloading as many files as one person may at once. Wait until one of them is complete, then try again."
)
TOO_MANY_ASKED = "Other servers are being asked for your workspace already. Try again when they have answered."
TOO_MANY_IN_LINE = "Very many requests of your workspace came at once. Wait for answers to them, then send this again."
BUSY = "Very much is being sent and fetched at this moment, so this was not begun. Try again in a few seconds."


class NoPlace(Exception):
    """As many wait already as may. The message is a sentence for people; `is_ours` tells whose limit it is."""

    def __init__(self, sentence: str, *, is_ours: bool) -> None:
        super().__init__(sentence)
        self.is_ours = is_ours


class Counting:
    """Counts what is taken in this process, under every name by which it is limited; None is the name of all of it."""

    def __init__(self) -> None:
        self._lock = threading.Lock()
        self._taken: Counter[Hashable] = Counter()

    def taken(self) -> int:
        """How many are taken in this process."""
        return self._taken[None]

    def _take(self, keys: tuple[Hashable, ...]) -> Callable[[], None]:
        """Count one more under each of the names, while the lock is held; return what gives it back (safe to call twice)."""
        self._taken.update(keys)
        given_back = threading.Event()

        def give_back() -> None:
            with self._lock:
                if not given_back.is_set():
                    given_back.set()
                    self._taken.subtract(keys)
                    self._taken += Counter()  # drops what reached zero

        return give_back


class Places(Counting):
    """Counts who waits in this process."""

    def __init__(self, share: float, sentence: str) -> None:
        super().__init__()
        self._share = share
        self._sentence = sentence

    def take(self, limits: Mapping[Hashable, int]) -> Callable[[], None]:
        """Take a place under each name; return what gives it back (safe to call twice). Raises `NoPlace`."""
        with self._lock:
            for name, most in limits.items():
                if self._taken[name] >= most:
                    raise NoPlace(self._sentence, is_ours=False)
            if self._taken[None] >= max(2, int(settings.WEB_THREADS * self._share)):
                raise NoPlace(BUSY, is_ours=True)
            return self._take((None, *limits))


BODIES: Final = Places(BODIES_SHARE, TOO_MANY_BODIES)
DOWNLOADS: Final = Places(DOWNLOADS_SHARE, TOO_MANY_DOWNLOADS)
ASKED: Final = Places(ASKED_SHARE, TOO_MANY_ASKED)
IN_LINE: Final = Places(LINE_SHARE, TOO_MANY_IN_LINE)


@contextmanager
def arriving(request: HttpRequest) -> Iterator[None]:
    """Take a place for as long as the block reads the body, and hold no database connection in it. Raises `NoPlace`."""
    tenant = tenant_of(request)
    limits: dict[Hashable, int] = {client_address(request): MOST_BODIES_OF_ADDRESS}
    if tenant is not None:
        limits = {tenant.membership_id: MOST_BODIES_OF_MEMBER}
    give_back = BODIES.take(limits)
    try:
        give_connections_back()
        yield
    finally:
        give_back()


@contextmanager
def asking_elsewhere() -> Iterator[None]:
    """Take a place for as long as the block waits for a server whose address somebody typed, and hold no database connection in it.

    Raises `NoPlace`.
    """
    binding = bound()
    # Operators, who are of no workspace, share the places of one.
    give_back = ASKED.take({binding.workspace if binding else "operators": MOST_ASKED_OF_WORKSPACE})
    try:
        give_connections_back()
        yield
    finally:
        give_back()


@contextmanager
def in_line(tenant: Tenant) -> Iterator[None]:
    """Take a place for as long as the block waits for the workspace's turn, and hold no database connection in it. Raises `NoPlace`."""
    give_back = IN_LINE.take(
        {tenant.workspace_id: MOST_IN_LINE_OF_WORKSPACE, tenant.membership_id: MOST_IN_LINE_OF_MEMBER}
    )
    try:
        give_connections_back()
        yield
    finally:
        give_back()


def leaving(response: HttpResponseBase, tenant: Tenant) -> HttpResponseBase:
    """Take a place for a download, until the server closes the response. Raises `NoPlace`, and closes it then."""
    try:
        give_back = DOWNLOADS.take({tenant.membership_id: MOST_DOWNLOADS_OF_MEMBER})
    except NoPlace:
        response.close()
        raise
    cast("list[Callable[[], None]]", cast("Any", response)._resource_closers).append(give_back)
    # A server that drops the response without closing it must not keep the place for ever.
    weakref.finalize(response, give_back)
    return response


def hold_nothing(response: HttpResponseBase) -> None:
    """Before the server begins to send a streaming response: its reader may take hours, without a database connection."""
    if isinstance(response, StreamingHttpResponse):
        give_connections_back()


@contextmanager
def no_connection_kept() -> Iterator[None]:
    """Give every database connection of this thread back after the block: a stream that waits holds none."""
    try:
        yield
    finally:
        give_connections_back()


def give_connections_back() -> None:
    """Give every database connection of this thread back to its pool; the next query takes one again."""
    for connection in connections.all(initialized_only=True):
        # Inside a transaction somebody further out owns the connection (a test case).
        if not connection.in_atomic_block:
            connection.close()
