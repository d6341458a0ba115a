"""Do the pages of files work for a person: by dropping, by a plain form, on a telephone, and with hostile files?"""

from __future__ import annotations

import pytest
from playwright.sync_api import Browser, FilePayload, Page, expect

from files.models import File, Passage
from tests.agents.shelf import put
from tests.browser import stock
from tests.browser.conftest import SignIn, type_sign_in
from tests.browser.looking import complaints
from tests.cast import ALICE, BOB, acting
from tests.files import documents

TERMS = documents.pdf([["Acme Instruments: terms of sale"], ["Refunds are paid within five working days."]])
HOSTILE = "<img src=x onerror=alert(1)>\u202egnp.txt"


def part(name: str, content: bytes) -> FilePayload:
    return {"name": name, "mimeType": "application/octet-stream", "buffer": content}


def test_several_files_show_how_they_fare_without_a_reload(sign_in: SignIn) -> None:
    page = sign_in(BOB)
    page.goto("/files/")
    page.locator("#upload-file").set_input_files([part("terms.pdf", TERMS), part("broken.pdf", TERMS[:700])])
    row = page.locator("tr", has_text="terms.pdf")
    expect(row).to_contain_text("Ready", timeout=60_000)
    expect(page.locator("tr", has_text="broken.pdf")).to_contain_text("Refused", timeout=60_000)
    page.get_by_role("link", name="broken.pdf").click()
    expect(page.locator("main")).to_contain_text("damaged or incomplete")


def test_a_list_says_why_a_file_is_refused_as_soon_as_it_is(sign_in: SignIn) -> None:
    """The badge turned to "Refused", and the reason came with the next load of the page."""
    file = put(BOB, "contract.txt", "Words.")
    with acting(BOB):
        File.objects.filter(pk=file.pk).update(status="extracting")
    page = sign_in(BOB)
    page.goto("/files/")
    page.evaluate("document.body.dataset.mark = 'the same page'")
    row = page.locator("tr", has_text="contract.txt")
    expect(row.locator("live-part")).to_have_count(1)
    with acting(BOB):
        File.objects.filter(pk=file.pk).update(status="refused", refusal=stock.LOCKED)
    expect(row).to_contain_text("Refused")
    expect(row.locator(".name")).to_contain_text(stock.LOCKED)
    assert page.evaluate("document.body.dataset.mark") == "the same page"
    assert complaints(page) == []


def test_a_file_of_another_type_is_refused_beside_its_bar(sign_in: SignIn) -> None:
    page = sign_in(BOB)
    page.goto("/files/")
    page.locator("#upload-file").set_input_files(part("drawing.svg", b"<svg onload='alert(1)'/>"))
    expect(page.locator("[data-uploads]")).to_contain_text("Not uploaded")
    expect(page.get_by_role("alert")).to_contain_text("can't read this type of file")


def test_many_files_are_dropped_followed_and_deleted_together(sign_in: SignIn) -> None:
    """Each has its own result, all states come in one request, and what goes is named before it goes."""
    page = sign_in(BOB)
    page.goto("/files/")
    asked: list[str] = []
    page.on("request", lambda request: asked.append(request.url) if "/files/states/" in request.url else None)
    many = [part(f"note-{number}.txt", f"The words of note {number}.".encode()) for number in range(4)]
    page.locator("#upload-file").set_input_files([*many, part("drawing.svg", b"<svg/>")])
    expect(page.locator("[data-sum]")).to_have_text("4 of 5 files are here, 1 not: see why below.", timeout=60_000)
    page.evaluate("document.body.dataset.mark = 'the same page'")
    expect(page.locator(".gauge", has_text="Storage")).to_contain_text("4 of 10,000 files")
    expect(page.locator("tbody").get_by_text("Ready", exact=True)).to_have_count(4, timeout=60_000)
    assert page.evaluate("document.body.dataset.mark") == "the same page"
    assert all("file=" in url for url in asked)
    delete = page.get_by_role("button", name="Delete …")
    expect(delete).to_be_disabled()
    page.get_by_label("Choose all of your files on this page").check()
    page.get_by_label("Choose note-3.txt").uncheck()
    expect(page.locator("[data-chosen]")).to_have_text("3 of 4 chosen")
    assert complaints(page) == []
    delete.click()
    expect(page.get_by_role("heading", level=1)).to_have_text("Delete 3 files?")
    for width in (360, 1280):
        page.set_viewport_size({"width": width, "height": 800})
        assert complaints(page) == []
    page.get_by_role("button", name="Delete them all").click()
    expect(page.locator("tbody tr")).to_have_count(1)
    expect(page.get_by_text("3 files are deleted, with everything that was read from them.")).to_be_visible()


def test_files_are_tagged_together_found_by_a_tag_and_one_of_them_loses_it(sign_in: SignIn) -> None:
    for name in ("lease.txt", "loan.txt", "menu.txt"):
        put(ALICE, name, f"The words of {name}.")
    page = sign_in(ALICE)
    page.goto("/files/")
    words, add = page.get_by_label("Tags for the files that you mark"), page.get_by_role("button", name="Add tags")
    words.fill("contracts, 2026")
    words.press("Enter")
    expect(add).to_be_disabled()
    assert page.url.endswith("/files/"), "Enter presses what waits for a choice, and nothing else"
    page.get_by_label("Choose lease.txt").check()
    page.get_by_label("Choose loan.txt").check()
    words.press("Enter")
    expect(page.get_by_text("2 files are tagged.")).to_be_visible()
    page.locator("tr", has_text="loan.txt").get_by_role("link", name="contracts").click()
    expect(page.locator("tbody tr")).to_have_count(2)
    expect(page.get_by_label("Tag", exact=True)).to_have_value("contracts")
    page.get_by_role("link", name="loan.txt").click()
    assert complaints(page) == []
    page.get_by_role("button", name="Remove the tag contracts").click()
    expect(page.get_by_role("button", name="Remove the tag contracts")).to_have_count(0)
    page.get_by_role("link", name="2026").click()
    expect(page.locator("tbody tr")).to_have_count(2)


def test_a_file_sent_twice_says_so_in_its_own_row(sign_in: SignIn) -> None:
    """It looked as if nothing had happened: the sentence stood above the fold, or was used up by the list's drawing anew."""
    page = sign_in(BOB)
    page.goto("/files/")
    page.locator("#upload-file").set_input_files(part("terms.pdf", TERMS))
    expect(page.locator("tr", has_text="terms.pdf")).to_have_count(1)
    page.locator("#upload-file").set_input_files([part("again.pdf", TERMS), part("drawing.svg", b"<svg/>")])
    uploads = page.locator("[data-uploads] .gauge")
    expect(uploads.filter(has_text="again.pdf")).to_contain_text("You already have this file, as “terms.pdf”.")
    expect(uploads.filter(has_text="drawing.svg")).to_contain_text("can't read this type of file")
    expect(page.locator("tbody tr")).to_have_count(1)


def test_a_file_is_found_among_many_in_the_form_of_an_agent(sign_in: SignIn) -> None:
    rows = [put(ALICE, f"minutes-{number:02}.txt", f"The minutes of meeting {number}.") for number in range(14)]
    page = sign_in(ALICE)
    page.goto(f"/agents/new/?with={rows[3].pk.hex}")
    choices = page.locator(".choices label")
    expect(page.get_by_label("minutes-03.txt")).to_be_checked()
    page.get_by_label("Find a file").fill("MINUTES-1")
    expect(choices.filter(visible=True)).to_have_count(4)
    page.get_by_label("minutes-12.txt").check()
    page.get_by_label("Find a file").press("Enter")
    expect(page.get_by_text("4 of 14 shown, 2 chosen")).to_be_visible()
    assert page.url.split("?")[0].endswith("/agents/new/")


def test_a_search_leads_to_the_passage_with_the_words_marked(sign_in: SignIn) -> None:
    page = sign_in(ALICE)
    page.goto("/files/")
    page.locator("#upload-file").set_input_files(part("terms.pdf", TERMS))
    expect(page.locator("tr", has_text="terms.pdf")).to_contain_text("Ready", timeout=60_000)
    page.goto("/search/?q=When+do+I+get+my+money+back%3F")
    page.get_by_role("link", name="terms.pdf · Page 2").click()
    expect(page.locator("mark#quote")).to_have_text("Refunds are paid within five working days.")


@pytest.mark.parametrize(("width", "height"), [(360, 740), (1280, 900)])
def test_the_head_of_a_passage_stays_and_never_covers_the_quote(sign_in: SignIn, width: int, height: int) -> None:
    text = "\n".join(f"Rule number {number} of the house says what has to be done." for number in range(60))
    file = put(ALICE, "a-rather-long-name-of-a-book-of-rules.txt", text)
    with acting(ALICE):
        passage = Passage.objects.filter(file=file).order_by("position")[1]
    page = sign_in(ALICE)
    page.set_viewport_size({"width": width, "height": height})
    page.goto(f"/files/{file.pk}/passages/{passage.pk}/?start=0&end=40&conversation={file.pk}#quote")
    head, quote = page.locator(".page__head"), page.locator("mark#quote")
    expect(head.get_by_role("link", name="Back to the conversation")).to_be_in_viewport()
    head_box, quote_box = head.bounding_box(), quote.bounding_box()
    assert head_box is not None
    assert quote_box is not None
    assert page.evaluate("scrollY") > 0
    assert head_box["y"] + head_box["height"] <= quote_box["y"] < height / 2


def test_a_hostile_name_is_text(sign_in: SignIn) -> None:
    """L28: names are shown, escaped and isolated; a script in one would fail this test by its dialog."""
    page = sign_in(BOB)
    page.on("dialog", lambda dialog: pytest.fail("A file's name ran as a script."))
    page.goto("/files/")
    page.locator("#upload-file").set_input_files(part(HOSTILE, b"Harmless words."))
    row = page.locator("tr", has_text="<img src=x onerror=alert(1)>gnp.txt")
    expect(row).to_contain_text("Ready", timeout=60_000)
    row.get_by_role("link").click()
    expect(page.get_by_role("heading", level=1)).to_have_text("<img src=x onerror=alert(1)>gnp.txt")
    assert page.locator("main img").count() == 0


def test_everything_works_without_a_script_and_on_a_telephone(chromium: Browser, served: str, committed: None) -> None:
    context = chromium.new_context(base_url=served, java_script_enabled=False, viewport={"width": 360, "height": 740})
    try:
        page = context.new_page()
        page.goto("/")
        type_sign_in(page, BOB)
        page.goto("/files/")
        page.locator("#upload-file").set_input_files(part("notes.txt", b"Plain words without a script."))
        page.get_by_role("button", name="Upload").click()
        reloaded_until(page, "Ready")
        page.get_by_role("link", name="notes.txt").click()
        expect(page.locator("main")).to_contain_text("Plain words without a script.")
        page.get_by_label("Add tags").fill("draft")
        page.get_by_role("button", name="Add", exact=True).click()
        page.get_by_role("button", name="Remove the tag draft").click()
        expect(page.get_by_role("link", name="draft")).to_have_count(0)
        page.get_by_role("button", name="Delete", exact=True).click()
        page.get_by_role("button", name="Delete file").click()
        expect(page.locator("main")).to_contain_text("No files yet")
    finally:
        context.close()


def reloaded_until(page: Page, word: str) -> None:
    """Load the page again, as a person without scripts does, until it says this word; at most a minute."""
    for _ in range(60):
        if page.locator("table").get_by_text(word).count():
            return
        page.wait_for_timeout(1000)
        page.reload()
    pytest.fail(f"The page never said {word}.")
