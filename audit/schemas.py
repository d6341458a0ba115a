"""What does the API say about an entry of the trail, and what may a client ask for?"""

from datetime import UTC, datetime, time
from typing import Annotated, Any
from uuid import UUID

from ninja import Schema
from pydantic import AfterValidator, AwareDatetime, Field, StringConstraints, WithJsonSchema

from accounts.days import EARLIEST, LATEST
from accounts.schemas import Day
from audit.models import Entry
from audit.queries import Chosen
from audit.rules import ACTIONS, Outcome

Word = Annotated[str, StringConstraints(max_length=64)]


def _known(name: str) -> str:
    """An action that is none matches nothing, which would read as if nothing had happened."""
    if name and name not in ACTIONS:
        raise ValueError("there is no such action; docs/audit-events.md and this API's description list them")
    return name


# Within the days that can be chosen, so that no time zone carries it beyond what a database can hold.
Moment = Annotated[
    AwareDatetime, Field(ge=datetime.combine(EARLIEST, time(), UTC), le=datetime.combine(LATEST, time(), UTC))
]
ActionName = Annotated[Word, AfterValidator(_known), WithJsonSchema({"type": "string", "enum": ["", *ACTIONS]})]


# What an entry and its description call by the same name.
_SAME = (
    *(
        "id",
        "occurred_at",
        "received_at",
        "action",
        "outcome",
        "reason",
        "severity",
        "status",
        "actor_type",
        "actor_id",
        "actor_name",
    ),
    *("target_type", "target_id", "client_address", "detail"),
)


class EntryOut(Schema):
    """An entry. `events` is how many refusals it stands for: more than 1 for those of a flood, whose `detail` says more.

    `received_at` is when it reached the trail: seconds later than it happened, and more where the database was away. `request_id` is
    the request that it goes back to: the question, for a file that was read in the background to answer it. `key_id` is the API key
    that a program showed; older entries do not say it.
    """

    id: UUID
    occurred_at: datetime
    received_at: datetime
    action: str
    outcome: str
    reason: str
    severity: str
    status: int | None
    actor_type: str
    actor_id: UUID | None
    actor_name: str
    key_id: UUID | None
    target_type: str
    target_id: str
    request_id: UUID | None
    client_address: str | None
    method: str
    path: str
    user_agent: str
    events: int
    detail: dict[str, Any]

    @classmethod
    def of(cls, entry: Entry) -> "EntryOut":
        """What is said about this row: never which workspace an id belongs to that the caller does not see."""
        return cls(
            **{name: getattr(entry, name) for name in _SAME},
            key_id=entry.key_id,
            request_id=entry.origin_id,
            method=str(entry.http.get("method", "")),
            path=str(entry.http.get("path", "")),
            user_agent=str((entry.http.get("headers") or {}).get("user-agent", "")),
            events=entry.burst or 1,
        )


class TrailQuery(Schema):
    """The filters of the trail, all optional. Days are in UTC, both included; `target` is the id of what it was about.

    `arrived_since` is a moment with its time zone: what reached the trail from then on, whenever it had happened.
    """

    person: UUID | None = None
    action: ActionName = ""
    outcome: Outcome | None = None
    since: Day | None = None
    until: Day | None = None
    target: Word = ""
    arrived_since: Moment | None = None

    def chosen(self) -> Chosen:
        """The filters, for the query."""
        return Chosen(
            person=self.person,
            action=self.action,
            outcome=self.outcome.value if self.outcome else "",
            since=self.since,
            until=self.until,
            target=self.target.strip(),
            arrived_since=self.arrived_since,
        )
