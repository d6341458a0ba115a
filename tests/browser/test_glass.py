"""Do two operators and the customer each see their part of a visit, on pages that are clean, with a banner that cannot be missed?"""

from __future__ import annotations

from collections.abc import Callable

from playwright.sync_api import Page, expect

from accounts.glass import queries
from tests.accounts.glass import stage
from tests.accounts.glass.stage import LIST, REASON, TICKET
from tests.browser import stock
from tests.browser.conftest import SignIn, open_console
from tests.browser.looking import complaints
from tests.cast import ACME, ALICE, OLGA
from tests.waiting import until

BANNER = "The glass is broken"


def ask(page: Page) -> str:
    """Ask to look into Acme, by typing; the address of the visit."""
    page.goto(LIST)
    page.get_by_role("textbox", name="Find a workspace").fill("acm")
    page.get_by_role("button", name="Find").click()
    page.get_by_role("link", name="Acme", exact=True).click()
    page.get_by_label("Reason").fill(REASON)
    page.get_by_label("Ticket").fill(TICKET)
    page.get_by_label("For how long").select_option("15")
    page.get_by_role("button", name="Break the glass").click()
    page.wait_for_url(f"**{LIST}*-*/")
    return page.url


def shown(page: Page, action: str) -> int:
    """How many entries of this action the trail shows now."""
    page.goto(f"/trail/?action={action}")
    return page.locator("tbody a").count()


def test_a_visit_from_the_request_to_the_customers_trail(new_page: Callable[[], Page], sign_in: SignIn) -> None:
    stock.fill()
    otto_is = stage.second_operator()
    olga, otto = new_page(), new_page()
    open_console(olga, OLGA)
    open_console(otto, otto_is)
    visit = ask(olga)
    expect(olga.get_by_text("You cannot approve your own request")).to_be_visible()
    expect(olga.get_by_text(BANNER)).to_have_count(0)
    otto.goto(visit)
    expect(otto.get_by_text(REASON)).to_be_visible()
    otto.get_by_role("button", name="Approve").click()
    expect(otto.get_by_text("It is open for Olga, and for nobody else.")).to_be_visible()
    olga.reload()
    expect(olga.get_by_role("status").filter(has_text=BANNER)).to_contain_text("Acme")
    olga.get_by_role("link", name="Files", exact=True).click()
    olga.get_by_role("link", name=stock.LONG).click()
    expect(olga.get_by_text(stock.QUOTE)).to_be_visible()
    expect(olga.get_by_text(BANNER)).to_be_visible()
    otto.get_by_role("button", name="Close it now").click()
    olga.reload()
    expect(olga.get_by_text("Nothing of the workspace is shown by it")).to_be_visible()
    expect(olga.get_by_text(BANNER)).to_have_count(0)
    expect(olga.get_by_text(stock.QUOTE)).to_have_count(0)
    alice = sign_in(ALICE)
    assert until(lambda: shown(alice, "glass.closed") == 1)
    assert shown(alice, "glass.seen") == 2
    assert shown(alice, "glass.opened") == 1
    alice.locator("tbody a").click()
    expect(alice.get_by_text(REASON)).to_be_visible()


def test_every_page_of_a_visit_is_clean(new_page: Callable[[], Page]) -> None:
    places = stock.fill()
    page = new_page()
    open_console(page, OLGA)
    found: dict[str, list[str]] = {}
    for name, path in {"none": LIST, "found": f"{LIST}?q=a", "form": f"{LIST}new/{ACME.id}/"}.items():
        page.goto(path)
        found[name] = complaints(page)
    page.get_by_role("button", name="Break the glass").click()
    found["errors"] = complaints(page)
    visit = ask(page)
    row = {noun: path.split("/")[2] for noun, path in (("files", places.file), ("conversations", places.conversation))}
    pages = {noun: f"{visit}{noun}/" for noun in ("files", "agents", "conversations")}
    pages |= {f"one of {noun}": f"{visit}{noun}/{key}/" for noun, key in row.items()}
    pages |= {"visit": visit, "visits": LIST, "console": "/operator/"}
    for name, path in pages.items():
        page.goto(path)
        expect(page.get_by_role("status").filter(has_text=BANNER)).to_be_visible()
        found[name] = complaints(page)
    page.goto(pages["agents"])
    page.locator("tbody a").first.click()
    expect(page.get_by_text(BANNER)).to_be_visible()
    found["an agent"] = complaints(page)
    page.get_by_role("button", name="Close it now").click()
    expect(page.get_by_text("It was closed early")).to_be_visible()
    found["over"] = complaints(page)
    assert {name: words for name, words in found.items() if words} == {}
    assert [one.pages for one in queries.visits()] == [7]
