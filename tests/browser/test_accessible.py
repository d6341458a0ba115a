"""Is every page clean in axe's eyes, inside its width, at rest from the first moment, and always saying whose it is?"""

from __future__ import annotations

from collections.abc import Callable

from playwright.sync_api import Page, expect

from tests.browser import stock
from tests.browser.conftest import SignIn, open_console
from tests.browser.looking import LOOKS, complaints, jumps, watch
from tests.cast import ALICE, CHARLIE, OLGA, VERA
from tests.factories import a_full_desk


def test_every_page_of_a_workspace_is_clean(sign_in: SignIn) -> None:
    pages = stock.fill().pages
    page = sign_in(ALICE)
    watch(page)
    found: dict[str, list[str]] = {}
    for name, path in pages.items():
        page.goto(path)
        found[name] = jumps(page) + complaints(page)
        assert page.title().startswith("Acme · "), name
        for _, width in LOOKS:
            page.set_viewport_size({"width": width, "height": 800})
            place = page.locator(".rail__workspace").bounding_box()
            assert place is not None
            assert place["x"] < 16, f"{name}: the workspace's name is not in its place at {width}"
            assert place["y"] < 16, f"{name}: the workspace's name is not in its place at {width}"
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


def test_who_has_become_a_viewer_finds_where_to_stop_sharing(sign_in: SignIn) -> None:
    ids = a_full_desk(VERA, "workspace").ids
    page, found = sign_in(VERA), {}
    for noun, path in {
        "conversation": f"/conversations/{ids['conversation_id']}/",
        "agent": f"/agents/{ids['slug']}/",
        "file": f"/files/{ids['file_id']}/",
    }.items():
        page.goto(path)
        page.get_by_role("button", name="Stop sharing").click()
        dialog = page.get_by_role("dialog", name=f"Stop sharing this {noun}?")
        expect(dialog).to_contain_text("sharing it again takes the role of a member")
        found[noun] = complaints(page)
        dialog.get_by_role("button", name="Stop sharing").click()
        expect(page.get_by_role("button", name="Stop sharing")).to_have_count(0)
    assert {name: words for name, words in found.items() if words} == {}


def test_pages_before_a_sign_in_are_clean(new_page: Callable[[], Page]) -> None:
    page = new_page()
    found = {}
    for path in ("/sign-in/", "/sign-in/?again=1", "/trust/", "/docs/api/", "/operator/sign-in/"):
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
    rooms = page.get_by_role("navigation", name="Operator")
    rooms.get_by_text("Audit", exact=True).click()
    rooms.get_by_role("link", name="Audit entries").click()
    found["entries"] = complaints(page)
    page.locator("tbody a").first.click()
    found["entry"] = complaints(page)
    assert page.title().startswith("Operator · ")
    assert {name: words for name, words in found.items() if words} == {}
