"""How does a workspace come to hear of its own events, and stop hearing of them?

The database asks for itself whether the acting member is an owner or administrator: these are calls of functions under the
sealed context, and the application has no right to write the table (L7).
"""

from __future__ import annotations

import json
from collections.abc import Sequence
from dataclasses import dataclass, field
from typing import Any
from uuid import UUID

from django.db import connections, transaction

from accounts.counting import count_together
from accounts.http import Tenant
from accounts.tenancy.models import new_id
from audit import entries, ledger
from audit.notices import addresses
from audit.notices.models import Channel, Kind

MOST_CHANNELS = 10


class TooManyChannels(Exception):
    """The workspace has as many as one may have, or whom the mail was to go to may not read the trail."""


@dataclass(frozen=True, slots=True)
class Added:
    """A new channel, at the one moment at which its signing secret is shown."""

    id: UUID
    secret: str = field(repr=False)


def add(
    *,
    actor: Tenant,
    name: str,
    kind: str,
    least: str,
    actions: Sequence[str],
    address: str = "",
    reader: UUID | None = None,
    reader_shown: str = "",
) -> Added:
    """Have the workspace's events told to an address, or mailed to a member who may read the trail.

    Raises ``addresses.Unfit`` and ``TooManyChannels``.
    """
    channel = new_id()
    place = addresses.Place(reader_shown, "") if kind == Kind.EMAIL else addresses.place(kind, address, channel)
    words = {
        "name": name,
        "kind": kind,
        "shown": place.shown,
        "sealed": place.sealed,
        "least": least,
        "recipient_id": str(reader) if reader else None,
        "actions": list(actions),
    }
    with transaction.atomic():
        count_together(actor, "channels")
        if not _keep("add", channel, words):
            raise TooManyChannels
        _note("channel.created", actor, channel, kind=kind, to=place.shown, least=least, events=list(actions))
    return Added(channel, place.secret)


def pause(*, actor: Tenant, channel: UUID) -> bool:
    """Send it nothing for now; False if it was paused already."""
    return _change("pause", "channel.changed", actor, channel, state="paused")


def resume(*, actor: Tenant, channel: UUID) -> bool:
    """Send it messages again; False if it was not paused."""
    return _change("resume", "channel.changed", actor, channel, state="at work")


def remove(*, actor: Tenant, channel: UUID) -> bool:
    """Take it away; what still waited for it is not sent."""
    return _change("remove", "channel.removed", actor, channel)


def test(*, actor: Tenant, channel: UUID) -> bool:
    """Send it a message now; False if there is no such channel."""
    with transaction.atomic(), connections["default"].cursor() as cursor:
        cursor.execute("SELECT fence.test_channel(%s)", [channel])
        if cursor.fetchone() != (True,):
            return False
        _note("channel.tested", actor, channel)
    return True


def _change(act: str, action: str, actor: Tenant, channel: UUID, **detail: object) -> bool:
    with transaction.atomic():
        if not _keep(act, channel, {}):
            return False
        _note(action, actor, channel, **detail)
    return True


def _keep(act: str, channel: UUID, words: dict[str, Any]) -> bool:
    with connections["default"].cursor() as cursor:
        cursor.execute("SELECT fence.keep_channel(%s, %s, %s::jsonb)", [act, channel, json.dumps(words)])
        return bool(cursor.fetchone() == (True,))


def _note(action: str, actor: Tenant, channel: UUID, **detail: object) -> None:
    # In the same transaction: nobody is told of a workspace's events without the trail saying who wished it.
    ledger.post_fact(entries.fact(action, actor=actor, target=Channel(pk=channel), detail=detail))
