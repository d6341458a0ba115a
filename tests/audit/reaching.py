"""What is reached for, by whom, and what does the trail say of it?"""

from __future__ import annotations

from typing import Any

from django.db import connections

from audit import entries, ledger
from tests import cast
from tests.factories import Desk, a_full_desk


def desks() -> tuple[Desk, Desk]:
    """Alice's and Charlie's: one of everything, and an entry in the trail."""
    made = []
    for person in (cast.ALICE, cast.CHARLIE):
        desk = a_full_desk(person)
        entry = entries.fact("agent.created", actor=person.tenant)
        ledger.post([entries.encode(entry)])
        made.append(Desk(person, {**desk.rows, "entry_id": _Row(entry["id"])}))
    return made[0], made[1]


class _Row:
    def __init__(self, pk: str) -> None:
        self.pk = pk


def reaches() -> dict[str, tuple[Any, ...]]:
    """What the trail says of requests that reached into another workspace, by the request's id."""
    with connections["ops"].cursor() as cursor:
        cursor.execute(
            "SELECT request_id::text, severity, workspace_id, asked_workspace_id, actor_name FROM audit_entry "
            "WHERE action = 'workspace.reached' AND NOT detail ? 'burst'"
        )
        found = cursor.fetchall()
    assert len({row[0] for row in found}) == len(found)
    return {row[0]: row[1:] for row in found}


OF_ACME = ("critical", None, cast.ACME.id, "Charlie")
