"""Does a person put a question differently, go back and forth between branches, and read a long conversation upwards?"""

from __future__ import annotations

from playwright.sync_api import expect

from conversations.models import Conversation, Message
from tests.browser import stock
from tests.browser.conftest import SignIn
from tests.cast import ALICE, acting
from tests.conversations.stage import talk


def test_a_question_put_differently_is_a_branch_one_goes_back_from(sign_in: SignIn) -> None:
    places = stock.fill()
    page = sign_in(ALICE)
    page.goto(places.conversation)
    asked = page.locator(".turn--person").last
    expect(asked).to_contain_text("And damaged ones?")
    page.get_by_role("link", name="Ask this differently").last.click()
    box = page.get_by_label("The question, put differently")
    expect(box).to_be_focused()
    expect(box).to_have_value("And damaged ones?")
    box.fill("What of unused articles?")
    box.press("Enter")
    expect(page.locator(".turn--person").last).to_contain_text("What of unused articles?")
    expect(page.locator("answer-stream")).to_have_count(0)
    versions = page.get_by_role("group", name="Versions of this question")
    expect(versions).to_contain_text("3 of 3")
    versions.get_by_role("button", name="The version before").click()
    expect(page.locator(".turn--person").last).to_contain_text("And damaged ones?")
    # Chosen once, it is what one comes back to.
    page.goto(places.conversation)
    expect(page.get_by_role("group", name="Versions of this question")).to_contain_text("2 of 3")


def test_a_long_conversation_is_read_upwards_without_losing_ones_place(sign_in: SignIn) -> None:
    places = stock.fill()
    with acting(ALICE):
        talk(Conversation.objects.get(pk=places.conversation.split("/")[2]), 50)
        assert Message.objects.count() > 100
    page = sign_in(ALICE)
    page.goto(places.conversation)
    # Lines 60 to 99 are here, and one stands at the end.
    expect(page.get_by_text("line 99.")).to_be_in_viewport()
    first = page.get_by_text("line 60.")
    expect(first).to_be_visible()
    page.get_by_role("link", name="Earlier messages").click()
    expect(page.get_by_text("line 20.")).to_be_attached()
    expect(first).to_be_in_viewport()
    expect(page.get_by_text("line 99.")).to_be_attached()
    earlier = page.get_by_role("link", name="Earlier messages")
    expect(earlier).to_be_focused()
    page.keyboard.press("Enter")
    expect(page.get_by_text(stock.QUOTE).first).to_be_attached()
    expect(page.get_by_role("link", name="Earlier messages")).to_have_count(0)
