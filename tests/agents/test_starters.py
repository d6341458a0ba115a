"""Can an agent offer questions to start with, and are they asked with one press by whoever may ask, and by nobody else?"""

from __future__ import annotations

from typing import Any

import pytest
from django.urls import reverse

from agents.models import Agent
from conversations.models import Message
from tests import doors
from tests.agents.shelf import agent_of, put
from tests.agents.test_views import TEXT, form
from tests.cast import ALICE, BOB, VERA, acting

pytestmark = pytest.mark.django_db(databases=doors.DOORS)
OPENS = "When does the canteen open?"
HOSTILE = '"><script>alert(1)</script>'


def made(*starters: str, visibility: str = "workspace") -> Agent:
    agent = agent_of(ALICE, put(ALICE, "a.txt", TEXT, visibility=visibility), visibility=visibility)
    with acting(ALICE):
        Agent.objects.filter(pk=agent.pk).update(starter_prompts=list(starters))
    return agent


def test_a_form_keeps_each_line_once_and_in_order() -> None:
    alice = doors.browser(ALICE)
    lines = f"  {OPENS}\n\nWhen does it  close?\n{OPENS}\n"
    page = alice.post(reverse("agents:create"), form(starter_prompts=lines), follow=True)
    agent = page.context["agent"]
    assert agent.starter_prompts == [OPENS, "When does it close?"]
    edit = reverse("agents:edit", args=[agent.slug])
    assert f"{OPENS}\nWhen does it close?</textarea>" in alice.get(edit).content.decode()
    refused = alice.post(edit, form(starter_prompts="\n".join("abcdefg")))
    assert refused.status_code == 422
    assert "Up to 6 questions can be offered." in refused.content.decode()
    assert alice.post(edit, form(starter_prompts="x" * 201)).status_code == 422
    with acting(ALICE):
        assert Agent.objects.get().starter_prompts == [OPENS, "When does it close?"]


def test_one_press_asks_it_where_a_conversation_begins() -> None:
    agent, bob = made(OPENS, HOSTILE), doors.browser(BOB)
    page = bob.get(reverse("agents:detail", args=[agent.slug])).content.decode()
    assert f'name="text" value="{OPENS}"' in page
    assert HOSTILE not in page
    begun = bob.post(reverse("conversations:start"), {"agent": str(agent.pk)}).headers["Location"]
    assert f'name="text" value="{OPENS}"' in bob.get(begun).content.decode()
    bob.post(f"{begun}ask/", {"agent": str(agent.pk), "text": OPENS})
    shown = bob.get(begun).content.decode()
    assert f'name="text" value="{OPENS}"' not in shown, "the conversation has begun"
    with acting(BOB):
        assert Message.objects.filter(text=OPENS).count() == 1


def test_a_viewer_reads_them_and_has_no_button() -> None:
    agent = made(OPENS)
    page = doors.browser(VERA).get(reverse("agents:detail", args=[agent.slug])).content.decode()
    assert OPENS in page
    assert 'name="text"' not in page


def test_a_copy_and_the_api_have_them_too() -> None:
    agent = made(OPENS)
    bob, url = doors.program(BOB), "/api/v1/agents"
    assert bob.get(f"{url}/{agent.slug}").json()["starter_prompts"] == [OPENS]
    doors.browser(BOB).post(reverse("agents:duplicate", args=[agent.slug]))
    with acting(BOB):
        copy = Agent.objects.get(owner_id=BOB.membership_id)
    assert copy.starter_prompts == [OPENS]

    def change(starters: Any) -> int:
        body = {"starter_prompts": starters}
        return int(bob.patch(f"{url}/{copy.slug}", body, content_type="application/json").status_code)

    assert [change(wrong) for wrong in ("x", [""], ["x" * 201], list("abcdefg"), None)] == [422] * 5
    assert change([" Is it open? "]) == 200
    assert bob.get(f"{url}/{copy.slug}").json()["starter_prompts"] == ["Is it open?"]
