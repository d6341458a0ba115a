"""Does a person put a question differently, go back and forth between branches, and read a long conversation upwards?"""

from __future__ import annotations

import re

from playwright.sync_api import Page, expect

from conversations.models import Conversation, Message
from tests.browser import stock
from tests.browser.conftest import SignIn
from tests.cast import ALICE, acting
from tests.conversations.stage import talk
from tests.waiting import until


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
    # Its last lines are here, and one stands at the end; nothing else comes by itself.
    expect(page.get_by_text("line 99.")).to_be_in_viewport()
    first = lines(page)[0]
    assert first > 50
    # Who scrolls up comes to what was said before, and what was on the screen stays there.
    page.evaluate("scrollTo(0, 0)")
    assert until(lambda: lines(page)[0] < first)
    expect(page.get_by_text(f"line {first}.")).to_be_in_viewport()
    # With the keyboard one presses what is written there, and stays at the next one.
    earlier = page.get_by_role("link", name="Earlier messages")
    earlier.focus()
    page.keyboard.press("Enter")
    expect(earlier).to_be_focused()
    assert until(lambda: page.evaluate("scrollTo(0, 0), !document.querySelector('earlier-messages')"))
    assert lines(page) == list(range(100))
    expect(page.get_by_text(stock.QUOTE).first).to_be_attached()
    # From a message in the middle one goes on downwards.
    with acting(ALICE):
        middle = Message.objects.get(text="line 40.").pk
    page.goto(f"{places.conversation}?at={middle}#message-{middle}")
    expect(page.get_by_text("line 40.")).to_be_in_viewport()
    following = lines(page)[-1] + 1
    page.get_by_role("link", name="Later messages").click()
    expect(page.get_by_text(f"line {following}.")).to_be_in_viewport()
    assert lines(page)[0] == following


def lines(page: Page) -> list[int]:
    """The numbers of the messages that are on the page."""
    return [int(number) for number in re.findall(r"line (\d+)\.", page.locator(".talk__turns").inner_text())]
