"""Can a person set a second factor up, come in with it, lose it and get a new password, in a real browser?"""

from __future__ import annotations

import re
from collections.abc import Callable

from playwright.sync_api import Browser, Page, expect

from accounts.identity import links
from accounts.identity.store.models import Account, MailedLink, SecondFactor
from tests.authenticators import Authenticator
from tests.browser.conftest import SignIn
from tests.browser.looking import complaints
from tests.cast import BOB, OLGA, PASSWORD

SHOWN = "#authenticator-key"


def app_of(page: Page) -> Authenticator:
    """Type the key that the page shows into an app."""
    return Authenticator(page.locator(SHOWN).inner_text().replace(" ", ""))


def forget_used_codes() -> None:
    """As if half a minute had passed since the last code."""
    SecondFactor.objects.update(last_step=0)


def type_password(page: Page, password: str = PASSWORD) -> None:
    page.goto("/sign-in/")
    page.get_by_label("E-mail").fill(BOB.email)
    page.get_by_role("button", name="Continue").click()
    page.get_by_label("Password").fill(password)
    page.get_by_role("button", name="Sign in").click()


def journey(page: Page, other: Page) -> None:
    """Switch it on in one browser, and come in with password and code in another."""
    type_password(page)
    page.goto("/account/second-factor/")
    page.get_by_role("button", name="Set it up").click()
    expect(page.get_by_role("img", name="QR code for your authenticator app")).to_be_visible()
    app = app_of(page)
    page.get_by_label("Code", exact=True).fill(app.wrong_code())
    page.get_by_role("button", name="Switch on").click()
    expect(page.locator(".field__error")).to_contain_text("does not fit")
    page.get_by_label("Code", exact=True).fill(app.code())
    page.get_by_role("button", name="Switch on").click()
    expect(page.locator(".codes li")).to_have_count(10)
    recovery = page.locator(".codes li").first.inner_text()
    page.get_by_role("link", name="I have kept them").click()
    expect(page.locator("main")).to_contain_text("10 of 10 left")
    forget_used_codes()

    other.goto("/files/")
    other.get_by_label("E-mail").fill(BOB.email)
    other.get_by_role("button", name="Continue").click()
    other.get_by_label("Password").fill(PASSWORD)
    other.get_by_role("button", name="Sign in").click()
    expect(other.get_by_role("heading", name="Enter your code")).to_be_visible()
    other.get_by_label("Code", exact=True).fill(app.wrong_code())
    other.get_by_role("button", name="Sign in").click()
    expect(other.locator(".field__error")).to_contain_text("does not fit")
    other.get_by_label("Code", exact=True).fill(app.code())
    other.get_by_role("button", name="Sign in").click()
    expect(other).to_have_url(re.compile("/files/$"))

    # The phone is lost: a recovery code opens the account, and the page says how many are left.
    type_password(other)
    other.get_by_label("Code", exact=True).fill(recovery)
    other.get_by_role("button", name="Sign in").click()
    other.goto("/account/second-factor/")
    expect(other.locator("main")).to_contain_text("9 of 10 left")


def test_a_second_factor_is_set_up_and_used(new_page: Callable[[], Page]) -> None:
    journey(new_page(), new_page())


def test_it_works_where_no_script_runs(chromium: Browser, served: str, committed: None) -> None:
    contexts = [chromium.new_context(base_url=served, java_script_enabled=False) for _ in range(2)]
    page, other = (context.new_page() for context in contexts)
    for one in (page, other):
        one.set_default_timeout(20_000)
    journey(page, other)
    for context in contexts:
        context.close()


def test_an_operator_sets_one_up_before_the_console_opens(new_page: Callable[[], Page]) -> None:
    page = new_page()
    page.goto("/operator/")
    page.get_by_label("E-mail").fill(OLGA.email)
    page.get_by_label("Password").fill(PASSWORD)
    page.get_by_role("button", name="Sign in as operator").click()
    expect(page.get_by_role("heading", name="Set up your second factor")).to_be_visible()
    page.get_by_label("Code", exact=True).fill(app_of(page).code())
    page.get_by_role("button", name="Switch on and open the console").click()
    expect(page.locator(".codes li")).to_have_count(10)
    page.get_by_role("link", name="I have kept them").click()
    expect(page.locator(".operator__head")).to_contain_text("Operator")


def test_a_forgotten_password_is_replaced_by_a_mailed_link(new_page: Callable[[], Page]) -> None:
    page = new_page()
    page.goto("/sign-in/")
    page.get_by_label("E-mail").fill(BOB.email)
    page.get_by_role("button", name="Continue").click()
    page.get_by_role("link", name="Forgotten your password?").click()
    page.get_by_label("E-mail").fill(BOB.email)
    page.get_by_role("button", name="Mail me a link").click()
    expect(page.get_by_role("heading", name="Look into your mailbox")).to_be_visible()
    # The mail went to the console of the served installation; its link is the one that the row's id gives.
    link = links.make(Account.objects.get(pk=BOB.subject), MailedLink.Purpose.RESET)
    page.goto(f"/sign-in/reset/?link={links.token_of(link)}")
    page.get_by_label("New password", exact=True).fill("seventeen unrelated herons")
    page.get_by_label("New password again").fill("seventeen unrelated herons")
    page.get_by_role("button", name="Set this password").click()
    expect(page.get_by_role("heading", name="Sign in")).to_be_visible()
    type_password(page, "seventeen unrelated herons")
    page.get_by_role("navigation", name="Main").wait_for()


def test_its_pages_are_clean(sign_in: SignIn, new_page: Callable[[], Page]) -> None:
    page, public = sign_in(BOB), new_page()
    found = {}
    page.goto("/account/second-factor/")
    found["off"] = complaints(page)
    page.get_by_role("button", name="Set it up").click()
    found["set-up"] = complaints(page)
    page.get_by_label("Code", exact=True).fill(app_of(page).code())
    page.get_by_role("button", name="Switch on").click()
    found["codes"] = complaints(page)
    for path in ("/account/second-factor/", "/account/second-factor/switch-off/", "/account/email/", "/sign-in/again/"):
        page.goto(path)
        found[path] = complaints(page)
    type_password(public)
    found["second step"] = complaints(public)
    for path in ("/sign-in/forgotten/", "/sign-in/reset/?link=none"):
        public.goto(path)
        found[path] = complaints(public)
    assert {name: words for name, words in found.items() if words} == {}
