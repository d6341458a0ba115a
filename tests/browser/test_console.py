"""Are the operators' pages clean in axe's eyes and inside their width, with nothing, one and much on them, and usable as they stand?"""

from __future__ import annotations

import re
from collections.abc import Callable

from django.db import connections
from playwright.sync_api import Page, expect

from accounts.jobs import enqueue
from accounts.models import User, Workspace
from files import jobs as reading
from tests.browser.conftest import SignIn, open_console
from tests.browser.looking import complaints
from tests.cast import ACME, ALICE, OLGA, acting
from tests.factories import a_full_desk

LONG = "Consolidated_Holdings_of_the_Northern_and_Southern_Branches and their friends in several other places, limited"
WORKSPACES, PEOPLE = "/operator/accounts/workspace/", "/operator/accounts/user/"
JOBS = "/operator/procrastinate/procrastinatejob/"
PAGES = {
    "overview": "/operator/",
    "workspaces": WORKSPACES,
    "workspace": f"{WORKSPACES}{ACME.id}/",
    "nothing found": f"{WORKSPACES}?q=nothing",
    "people": PEOPLE,
    "person": f"{PEOPLE}{ALICE.user_id}/",
    "operator": f"{PEOPLE}{OLGA.user_id}/",
    "jobs": JOBS,
    "queue": "/operator/audit/review/",
    "outbox": "/operator/audit/message/",
}


def furnish() -> None:
    """Long names, many workspaces, and jobs that wait and that failed."""
    places = [Workspace(name=f"Company {number}", slug=f"company-{number}") for number in range(40)]
    Workspace.objects.using("owner").bulk_create([*places, Workspace(name=LONG[:120], slug="long")])
    Workspace.objects.using("owner").filter(pk=ACME.id).update(name=LONG[:120])
    User.objects.using("owner").filter(pk=ALICE.user_id).update(display_name=LONG[:120])
    a_full_desk(ALICE)
    with acting(ALICE):
        jobs = [enqueue(reading.read, file_id=str(number)) for number in range(6)]
    with connections["owner"].cursor() as cursor:
        cursor.execute("UPDATE procrastinate_jobs SET scheduled_at = now() + interval '1 day'")
        cursor.execute("UPDATE procrastinate_jobs SET status = 'failed' WHERE id = ANY(%s)", [jobs[:3]])


def test_every_page_is_clean_with_little_and_with_much(new_page: Callable[[], Page]) -> None:
    page = new_page()
    open_console(page, OLGA)
    found = {}
    for mark in ("little", "much"):
        for name, path in PAGES.items():
            page.goto(path)
            assert page.title().startswith("Operator · "), name
            found[f"{name}, {mark}"] = complaints(page)
        furnish() if mark == "little" else None
    assert {name: words for name, words in found.items() if words} == {}


def test_every_menu_opens_inside_of_a_telephones_window(new_page: Callable[[], Page]) -> None:
    page = new_page()
    open_console(page, OLGA)
    page.set_viewport_size({"width": 360, "height": 800})
    menus = page.locator(".operator__nav > details")
    assert menus.count() > 1
    for menu in menus.all():
        menu.locator("summary").click()
        for link in menu.get_by_role("link").all():
            box = link.bounding_box()
            assert box is not None
            assert box["x"] >= 0, link.inner_text()
            assert box["x"] + box["width"] <= 360, link.inner_text()
        menu.locator("summary").click()


def test_an_operator_closes_a_workspace_by_hand_and_takes_it_back(
    new_page: Callable[[], Page], sign_in: SignIn
) -> None:
    members = sign_in(ALICE)
    page = new_page()
    open_console(page, OLGA)
    rooms = page.get_by_role("navigation", name="Operator")
    rooms.get_by_text("Customers", exact=True).press("Enter")
    rooms.get_by_role("link", name="Workspaces").click()
    page.get_by_label("Name", exact=True).fill("acm")
    page.get_by_role("button", name="Show").click()
    page.get_by_role("link", name="Acme").click()
    close = page.locator("form", has=page.get_by_role("button", name="Close and erase"))
    close.get_by_label("Reason").fill("The contract ended.")
    close.get_by_label("The workspace’s name, to confirm").fill("Birch")
    close.get_by_role("button").click()
    expect(page.get_by_role("alert")).to_contain_text("not the workspace’s name")
    close.get_by_label("The workspace’s name, to confirm").fill("Acme")
    close.get_by_role("button").click()
    expect(page.get_by_text("To be erased").first).to_be_visible()
    expect(page.get_by_text("The contract ended.")).to_be_visible()
    members.goto("/files/")
    expect(members).to_have_url(re.compile("/sign-in/"))
    page.get_by_role("button", name="Call the erasure off").click()
    expect(page.get_by_role("button", name="Close and erase")).to_be_visible()
    members.goto("/files/")
    expect(members.get_by_role("heading", name="Files", exact=True)).to_be_visible()
