"""Does the API make, change and delete agents for their owners, and for nobody else?"""

from __future__ import annotations

from typing import Any
from uuid import uuid4

import pytest

from accounts.models import Role
from accounts.scopes import within
from agents.models import Agent, AgentFile
from tests import doors
from tests.agents.shelf import agent_of, put
from tests.cast import ALICE, BOB, CHARLIE, VERA, Person, acting

pytestmark = pytest.mark.django_db(databases=doors.DOORS)
AGENTS = "/api/v1/agents"
TEXT = "The canteen opens at noon and closes at two."


def send(client: Any, method: str, path: str, body: dict[str, Any]) -> Any:
    return getattr(client, method)(path, body, content_type="application/json")


def rows(person: Person) -> tuple[int, int]:
    with acting(person):
        return Agent.objects.count(), AgentFile.objects.count()


def test_an_agent_is_made_found_by_id_and_slug_changed_and_deleted() -> None:
    file, other = put(ALICE, "a.txt", TEXT), put(ALICE, "b.txt", TEXT)
    alice = doors.program(ALICE)
    made = send(alice, "post", AGENTS, {"name": "Front Desk", "instructions": "Be brief.", "file_ids": [str(file.pk)]})
    assert made.status_code == 201
    agent = made.json()
    assert agent["slug"].startswith("front-desk-")
    for key in (agent["id"], agent["slug"]):
        assert alice.get(f"{AGENTS}/{key}").json()["file_ids"] == [str(file.pk)]
    changed = send(
        alice,
        "patch",
        f"{AGENTS}/{agent['slug']}",
        {"name": "Reception", "file_ids": [str(other.pk)], "archived": True},
    ).json()
    assert (changed["name"], changed["file_ids"], changed["archived"]) == ("Reception", [str(other.pk)], True)
    assert changed["slug"] == agent["slug"]
    assert alice.delete(f"{AGENTS}/{agent['id']}").status_code == 204
    assert alice.get(f"{AGENTS}/{agent['id']}").status_code == 404
    assert rows(ALICE) == (0, 0)


def test_a_temperature_is_left_to_the_vendor_again_and_nothing_else_is_null() -> None:
    """A model that takes none had to be set right on a page: a program could set a temperature and never take it back."""
    alice = doors.program(ALICE)
    made = send(alice, "post", AGENTS, {"name": "Front Desk", "temperature": 0.5}).json()
    address = f"{AGENTS}/{made['slug']}"
    assert send(alice, "patch", address, {"name": "Reception"}).json()["temperature"] == 0.5
    for body in ({"name": None}, {"temperature": None, "max_tokens": None}):
        refused = send(alice, "patch", address, body)
        assert (refused.status_code, "null" in refused.json()["detail"]) == (422, True)
    assert alice.get(address).json()["temperature"] == 0.5
    assert send(alice, "patch", address, {"temperature": None}).json()["temperature"] is None


def test_a_repeated_submit_gives_the_same_agent() -> None:
    file = put(ALICE, "a.txt", TEXT)
    alice, bob, key = doors.program(ALICE), doors.program(BOB), {"Idempotency-Key": "k1"}
    body = {"name": "Front Desk", "file_ids": [str(file.pk)]}
    first, again = (alice.post(AGENTS, body, content_type="application/json", headers=key) for _ in range(2))
    assert (first.status_code, again.status_code) == (201, 201)
    assert first.json() == again.json()
    assert rows(ALICE) == (1, 1)
    # The same key with another request is a mistake (tests/accounts/test_repeats.py).
    other = alice.post(
        AGENTS, {"name": "Back Desk"}, content_type="application/json", headers={"Idempotency-Key": "k2"}
    )
    his = bob.post(AGENTS, {"name": "Back Desk"}, content_type="application/json", headers=key)
    unmarked = [send(alice, "post", AGENTS, body) for _ in range(2)]
    assert len({made.json()["id"] for made in (first, other, his, *unmarked)}) == 5


@pytest.mark.parametrize("thief", [BOB, CHARLIE], ids=lambda person: person.name)
def test_nobody_attaches_a_file_that_he_may_not_see(thief: Person) -> None:
    """L1, L6: another workspace's file, and a colleague's private one: 404 and no row, to make as to change."""
    secret = put(ALICE, "secret.txt", TEXT)
    own = put(thief, "own.txt", TEXT)
    client = doors.program(thief)
    bodies = []
    for file_ids in ([str(secret.pk)], [str(own.pk), str(secret.pk)], [str(uuid4())]):
        refused = send(client, "post", AGENTS, {"name": "Grab", "instructions": "", "file_ids": file_ids})
        assert refused.status_code == 404
        bodies.append({**refused.json(), "instance": ""})
    # What is foreign and what never was look alike.
    assert bodies[0] == bodies[1] == bodies[2]
    assert rows(thief) == (0, 0)
    agent = agent_of(thief, own)
    body = {"name": "Changed", "file_ids": [str(own.pk), str(secret.pk)]}
    assert send(client, "patch", f"{AGENTS}/{agent.slug}", body).status_code == 404
    with acting(thief):
        assert Agent.objects.get(pk=agent.pk).name == "Desk"
        assert AgentFile.objects.count() == 1


def test_a_foreign_agent_is_the_same_404_by_slug_and_by_id() -> None:
    """L2: the name was scoped, the id was not."""
    agent = agent_of(ALICE, put(ALICE, "secret.txt", TEXT))
    for thief in (BOB, CHARLIE):
        client = doors.program(thief)
        found = [client.get(f"{AGENTS}/{key}") for key in (agent.slug, agent.pk, uuid4(), "desk-zzzzzz")]
        assert [answer.status_code for answer in found] == [404] * 4
        assert len({str({**answer.json(), "instance": ""}) for answer in found}) == 1
        assert client.get(AGENTS).json() == {"items": [], "next": None}
        for key in (agent.slug, agent.pk):
            assert send(client, "patch", f"{AGENTS}/{key}", {"name": "Mine"}).status_code == 404
            assert client.delete(f"{AGENTS}/{key}").status_code == 404
    with acting(ALICE):
        assert Agent.objects.get(pk=agent.pk).name == "Desk"


def test_sharing_lets_colleagues_read_and_nothing_more() -> None:
    """L20: the shared branch of a check once allowed any operation."""
    agent = agent_of(ALICE, put(ALICE, "secret.txt", TEXT), visibility="workspace")
    bob = doors.program(BOB)
    seen = bob.get(f"{AGENTS}/{agent.slug}").json()
    assert (seen["name"], seen["file_ids"]) == ("Desk", [])
    assert send(bob, "patch", f"{AGENTS}/{agent.slug}", {"visibility": "private"}).status_code == 403
    assert bob.delete(f"{AGENTS}/{agent.slug}").status_code == 403
    vera = doors.program(VERA, within(Role.VIEWER))
    assert vera.get(f"{AGENTS}/{agent.slug}").status_code == 200
    assert send(vera, "post", AGENTS, {"name": "Mine", "instructions": ""}).status_code == 403
    with acting(ALICE):
        assert Agent.objects.get(pk=agent.pk).visibility == "workspace"


def test_a_key_does_what_its_scopes_say() -> None:
    reader = doors.program(ALICE, ["agents:read"])
    assert reader.get(AGENTS).status_code == 200
    assert send(reader, "post", AGENTS, {"name": "x"}).status_code == 403
    assert doors.program(ALICE, ["agents:write"]).get(AGENTS).status_code == 403


@pytest.mark.parametrize(
    "body",
    [
        {},
        {"name": ""},
        {"name": "  "},
        {"name": None},
        {"name": "x" * 121},
        {"name": "a\x00b"},
        {"name": "x", "file_ids": "all"},
        {"name": "x", "file_ids": [1]},
        {"name": "x", "file_ids": [str(uuid4()) for _ in range(201)]},
        {"name": "x", "retrieval_threshold": 2},
        {"name": "x", "retrieval_depth": 0},
        {"name": "x", "visibility": "public"},
        {"name": "x", "provider": "openai"},
    ],
)
def test_it_refuses_what_is_no_agent(body: dict[str, Any]) -> None:
    assert send(doors.program(ALICE), "post", AGENTS, body).status_code == 422
    assert rows(ALICE) == (0, 0)


@pytest.mark.parametrize("name", ["owner_id", "workspace", "id", "slug"])
def test_nobody_chooses_owner_workspace_id_or_slug(name: str) -> None:
    agent = agent_of(ALICE)
    alice = doors.program(ALICE)
    for method, path in (("post", AGENTS), ("patch", f"{AGENTS}/{agent.slug}")):
        assert send(alice, method, path, {"name": "x", name: str(BOB.membership_id)}).status_code in {400, 422}
    with acting(ALICE):
        assert Agent.objects.get(pk=agent.pk).name == "Desk"
