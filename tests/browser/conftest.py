"""What does a person's browser talk to? The whole installation, as `manage.py serve` runs it, over this test's databases.

The browser is Debian's Chromium, driven by playwright. Where there is none the tests are skipped, and say so.
"""

from __future__ import annotations

import os
import shutil
from collections.abc import Callable, Iterator
from contextlib import ExitStack
from pathlib import Path

import pytest
from playwright.sync_api import Browser, BrowserContext, Page, expect, sync_playwright

from accounts.cookies import session_name
from tests import cast, databases, doors
from tests.authenticators import Authenticator
from tests.cast import Person
from tests.served import running

# The first is the same engine without the browser's own windows, and takes half as much of the processor.
NAMES = ("chromium-headless-shell", "chromium", "chromium-browser", "google-chrome")
CHROMIUM = next(filter(None, map(shutil.which, NAMES)), None)
# Nothing that phones home, and no sandbox: the tests may run as root in a container, and load nothing but our own pages.
SWITCHES = ["--no-sandbox", "--disable-gpu", "--disable-quic", "--no-first-run", "--disable-background-networking"]
SWITCHES += ["--disable-component-update", "--disable-sync", "--disable-dev-shm-usage"]

SignIn = Callable[[Person], Page]


def pytest_collection_modifyitems(items: list[pytest.Item]) -> None:
    """Mark every test of this folder, skip it where it could not run, and let them all come first.

    Together they need one browser and one installation, and what follows them keeps the other processors busy.
    """
    here = Path(__file__).parent
    for item in items:
        if here in item.path.parents:
            item.add_marker(pytest.mark.browser)
            if CHROMIUM is None:
                item.add_marker(
                    pytest.mark.skip(
                        reason="there is no Chromium here (Debian: apt-get install chromium-headless-shell)"
                    )
                )
    items.sort(key=lambda item: here not in item.path.parents)


class Installation:
    """The whole installation over this process's databases: started when a test first asks where it is."""

    def __init__(self, folder: Path) -> None:
        self._folder, self._running, self._address = folder, ExitStack(), ""

    def address(self) -> str:
        """Where it answers."""
        if not self._address:
            self._address = self._running.enter_context(running(self._folder))
        return self._address

    def stop(self) -> None:
        """End it, for good or while a module runs one of its own: two shippers and workers would share the databases."""
        if self._address:
            self._running.close()
            self._address = ""
            # Its shipper may have posted what the last test did, behind that test's own tidying.
            databases.put_back()


@pytest.fixture(scope="package")
def installation(
    django_db_setup: None, django_db_blocker: pytest.FixtureRequest, tmp_path_factory: pytest.TempPathFactory
) -> Iterator[Installation]:
    """One web server, worker and shipper for all tests of this folder."""
    one = Installation(tmp_path_factory.mktemp("served"))
    yield one
    with django_db_blocker.unblock():  # type: ignore[attr-defined]  # pytest-django's blocker
        one.stop()


@pytest.fixture
def served(installation: Installation) -> str:
    """The address of an installation that runs."""
    return installation.address()


@pytest.fixture(scope="package")
def chromium() -> Iterator[Browser]:
    """One browser for all tests of this folder; each gets fresh contexts, which share nothing."""
    # Playwright's loop runs in this thread, and Django would refuse the ORM beside it: there it guards async views.
    os.environ["DJANGO_ALLOW_ASYNC_UNSAFE"] = "true"
    try:
        with sync_playwright() as driver:
            browser = driver.chromium.launch(executable_path=CHROMIUM, args=SWITCHES)
            yield browser
            browser.close()
    finally:
        del os.environ["DJANGO_ALLOW_ASYNC_UNSAFE"]


@pytest.fixture
def new_page(chromium: Browser, served: str, committed: None) -> Iterator[Callable[[], Page]]:
    """Return a maker of pages, each as in a browser of its own. A page that logs an error fails the test."""
    contexts: list[BrowserContext] = []
    errors: list[str] = []

    def make() -> Page:
        context = chromium.new_context(base_url=served, viewport={"width": 1280, "height": 900}, locale="en-GB")
        contexts.append(context)
        page = context.new_page()
        page.set_default_timeout(20_000)
        page.on("pageerror", lambda error: errors.append(str(error)))
        # Chromium logs each answer of 4xx as an error; those are asked for on purpose, and judged by their status.
        page.on("console", lambda line: errors.append(line.text) if _is_trouble(line.type, line.text) else None)
        return page

    yield make
    for context in contexts:
        context.close()
    assert not errors


def _is_trouble(kind: str, text: str) -> bool:
    return kind == "error" and "status of 4" not in text


def type_sign_in(page: Page, person: Person) -> None:
    """Sign in by typing, on the page that asks for it."""
    page.get_by_label("E-mail").fill(person.email)
    page.get_by_role("button", name="Continue").click()
    page.get_by_label("Password").fill(cast.PASSWORD)
    page.get_by_role("button", name="Sign in").click()


def carry(page: Page, served: str, name: str, token: str) -> None:
    """Let the browser hold a credential, as the answer to a sign-in would have left it there."""
    # Said to come from https, which the prefix of its name asks for; 127.0.0.1 is as good as that to Chromium.
    place = served.replace("http://", "https://")
    page.context.add_cookies([{"name": name, "value": token, "url": place, "secure": True, "httpOnly": True}])


def open_console(page: Page, operator: Person) -> None:
    """Sign an operator in by typing, with the second factor that every operator has."""
    app = Authenticator.of(operator)
    page.goto("/operator/")
    page.get_by_label("E-mail").fill(operator.email)
    page.get_by_label("Password").fill(cast.PASSWORD)
    page.get_by_role("button", name="Sign in as operator").click()
    page.get_by_label("Code", exact=True).fill(app.code())
    page.get_by_role("button", name="Open the console").click()
    expect(page.locator(".operator__head")).to_contain_text("Operator")


@pytest.fixture
def sign_in(new_page: Callable[[], Page], served: str) -> SignIn:
    """Return a function that opens a browser of its own in which a person of the cast is signed in, at their first page.

    Both halves of the session are made by the service behind the sign-in page; `type_sign_in` goes the whole way.
    """

    def enter(person: Person) -> Page:
        page = new_page()
        carry(page, served, session_name(), doors.session(person).token)
        page.goto("/")
        page.get_by_role("navigation", name="Main").wait_for()
        return page

    return enter
