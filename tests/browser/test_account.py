"""Can a person look after their own account in a real browser: a key, a password, a browser left open elsewhere?"""

from __future__ import annotations

import re
from collections.abc import Callable
from http import HTTPStatus
from urllib.error import HTTPError
from urllib.request import Request, urlopen

from django.db import connections
from playwright.sync_api import Page, expect

from accounts.identity import tokens
from tests import cast
from tests.browser import stock
from tests.browser.conftest import SignIn
from tests.cast import ALICE, BOB


def test_a_key_is_made_used_and_withdrawn(sign_in: SignIn, served: str) -> None:
    page = sign_in(BOB)
    page.goto("/keys/")
    page.get_by_role("link", name=re.compile("key", re.IGNORECASE)).last.click()
    page.get_by_label("What is it for?").fill("Nightly import")
    page.get_by_label("See and download files").check()
    page.get_by_role("button", name="Make the key").click()
    value = page.locator("#new-key").inner_text()
    assert tokens.is_well_formed_key(value)
    assert _status(f"{served}/api/v1/files", value) == HTTPStatus.OK
    assert _status(f"{served}/api/v1/agents", value) == HTTPStatus.FORBIDDEN

    page.goto("/keys/")
    expect(page.locator("tbody tr")).to_contain_text("Nightly import")
    page.get_by_role("button", name="Withdraw Nightly import").click()
    page.get_by_role("button", name="Withdraw key").click()
    expect(page.locator("tbody tr")).to_contain_text("Withdrawn")
    assert _status(f"{served}/api/v1/files", value) == HTTPStatus.UNAUTHORIZED


def test_a_browser_left_open_elsewhere_is_signed_out(sign_in: SignIn) -> None:
    elsewhere, here = sign_in(BOB), sign_in(BOB)
    here.goto("/account/")
    expect(here.get_by_text("This browser", exact=True)).to_have_count(1)
    here.get_by_role("button", name="Sign out", exact=True).last.click()
    expect(here.locator("[role=status]")).to_contain_text("signed out")
    elsewhere.reload()
    expect(elsewhere.get_by_role("heading", name="Sign in")).to_be_visible()


def test_a_changed_password_keeps_this_browser_and_ends_the_other(sign_in: SignIn) -> None:
    """L33."""
    elsewhere, here = sign_in(BOB), sign_in(BOB)
    here.goto("/account/password/")
    here.get_by_label("Password now").fill(cast.PASSWORD)
    here.get_by_label("New password", exact=True).fill("seventeen unrelated herons")
    here.get_by_label("New password again").fill("seventeen unrelated herons")
    here.get_by_role("button", name="Change password").click()
    expect(here.locator("[role=status]")).to_contain_text("password is changed")
    elsewhere.reload()
    expect(elsewhere.get_by_role("heading", name="Sign in")).to_be_visible()


def test_the_back_button_shows_nothing_after_signing_out(sign_in: SignIn) -> None:
    page = sign_in(BOB)
    page.goto("/account/")
    page.locator(".rail__person summary").click()
    page.get_by_role("button", name="Sign out", exact=True).last.click()
    expect(page.get_by_role("heading", name="Sign in")).to_be_visible()
    page.go_back()
    expect(page.get_by_role("heading", name="Sign in")).to_be_visible()


def test_a_wrong_guess_says_what_to_do_and_goes_where_one_wanted_afterwards(new_page: Callable[[], Page]) -> None:
    page = new_page()
    page.goto("/keys/")
    page.get_by_label("E-mail").fill(BOB.email)
    page.keyboard.press("Enter")
    page.get_by_label("Password").fill("a wrong guess at it")
    page.keyboard.press("Enter")
    expect(page.get_by_role("alert")).to_contain_text("do not open a workspace")
    expect(page.locator("main")).to_contain_text(BOB.email)
    page.get_by_label("Password").fill(cast.PASSWORD)
    page.get_by_role("button", name="Sign in").click()
    expect(page).to_have_url(re.compile("/keys/$"))


def _status(url: str, key: str) -> int:
    request = Request(url, headers={"Authorization": f"Bearer {key}"})  # noqa: S310 - the server of this test
    try:
        with urlopen(request, timeout=20) as answer:  # noqa: S310 - as above
            return int(answer.status)
    except HTTPError as refused:
        return refused.code


def test_an_export_that_is_fetched_later_asks_for_a_sign_in_and_is_fetched_then(sign_in: SignIn) -> None:
    """The mail says when it is ready, and the sign-in is no longer fresh then: the browser saved the page that asks for it."""
    page = sign_in(ALICE)
    page.goto("/export/")
    page.get_by_role("button", name="Write an export").click()
    fetch = page.get_by_role("link", name="Download", exact=True)
    fetch.wait_for()
    with connections["owner"].cursor() as cursor:
        cursor.execute("UPDATE accounts_session SET signed_in_at = now() - interval '1 hour'")
    fetch.click()
    expect(page.get_by_role("heading", name="Sign in again")).to_be_visible()
    page.get_by_label("Password").fill(cast.PASSWORD)
    with page.expect_download() as fetched:
        page.get_by_role("button", name="Go on").click()
    assert fetched.value.suggested_filename.endswith(".zip")


def test_what_is_exported_in_a_browser_that_was_signed_out_is_no_page(sign_in: SignIn) -> None:
    places = stock.fill()
    page = sign_in(ALICE)
    page.goto(places.conversation)
    with connections["owner"].cursor() as cursor:
        cursor.execute("DELETE FROM accounts_session")
    page.get_by_label("More for this conversation").click()
    page.get_by_role("link", name="Export as Markdown").click()
    expect(page.get_by_role("heading", name="Sign in")).to_be_visible()
