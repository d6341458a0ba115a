"""Does somebody with several workspaces change between them from any page, with keys or a finger, and nobody else see a menu?"""

from __future__ import annotations

from django.db import connections
from playwright.sync_api import expect

from accounts.models import Membership, Role, Workspace
from accounts.tenancy.context import whole_workspace
from tests.browser.conftest import SignIn
from tests.browser.looking import complaints
from tests.browser.stock import LONG
from tests.cast import ALICE, CHARLIE

NAMES = ["Cedar", "Douglas Fir", LONG[:110]]


def let_in(*names: str) -> None:
    """Make Charlie a viewer of workspaces of these names, as an invitation would have."""
    for place, name in enumerate(names):
        made = Workspace.objects.using("owner").create(name=name, slug=f"another-{place}")
        with whole_workspace(made.pk):
            Membership(user_id=CHARLIE.user_id, role=Role.VIEWER, display_name=CHARLIE.name, email=CHARLIE.email).save(
                using="owner"
            )


def test_the_menu_leads_into_the_other_workspace_with_keys_alone(sign_in: SignIn) -> None:
    page = sign_in(CHARLIE)
    let_in("Cedar")
    page.goto("/files/")
    cookie = {one["name"]: one["value"] for one in page.context.cookies()}["__Host-aiaxis"]
    page.keyboard.press("Tab")
    page.keyboard.press("Tab")
    expect(page.locator(".rail__places > summary")).to_be_focused()
    page.keyboard.press("Enter")
    page.keyboard.press("Tab")
    expect(page.get_by_role("button", name="Go to Cedar")).to_be_focused()
    page.keyboard.press("Enter")
    expect(page.locator(".rail__workspace")).to_contain_text("Cedar")
    assert {one["name"]: one["value"] for one in page.context.cookies()}["__Host-aiaxis"] != cookie
    page.locator(".rail__places > summary").click()
    page.get_by_role("link", name="Your workspaces").click()
    expect(page.get_by_role("heading", level=1)).to_have_text("Your workspaces")


def test_escape_closes_it(sign_in: SignIn) -> None:
    page = sign_in(CHARLIE)
    let_in("Cedar")
    page.goto("/files/")
    page.locator(".rail__places > summary").click()
    expect(page.get_by_role("button", name="Go to Cedar")).to_be_visible()
    page.keyboard.press("Escape")
    expect(page.get_by_role("button", name="Go to Cedar")).to_be_hidden()


def test_who_has_one_workspace_sees_no_menu(sign_in: SignIn) -> None:
    page = sign_in(ALICE)
    let_in("Cedar")
    page.goto("/files/")
    expect(page.locator(".rail__places")).to_have_count(0)
    page.locator(".rail__workspace").click()
    expect(page.get_by_role("heading", level=1)).to_have_text("Your workspaces")


def test_it_is_clean_with_one_many_and_long_names(sign_in: SignIn) -> None:
    page = sign_in(CHARLIE)
    let_in(*NAMES, *(f"Grove {number}" for number in range(20)))
    found = {}
    for path in ("/files/", "/workspaces/", "/nothing-here/"):
        page.goto(path)
        found[path] = complaints(page)
    page.goto("/files/")
    page.locator(".rail__places > summary").click()
    found["open"] = complaints(page)
    with connections["owner"].cursor() as cursor:
        cursor.execute("UPDATE accounts_workspace SET name = %s WHERE slug = 'birch'", [LONG[:110]])
    page.goto("/files/")
    page.locator(".rail__places > summary").click()
    found["in a long one"] = complaints(page)
    assert {path: words for path, words in found.items() if words} == {}
