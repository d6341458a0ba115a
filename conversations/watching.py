"""Who watches answers in this process, how many may, and what wakes them when there is news?

One LISTEN connection wakes every stream of the process. Places are counted in all, of each workspace and of each member, so that
whoever watches very much leaves threads for others' pages.
"""

from __future__ import annotations

import logging
import os
import threading
from collections import defaultdict
from collections.abc import Callable
from typing import Final
from uuid import UUID

import psycopg
from django.conf import settings

from accounts.http import Tenant
from accounts.pseudonyms import channel, pseudonym
from accounts.waiting import Counting

log = logging.getLogger("aiaxis.streams")

# Well below the server's 256 threads a process, so that pages and sign-ins always find one.
MOST_IN_PROCESS: Final = 100
MOST_IN_WORKSPACE: Final = 40
MOST_OF_MEMBER: Final = 8
RECONNECT_SECONDS: Final = (0.2, 1.0, 2.0, 5.0)


class TooManyStreams(Exception):
    """No further answer can be watched just now. The message is a sentence for people; `is_ours` tells whose limit it is."""

    def __init__(self, sentence: str, *, is_ours: bool) -> None:
        super().__init__(sentence)
        self.is_ours = is_ours


def topic(workspace_id: UUID, conversation_id: UUID) -> str:
    """Name a conversation in a notification. PostgreSQL does not fence notifications, so nobody can read the name."""
    return pseudonym("conversation", workspace_id.hex, conversation_id.hex)


CHANNEL: Final = channel("aiaxis_conversations", topic)


class Hub:
    """One LISTEN connection for the process; wakes the streams that watch the conversation which a notification names."""

    def __init__(self) -> None:
        self._lock = threading.Lock()
        self._bells: dict[str, list[threading.Event]] = defaultdict(list)
        self._thread: threading.Thread | None = None
        self._closing = threading.Event()
        self._process = 0

    def watch(self, name: str) -> threading.Event:
        """Return a bell that rings whenever the topic is announced. Give it back with `leave`."""
        bell = threading.Event()
        with self._lock:
            self._bells[name].append(bell)
            # A forked process inherits this object but not its thread.
            if self._thread is None or self._process != os.getpid() or not self._thread.is_alive():
                self._process, self._closing = os.getpid(), threading.Event()
                self._thread = threading.Thread(target=self._listen, args=[self._closing], name="hub", daemon=True)
                self._thread.start()
        return bell

    def leave(self, name: str, bell: threading.Event) -> None:
        """Forget a bell."""
        with self._lock:
            bells = self._bells.get(name, [])
            if bell in bells:
                bells.remove(bell)
            if not bells:
                self._bells.pop(name, None)

    def close(self) -> None:
        """End the listening connection. The next watcher opens another."""
        with self._lock:
            thread, self._thread = self._thread, None
            self._closing.set()
        if thread is not None and self._process == os.getpid():
            thread.join(timeout=5)

    def _listen(self, closing: threading.Event) -> None:
        failures = 0
        while not closing.is_set():
            try:
                with psycopg.connect(settings.DATABASE_DIRECT_URL, autocommit=True, application_name="hub") as line:
                    line.execute(f"LISTEN {CHANNEL}")
                    failures = 0
                    # Whatever was announced while nobody listened.
                    self._ring_all()
                    while not closing.is_set():
                        for notice in line.notifies(timeout=0.5):
                            self._ring(notice.payload)
            except psycopg.Error as error:
                # Streams go on with a look every three seconds, so this costs smoothness and no answer.
                log.warning("The listening connection was lost (%s). Connecting again.", type(error).__name__)
                closing.wait(RECONNECT_SECONDS[min(failures, len(RECONNECT_SECONDS) - 1)])
                failures += 1

    def _ring(self, name: str) -> None:
        with self._lock:
            bells = list(self._bells.get(name, ()))
        for bell in bells:
            bell.set()

    def _ring_all(self) -> None:
        with self._lock:
            bells = [bell for watchers in self._bells.values() for bell in watchers]
        for bell in bells:
            bell.set()


class Places(Counting):
    """Counts the open streams of this process, of each workspace and of each member in it."""

    def take(self, tenant: Tenant) -> Callable[[], None]:
        """Take a place and return what gives it back (safe to call twice). Raises `TooManyStreams`."""
        keys = (None, tenant.workspace_id, tenant.membership_id)
        with self._lock:
            self._refuse_when_full(*keys)
            return self._take(keys)

    def _refuse_when_full(self, process: None, workspace_id: UUID, member_id: UUID) -> None:
        if self._taken[member_id] >= MOST_OF_MEMBER:
            raise TooManyStreams(
                f"You are following {MOST_OF_MEMBER} answers already. Close a tab, or wait until one is complete.",
                is_ours=False,
            )
        if self._taken[workspace_id] >= MOST_IN_WORKSPACE:
            raise TooManyStreams(
                f"Your workspace follows {MOST_IN_WORKSPACE} answers at this moment. This one goes on all the same: "
                "reload the page in a little while to read it.",
                is_ours=False,
            )
        if self._taken[process] >= MOST_IN_PROCESS:
            raise TooManyStreams(
                "Very many answers are being followed at this moment. This one goes on all the same: reload the page in a "
                "little while to read it.",
                is_ours=True,
            )


HUB: Final = Hub()
PLACES: Final = Places()
