"""How much do pages send, how soon is the largest thing on them drawn, and does anything jump?

Seen by Chromium, as the browser counts: all that came over the line for a page, headers, styles, scripts and redirects included.
The lists are full, and the conversation is one of 2,000 messages.
"""

from __future__ import annotations

import statistics
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from typing import Any

from django.db import connections
from playwright.sync_api import Browser, BrowserContext, sync_playwright

from accounts.cookies import session_name
from tests import doors
from tests.bench.answers import served
from tests.bench.conversations import a_long_talk
from tests.bench.rows import Row, at_most, noted
from tests.browser.conftest import CHROMIUM, SWITCHES
from tests.cast import ALICE, acting
from tests.factories import AgentFactory, ConversationFactory, FileFactory, MessageFactory

FULL = 60  # rows, more than a list shows at once
FIRST_KB, AGAIN_KB, LARGEST_MS = 150, 30, 1000
VISITS = 5
# What may still move does it before this.
SETTLED_MS = 600
OBSERVED = """() => new Promise(resolve => {
    const found = {largest: 0, shift: 0}
    new PerformanceObserver(list => { for (const each of list.getEntries()) found.largest = each.startTime })
        .observe({type: 'largest-contentful-paint', buffered: true})
    new PerformanceObserver(list => { for (const each of list.getEntries()) found.shift += each.value })
        .observe({type: 'layout-shift', buffered: true})
    setTimeout(() => resolve(found), %d)
})"""


@dataclass(frozen=True)
class Visit:
    """What one visit of a page cost."""

    kilobytes: float
    largest: float
    """Milliseconds until the largest content was drawn."""
    shift: float


def rows(*, rounds: int) -> list[Row]:
    """Visit each page in browsers that know nothing yet, and again in the same ones."""
    if CHROMIUM is None:
        return [noted("pages: not measured, since there is no Chromium here", 0, "")]
    found: list[Row] = []
    addresses, token = _stocked(), doors.session(ALICE).token
    for connection in connections.all(initialized_only=True):
        connection.close()
    with served() as address, sync_playwright() as driver:
        browser = driver.chromium.launch(executable_path=CHROMIUM, args=SWITCHES)
        for name, path in addresses.items():
            firsts, agains = [], []
            for _ in range(VISITS):
                with _signed_in(browser, address, token) as context:
                    firsts.append(_visited(context, path))
                    agains.append(_visited(context, path))
            found += _rows_of(name, firsts, agains)
        browser.close()
    return found


def _rows_of(name: str, firsts: list[Visit], agains: list[Visit]) -> Iterator[Row]:
    largest = statistics.median(visit.largest for visit in firsts)
    yield at_most(f"{name}: first visit", max(visit.kilobytes for visit in firsts), FIRST_KB, "kB")
    yield at_most(f"{name}: visited again", max(visit.kilobytes for visit in agains), AGAIN_KB, "kB")
    yield at_most(f"{name}: largest content drawn", largest, LARGEST_MS, "ms", f"first visit, median of {VISITS}")
    yield at_most(f"{name}: layout shift", max(visit.shift for visit in [*firsts, *agains]), 0, "")


def _stocked() -> dict[str, str]:
    """Fill the lists; the addresses by the names of their rows."""
    with acting(ALICE):
        for number in range(FULL):
            FileFactory(name=f"Quarterly statement of refunds and warranties {number}.pdf", visibility="workspace")
            agent = AgentFactory(name=f"Desk for refunds and warranties {number}", description="Answers about them.")
            title = f"How long may an article be returned in year {number}?"
            MessageFactory(conversation=ConversationFactory(agent=agent, title=title))
        long_one, _ = a_long_talk()
    return {
        "home": "/",
        "list of conversations": "/conversations/",
        "list of agents": "/agents/",
        "list of files": "/files/",
        "conversation": f"/conversations/{long_one.pk}/",
    }


@contextmanager
def _signed_in(browser: Browser, address: str, token: str) -> Iterator[BrowserContext]:
    context = browser.new_context(base_url=address, viewport={"width": 1280, "height": 900}, locale="en-GB")
    # Said to come from https, which the prefix of its name asks for; 127.0.0.1 is as good as that to Chromium.
    place = address.replace("http://", "https://")
    context.add_cookies([{"name": session_name(), "value": token, "url": place, "secure": True, "httpOnly": True}])
    yield context
    context.close()


def _visited(context: BrowserContext, path: str) -> Visit:
    page, came = context.new_page(), 0.0

    def count(event: dict[str, Any]) -> None:
        nonlocal came
        came += event.get("encodedDataLength", 0)

    line = context.new_cdp_session(page)
    line.send("Network.enable")
    line.on("Network.loadingFinished", count)
    line.on("Network.requestWillBeSent", lambda event: count(event.get("redirectResponse", {})))
    answer = page.goto(path, wait_until="load")
    if answer is None or answer.status != 200:
        raise AssertionError(f"{path} was not answered with a page")
    observed = page.evaluate(OBSERVED % SETTLED_MS)
    page.close()
    return Visit(came / 1000, observed["largest"], observed["shift"])
