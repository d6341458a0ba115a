"""Does a person bring a file along to a conversation, see how far it is, get an answer from it, and put it away again?"""

from __future__ import annotations

from playwright.sync_api import Browser, Page, expect

from accounts.cookies import session_name
from conversations import services
from conversations.attachments import services as attachments
from files.models import File
from tests import doors
from tests.agents.shelf import agent_of
from tests.browser.conftest import SignIn, carry
from tests.browser.looking import complaints
from tests.browser.test_files import part
from tests.cast import BOB, acting
from tests.factories import FileFactory
from tests.files import documents

OPERAS = documents.pdf([["Notes on operas", "Fidelio is the only opera that Ludwig van Beethoven composed."]])


def wait_until_it_is_read(page: Page, unread: File) -> None:
    """Nothing is sent before, and the page itself finds out that it can be; then it is put away."""
    send = page.get_by_role("button", name="Send")
    expect(page.get_by_text("You can ask as soon as this file is read.")).to_be_visible()
    expect(send).to_be_disabled()
    with acting(BOB):
        File.objects.filter(pk=unread.pk).update(status="ready")
    expect(send).to_be_enabled()
    page.get_by_role("button", name=f"Remove {unread.name}").click()


def test_a_file_is_brought_along_followed_quoted_removed_and_chosen_again(
    sign_in: SignIn, chromium: Browser, served: str
) -> None:
    with acting(BOB) as bob:
        conversation = services.start(agent_of(BOB), actor=bob)
        path, unread = f"/conversations/{conversation.pk}/", FileFactory(name="minutes.txt", status="extracting")
        attachments.attach(conversation, actor=bob, files=[unread])
    page = sign_in(BOB)
    page.goto(path)
    wait_until_it_is_read(page, unread)
    page.evaluate("document.body.dataset.mark = 'the same page'")
    page.get_by_label("Your question").fill("Who composed Fidelio?")
    page.get_by_label("Attach files to this conversation").click()
    with page.expect_file_chooser() as chooser:
        page.get_by_role("button", name="Upload files").click()
    chooser.value.set_files([part("operas.pdf", OPERAS), part("drawing.svg", b"<svg/>")])
    chip = page.get_by_role("list", name="Attached files").get_by_role("listitem")
    expect(chip).to_contain_text("Ready", timeout=60_000)
    expect(page.get_by_role("alert")).to_contain_text("can't read this type of file")
    assert page.evaluate("document.body.dataset.mark") == "the same page"
    assert complaints(page) == []
    page.get_by_role("button", name="Send").click()
    expect(page.locator(".turn--agent .source").first).to_contain_text("operas.pdf", timeout=60_000)
    page.get_by_role("button", name="Remove operas.pdf").click()
    expect(chip).to_have_count(0)

    plain = chromium.new_context(base_url=served, java_script_enabled=False, viewport={"width": 360, "height": 740})
    try:
        page = plain.new_page()
        carry(page, served, session_name(), doors.session(BOB).token)
        page.goto(path)
        page.get_by_label("Attach files to this conversation").click()
        page.get_by_role("link", name="Choose from your files").click()
        page.get_by_label("Attach operas.pdf").check()
        page.get_by_role("button", name="Attach", exact=True).click()
        expect(page.get_by_role("list", name="Attached files")).to_contain_text("operas.pdf")
        page.get_by_role("button", name="Remove operas.pdf").click()
        expect(page.get_by_role("list", name="Attached files")).to_have_count(0)
    finally:
        plain.close()
