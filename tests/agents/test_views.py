"""Do the pages let a person make, share, copy, put away and delete agents, and nobody else?"""

from __future__ import annotations

import re
from typing import Any
from uuid import uuid4

import pytest
from django.urls import reverse

from agents import queries
from agents.models import Agent, AgentFile
from files.models import File
from tests import doors
from tests.agents.shelf import agent_of, put
from tests.cast import ALICE, BOB, CHARLIE, VERA, Person, acting
from tests.files.shelf import put as stored

pytestmark = pytest.mark.django_db(databases=doors.DOORS)
TEXT = "The canteen opens at noon and closes at two."


def form(**changes: Any) -> dict[str, Any]:
    values = {
        "name": "Front desk",
        "description": "",
        "instructions": "",
        "refusal_text": "I do not know.",
        "visibility": "private",
        "retrieval_depth": "5",
        "retrieval_threshold": "0.25",
        "attached": [],
    }
    return values | changes


def test_a_person_makes_an_agent_with_files_and_edits_it() -> None:
    file, other = put(ALICE, "a.txt", TEXT), put(ALICE, "b.txt", TEXT)
    alice = doors.browser(ALICE)
    page = alice.post(reverse("agents:create"), form(attached=[str(file.pk)]), follow=True)
    agent = page.context["agent"]
    assert "a.txt" in page.content.decode()
    edit = reverse("agents:edit", args=[agent.slug])
    assert f'value="{file.pk}" id="id_attached_0" checked' in alice.get(edit).content.decode().replace('"  ', '" ')
    page = alice.post(edit, form(name="Reception", attached=[str(other.pk)], visibility="workspace"), follow=True)
    shown = page.content.decode()
    assert "Reception" in shown
    assert "b.txt" in shown
    assert "a.txt" not in shown
    with acting(BOB):
        assert Agent.objects.get(pk=agent.pk).name == "Reception"


def test_it_tells_beside_the_field_what_is_missing() -> None:
    alice = doors.browser(ALICE)
    refused = alice.post(reverse("agents:create"), form(name="", retrieval_threshold="5"))
    assert refused.status_code == 422
    assert "Give the agent a name." in refused.content.decode()
    with acting(ALICE):
        assert not Agent.objects.exists()


@pytest.mark.parametrize("thief", [BOB, CHARLIE], ids=lambda person: person.name)
def test_the_form_neither_offers_nor_takes_a_file_that_the_reader_may_not_see(thief: Person) -> None:
    """L1, L6."""
    secret = put(ALICE, "secret-of-alice.txt", TEXT)
    client = doors.browser(thief)
    assert "secret-of-alice" not in client.get(reverse("agents:create")).content.decode()
    for key in (secret.pk, uuid4()):
        assert client.post(reverse("agents:create"), form(attached=[str(key)])).status_code == 404
    with acting(thief):
        assert not Agent.objects.exists()
        assert not AgentFile.objects.exists()


ACTS = ["edit", "share", "archive", "restore", "delete"]


@pytest.mark.parametrize("act", [*ACTS, "duplicate"])
def test_a_private_agent_is_not_there_for_others(act: str) -> None:
    """L2: by slug and by id, for a colleague and for a stranger."""
    agent = agent_of(ALICE, put(ALICE, "a.txt", TEXT))
    for thief in (BOB, CHARLIE):
        client = doors.browser(thief)
        for key in (agent.slug, str(agent.pk)):
            assert client.get(reverse("agents:detail", args=[key])).status_code == 404
            assert client.post(reverse(f"agents:{act}", args=[key]), form(name="Taken")).status_code == 404
    with acting(ALICE):
        assert Agent.objects.get().name == "Desk"


@pytest.mark.parametrize("act", ACTS)
def test_a_shared_agent_is_changed_by_its_owner_alone(act: str) -> None:
    """L20: a share grants reading, operation by operation."""
    agent = agent_of(ALICE, put(ALICE, "a.txt", TEXT), visibility="workspace")
    for person in (BOB, VERA):
        assert doors.browser(person).post(reverse(f"agents:{act}", args=[agent.slug]), form()).status_code == 403
    with acting(ALICE):
        kept = Agent.objects.get(pk=agent.pk)
    assert (kept.name, kept.visibility, kept.archived_at) == ("Desk", "workspace", None)


def test_a_viewer_reads_on_an_agents_page_why_there_is_no_way_to_ask_it() -> None:
    agent = agent_of(ALICE, put(ALICE, "a.txt", TEXT, visibility="workspace"), visibility="workspace")
    page = reverse("agents:detail", args=[agent.slug])
    sentence = "Asking agents takes the role of a member"
    assert sentence in doors.browser(VERA).get(page).content.decode()
    assert sentence not in doors.browser(BOB).get(page).content.decode()


def test_a_colleague_sees_of_a_shared_agent_what_is_his_to_see() -> None:
    shared = put(ALICE, "shared.txt", TEXT, visibility="workspace")
    agent = agent_of(ALICE, shared, put(ALICE, "secret-of-alice.txt", TEXT), visibility="workspace")
    page = doors.browser(BOB).get(reverse("agents:detail", args=[agent.slug])).content.decode()
    assert "shared.txt" in page
    assert "secret-of-alice" not in page
    assert "1 more is kept private" in page
    assert "1 file you can read" in doors.browser(BOB).get(reverse("agents:list")).content.decode()


def test_a_copy_is_private_and_holds_only_what_its_maker_may_read() -> None:
    shared = put(ALICE, "shared.txt", TEXT, visibility="workspace")
    agent = agent_of(ALICE, shared, put(ALICE, "secret.txt", TEXT), visibility="workspace")
    assert doors.browser(BOB).post(reverse("agents:duplicate", args=[agent.slug])).status_code == 302
    with acting(BOB):
        copy = Agent.objects.get(owner_id=BOB.membership_id)
        assert copy.visibility == "private"
        assert list(AgentFile.objects.filter(agent=copy).values_list("file_id", flat=True)) == [shared.pk]


def test_a_form_that_is_sent_twice_makes_one_agent() -> None:
    """Bad input: a double click where no script runs, or a reload."""
    alice = doors.browser(ALICE)
    page = alice.get(reverse("agents:create"))
    filled = form(submission=page.context["form"]["submission"].value())
    made = [alice.post(reverse("agents:create"), filled).headers["Location"] for _ in range(2)]
    assert made[0] == made[1]
    other = alice.post(reverse("agents:create"), {**filled, "name": "Back desk"}).headers["Location"]
    assert other != made[0]
    shown = alice.get(made[0]).content.decode()
    marks = re.findall(r'name="submission" value="([^"]{16})"', shown)
    assert len(set(marks)) == len(marks) == 2, "one to ask, one to duplicate"
    agent = reverse("agents:duplicate", args=[made[0].rstrip("/").rsplit("/", 1)[1]])
    copies = [alice.post(agent, {"submission": marks[1]}).headers["Location"] for _ in range(2)]
    assert copies[0] == copies[1]
    with acting(ALICE):
        assert Agent.objects.count() == 3


def test_archive_restore_and_delete_do_what_they_say() -> None:
    agent = agent_of(ALICE, put(ALICE, "a.txt", TEXT))
    alice = doors.browser(ALICE)
    alice.post(reverse("agents:archive", args=[agent.slug]))
    assert agent.slug not in alice.get(reverse("agents:list")).content.decode()
    assert agent.slug in alice.get(reverse("agents:list"), {"show": "archived"}).content.decode()
    refused = alice.post(reverse("conversations:start"), {"agent": agent.slug}, follow=True)
    assert "This agent is archived" in refused.content.decode()
    alice.post(reverse("agents:restore", args=[agent.slug]))
    assert agent.slug in alice.get(reverse("agents:list")).content.decode()
    alice.post(reverse("agents:delete", args=[agent.slug]))
    assert alice.get(reverse("agents:detail", args=[agent.slug])).status_code == 404


def test_a_hostile_name_is_shown_as_text() -> None:
    """L19: names are as hostile as a model's output."""
    agent = agent_of(ALICE, name='<script>alert("x")</script>\u202e')
    alice = doors.browser(ALICE)
    for url in (
        reverse("agents:list"),
        reverse("agents:detail", args=[agent.slug]),
        reverse("agents:edit", args=[agent.slug]),
    ):
        page = alice.get(url).content.decode()
        assert "<script>alert" not in page
        assert "&lt;script&gt;alert" in page


def test_lists_cost_the_same_however_long_they_are(django_assert_max_num_queries: Any) -> None:
    alice = doors.browser(ALICE)
    for _ in range(3):
        agent_of(ALICE, put(ALICE, "a.txt", TEXT), visibility="workspace")
    alice.get(reverse("agents:list"))
    with django_assert_max_num_queries(6):
        alice.get(reverse("agents:list"))


def test_a_shared_agent_with_private_files_says_so_to_its_owner_and_to_colleagues() -> None:
    """A shared agent that answers nobody was a silent dead end: neither side was told why."""
    agent = agent_of(ALICE, put(ALICE, "a.txt", TEXT), put(ALICE, "b.txt", TEXT))
    alice, page = doors.browser(ALICE), reverse("agents:detail", args=[agent.slug])
    share = reverse("agents:share", args=[agent.slug])
    assert "2 of its files are private: colleagues get no answers from them." in alice.get(share).content.decode()
    shared = alice.post(
        reverse("agents:share", args=[agent.slug]), {"visibility": "workspace"}, follow=True
    ).content.decode()
    assert "Everyone in Acme can ask Desk now." in shared
    seen = doors.browser(BOB).get(page).content.decode()
    assert "None of its files is shared with you. Ask Alice to share them." in seen
    assert "more are kept private" not in seen
    with acting(ALICE):
        File.objects.filter(name="a.txt").update(visibility="workspace")
    assert "1 of its files is private: colleagues get no answers from it." in queries_note(agent)
    seen = doors.browser(BOB).get(page).content.decode()
    assert "None of its files" not in seen
    assert "1 more is kept private by its owner" in seen


def queries_note(agent: Agent) -> str:
    with acting(ALICE):
        return queries.private_note(agent)


def test_a_new_agent_can_begin_with_a_file_that_its_maker_may_read() -> None:
    own, other = stored(ALICE, TEXT, "own.txt"), put(BOB, "other.txt", TEXT)
    new, alice = reverse("agents:create"), doors.browser(ALICE)
    assert f"{new}?with={own.pk.hex}" in alice.get(reverse("files:detail", args=[own.pk])).content.decode()
    assert "checked" in box(alice.get(f"{new}?with={own.pk.hex}"), own)
    for nothing in (other.pk.hex, "banana", ""):
        page = alice.get(f"{new}?with={nothing}")
        assert page.status_code == 200
        assert "checked" not in box(page, own)
        assert str(other.pk) not in page.content.decode()
        assert page.context["form"]["name"].value() is None


@pytest.mark.parametrize(
    ("name", "called"),
    [
        ("refund-policy.pdf", "Refund policy"),
        ("Site_safety  plan.v2.docx", "Site safety plan.v2"),
        ("---.txt", ""),
        (f"{'long ' * 40}.txt", ("Long " + "long " * 23).strip()),
    ],
)
def test_an_agent_that_begins_with_a_file_is_called_after_it(name: str, called: str) -> None:
    file = stored(ALICE, TEXT, name)
    page = doors.browser(ALICE).get(f"{reverse('agents:create')}?with={file.pk.hex}")
    assert (page.context["form"]["name"].value() or "") == called


def box(page: Any, file: File) -> str:
    inputs = str(page.content.decode()).split("<input")
    return next(part for part in inputs if f'value="{file.pk}"' in part).split(">")[0]


def test_a_file_says_before_it_is_deleted_how_many_agents_lose_it() -> None:
    file = stored(ALICE, TEXT, "a.txt")
    page = reverse("files:detail", args=[file.pk])
    alice = doors.browser(ALICE)
    assert "use it." not in alice.get(page).content.decode()
    agent_of(ALICE, file)
    assert "1 agent uses it." in alice.get(page).content.decode()
    agent_of(ALICE, file)
    assert "2 agents use it." in alice.get(page).content.decode()


def test_a_search_that_finds_nothing_offers_the_way_back() -> None:
    page = doors.browser(ALICE).get(reverse("agents:list"), {"q": "nothing like it"}).content.decode()
    assert "Show all" in page


def test_a_viewer_is_told_what_he_is_who_may_and_who_can_change_that() -> None:
    refused = doors.browser(VERA).get(reverse("agents:create"))
    assert refused.status_code == 403
    words = "You are a viewer here. Only members can do this; an owner can change your role."
    assert words in refused.content.decode()
