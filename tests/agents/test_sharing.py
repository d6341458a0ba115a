"""Can an agent be shared with chosen members, so that they ask it and nobody else does, and the database itself says so?"""

from __future__ import annotations

from typing import Any
from uuid import UUID, uuid4

import pytest
from django.db import DatabaseError, connection, transaction
from django.urls import reverse

from agents import retrieval
from agents.models import Agent, AgentShare
from audit.models import Entry
from tests import doors
from tests.agents.shelf import agent_of, put
from tests.agents.test_views import TEXT, form
from tests.cast import ADA, ALICE, BOB, CHARLIE, VERA, Person, acting

pytestmark = pytest.mark.django_db(databases=doors.DOORS)
AGENTS = "/api/v1/agents"


def shared(*people: Person, file_visibility: str = "workspace") -> Agent:
    """An agent of Alice's, shared with these."""
    agent = agent_of(ALICE, put(ALICE, "a.txt", TEXT, visibility=file_visibility), visibility="named")
    with acting(ALICE):
        for person in people:
            AgentShare.objects.create(agent=agent, owner_id=ALICE.membership_id, member_id=person.membership_id)
    return agent


def ids_of(agent: Agent) -> set[UUID]:
    with acting(ALICE):
        return set(AgentShare.objects.filter(agent=agent).values_list("member_id", flat=True))


def entries(action: str) -> list[Any]:
    with acting(ALICE):
        return list(Entry.objects.filter(action=action).order_by("id").values_list("detail", flat=True))


def test_those_who_were_chosen_ask_it_and_nobody_else_finds_it() -> None:
    agent = shared(BOB)
    with acting(BOB):
        assert Agent.objects.get().pk == agent.pk
    page = doors.browser(BOB).get(reverse("agents:detail", args=[agent.slug])).content.decode()
    assert "People whom its owner chose, you among them" in page
    bob = doors.browser(BOB)
    assert bob.post(reverse("conversations:start"), {"agent": agent.slug}).status_code == 302
    assert bob.post(reverse("agents:edit", args=[agent.slug]), form(name="Taken")).status_code == 403, "L20"
    # Admins and owners of the workspace are colleagues like any other here.
    for thief in (ADA, VERA, CHARLIE):
        with acting(thief), connection.cursor() as cursor:
            cursor.execute("SELECT name FROM agents_agent")
            assert cursor.fetchall() == []
            cursor.execute("SELECT count(*) FROM agents_agentshare")
            assert cursor.fetchone() == (0,)
        for key in (agent.slug, agent.pk):
            assert doors.browser(thief).get(reverse("agents:detail", args=[key])).status_code == 404


def test_whoever_was_chosen_reads_only_the_files_that_he_may_read_himself() -> None:
    """L1, L6: the agent is shared, the file that it quotes is not."""
    agent = shared(BOB, file_visibility="private")
    with acting(BOB) as bob:
        assert retrieval.find(agent, "When does the canteen open?", actor=bob).passages == ()
    with acting(ALICE) as alice:
        assert retrieval.find(agent, "When does the canteen open?", actor=alice).passages
    assert "None of its files is shared with you." in (
        doors.browser(BOB).get(reverse("agents:detail", args=[agent.slug])).content.decode()
    )


@pytest.mark.parametrize("thief", [BOB, CHARLIE], ids=lambda person: person.name)
def test_nobody_shares_what_is_not_theirs_in_raw_sql_either(thief: Person) -> None:
    """L1, L20: neither as oneself nor in the owner's name; and what is not mine looks like what never was."""
    secret = agent_of(ALICE)
    told = set()
    for agent_id, owner in ((secret.pk, thief), (uuid4(), thief), (secret.pk, ALICE)):
        with acting(thief), pytest.raises(DatabaseError) as refused, transaction.atomic():
            AgentShare.objects.create(agent_id=agent_id, owner_id=owner.membership_id, member_id=thief.membership_id)
        told.add(str(refused.value).splitlines()[0])
    assert len(told) == 2, "the key is broken alike for both ids, and the policy refuses the third"
    with acting(thief):
        assert not Agent.objects.filter(pk=secret.pk).exists()


def test_its_owner_chooses_on_a_page_which_the_trail_tells() -> None:
    agent, alice = agent_of(ALICE, put(ALICE, "a.txt", TEXT)), doors.browser(ALICE)
    share = reverse("agents:share", args=[agent.slug])
    page = alice.get(share).content.decode()
    assert BOB.email in page
    assert ALICE.email not in page.partition('name="people"')[2].partition("</form>")[0]
    assert CHARLIE.email not in page
    refused = alice.post(share, {"visibility": "named"})
    assert refused.status_code == 422
    assert "Choose at least one person" in refused.content.decode()
    chosen = {"visibility": "named", "people": [str(BOB.membership_id), str(VERA.membership_id)]}
    assert "You and 2 people can ask Desk now." in alice.post(share, chosen, follow=True).content.decode()
    assert ids_of(agent) == {BOB.membership_id, VERA.membership_id}
    shown = alice.get(reverse("agents:detail", args=[agent.slug])).content.decode()
    assert BOB.email in shown
    alice.post(share, {**chosen, "people": [str(BOB.membership_id)]})
    [first, second] = entries("agent.people_changed")
    assert set(first["added"]) == {str(BOB.membership_id), str(VERA.membership_id)}
    assert second["removed"] == [str(VERA.membership_id)]
    alice.post(share, {"visibility": "private"})
    assert ids_of(agent) == set()
    with acting(BOB):
        assert not Agent.objects.exists()


def test_a_person_of_elsewhere_is_the_same_404_as_nobody() -> None:
    """L1: in the form by id, in the API by address."""
    agent, alice, program = agent_of(ALICE), doors.browser(ALICE), doors.program(ALICE)
    share = reverse("agents:share", args=[agent.slug])
    for key in (CHARLIE.membership_id, uuid4()):
        assert alice.post(share, {"visibility": "named", "people": [str(key)]}).status_code == 404
    for address in (CHARLIE.email, "nobody@acme.test"):
        body = {"visibility": "named", "shared_with": [address]}
        answer = program.patch(f"{AGENTS}/{agent.slug}", body, content_type="application/json")
        assert answer.status_code == 404
    assert ids_of(agent) == set()
    with acting(ALICE):
        assert Agent.objects.get().visibility == "private"


def test_a_program_shares_with_addresses_and_sees_them_again() -> None:
    alice, bob = doors.program(ALICE), doors.program(BOB)
    body = {"name": "Desk", "visibility": "named", "shared_with": [f" {BOB.email.upper()} "]}
    made = alice.post(AGENTS, body, content_type="application/json").json()
    assert made["shared_with"] == [BOB.email]
    assert bob.get(f"{AGENTS}/{made['slug']}").json()["shared_with"] == [BOB.email]

    def change(**values: Any) -> Any:
        return alice.patch(f"{AGENTS}/{made['slug']}", values, content_type="application/json")

    assert change(shared_with=[BOB.email, VERA.email]).json()["shared_with"] == sorted([BOB.email, VERA.email])
    assert change(visibility="workspace", shared_with=[BOB.email]).status_code == 422
    assert change(name="Other").json()["shared_with"] == sorted([BOB.email, VERA.email])
    assert change(visibility="workspace").json()["shared_with"] == []


def test_a_copy_of_a_shared_agent_is_private() -> None:
    agent = shared(BOB)
    doors.browser(BOB).post(reverse("agents:duplicate", args=[agent.slug]))
    with acting(BOB):
        copy = Agent.objects.get(owner_id=BOB.membership_id)
        assert copy.visibility == "private"
        assert not AgentShare.objects.filter(agent=copy).exists()


def test_when_its_owner_goes_it_passes_on_and_stays_shared() -> None:
    """Also where nobody but the leaver and those who were chosen could see it."""
    with acting(BOB):
        mine, kept = (Agent.objects.create(owner_id=BOB.membership_id, name=name, slug=name) for name in "ab")
        Agent.objects.filter(pk=mine.pk).update(visibility="named")
        for person in (VERA, ALICE):
            AgentShare.objects.create(agent=mine, owner_id=BOB.membership_id, member_id=person.membership_id)
    doors.browser(BOB).post("/people/leave/")
    with acting(ALICE):
        assert Agent.objects.get().pk == mine.pk
        assert Agent.objects.get().owner_id == ALICE.membership_id
        share = AgentShare.objects.get()
        assert (share.member_id, share.owner_id) == (VERA.membership_id, ALICE.membership_id)
    with acting(VERA):
        assert Agent.objects.get().pk == mine.pk
    with acting(BOB):
        assert [one.pk for one in Agent.objects.all()] == [kept.pk], "what he kept to himself stays his"
    assert [one["heir"] for one in entries("agent.handed_over")] == [str(ALICE.membership_id)]


def test_what_was_shared_with_somebody_who_goes_is_shared_with_him_no_more() -> None:
    agent = shared(BOB, VERA)
    doors.browser(ADA).post(f"/people/{BOB.membership_id}/remove/")
    assert ids_of(agent) == {VERA.membership_id}
    with acting(ALICE), pytest.raises(DatabaseError), transaction.atomic():
        AgentShare.objects.create(agent=agent, owner_id=ALICE.membership_id, member_id=BOB.membership_id)
