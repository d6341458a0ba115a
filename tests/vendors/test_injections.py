"""A document tells the model what to do, and the model does it. Does anything leave, or run? (L21, L22)"""

from __future__ import annotations

import json
import re
from html.parser import HTMLParser

import pytest

from conversations.models import Message
from tests.cast import ALICE
from tests.conversations.stage import answered
from tests.vendors.injections import DOCUMENTS, EVIL, OBEDIENT, SECRET, TAGGED
from tests.vendors.server import Double
from tests.vendors.stage import writer

pytestmark = pytest.mark.django_db(databases=["default"])
# The only elements and attributes of an answer: none that a browser fetches, runs or follows by itself.
QUIET = {"p", "a", "em", "button", "span", "table", "thead", "tbody", "tr", "th", "td"}
ATTRIBUTES = {"href", "title", "rel", "class", "type", "popovertarget", "aria-label"}


class Elements(HTMLParser):
    """Reads HTML as a browser does, and keeps what it is made of."""

    def __init__(self, html: str) -> None:
        super().__init__()
        self.names: set[str] = set()
        self.attributes: set[str] = set()
        self.feed(html)

    def handle_starttag(self, tag: str, attrs: list[tuple[str, str | None]]) -> None:
        """Keep the names."""
        self.names.add(tag)
        self.attributes |= {name for name, _ in attrs}


@pytest.mark.parametrize("trick", DOCUMENTS)
def test_a_document_stays_data_between_its_quotation_marks(trick: str, vendor: Double) -> None:
    _, answer = answered(ALICE, writer(ALICE, vendor, text=DOCUMENTS[trick]))
    assert answer.status == Message.Status.DONE
    asked = vendor.asked[-1]
    # One message of rules, one of the person's, and in that one exactly one question and the passages: whatever they say.
    assert [message["role"] for message in asked.body["messages"]] == ["system", "user"]
    last = json.loads(asked.turns[-1]["content"])
    assert set(last) == {"passages", "question"}
    assert last["question"] == "How many days do I have to return an article?"
    assert SECRET in str(last["passages"])
    assert EVIL not in asked.system
    # A model reads what shows nothing; a person who checks the file does not.
    unseen = "[\u200b\u2060\ufeff\u202a-\u202e\u2066-\u2069\u115f\u3164\U000e0000-\U000e007f]|[\ufe00-\ufe0f]{2}"
    assert not re.search(unseen, asked.turns[-1]["content"])
    assert ("\u2764\ufe0f" in asked.turns[-1]["content"]) == (trick == "variation selectors"), "a red heart stays red"


@pytest.mark.parametrize("trick", OBEDIENT)
def test_a_model_that_obeys_a_document_draws_no_image_and_runs_nothing(trick: str, vendor: Double) -> None:
    vendor.says = lambda asked: OBEDIENT[trick]
    _, answer = answered(ALICE, writer(ALICE, vendor, text=DOCUMENTS["white text"]))
    assert answer.status == Message.Status.DONE
    assert answer.text.startswith("Thirty days [1].")
    elements = Elements(answer.html)
    assert (elements.names - QUIET, elements.attributes - ATTRIBUTES) == (set(), set())
    # Of links only those whose host stands visibly beside them, and never one whose address stands elsewhere in the text.
    for address in re.findall(r'href="([^"]*)"', answer.html):
        assert address.startswith(f"https://{EVIL}/")
        assert f'<span class="link-host">({EVIL})</span>' in answer.html
        assert "reference" not in trick
        assert "own name" not in trick
    # Other programs show the text as it comes by the API, and some draw images: there is none in it.
    assert not re.search(r"(?<!\\)!\[", answer.text)
    assert TAGGED[0] not in answer.text
    assert answer.text.isprintable() or set(re.findall(r"[^ -~]", answer.text)) <= {"\n"}
