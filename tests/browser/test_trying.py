"""Does a person try an agent beside its form, and lose nothing of what stands there?"""

from __future__ import annotations

from playwright.sync_api import expect

from conversations.models import Conversation
from tests.agents.shelf import put
from tests.browser.conftest import SignIn
from tests.cast import ALICE, acting
from tests.conversations.stage import POLICY, QUESTION
from tests.waiting import until


def nothing_is_kept() -> bool:
    with acting(ALICE):
        return not Conversation.objects.exists()


def test_a_form_is_tried_before_it_is_saved(sign_in: SignIn) -> None:
    put(ALICE, "policy.txt", POLICY)
    page = sign_in(ALICE)
    page.goto("/agents/new/")
    page.get_by_label("Name", exact=True).fill("Reader")
    pane = page.get_by_role("complementary", name="Try the agent")
    pane.get_by_role("button", name="Try it").click()
    expect(pane.get_by_role("alert")).to_contain_text("Write a question to try it with.")
    question = pane.get_by_label("Your question")
    question.fill(QUESTION)
    question.press("Control+Enter")
    # No file is chosen yet.
    expect(pane).to_contain_text("I could not find an answer to that in my files.")
    page.get_by_label("policy.txt").check()
    pane.get_by_role("button", name="Try it").click()
    expect(pane).to_contain_text("within 30 days")
    expect(pane.get_by_role("button", name="Try it")).to_be_visible()
    assert until(nothing_is_kept)
    # What was read stays to be read, and its source opens.
    pane.get_by_role("button", name="policy.txt · Page 1").first.click()
    expect(pane.get_by_role("link", name="Open the passage").first).to_be_visible()
    page.keyboard.press("Escape")
    expect(page.get_by_label("Name", exact=True)).to_have_value("Reader")
    page.get_by_role("button", name="Make the agent").click()
    expect(page.get_by_role("heading", name="Reader")).to_be_visible()
