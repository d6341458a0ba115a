"""What is done again and again for no member in particular, by one worker at a time?

Reading what an outside system has to tell, sending what waits to be sent. A round belongs to no member, so it binds nobody:
whatever it changes in a workspace goes through a function that says how. Each round has a lock in the database, so that of
many workers one makes it, and another takes over when that one dies.
"""

from __future__ import annotations

import hashlib
import logging
import threading
import time
from collections.abc import Callable
from dataclasses import dataclass
from typing import Final

import psycopg
from django.conf import settings
from django.db import connection, connections

log = logging.getLogger("aiaxis.rounds")

CHANNEL: Final = "aiaxis_rounds"
LOOK_SECONDS: Final = 0.5  # how soon a stop is noticed
TURN_SECONDS: Final = 1.0  # how soon another worker takes over
OUTAGE_SECONDS: Final = 2.0


@dataclass(frozen=True, slots=True)
class Round:
    """One thing to do, and how many seconds after its end it is done again."""

    name: str
    seconds: float
    make: Callable[[], None]

    @property
    def lock(self) -> int:
        """The number of its lock in the database."""
        return int.from_bytes(hashlib.sha256(f"round:{self.name}".encode()).digest()[:8], "big", signed=True)


REGISTRY: Final[dict[str, Round]] = {}


def every(name: str, *, seconds: float) -> Callable[[Callable[[], None]], Callable[[], None]]:
    """Register a function to be run by one worker, ``seconds`` after each end of it. It may be interrupted at any point."""

    def register(make: Callable[[], None]) -> Callable[[], None]:
        if name in REGISTRY:
            raise ValueError(f"Two rounds are named {name}.")
        REGISTRY[name] = Round(name, seconds, make)
        return make

    return register


def hurry(name: str) -> None:
    """Have the round made now instead of at its time; in a transaction, when that commits."""
    with connection.cursor() as cursor:
        cursor.execute("SELECT pg_notify(%s, %s)", [CHANNEL, REGISTRY[name].name])


def start(stop: threading.Event) -> list[threading.Thread]:
    """Begin every registered round, each on a thread of its own, until ``stop`` is set. Join the threads then."""
    threads = [threading.Thread(target=_keep, args=[one, stop], name=one.name) for one in REGISTRY.values()]
    for thread in threads:
        thread.start()
    return threads


def _keep(one: Round, stop: threading.Event) -> None:
    """Wait for the round's lock, and make it as long as the connection that holds the lock lives."""
    while not stop.is_set():
        try:
            # The queue's URL leads to the database itself: a pooler in transaction mode would lose the lock.
            with psycopg.connect(settings.DATABASE_QUEUE_URL, autocommit=True, application_name=one.name) as line:
                row = line.execute("SELECT pg_try_advisory_lock(%s)", [one.lock]).fetchone()
                if row == (True,):
                    line.execute(f"LISTEN {CHANNEL}")
                    _make_again_and_again(one, line, stop)
        except psycopg.Error as error:
            log.warning("The round %s waits for the database (%s).", one.name, type(error).__name__)
            stop.wait(OUTAGE_SECONDS)
        stop.wait(TURN_SECONDS)


def _make_again_and_again(one: Round, line: psycopg.Connection[tuple[object, ...]], stop: threading.Event) -> None:
    while not stop.is_set():
        try:
            one.make()
        except Exception:
            # The next round is made all the same: whatever failed may have passed by then.
            log.exception("The round %s failed.", one.name)
        finally:
            connections.close_all()
        _rest(one, line, stop)


def _rest(one: Round, line: psycopg.Connection[tuple[object, ...]], stop: threading.Event) -> None:
    """Wait for the round's time, for somebody in a hurry, or for the stop. Raises ``psycopg.Error`` if the lock is lost."""
    until = time.monotonic() + one.seconds
    while not stop.is_set() and (left := until - time.monotonic()) > 0:
        for notice in line.notifies(timeout=min(left, LOOK_SECONDS), stop_after=1):
            if notice.payload == one.name:
                return
