"""Who breaks the glass in the tests, and how is a visit brought into each state that it can have?"""

from __future__ import annotations

import json
from pathlib import Path
from typing import Any
from uuid import UUID

from django.core.files.base import ContentFile
from django.db import connections
from django.test import Client

from accounts.cookies import OPERATOR
from accounts.glass import services
from accounts.glass.models import Visit
from accounts.operators import Operator, across, resolve_operator
from audit import spool
from files import storage
from tests import cast, doors
from tests.cast import ACME, ALICE, OLGA, Person, acting
from tests.factories import Desk, a_full_desk

OTTO = Person("Otto", None, None)
LIST = "/operator/accounts/visit/"
REASON, TICKET = "Alice asked us why her file is never found.", "HELP-2107"
SAID = {"reason": REASON, "ticket": TICKET, "minutes": "15"}


def second_operator() -> Person:
    """Let Otto be an operator beside Olga; the `committed` fixture lets him go again."""
    cast.enter_one(OTTO)
    return OTTO


def console(person: Person = OLGA) -> Client:
    """A browser in which this operator is signed in."""
    return doors.operator(person)


def operator_in(client: Client) -> Operator:
    """The operator as a request of this browser would find them."""
    return resolve_operator(client.cookies[OPERATOR].value)


def asked(client: Client, place: UUID = ACME.id, minutes: int = 15) -> Visit:
    """A visit that this browser's operator asked for: open where there is no second operator, else waiting."""
    return services.ask(operator_in(client), place=place, reason=REASON, ticket=TICKET, minutes=minutes)


def close(operator: Operator, *, visit_id: UUID) -> None:
    """End a visit."""
    services.close(operator, visit_id=visit_id)


def row(visit: Visit) -> Visit:
    """The visit as the database holds it now."""
    return across(Visit).get(pk=visit.pk)


def time_passes(visit: Visit, minutes: int) -> None:
    """Put a visit so many minutes back, by the database's own clock."""
    with connections["owner"].cursor() as cursor:
        cursor.execute(
            "UPDATE accounts_visit SET asked_at = asked_at - m, until = until - m, opened_at = opened_at - m "
            "FROM (SELECT make_interval(mins => %s) AS m) AS span WHERE id = %s",
            [minutes, visit.pk],
        )


def a_desk() -> Desk:
    """One private thing of each kind of Alice's, with bytes."""
    desk = a_full_desk(ALICE)
    with acting(ALICE):
        storage.save(desk.rows["file_id"].storage_key, ContentFile(b"Refunds take ten days.", name="a.txt"))
    return desk


def pages_of(visit: Visit, desk: Desk) -> dict[str, str]:
    """Every page of content that a visit opens, by its name in the trail."""
    base, ids = f"{LIST}{visit.pk}/", desk.ids
    return {
        "files": f"{base}files/",
        "file": f"{base}files/{ids['file_id']}/",
        "file_content": f"{base}files/{ids['file_id']}/content/",
        "agents": f"{base}agents/",
        "agent": f"{base}agents/{ids['agent_id']}/",
        "conversations": f"{base}conversations/",
        "conversation": f"{base}conversations/{ids['conversation_id']}/",
    }


def read(browser: Client, path: str) -> tuple[int, bytes]:
    """The status and the whole body of a page, a download included."""
    answer = browser.get(path)
    body = b"".join(answer.streaming_content) if answer.streaming else answer.content  # type: ignore[attr-defined]  # either
    answer.close()
    return answer.status_code, body


def entries_in(folder: Path, *actions: str) -> list[dict[str, Any]]:
    """What was spooled, in order; with actions, only those."""
    lines = [line for path in spool.segments(folder) for line in path.read_bytes().splitlines()]
    found = sorted(map(json.loads, lines), key=lambda entry: str(entry["id"]))
    return [entry for entry in found if not actions or entry["action"] in actions]
