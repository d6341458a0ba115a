"""How does a test let something happen, have it decided, and look at what was sent?"""

from __future__ import annotations

import json
import time
import uuid
from collections.abc import Callable
from datetime import UTC, datetime, timedelta
from typing import Any
from uuid import UUID

from django.db import connections

from accounts.http import Refusal, Tenant
from accounts.operators import Operator
from audit import entries, ledger
from audit.notices import deciding, operating, outbox, sending
from audit.notices.models import Kind
from tests import cast, waiting
from tests.receivers import Received, Receiver

OLGA = Operator(
    user_id=cast.OLGA.user_id,
    display_name="Olga",
    email=cast.OLGA.email,
    method="password",
    session_id=uuid.uuid4(),
    signed_in_at=datetime.now(UTC),
    expires_at=datetime.now(UTC) + timedelta(hours=1),
)


def operators_channel(address: str, kind: str = Kind.WEBHOOK, *, least: str = "info", heartbeat: bool = False) -> UUID:
    """A channel of the operators."""
    return operating.add_channel(
        operator=OLGA, name="On call", kind=kind, address=address, least=least, heartbeat=heartbeat
    ).id


def spoofed(number: int = 0, *, actor: Tenant | None = None, **changes: Any) -> entries.Entry:
    """A critical refusal. Entries with one number are of one kind."""
    refusal = Refusal("reserved_name", "request.spoofed", "critical", {"name": "workspaceid"})
    entry = entries.denial(None, status=400, refusal=refusal, actor=actor)
    return {**entry, "fingerprint": f"{number:016x}", **changes}


def store(*found: entries.Entry) -> list[str]:
    """Put entries into the trail, as the shipper does."""
    ledger.post([entries.encode(entry) for entry in found])
    return [entry["id"] for entry in found]


def decide_and_send(patience: float = waiting.PATIENCE) -> None:
    """Decide, and send until nothing may be sent now."""
    deciding.decide()
    deadline = time.monotonic() + patience
    sending.send()
    while time.monotonic() < deadline and not sending.is_idle():
        time.sleep(0.01)
        sending.send()


def until(holds: Callable[[], object]) -> None:
    """Wait until it holds; it must come to that."""
    assert waiting.until(holds), "it did not happen in time"


def bodies(receiver: Receiver) -> list[dict[str, Any]]:
    """What a webhook's receiver got."""
    return [json.loads(one.body) for one in receiver.received]


def types(receiver: Receiver) -> list[str]:
    """Of which types."""
    return [str(body["type"]) for body in bodies(receiver)]


def unique(received: list[Received]) -> list[str]:
    """The message ids, each once, in the order of coming."""
    return list(dict.fromkeys(one.headers["webhook-id"] for one in received))


def messages(*columns: str) -> list[tuple[Any, ...]]:
    """The outbox, oldest first."""
    with connections[outbox.DATABASE].cursor() as cursor:
        cursor.execute(f"SELECT {', '.join(columns)} FROM audit_message ORDER BY created_at, id")
        return list(cursor.fetchall())


def age(minutes: float) -> None:
    """Let so much time have passed for everything that goes on."""
    with connections["owner"].cursor() as cursor:
        cursor.execute(
            "UPDATE audit_alarm SET opened_at = opened_at - past, seen_at = seen_at - past, told_at = told_at - past, "
            "check_at = check_at - past FROM make_interval(secs => %s) AS past",
            [minutes * 60],
        )


def make_due() -> None:
    """Let every message that waits be due now."""
    with connections["owner"].cursor() as cursor:
        cursor.execute("UPDATE audit_message SET due_at = now() - interval '1 second' WHERE state = 'waiting'")


def actions_in_trail() -> list[str]:
    """What the trail holds, oldest first."""
    with connections["ops"].cursor() as cursor:
        cursor.execute("SELECT action FROM audit_entry ORDER BY id")
        return [action for (action,) in cursor.fetchall()]
