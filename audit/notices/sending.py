"""How do messages leave while one channel hangs and another floods?

Each channel is served by one thread at a time, in the order of its messages. Operators' channels have threads of their
own: a workspace whose receivers hang holds up nobody but workspaces, and nobody's receiver holds up an operator's alarm.
"""

from __future__ import annotations

import logging
import threading
from concurrent.futures import Future, ThreadPoolExecutor, wait
from functools import cache
from typing import Final
from uuid import UUID

from django.db import InterfaceError, OperationalError, connections
from django.utils import timezone

from audit import entries, ledger
from audit.notices import delivery, outbox
from audit.notices.delivery import Failed, Receiver
from audit.notices.outbox import Letter

logger = logging.getLogger(__name__)

THREADS: Final = 8  # for operators' channels, and as many for workspaces'
PATIENCE_SECONDS: Final = 1.0  # how long a round waits for those that it began
UNSPEAKABLE: Final = "It could not be put into words. The server’s log says why."

_busy: set[UUID] = set()
_lock: Final = threading.Lock()


def send(patience: float = PATIENCE_SECONDS) -> None:
    """Begin to send whatever may be sent now, and wait a little; what takes longer goes on while the next round begins.

    Raises ``django.db.Error``.
    """
    due = outbox.channels_with_due(timezone.now())
    if not due:
        return
    with connections[outbox.DATABASE].cursor() as cursor:
        cursor.execute("SELECT id FROM audit_operatorchannel WHERE id = ANY(%s)", [due])
        operators = {channel for (channel,) in cursor.fetchall()}
    begun = [_begin(channel, "operators" if channel in operators else "workspaces") for channel in due]
    wait([one for one in begun if one], timeout=patience)


def is_idle() -> bool:
    """Is nothing on its way?"""
    with _lock:
        return not _busy


@cache
def _pool(whose: str) -> ThreadPoolExecutor:
    return ThreadPoolExecutor(THREADS, thread_name_prefix=f"notices-{whose}")


def _begin(channel_id: UUID, whose: str) -> Future[None] | None:
    with _lock:
        if channel_id in _busy:
            return None
        _busy.add(channel_id)
    return _pool(whose).submit(_serve, channel_id)


def _serve(channel_id: UUID) -> None:
    try:
        serve(channel_id)
    except Exception:
        # What was taken comes back when its two minutes are over.
        logger.exception("A notification channel could not be served.")
    finally:
        connections.close_all()
        with _lock:
            _busy.discard(channel_id)


def serve(channel_id: UUID) -> None:
    """Send this channel what it may be sent now. Raises ``django.db.Error``."""
    channel = delivery.receiver(channel_id)
    if channel is None:
        outbox.dropped(channel_id, timezone.now())
        return
    letters = outbox.take(channel_id, timezone.now())
    for number, letter in enumerate(letters, start=1):
        # Each anew: ten to a slow receiver take a minute and a half, in which a reader may have lost the right to read.
        channel = delivery.receiver(channel_id)
        if channel is None:
            outbox.dropped(channel_id, timezone.now())
            return
        if not _hand_over(letter, channel):
            # What does not take one does not take the next either.
            outbox.give_back(letters[number:], timezone.now())
            return


def _hand_over(letter: Letter, channel: Receiver) -> bool:
    try:
        delivery.deliver(letter, channel)
    except Failed as failure:
        _failed(letter, channel, failure)
        return failure.is_final
    except (OperationalError, InterfaceError):
        raise  # The database is away, and nothing is wrong with the message.
    except Exception:
        # Left as it is, it would come first again each time, and nothing behind it would ever be sent.
        logger.exception("A message could not be put into words.")
        _failed(letter, channel, Failed(UNSPEAKABLE, is_final=True))
        return True
    outbox.sent(letter, timezone.now())
    return True


def _failed(letter: Letter, channel: Receiver, failure: Failed) -> None:
    began = outbox.failed(
        letter, str(failure), timezone.now(), is_final=failure.is_final, others=delivery.others(channel)
    )
    if began:
        # In the trail of whoever's channel it is; matching.UNTOLD keeps it from being told in its turn.
        detail = {"channel": str(channel.id), "answer": str(failure)}
        entry = entries.pipeline("channel.failed", detail)
        entry["workspace_id"] = str(channel.workspace_id) if channel.workspace_id else None
        ledger.post([entries.encode(entry)])
