"""Does a program read its workspace's trail, whole and filtered, and no other?"""

import json
from datetime import datetime, timedelta
from pathlib import Path
from typing import Any
from uuid import uuid4

import pytest
from pytest_django import Settings

from accounts.models import Role
from accounts.scopes import Scope, within
from accounts.tracing import Origin, following
from audit import bursts, entries, ledger, spool
from audit.schemas import EntryOut
from tests import cast, doors

pytestmark = pytest.mark.django_db(databases=[*doors.DOORS, "audit"])

AUDIT = "/api/v1/audit"


@pytest.fixture(autouse=True)
def folder(settings: Settings, tmp_path: Path) -> Path:
    settings.AIAXIS_HOME = tmp_path
    return tmp_path / "spool"


def happened(person: cast.Person, action: str = "agent.created", **beside: Any) -> str:
    entry = {**entries.fact(action, actor=person.tenant), **beside}
    with cast.acting(person):
        ledger.post([entries.encode(entry)], using="default")
    return str(entry["id"])


def read(reader: cast.Person, /, **filters: Any) -> list[str]:
    answer = doors.program(reader).get(AUDIT, filters)
    assert answer.status_code == 200, answer.content
    return [item["id"] for item in answer.json()["items"]]


def test_it_gives_the_workspaces_entries_and_no_others() -> None:
    """L10."""
    mine, theirs = [happened(cast.BOB), happened(cast.ALICE)], happened(cast.CHARLIE)
    for person in (cast.ALICE, cast.ADA):
        found = read(person)
        assert [entry for entry in found if entry in mine] == mine[::-1]
        assert theirs not in found


def test_filters_narrow() -> None:
    of_bob = happened(cast.BOB)
    key = happened(cast.BOB, "key.created", target_type="apikey", target_id="k-1")
    happened(cast.ALICE)
    bob = str(cast.BOB.membership_id)
    assert read(cast.ALICE, person=bob) == [key, of_bob]
    assert read(cast.ALICE, action="key.created", person=bob) == [key]
    assert read(cast.ALICE, target="k-1") == [key]
    assert read(cast.ALICE, outcome="denied", person=bob) == []
    assert read(cast.ALICE, until="2001-01-01") == []
    for stranger in (cast.CHARLIE.membership_id, uuid4()):
        assert doors.program(cast.ALICE).get(AUDIT, {"person": str(stranger)}).status_code == 404


def test_a_cursor_goes_on_without_gap_or_repeat() -> None:
    made = [happened(cast.BOB) for _ in range(25)]
    program = doors.program(cast.ALICE)
    found: list[str] = []
    cursor: str | None = ""
    while cursor is not None:
        page = program.get(AUDIT, {"person": str(cast.BOB.membership_id), "limit": "10", "cursor": cursor}).json()
        found += [item["id"] for item in page["items"]]
        cursor = page["next"]
    assert found == made[::-1]


@pytest.mark.parametrize("filters", [{"person": "x"}, {"outcome": "splendid"}, {"since": "soon"}, {"since": "0001-01-01"}, {"limit": 0}, {"action": "a" * 65}, {"action": "file.downloded"}, {"since": "2026-02-02", "until": "2026-01-01"}, {"arrived_since": "2026-01-01T00:00"}, {"arrived_since": "9999-12-31T23:59:59-12:00"}])  # fmt: skip
def test_a_filter_that_cannot_be_is_422(filters: dict[str, Any]) -> None:
    """An empty list would say that nothing happened."""
    assert doors.program(cast.ALICE).get(AUDIT, filters).status_code == 422


@pytest.mark.parametrize("person", [cast.BOB, cast.VERA], ids=["member", "viewer"])
def test_whoever_may_not_read_the_page_gets_no_key_for_it(person: cast.Person) -> None:
    """A key never does more than its member: neither by its scope nor, should one have it, by its role."""
    assert person.role is not None
    assert Scope.AUDIT_READ not in within(person.role)
    assert doors.program(person).get(AUDIT).status_code == 403


def test_whoever_follows_the_trail_gets_what_came_late_too() -> None:
    """L38: a denial that lay in a spool for the hours of an outage stands far behind the place where a program reads on."""
    seen = happened(cast.BOB)
    bob = str(cast.BOB.membership_id)
    [latest] = doors.program(cast.ALICE).get(AUDIT, {"person": bob}).json()["items"]
    entry = entries.fact("agent.created", actor=cast.BOB.tenant)
    made = entries.milliseconds(entry["id"]) - 3 * 3_600_000
    late = happened(cast.BOB, id=entries.derived_id(made, "late"))
    asked = datetime.fromisoformat(latest["received_at"]) - timedelta(minutes=15)
    assert read(cast.ALICE, person=bob, arrived_since=asked.isoformat()) == [seen, late]
    assert read(cast.ALICE, person=bob, arrived_since="2199-01-01T00:00:00Z") == []


def test_what_a_job_did_is_joined_with_the_request_that_asked_for_it() -> None:
    """For which question was this file read? The answer is written in the background, where no request is under way."""
    origin = Origin(uuid4())
    with following(origin, job=7):
        read_by_a_job = happened(cast.BOB, "file.read")
    nonsense = happened(cast.BOB, trace={"request": ["x"]})
    found = doors.program(cast.ALICE).get(AUDIT, {"person": str(cast.BOB.membership_id)}).json()["items"]
    assert {item["id"]: item["request_id"] for item in found} == {
        read_by_a_job: str(origin.request_id),
        nonsense: None,
    }
    page = doors.browser(cast.ALICE).get(f"/trail/{read_by_a_job}/").content.decode()
    assert str(origin.request_id) in page


def test_a_key_without_the_scope_is_refused() -> None:
    assert Scope.AUDIT_READ in within(Role.ADMIN)
    assert doors.program(cast.ALICE, scopes=["files:read"]).get(AUDIT).status_code == 403


def test_reading_is_recorded(folder: Path) -> None:
    read(cast.ALICE, outcome="denied")
    lines = [json.loads(line) for path in spool.segments(folder) for line in path.read_bytes().splitlines()]
    [entry] = [line for line in lines if line["action"] == "trail.read"]
    assert (entry["actor_type"], entry["actor_name"], entry["detail"]["filters"]) == ("key", "Alice", ["outcome"])


def test_a_burst_says_how_many_it_stands_for() -> None:
    counting = bursts.Counting("x")
    for _ in range(70):
        counting.admits(entries.denial(None, status=404, refusal=None, actor=cast.BOB.tenant))
    [burst] = counting.bursts({})
    with cast.acting(cast.BOB):
        ledger.post([entries.encode(burst)], using="default")
    [item] = doors.program(cast.ALICE).get(AUDIT, {"outcome": "denied"}).json()["items"]
    assert item["events"] == 50


def test_it_says_nothing_that_the_schema_does_not_name() -> None:
    happened(cast.BOB, asked_workspace_id=str(uuid4()))
    [item] = doors.program(cast.ALICE).get(AUDIT, {"person": str(cast.BOB.membership_id)}).json()["items"]
    assert set(item) == set(EntryOut.model_fields)
    assert "asked_workspace_id" not in item
