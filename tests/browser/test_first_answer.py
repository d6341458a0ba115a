"""Does the main job work for a person: a file, an agent, a question, an answer that can be checked, and walls around it?"""

from __future__ import annotations

import re
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from urllib.parse import urlsplit

import pytest
from django.db import connections, transaction
from playwright.sync_api import Page, expect

from tests.browser import stock
from tests.browser.conftest import SignIn, type_sign_in
from tests.cast import ALICE, BOB, CHARLIE
from tests.files import documents

PAGES = [
    [
        "Northwind Kitchenware: refund policy",
        "Any unused article may be sent back within thirty days of the day on which the parcel",
        "reached the customer. Nobody has to give a reason.",
    ],
    [
        "When the money arrives",
        "We inspect a parcel within three working days of its arrival at our warehouse in Venlo.",
        "Card payments take up to five banking days to appear on the statement.",
    ],
]
SECTIONS = [
    ("Who is responsible", "Each site has one safety lead, who may stop any work at any time."),
    (
        "Gas",
        "If a gas line is hit: stop all engines, leave upwind, and call 112 from at least fifty metres away.",
    ),
]


def upload(page: Page, name: str, content: bytes, media_type: str) -> str:
    """Upload a file as a person does, wait until it was read, and return the path of its page."""
    page.goto("/files/")
    page.locator("#upload-file").set_input_files({"name": name, "mimeType": media_type, "buffer": content})
    page.locator("table").get_by_role("link", name=name).wait_for()
    page.locator("table").get_by_role("link", name=name).click()
    expect(page.locator("dl.facts")).to_contain_text("Ready", timeout=60_000)
    return urlsplit(page.url).path


def make_agent(page: Page, name: str, file_name: str) -> str:
    """Make an agent with this file attached, and return the path of its page."""
    page.goto("/agents/new/")
    page.get_by_label("Name", exact=True).fill(name)
    page.get_by_label(file_name).check()
    page.get_by_role("button", name="Make the agent").click()
    expect(page.get_by_role("heading", level=1)).to_have_text(name)
    return urlsplit(page.url).path


@contextmanager
def unfinished_answers() -> Iterator[None]:
    """Let answers be written and not be finished: on a busy machine the worker is sometimes faster than the browser, whose
    page then comes with the whole answer and has nothing to follow.
    """
    with transaction.atomic(using="owner"), connections["owner"].cursor() as cursor:
        # Reading goes on; the sources, which are put down with an answer's last word, wait.
        cursor.execute("LOCK TABLE conversations_citation IN SHARE MODE")
        yield


def ask(page: Page, question: str) -> None:
    """Ask in the open conversation, and wait until the answer is complete; it must have come as a stream."""
    page.get_by_label("Your question").fill(question)
    with (
        unfinished_answers(),
        page.expect_response(lambda answer: urlsplit(answer.url).path.endswith("/stream/")) as streamed,
    ):
        page.get_by_role("button", name="Send").click()
    assert streamed.value.headers["content-type"].startswith("text/event-stream")
    page.locator("ul.sources").last.wait_for()
    expect(page.locator("answer-stream")).to_have_count(0)


@pytest.mark.parametrize(
    ("name", "content", "media_type", "question", "place", "words"),
    [
        (
            "refund-policy.pdf",
            documents.pdf(PAGES),
            "application/pdf",
            "How long until a card payment shows up?",
            "page 2",
            "Card payments take up to five banking days",
        ),
        (
            "site-safety.docx",
            documents.word(SECTIONS),
            "application/vnd.openxmlformats-officedocument.wordprocessingml.document",
            "What do we do when somebody hits a gas pipe?",
            "Gas",
            "stop all engines, leave upwind",
        ),
    ],
)
def test_a_person_gets_an_answer_that_opens_at_its_place(
    new_page: Callable[[], Page], name: str, content: bytes, media_type: str, question: str, place: str, words: str
) -> None:
    page = new_page()
    page.goto("/")
    type_sign_in(page, ALICE)
    upload(page, name, content, media_type)
    make_agent(page, "Reader", name)
    page.get_by_role("button", name="Ask this agent").click()
    ask(page, question)
    answer = page.locator("article.turn--agent").last
    expect(answer).to_contain_text(words)
    source = answer.locator("ul.sources .source").first
    expect(source).to_contain_text(name)
    source.click()
    expect(answer.locator("[popover]:popover-open")).to_contain_text(words[:20])
    answer.locator("[popover]:popover-open").get_by_role("link", name="Open the passage").click()
    expect(page.locator("mark#quote").first).to_be_visible()
    expect(page.locator("main")).to_contain_text(place.removeprefix("page "))
    marked = " ".join(" ".join(page.locator("mark").all_inner_texts()).split())
    assert words in marked


def test_an_answer_that_takes_long_says_that_one_can_leave(sign_in: SignIn) -> None:
    places = stock.fill()
    stock.leave_unanswered(places)
    page = sign_in(ALICE)
    page.clock.install()
    page.goto(places.conversation)
    waiting = page.locator("answer-stream")
    expect(waiting).to_contain_text("Looking in the files")
    page.clock.fast_forward(8500)
    expect(waiting).to_contain_text("This takes longer than usual. You can leave; the answer will be here.")


def test_a_telephone_on_its_side_keeps_room_for_what_moves(sign_in: SignIn) -> None:
    places = stock.fill()
    page = sign_in(ALICE)
    page.goto(places.conversation)
    for height, position in ((800, "sticky"), (360, "static")):
        page.set_viewport_size({"width": 740, "height": height})
        for piece in (".composer", ".talk__head"):
            assert page.locator(piece).evaluate("piece => getComputedStyle(piece).position") == position


def test_on_paper_stands_what_was_asked_answered_and_quoted_and_nothing_to_press(sign_in: SignIn) -> None:
    places = stock.fill()
    page = sign_in(ALICE)
    page.goto(places.conversation)
    page.emulate_media(media="print")
    for kept in (".turn--person", ".turn--agent .prose", "ul.sources", ".talk__head h1"):
        expect(page.locator(kept).first).to_be_visible()
    for pressed in (".composer", ".turn__acts", ".talk .menu", ".rail"):
        expect(page.locator(pressed).first).to_be_hidden()
    assert page.locator(".talk__head").evaluate("piece => getComputedStyle(piece).position") == "static"


def test_the_other_workspace_and_a_colleague_see_none_of_it(sign_in: SignIn) -> None:
    alice = sign_in(ALICE)
    file_path = upload(alice, "secret-prices.pdf", documents.pdf(PAGES), "application/pdf")
    agent_path = make_agent(alice, "Price clerk", "secret-prices.pdf")
    alice.get_by_role("button", name="Ask this agent").click()
    ask(alice, "When does the money arrive on a card?")
    conversation_path = urlsplit(alice.url).path
    passage_path = _passage_path(alice)

    for person in (CHARLIE, BOB):
        stranger = sign_in(person)
        for listing in ("/files/", "/agents/", "/conversations/", "/search/?q=card+payments+banking+days"):
            stranger.goto(listing)
            expect(stranger.locator("main")).not_to_contain_text(
                re.compile("secret-prices|Price clerk|five banking days")
            )
        for path in (file_path, f"{file_path}content/", agent_path, conversation_path, passage_path):
            answer = stranger.request.get(path, max_redirects=0)
            assert answer.status == 404, path
            assert "secret-prices" not in answer.text()

    # What was refused stands in the trail of whoever tried, within seconds: Bob's in Acme's, Charlie's in Birch's alone.
    assert _is_refused_in_trail(alice, "Bob")
    charlie = sign_in(CHARLIE)
    assert _is_refused_in_trail(charlie, "Charlie")
    alice.goto("/trail/")
    expect(alice.locator("main")).not_to_contain_text("Charlie")


def _passage_path(page: Page) -> str:
    link = page.get_by_role("link", name="Open the passage", include_hidden=True).first
    return urlsplit(link.get_attribute("href") or "").path


def _is_refused_in_trail(page: Page, who: str) -> bool:
    """Reload the trail for up to fifteen seconds, until it shows a refusal of this person's."""
    for _ in range(30):
        page.goto("/trail/")
        if page.locator("table tbody tr", has_text=who).filter(has_text="Refused").count():
            return True
        page.wait_for_timeout(500)
    return False


def test_a_page_without_a_sign_in_leads_to_the_sign_in_and_shows_nothing(new_page: Callable[[], Page]) -> None:
    page = new_page()
    for path in ("/files/", "/agents/", "/conversations/", "/trail/", "/account/", "/keys/", "/search/?q=x"):
        page.goto(path)
        expect(page).to_have_title(re.compile("Sign in"))
        assert urlsplit(page.url).path == "/sign-in/"
