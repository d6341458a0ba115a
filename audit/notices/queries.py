"""What do pages about notifications show?"""

from __future__ import annotations

from dataclasses import dataclass
from datetime import datetime
from typing import Any
from uuid import UUID

from django.db import connections

from accounts.models import Membership, Role
from audit.notices.models import Channel, Message, words

_RESULTS = "SELECT channel_id, failing_since, sent_at, tried_at, answer, waiting FROM fence.channel_results()"
_MESSAGES = "SELECT kind, action, created_at, attempts, state, answer FROM fence.channel_messages(%s)"


@dataclass(frozen=True, slots=True)
class Result:
    """How a channel fares."""

    failing_since: datetime | None = None
    sent_at: datetime | None = None
    tried_at: datetime | None = None
    answer: str = ""
    waiting: int = 0


@dataclass(frozen=True, slots=True)
class Sent:
    """One message to a channel, as its owner sees it."""

    kind: str
    action: str
    created_at: datetime
    attempts: int
    state: str
    answer: str

    @property
    def words(self) -> str:
        """What it was about."""
        return words(self.kind, self.action)

    @property
    def state_words(self) -> str:
        """What became of it."""
        return str(Message.State(self.state).label)


def channels() -> list[tuple[Channel, Result]]:
    """The bound workspace's channels, newest first, each with how it fares."""
    with connections["default"].cursor() as cursor:
        cursor.execute(_RESULTS)
        results = {row[0]: Result(*row[1:]) for row in cursor.fetchall()}
    return [(channel, results.get(channel.pk, Result())) for channel in Channel.objects.order_by("-created_at", "-id")]


def messages(channel: Channel) -> list[Sent]:
    """The latest messages to a channel of the bound workspace, newest first."""
    with connections["default"].cursor() as cursor:
        cursor.execute(_MESSAGES, [channel.pk])
        return [Sent(*row) for row in cursor.fetchall()]


def readers() -> list[tuple[UUID, str]]:
    """Those of the bound workspace who may read its trail, by name with their address."""
    found: Any = Membership.objects.filter(role__in=[Role.OWNER, Role.ADMIN], status=Membership.Status.ACTIVE)
    return [
        (member, f"{name} ({email})")
        for member, name, email in found.order_by("display_name", "id").values_list("id", "display_name", "email")
    ]
