"""Is every page clean in axe's eyes, inside its width, and always saying whose it is?"""

from __future__ import annotations

from collections.abc import Callable

import pytest
from axe_playwright_python.sync_playwright import Axe
from playwright.sync_api import Page, expect

from tests.browser import stock
from tests.browser.conftest import SignIn, open_console
from tests.cast import ALICE, CHARLIE, OLGA, VERA

RULES = ["wcag2a", "wcag2aa", "wcag21a", "wcag21aa", "wcag22aa", "best-practice"]
SIZES = [("light", 360), ("dark", 1280)]


def complaints(page: Page) -> list[str]:
    """What axe finds on the page as it stands now, and whether it is wider than the window."""
    found = Axe().run(page, options={"runOnly": {"type": "tag", "values": RULES}}).response["violations"]
    return [f"{rule['id']}: {rule['nodes'][0]['html'][:160]}" for rule in found] + too_wide(page)


def too_wide(page: Page) -> list[str]:
    """By how much the page is wider than its window, at its own width and at the one where the rail leaves least room."""
    found = []
    size = page.viewport_size
    assert size is not None
    # In an hour the times are longer than "just now", and the page must still fit.
    page.evaluate("document.querySelectorAll('time').forEach(each => { each.textContent = '59 minutes ago' })")
    for width in (size["width"], 721, 768):
        page.set_viewport_size({"width": width, "height": size["height"]})
        wider = page.evaluate("document.documentElement.scrollWidth - innerWidth")
        found += [f"{wider} px too wide at {width}"] if wider > 0 else []
    page.set_viewport_size(size)
    return found


@pytest.mark.parametrize(("scheme", "width"), SIZES)
def test_every_page_of_a_workspace_is_clean(sign_in: SignIn, scheme: str, width: int) -> None:
    pages = stock.fill().pages
    page = sign_in(ALICE)
    page.emulate_media(color_scheme=scheme)  # type: ignore[arg-type]  # one of the two words that it takes
    page.set_viewport_size({"width": width, "height": 800})
    found: dict[str, list[str]] = {}
    for name, path in pages.items():
        page.goto(path)
        found[name] = complaints(page)
        assert page.title().startswith("Acme · "), name
        place = page.locator(".rail__workspace").bounding_box()
        assert place is not None
        assert (place["x"] < 16, place["y"] < 16) == (True, True), f"{name}: the workspace's name is not in its place"
    assert {name: words for name, words in found.items() if words} == {}


def test_empty_pages_and_those_of_a_viewer_are_clean_and_say_what_is_next(sign_in: SignIn) -> None:
    found = {}
    for person in (CHARLIE, VERA):
        page = sign_in(person)
        for path in (
            "/conversations/",
            "/agents/",
            "/files/",
            "/keys/",
            "/search/?q=nothing+of+this",
            "/conversations/search/?q=nothing+of+this",
        ):
            page.goto(path)
            expect(page.locator(".empty, .steps")).to_be_visible()
            found[f"{person.name} {path}"] = complaints(page)
    assert {name: words for name, words in found.items() if words} == {}


def test_pages_before_a_sign_in_are_clean(new_page: Callable[[], Page]) -> None:
    page = new_page()
    found = {}
    for path in ("/sign-in/", "/sign-in/?again=1", "/trust/", "/operator/sign-in/"):
        page.goto(path)
        found[path] = complaints(page)
    page.goto("/sign-in/")
    page.get_by_role("button", name="Continue").click()
    expect(page.locator("[data-errors]")).to_be_focused()
    found["errors"] = complaints(page)
    assert {name: words for name, words in found.items() if words} == {}


def test_an_open_dialog_menu_and_source_are_clean(sign_in: SignIn) -> None:
    places = stock.fill()
    page = sign_in(ALICE)
    found = {}
    page.goto(places.file)
    page.get_by_role("button", name="Delete").click()
    expect(page.get_by_role("dialog")).to_contain_text("Delete “")
    found["dialog"] = complaints(page)
    page.goto(places.conversation)
    page.locator("button.cite").first.click()
    expect(page.locator(".popover:popover-open")).to_contain_text(stock.QUOTE)
    found["source"] = complaints(page)
    page.keyboard.press("Escape")
    page.locator(".rail__person > summary").click()
    found["menu"] = complaints(page)
    assert {name: words for name, words in found.items() if words} == {}


def test_the_operators_console_is_clean_and_says_operator(new_page: Callable[[], Page]) -> None:
    page = new_page()
    open_console(page, OLGA)
    found = {"console": complaints(page)}
    page.get_by_role("navigation", name="Operator").get_by_role("link", name="Audit entries").click()
    found["entries"] = complaints(page)
    page.locator("tbody a").first.click()
    found["entry"] = complaints(page)
    assert page.title().startswith("Operator · ")
    assert {name: words for name, words in found.items() if words} == {}
