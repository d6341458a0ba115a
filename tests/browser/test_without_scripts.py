"""Does everything but streaming and upload progress work where no script runs?"""

from __future__ import annotations

import time
from collections.abc import Callable

from playwright.sync_api import Browser, Page, expect

from tests.browser.conftest import type_sign_in
from tests.cast import ALICE
from tests.files import documents

PAGES = [["Northwind Kitchenware: refund policy", "Any unused article may be sent back within thirty days."]]


def test_a_person_without_scripts_uploads_asks_reads_and_deletes(
    chromium: Browser, served: str, committed: None
) -> None:
    context = chromium.new_context(base_url=served, java_script_enabled=False)
    page = context.new_page()
    page.set_default_timeout(20_000)
    page.goto("/")
    type_sign_in(page, ALICE)

    page.goto("/files/")
    page.locator("#upload-file").set_input_files(
        {"name": "refunds.pdf", "mimeType": "application/pdf", "buffer": documents.pdf(PAGES)}
    )
    page.get_by_role("button", name="Upload").click()
    row = page.locator("tbody tr", has_text="refunds.pdf")
    _reload_until(page, lambda: row.get_by_text("Ready").count() == 1)

    page.goto("/agents/new/")
    page.get_by_label("Name", exact=True).fill("Reader")
    page.get_by_label("refunds.pdf").check()
    page.get_by_role("button", name="Make the agent").click()
    page.get_by_role("button", name="Ask this agent").click()
    page.get_by_label("Your question").fill("How long may an unused article be sent back?")
    page.get_by_role("button", name="Send").click()
    answer = page.locator(".turn--agent")
    _reload_until(page, lambda: answer.locator(".source").count() > 0)
    expect(answer).to_contain_text("within thirty days")

    # The source opens without a script, and so does the question before a deletion.
    answer.locator("button.source").first.click()
    answer.get_by_role("link", name="Open the passage").click()
    expect(page.locator("mark#quote")).to_contain_text("within thirty days")
    page.goto("/files/")
    page.get_by_role("link", name="refunds.pdf").click()
    page.get_by_role("button", name="Delete").click()
    page.get_by_role("button", name="Delete file").click()
    expect(page.locator("[role=status]")).to_contain_text("is deleted")
    context.close()


def _reload_until(page: Page, holds: Callable[[], bool]) -> None:
    deadline = time.monotonic() + 60
    while not holds():
        assert time.monotonic() < deadline, page.locator("main").inner_text()
        page.wait_for_timeout(300)
        page.reload()
