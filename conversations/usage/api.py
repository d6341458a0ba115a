"""How does a program learn what was used?"""

from datetime import date
from uuid import UUID

from ninja import Router, Schema

from accounts.access import scope_required
from accounts.http import TenantRequest
from accounts.schemas import Day, Refused
from conversations.usage import queries

router = Router(tags=["usage"])


class NumbersOut(Schema):
    """What was used. `money` is in millionths of the workspace's own currency, and 0 where no prices are set."""

    questions: int
    answers: int
    requests: int
    tokens_read: int
    tokens_written: int
    money: int


class DayOut(NumbersOut):
    """What was used on a day (UTC)."""

    day: date


class LineOut(NumbersOut):
    """What a member used, or what was used of an agent. `id` is null for agents that are deleted or that you cannot see."""

    id: UUID | None
    name: str


class StoredOut(Schema):
    """How much a member stores now."""

    id: UUID
    name: str
    files: int
    bytes: int


class UsageOut(Schema):
    """What was used on the days from `since` to `until`, both included, and what is stored now."""

    since: date
    until: date
    total: NumbersOut
    days: list[DayOut]
    members: list[LineOut]
    agents: list[LineOut]
    stored: list[StoredOut]


@router.get("/usage", response=UsageOut, summary="What was used?")
@scope_required("usage:read")
def read_usage(request: TenantRequest, since: Day | None = None, until: Day | None = None) -> UsageOut:
    """By day, member and agent: the latest thirty days, or those that you name, a year at most.

    A member's key is answered with that member's own numbers, an owner's or administrator's with everybody's. What is used
    of agents that the key's member cannot see is one line together. Every question counts, also one that nobody keeps: in a
    temporary conversation, by a program's call, of an agent that is tried.
    """
    if since and until and until < since:
        raise Refused(422, "The last day is before the first. Send a later `until`.")
    found = queries.usage(*queries.days(since, until))
    return UsageOut(
        since=found.first,
        until=found.last,
        total=NumbersOut(**_numbers(found.total)),
        days=[DayOut(day=day, **_numbers(found.days[day])) for day in sorted(found.days)],
        members=[LineOut(id=one.id, name=one.name, **_numbers(one.numbers)) for one in found.members],
        agents=[LineOut(id=one.id, name=one.name, **_numbers(one.numbers)) for one in found.agents],
        stored=[StoredOut(id=one.id, name=one.name, files=one.files, bytes=one.bytes) for one in found.stored],
    )


def _numbers(found: queries.Numbers) -> dict[str, int]:
    return {name: getattr(found, name) for name in queries.NUMBERS}
