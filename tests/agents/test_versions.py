"""Does each saved change of an agent stay as a version that its owner, and nobody else, can see, compare and bring back?"""

from __future__ import annotations

from importlib import import_module
from typing import Any

import pytest
from django.db import DatabaseError, connection, transaction
from django.urls import reverse

from agents import services
from agents.models import Agent, AgentFile, AgentVersion
from agents.versions import content, diffs
from audit.models import Entry
from files import services as files
from files.models import File
from tests import doors
from tests.agents.shelf import agent_of, put
from tests.agents.test_views import TEXT, form
from tests.cast import ADA, ALICE, BOB, CHARLIE, VERA, acting

pytestmark = pytest.mark.django_db(databases=doors.DOORS)
SECRET = "Never mention the merger."


def made(**values: Any) -> Agent:
    with acting(ALICE) as alice:
        return services.create(actor=alice, name="Desk", **values)


def edited(agent: Agent, **values: Any) -> None:
    with acting(ALICE) as alice:
        services.edit(Agent.objects.get(pk=agent.pk), actor=alice, **values)


def versions(agent: Agent) -> dict[int, AgentVersion]:
    with acting(ALICE):
        return {one.number: one for one in AgentVersion.objects.filter(agent=agent).order_by("number")}


def page(agent: Agent, version: AgentVersion, name: str = "version_detail") -> str:
    return reverse(f"agents:{name}", args=[agent.slug, version.pk])


def test_each_saved_change_is_one_version_and_what_changes_nothing_is_none() -> None:
    file = put(ALICE, "a.txt", TEXT)
    agent, alice = made(), doors.browser(ALICE)
    edit = reverse("agents:edit", args=[agent.slug])
    alice.post(edit, form(name="Reception", instructions="Be brief.", attached=[str(file.pk)]))
    alice.post(edit, form(name="Reception", instructions="Be brief.", attached=[str(file.pk)]))
    alice.post(reverse("agents:share", args=[agent.slug]), {"visibility": "workspace"})
    alice.post(reverse("agents:archive", args=[agent.slug]))
    assert list(versions(agent)) == [1, 2], "name, instructions and file were one change; who may ask is not what it is"
    assert versions(agent)[2].content["file_ids"] == [str(file.pk)]
    shown = alice.get(reverse("agents:version_list", args=[agent.slug])).content.decode()
    assert "Name, instructions, when the files hold no answer, files" in shown
    assert "Alice" in shown


def test_a_diff_shows_word_by_word_what_went_and_what_came() -> None:
    file = put(ALICE, "a.txt", TEXT)
    agent = made(instructions="Answer in one sentence.", file_ids=[file.pk])
    edited(agent, instructions="Answer in two sentences.", retrieval_depth=7, file_ids=[])
    shown = doors.browser(ALICE).get(page(agent, versions(agent)[2])).content.decode()
    for words in ('<del><span class="spoken">Removed: </span>one', "two</ins>", "7</ins>", "a.txt</del>"):
        assert words in shown
    assert "Temperature" not in shown
    today = doors.browser(ALICE).get(page(agent, versions(agent)[1]), {"with": "now"}).content.decode()
    assert "two</ins>" in today
    assert "This is what the agent is now." in shown


def test_a_version_is_brought_back_as_a_new_one_and_the_trail_tells() -> None:
    file = put(ALICE, "a.txt", TEXT)
    agent = made(instructions="First.", file_ids=[file.pk], starter_prompts=["When?"], temperature=0.5)
    edited(agent, instructions="Second.", name="Other", file_ids=[], starter_prompts=[], temperature=None)
    first, before = versions(agent)[1], agent.slug
    done = doors.browser(ALICE).post(page(agent, first, "version_restore"), follow=True).content.decode()
    assert "This is version 1 again." in done
    with acting(ALICE):
        agent.refresh_from_db()
        assert content.of(agent) == first.content
        assert (agent.slug, agent.temperature) == (before, 0.5)
        assert Entry.objects.get(action="agent.returned").detail == {"version": 1, "lost": 0}
    assert [one.restored_from for one in versions(agent).values()] == [None, None, 1]


def test_what_is_gone_since_is_said_and_stays_out() -> None:
    own, theirs = put(ALICE, "a.txt", TEXT), put(BOB, "b.txt", TEXT, visibility="workspace")
    agent = made(file_ids=[own.pk, theirs.pk])
    edited(agent, file_ids=[], instructions="Without files.")
    with acting(ALICE) as alice:
        files.delete(actor=alice, file=File.objects.get(pk=own.pk))
    with acting(BOB):
        File.objects.filter(pk=theirs.pk).update(visibility="private")
    first, alice_sees = versions(agent)[1], doors.browser(ALICE)
    shown = alice_sees.get(page(agent, first)).content.decode()
    assert "2 of its files are not there for you any more" in shown
    assert "b.txt" not in alice_sees.get(page(agent, versions(agent)[2])).content.decode(), (
        "L1: names are asked for anew"
    )
    answer = alice_sees.post(page(agent, first, "version_restore"), follow=True).content.decode()
    assert "but not all of it" in answer
    with acting(ALICE):
        assert not AgentFile.objects.exists()


def test_nobody_but_its_owner_reads_what_an_agent_was() -> None:
    """L4, L20: shared with everybody, an earlier state may hold what was taken out before; in raw SQL too."""
    agent = made(instructions=SECRET)
    edited(agent, instructions="Be kind.", visibility="workspace")
    first = versions(agent)[1]
    for colleague in (BOB, ADA, VERA):
        browser = doors.browser(colleague)
        assert browser.get(page(agent, first)).status_code == 403
        assert browser.post(page(agent, first, "version_restore")).status_code == 403
        assert doors.program(colleague).get(f"/api/v1/agents/{agent.slug}/versions").status_code == 403
    assert doors.browser(CHARLIE).get(page(agent, first)).status_code == 404
    for thief in (BOB, CHARLIE):
        with acting(thief), connection.cursor() as cursor:
            cursor.execute("SELECT content::text FROM agents_agentversion")
            assert cursor.fetchall() == []
        with acting(thief), pytest.raises(DatabaseError), transaction.atomic():
            AgentVersion.objects.create(agent_id=agent.pk, number=9, author_id=thief.membership_id, content={})


def test_a_version_belongs_to_its_agent() -> None:
    """L17: both are mine, and not together."""
    agent, other = made(), made(instructions="Other.")
    wrong = reverse("agents:version_restore", args=[agent.slug, versions(other)[1].pk])
    assert doors.browser(ALICE).post(wrong).status_code == 404
    with acting(ALICE):
        assert Agent.objects.get(pk=agent.pk).instructions == ""


def test_nobody_changes_or_forgets_a_version() -> None:
    agent = made()
    for verb in ("UPDATE agents_agentversion SET number = 7", "DELETE FROM agents_agentversion"):
        with acting(ALICE), pytest.raises(DatabaseError), transaction.atomic(), connection.cursor() as cursor:
            cursor.execute(verb)
    with acting(ALICE) as alice:
        services.delete(Agent.objects.get(pk=agent.pk), actor=alice)
        assert not AgentVersion.objects.exists(), "they go with the agent"


def test_a_program_lists_reads_and_restores_versions() -> None:
    agent, alice = made(instructions="First."), doors.program(ALICE)
    edited(agent, instructions="Second.")
    url = f"/api/v1/agents/{agent.slug}/versions"
    listed = alice.get(url).json()["items"]
    assert [(one["number"], one["author"]) for one in listed] == [(2, "Alice"), (1, "Alice")]
    first = f"{url}/{listed[1]['id']}"
    assert alice.get(first).json()["content"]["instructions"] == "First."
    assert alice.post(f"{first}/restore").json()["instructions"] == "First."
    assert doors.program(ALICE, ["agents:read"]).post(f"{first}/restore").status_code == 403
    assert [one["restored_from"] for one in alice.get(url).json()["items"]] == [1, None, None]


def test_when_its_owner_goes_the_heir_has_the_versions_and_no_name_of_a_private_file() -> None:
    file = put(BOB, "secret-of-bob.txt", TEXT)
    with acting(BOB) as bob:
        agent = services.create(actor=bob, name="Desk", visibility="workspace", file_ids=[file.pk])
        services.edit(agent, actor=bob, instructions="Second.", file_ids=[])
    doors.browser(ADA).post(f"/people/{BOB.membership_id}/remove/")
    ada = doors.browser(ADA)
    with acting(ADA):
        second = AgentVersion.objects.get(agent=agent, number=2)
    shown = ada.get(page(agent, second)).content.decode()
    assert "Second." in shown
    assert "secret-of-bob" not in shown
    with acting(BOB):
        assert not AgentVersion.objects.exists()


def test_two_texts_that_share_nothing_and_are_long_are_shown_whole() -> None:
    """Comparing costs parts times parts. A long text is compared by sentences, and not at all where those are too many."""
    before = versions(made())[1].content

    def pieces(older: str, newer: str) -> list[tuple[str, int]]:
        with acting(ALICE):
            [found] = diffs.between({**before, "instructions": older}, {**before, "instructions": newer})
        return [(piece.kind, len(piece.text)) for piece in found.pieces]

    assert pieces("a " * 4000, "b " * 4000) == [("gone", 8000), ("new", 8000)]
    rules = "".join(f"Rule {number} holds. " for number in range(400))
    assert pieces(f"{rules}Be brief.", f"{rules}Be long.") == [("same", len(rules)), ("gone", 9), ("new", 8)]


def test_an_agent_from_before_there_were_versions_has_its_first_one() -> None:
    """The migration's own statement: what it writes is what the next save compares with."""
    first = import_module("agents.migrations.0013_first_versions").FIRST
    agent = agent_of(ALICE, put(ALICE, "a.txt", TEXT), put(ALICE, "b.txt", TEXT))
    with acting(ALICE):
        with connection.cursor() as cursor:
            cursor.execute(first)
        agent.refresh_from_db()
        assert versions(agent)[1].content == content.of(agent)
    edited(agent)
    edited(agent, name="Other")
    assert list(versions(agent)) == [1, 2]
    assert versions(agent)[1].pk < versions(agent)[2].pk
    assert versions(agent)[1].pk.version == 7
