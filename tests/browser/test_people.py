"""Can an owner let somebody in and out again, in real browsers, by a link that was mailed?"""

from __future__ import annotations

from collections.abc import Callable
from urllib.parse import urlsplit

from django.db import connections
from playwright.sync_api import Browser, Page, expect

from accounts.models import Invitation, Role
from accounts.services import invitations
from tests import cast, doors
from tests.browser.conftest import SignIn
from tests.browser.looking import complaints
from tests.browser.stock import LONG
from tests.cast import ACME, ALICE, BOB, CHARLIE, acting
from tests.factories import AgentFactory

PASSWORD = "seventeen unrelated herons"


def link_for(email: str) -> str:
    """What stands in the mail; the served worker's mails go to its own standard output."""
    with acting(ALICE):
        return f"/invitations/{invitations.token_of(Invitation.objects.get(email=email))}/"


def invite(page: Page, email: str, role: str = "Member") -> None:
    page.get_by_role("navigation", name="Main").get_by_role("link", name="People").click()
    page.get_by_role("link", name="Invite").click()
    page.get_by_label("E-mail").fill(email)
    page.get_by_label("Role").select_option(role)
    page.get_by_role("button", name="Send invitation").click()
    expect(page.get_by_role("status")).to_contain_text(f"{email} is invited")
    expect(page.locator("table").last).to_contain_text(email)


def test_somebody_is_invited_joins_and_is_removed(sign_in: SignIn, new_page: Callable[[], Page]) -> None:
    """L50, L13: in, and out at once."""
    owner, newcomer = sign_in(ALICE), new_page()
    invite(owner, "nora@elsewhere.test")

    newcomer.goto(link_for("nora@elsewhere.test"))
    expect(newcomer.get_by_role("heading", level=1)).to_have_text(f"Join {ACME.name}")
    newcomer.get_by_label("Your name").fill("Nora")
    newcomer.get_by_label("Password").fill(PASSWORD)
    newcomer.get_by_role("button", name=f"Join {ACME.name}").click()
    newcomer.get_by_role("navigation", name="Main").wait_for()
    newcomer.goto("/account/")
    expect(newcomer.locator("main")).to_contain_text("nora@elsewhere.test")
    expect(newcomer.locator("main")).to_contain_text(ACME.name)

    owner.goto("/people/")
    owner.get_by_role("link", name="Nora").click()
    owner.get_by_role("button", name="Remove").click()
    dialog = owner.get_by_role("dialog", name="Remove “Nora” from Acme?")
    expect(dialog).to_contain_text("1 session and 0 API keys of theirs end at once")
    dialog.get_by_role("button", name="Remove member").click()
    expect(owner.get_by_role("status")).to_contain_text("Nora is no longer a member")

    newcomer.goto("/account/")
    assert urlsplit(newcomer.url).path == "/sign-in/"
    newcomer.get_by_label("E-mail").fill("nora@elsewhere.test")
    newcomer.get_by_role("button", name="Continue").click()
    newcomer.get_by_label("Password").fill(PASSWORD)
    newcomer.get_by_role("button", name="Sign in").click()
    expect(newcomer.get_by_role("alert")).to_contain_text("do not open a workspace")


def test_a_member_of_another_workspace_joins_and_goes_to_and_fro(sign_in: SignIn, new_page: Callable[[], Page]) -> None:
    owner, charlie = sign_in(ALICE), sign_in(CHARLIE)
    invite(owner, CHARLIE.email, "Viewer")
    charlie.goto(link_for(CHARLIE.email))
    charlie.get_by_role("button", name=f"Join {ACME.name}").click()
    expect(charlie.locator(".rail__workspace")).to_contain_text("Acme")

    stale = charlie.context.new_page()
    stale.goto("/account/")
    charlie.locator(".rail__workspace").click()
    charlie.get_by_role("button", name="Birch").click()
    expect(charlie.locator(".rail__workspace")).to_contain_text("Birch")
    stale.get_by_role("button", name="Sign out everywhere").first.click()
    stale.get_by_role("dialog").get_by_role("button", name="Sign out everywhere").click()
    expect(stale.get_by_role("heading", level=1)).to_have_text("This form is out of date")
    expect(stale.locator("main")).to_contain_text("before you went to another workspace")


def test_a_role_is_changed_and_the_member_sees_it(sign_in: SignIn, new_page: Callable[[], Page]) -> None:
    owner, bob = sign_in(ALICE), sign_in(BOB)
    expect(bob.get_by_role("navigation", name="Main").get_by_role("link", name="People")).to_have_count(0)
    owner.goto(f"/people/{BOB.membership_id}/")
    owner.get_by_label("Role").select_option("Admin")
    owner.get_by_role("button", name="Change role").click()
    expect(owner.get_by_role("status")).to_contain_text("Bob is now admin")
    bob.reload()
    expect(bob.get_by_role("navigation", name="Main").get_by_role("link", name="People")).to_have_count(1)


def test_the_pages_about_people_are_clean(sign_in: SignIn, new_page: Callable[[], Page]) -> None:
    """With a long name, an open dialog, and the pages that somebody sees who is only invited."""
    doors.key(BOB, days=3)
    with acting(BOB):
        AgentFactory(visibility="workspace", name=LONG)
    with acting(ALICE) as alice:
        token = invitations.token_of(invitations.send(actor=alice, email="nora@elsewhere.test", role=Role.ADMIN))
        minted = doors.key(ALICE, days=3)
    with connections["owner"].cursor() as cursor:
        cursor.execute("UPDATE accounts_membership SET display_name = %s WHERE id = %s", [LONG, BOB.membership_id])
    owner, newcomer = sign_in(ALICE), new_page()
    found = {}
    for page, paths in (
        (
            owner,
            [
                "/people/",
                "/people/?q=nobody",
                f"/people/{BOB.membership_id}/",
                f"/people/{ALICE.membership_id}/",
                "/people/invite/",
                "/workspaces/",
                "/keys/",
                f"/keys/{minted.key.pk}/rotate/",
                f"/invitations/{token}/",
            ],
        ),
        (newcomer, [f"/invitations/{token}/", "/invitations/nothing/"]),
    ):
        for path in paths:
            page.goto(path)
            found[path] = complaints(page)
    owner.goto(f"/people/{BOB.membership_id}/")
    owner.get_by_role("button", name="Remove").click()
    expect(owner.get_by_role("dialog")).to_contain_text("passes to you")
    found["dialog"] = complaints(owner)
    assert {path: words for path, words in found.items() if words} == {}


def test_somebody_without_scripts_is_invited_and_goes_to_and_fro(
    chromium: Browser, served: str, committed: None
) -> None:
    with acting(ALICE) as alice:
        token = invitations.token_of(invitations.send(actor=alice, email=CHARLIE.email, role=Role.MEMBER))
    context = chromium.new_context(base_url=served, java_script_enabled=False)
    page = context.new_page()
    page.set_default_timeout(20_000)
    page.goto(f"/invitations/{token}/")
    page.get_by_role("button", name="Sign in and join").click()
    page.get_by_label("E-mail").fill(CHARLIE.email)
    page.get_by_role("button", name="Continue").click()
    page.get_by_label("Password").fill(cast.PASSWORD)
    page.get_by_role("button", name="Sign in").click()
    expect(page.locator(".rail__workspace")).to_contain_text("Acme")
    page.locator(".rail__workspace").click()
    page.get_by_role("button", name="Birch").click()
    expect(page.locator(".rail__workspace")).to_contain_text("Birch")
    context.close()
