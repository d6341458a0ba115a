"""Does a person see what an agent wants to call, say no, and get an answer all the same?"""

from __future__ import annotations

from playwright.sync_api import expect

from tests.browser import stock
from tests.browser.conftest import SignIn
from tests.cast import ALICE


def test_a_call_waits_over_a_reload_and_the_answer_goes_on_when_it_is_declined(sign_in: SignIn) -> None:
    places = stock.fill()
    page = sign_in(ALICE)
    page.goto(places.waiting)
    page.reload()
    # What it would be sent is open to be read; what was called before is folded away.
    calls = page.locator("details.call")
    expect(calls).to_have_count(3)
    expect(calls.last.locator("pre").first).to_contain_text('"order": "17"')
    expect(calls.last.locator("pre").first).to_be_visible()
    expect(calls.first.locator("pre").first).to_be_hidden()
    # However a model pads it, nothing of it lies out of sight.
    padded = "box => { box.textContent += '\\n'.repeat(300); return box.scrollHeight - box.clientHeight }"
    assert calls.last.locator("pre").first.evaluate(padded) <= 0
    page.get_by_role("button", name="Decline").click()
    expect(page.locator("answer-stream")).to_have_count(0)
    expect(page.get_by_role("button", name="Confirm the call")).to_have_count(0)
    expect(calls.last).to_contain_text("You declined it")
    expect(page.locator(".turn--agent .prose")).to_be_visible()
