"""Does an agent keep its tools as it keeps its files, and get none that are not its workspace's?"""

from __future__ import annotations

import pytest

from accounts.http import NotVisible
from agents import services as agents
from agents.models import AgentTool, Tool
from agents.tools import queries
from audit.models import Entry
from tests import doors
from tests.cast import ADA, ALICE, BOB, CHARLIE, acting
from tests.tools.server import ToolDouble
from tests.tools.stage import caller, server
from tests.vendors.server import Double

pytestmark = pytest.mark.django_db(databases=doors.DOORS)


def test_tools_are_chosen_in_the_form_kept_in_versions_and_copied(orders: ToolDouble, vendor: Double) -> None:
    agent = caller(ALICE, orders, vendor, visibility="workspace")
    alice = doors.browser(ALICE)
    form = alice.get(f"/agents/{agent.slug}/edit/").content.decode()
    assert "Orders: look_up" in form
    assert "Orders: cancel (asks before each call)" in form
    shown = alice.get(f"/agents/{agent.slug}/").content.decode()
    assert "You confirm each call." in shown
    with acting(ALICE) as actor:
        first = agent.versions.latest("number")
        agents.edit(agent, actor=actor, tool_ids=[])
        assert [one["tool_ids"] for one in agent.versions.values_list("content", flat=True) if "tool_ids" in one]
        page = alice.get(f"/agents/{agent.slug}/versions/{agent.versions.latest('number').pk}/").content.decode()
        assert "Tools" in page
        assert agents.return_to(agent, first, actor=actor).note == ""
        assert len(queries.callable_by(agent)) == 2
    with acting(BOB) as bob:
        copy = agents.duplicate(agent, actor=bob)
        assert len(queries.callable_by(copy)) == 2
        # Another's agent is not given tools, and loses none.
        assert AgentTool.objects.filter(agent=agent).delete()[0] == 0
    with acting(ALICE) as actor:
        Tool.objects.count()
        agents.hand_over(actor=actor, leaver_id=ALICE.membership_id)
    with acting(BOB):
        assert AgentTool.objects.filter(agent=agent).count() == 2
    with acting(ADA):
        assert Entry.objects.filter(action="agent.tools_changed").count() == 4


def test_a_tool_of_elsewhere_is_no_tool(orders: ToolDouble, vendor: Double) -> None:
    """L1: another workspace's tool by its id, in a form and past it."""
    agent = caller(ALICE, orders, vendor)
    server(orders, by=CHARLIE)
    with acting(CHARLIE):
        theirs = Tool.objects.get(name="look_up")
    values = {
        "name": "X",
        "refusal_text": "No.",
        "visibility": "private",
        "retrieval_depth": 5,
        "retrieval_threshold": 0.2,
    }
    told = doors.browser(ALICE).post(f"/agents/{agent.slug}/edit/", {**values, "tools": [str(theirs.pk)]})
    assert told.status_code == 404
    with acting(ALICE) as alice:
        with pytest.raises(NotVisible):
            agents.edit(agent, actor=alice, tool_ids=[theirs.pk])
        assert theirs not in queries.callable_by(agent)
