"""Does a person share a conversation, does a colleague read it and nothing more, and does taking it back end that?"""

from __future__ import annotations

from playwright.sync_api import Page, expect

from tests.browser import stock
from tests.browser.conftest import SignIn
from tests.cast import ALICE, VERA


def share(page: Page, conversation: str, with_whom: str) -> None:
    page.goto(conversation)
    page.get_by_label("More for this conversation").click()
    page.get_by_role("link", name="Share").click()
    expect(page.locator("main")).to_contain_text(
        "Not everyone can open it. Answers from it are shown to those who can."
    )
    page.get_by_label(with_whom).check()
    page.get_by_role("button", name="Save").click()


def test_a_conversation_is_shared_read_and_taken_back(sign_in: SignIn) -> None:
    """L20, L6: she reads what was said, no word of a file that she cannot open, and has no box to ask in."""
    places = stock.fill()
    alice, vera = sign_in(ALICE), sign_in(VERA)
    share(alice, places.conversation, "Everyone in the workspace")
    expect(alice.get_by_role("status").first).to_contain_text("Everyone in Acme can read this conversation now.")
    vera.goto("/conversations/shared/")
    vera.locator(f'a[href="{places.conversation}"]').click()
    said = vera.locator("main")
    expect(said).to_contain_text("Alice shares this conversation with you.")
    expect(said).to_contain_text("This answer comes from a source that you cannot open")
    expect(said).to_contain_text("And damaged ones?")
    expect(said).not_to_contain_text(stock.QUOTE)
    expect(vera.get_by_label("Your question")).to_have_count(0)
    # The branches are there to look at.
    vera.get_by_role("link", name="The version before").last.click()
    expect(said).to_contain_text("Those too.")
    share(alice, places.conversation, "Only you")
    expect(alice.get_by_role("status").first).to_contain_text("Only you can read this conversation now.")
    vera.reload()
    expect(vera.locator("main")).not_to_contain_text("And damaged ones?")
    vera.goto("/conversations/shared/")
    expect(vera.locator(f'a[href="{places.conversation}"]')).to_have_count(0)
