"""Can everything be done with the keyboard alone?"""

from __future__ import annotations

import re

from playwright.sync_api import Page, expect

from conversations import answering
from conversations.models import Delta, Message
from tests.browser import stock
from tests.browser.conftest import SignIn
from tests.browser.looking import complaints
from tests.cast import ALICE, acting


def focused(page: Page) -> str:
    """The words of what has the focus."""
    return str(
        page.evaluate("(document.activeElement.getAttribute('aria-label') ?? document.activeElement.innerText).trim()")
    )


def test_the_first_tab_offers_to_skip_to_the_content_and_the_next_ones_walk_the_rail(sign_in: SignIn) -> None:
    page = sign_in(ALICE)
    page.goto("/files/")
    page.keyboard.press("Tab")
    assert focused(page) == "Skip to content"
    walked = []
    for _ in range(8):
        page.keyboard.press("Tab")
        walked.append(focused(page).split("\n")[-1])
    assert walked[1:7] == ["Conversations", "Agents", "Files", "People", "Trail", "Settings"]
    page.locator(".skip").focus()
    page.keyboard.press("Enter")
    expect(page.locator("main")).to_be_focused()


def test_arrows_move_in_a_list_slash_searches_and_n_makes_a_new_one(sign_in: SignIn) -> None:
    stock.fill()
    page = sign_in(ALICE)
    page.goto("/files/")
    rows = page.locator("tbody [data-row]")
    rows.nth(0).focus()
    page.keyboard.press("ArrowDown")
    page.keyboard.press("ArrowDown")
    expect(rows.nth(2)).to_be_focused()
    page.keyboard.press("ArrowUp")
    page.keyboard.press("End")
    expect(rows.last).to_be_focused()
    page.keyboard.press("/")
    expect(page.locator("[data-search-box]")).to_be_focused()
    page.goto("/agents/")
    page.keyboard.press("n")
    expect(page).to_have_url(re.compile(r"/agents/new/$"))
    page.get_by_label("Name", exact=True).focus()
    page.keyboard.type("n/")
    expect(page.get_by_label("Name", exact=True)).to_have_value("n/")


def test_one_key_shortcuts_can_be_turned_off(sign_in: SignIn) -> None:
    page = sign_in(ALICE)
    page.goto("/account/")
    page.get_by_label("Use one-key shortcuts").uncheck()
    page.goto("/agents/")
    page.keyboard.press("n")
    page.wait_for_timeout(200)
    assert page.url.endswith("/agents/")


def test_a_question_mark_lists_the_keys_and_so_does_the_menu(sign_in: SignIn) -> None:
    places = stock.fill()
    page = sign_in(ALICE)
    page.goto(places.conversation)
    keys = page.get_by_role("dialog", name="What the keyboard does")
    page.locator("h1").click()
    page.keyboard.press("?")
    expect(keys).to_contain_text("Closes what is open, or stops the answer")
    assert complaints(page) == []
    # While it is open its keys are only told of.
    page.keyboard.press("/")
    page.keyboard.press("Escape")
    expect(keys).to_be_hidden()
    page.get_by_label("Your question").fill("Why?")
    page.get_by_label("Your question").press("?")
    expect(keys).to_be_hidden()
    page.locator(".rail__person > summary").click()
    page.get_by_role("button", name="Keyboard").click()
    expect(keys).to_be_visible()
    page.get_by_role("button", name="Close").click()
    expect(keys).to_be_hidden()


def test_code_is_copied_with_the_keyboard_and_that_is_said(sign_in: SignIn) -> None:
    """Of an answer that stood there, and of one that came as a stream."""
    places = stock.fill()
    stock.leave_unanswered(places)
    page = sign_in(ALICE)
    page.context.grant_permissions(["clipboard-read", "clipboard-write"])
    page.goto(places.conversation)
    buttons = page.get_by_role("button", name="Copy this code")
    expect(buttons).to_have_count(2)
    buttons.first.focus()
    page.keyboard.press("Enter")
    expect(page.locator("[data-said]")).to_have_text("Copied")
    assert copied(page) == stock.CODE
    with acting(ALICE) as alice:
        answer = Message.objects.get(conversation=places.conversation.split("/")[2], status=Message.Status.QUEUED)
        Delta.objects.create(message=answer, seq=1, kind="text", data={"text": f"Run this:\n\n{stock.LISTING}"})
        answering.close(answer, Message.Status.DONE, actor=alice)
    expect(buttons).to_have_count(4)
    page.get_by_role("button", name="Copy", exact=True).last.click()
    expect(page.get_by_role("button", name="Copied", exact=True)).to_be_visible()
    assert "Copy" not in copied(page)
    assert stock.CODE in copied(page)


def copied(page: Page) -> str:
    """What the clipboard holds, as people paste it."""
    return str(page.evaluate("navigator.clipboard.readText()")).strip()


def test_a_dialog_keeps_the_focus_and_gives_it_back(sign_in: SignIn) -> None:
    places = stock.fill()
    page = sign_in(ALICE)
    page.goto(places.file)
    opener = page.get_by_role("button", name="Delete")
    opener.focus()
    page.keyboard.press("Enter")
    expect(page.get_by_role("dialog")).to_be_visible()
    for _ in range(4):
        page.keyboard.press("Tab")
        assert page.evaluate("document.activeElement === document.body || !!document.activeElement.closest('dialog')")
    page.keyboard.press("Escape")
    expect(page.get_by_role("dialog")).to_have_count(0)
    expect(opener).to_be_focused()


def test_escape_closes_the_menu_and_then_stops_the_answer(sign_in: SignIn) -> None:
    places = stock.fill()
    stock.leave_unanswered(places)
    page = sign_in(ALICE)
    page.goto(places.conversation)
    expect(page.get_by_role("button", name="Stop")).to_be_visible()
    expect(page.get_by_role("button", name="Send")).to_be_hidden()
    page.locator(".rail__person > summary").focus()
    page.keyboard.press("Enter")
    expect(page.get_by_role("button", name="Sign out")).to_be_visible()
    page.keyboard.press("Escape")
    expect(page.get_by_role("button", name="Sign out")).to_be_hidden()
    expect(page.get_by_role("button", name="Stop")).to_be_visible()
    page.keyboard.press("Escape")
    expect(page.locator(".turn--agent").last).to_contain_text("You stopped this answer.")
    expect(page.get_by_role("button", name="Send")).to_be_visible()


def test_a_draft_survives_a_reload_and_leaves_with_the_person(sign_in: SignIn) -> None:
    places = stock.fill()
    page = sign_in(ALICE)
    page.goto(places.conversation)
    page.get_by_label("Your question").fill("Half a thought")
    page.reload()
    expect(page.get_by_label("Your question")).to_have_value("Half a thought")
    page.locator(".rail__person > summary").click()
    page.get_by_role("button", name="Sign out").click()
    page.get_by_role("button", name="Continue").wait_for()
    assert page.evaluate("Object.keys(localStorage).filter(key => key.includes('draft'))") == []
