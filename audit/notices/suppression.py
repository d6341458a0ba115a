"""When is somebody told of something that goes on, and when is it only counted?

The first of a kind is told at once. What follows is counted for a quarter of an hour and then told as one digest, sooner
if it has grown tenfold, so that a hundred thousand of one kind are at most seven messages, and no number is lost. When
nothing came for a quarter of an hour it is over, which is told too, unless there was only the one.
"""

from __future__ import annotations

from dataclasses import dataclass
from datetime import datetime, timedelta
from typing import Final
from uuid import UUID

from audit.notices.models import Message

HOLD: Final = timedelta(minutes=15)
QUIET: Final = timedelta(minutes=15)
TENFOLD: Final = 10


@dataclass(frozen=True, slots=True)
class Say:
    """Tell now: how many there are in all, and how many of them were not told before."""

    kind: Message.Kind
    total: int
    more: int


@dataclass(slots=True)
class Alarm:
    """What goes on, as it is kept between two looks: the columns of ``audit_alarm``."""

    key: str
    channel_id: UUID | None
    rule_id: UUID | None
    severity: str
    action: str
    reason: str
    first_entry: UUID
    last_entry: UUID
    opened_at: datetime
    seen_at: datetime
    total: int = 0
    told: int = 0
    told_at: datetime | None = None
    check_at: datetime | None = None

    def hear(self, count: int, last: UUID, now: datetime) -> Say | None:
        """Count what has just come, and say whether that is to be told now."""
        self._forget_the_future(now)
        self.total += count
        self.last_entry, self.seen_at = last, now
        if self.told_at is None:
            return self._tell(Message.Kind.RAISED, now)
        if self.total >= TENFOLD * self.told:
            return self._tell(Message.Kind.GROWN, now)
        self._set_check()
        return None

    def look(self, now: datetime) -> Say | None:
        """Say what is to be told though nothing new came: a digest, or that it is over (``is_over``)."""
        self._forget_the_future(now)
        if self.is_over(now):
            return Say(Message.Kind.RESOLVED, self.total, self.total - self.told) if self.total > 1 else None
        if self.told_at and self.total > self.told and now >= self.told_at + HOLD:
            return self._tell(Message.Kind.MORE, now)
        self._set_check()
        return None

    def is_over(self, now: datetime) -> bool:
        """Has nothing come for long enough?"""
        return now >= self.seen_at + QUIET

    def _forget_the_future(self, now: datetime) -> None:
        """A moment that is yet to come was written by a clock that was put back since; whatever waits for it waits from now."""
        self.seen_at = min(self.seen_at, now)
        self.told_at = min(self.told_at, now) if self.told_at else None

    def _tell(self, kind: Message.Kind, now: datetime) -> Say:
        said = Say(kind, self.total, self.total - self.told)
        self.told, self.told_at = self.total, now
        self._set_check()
        return said

    def _set_check(self) -> None:
        over = self.seen_at + QUIET
        has_untold = self.told_at is not None and self.total > self.told
        self.check_at = min(over, self.told_at + HOLD) if has_untold and self.told_at else over
