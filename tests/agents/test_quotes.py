"""Does the sentence splitter keep every word, and does a quote stay verbatim?"""

import itertools
from pathlib import Path

import pytest
from hypothesis import given
from hypothesis import strategies as st

from agents.quotes import LONGEST_QUOTE, LONGEST_SENTENCE, best_quote, quotable, sentences

CORPUS = sorted((Path(__file__).parent / "corpus").glob("*.txt"))


def pieces(text: str) -> list[str]:
    return [span.of(text) for span in sentences(text)]


@pytest.mark.parametrize("path", CORPUS, ids=lambda path: path.stem)
def test_it_keeps_every_word_of_a_document_in_order(path: Path) -> None:
    text = path.read_text()
    assert " ".join(pieces(text)).split() == text.split()
    assert max(len(piece) for piece in pieces(text)) <= LONGEST_SENTENCE


@given(st.text(alphabet=st.characters(codec="utf-8"), max_size=1500))
def test_it_keeps_every_character_of_any_text(text: str) -> None:
    spans = sentences(text)
    assert "".join("".join(span.of(text).split()) for span in spans) == "".join(text.split())
    assert all(one.end <= other.start for one, other in itertools.pairwise(spans))


def test_it_does_not_end_a_sentence_inside_an_amount_or_after_a_title() -> None:
    text = "The table costs 1,140.00 euros at present. Ask Mr. Petrov, who knows the machines, about the rest of it."
    assert pieces(text) == [
        "The table costs 1,140.00 euros at present.",
        "Ask Mr. Petrov, who knows the machines, about the rest of it.",
    ]


def test_it_joins_lines_that_a_page_broke_in_the_middle_of_a_sentence() -> None:
    text = "Flights are booked in economy unless the journey takes\nmore than seven hours from gate to gate. Ask first, please, always."
    assert pieces(text)[0].endswith("gate to gate.")


def test_it_takes_a_heading_apart_from_the_sentence_below_it() -> None:
    text = "Backups of the company's servers\nServers are copied every night to a second data centre."
    assert pieces(text) == [
        "Backups of the company's servers",
        "Servers are copied every night to a second data centre.",
    ]


def test_it_divides_a_text_without_full_stops_at_its_pauses() -> None:
    text = ", ".join(f"item {number} costs {number * 3} euros" for number in range(60))
    found = pieces(text)
    assert len(found) > 3
    assert all(len(piece) <= LONGEST_SENTENCE for piece in found)


def test_it_takes_in_a_neighbour_that_is_nearly_as_close() -> None:
    text = "The desk is open on Mondays and Tuesdays. It closes at noon on both of these days. Cats are not allowed in here."
    spans = sentences(text)
    assert best_quote(text, spans, [0.8, 0.7, 0.1]).of(text) == text[: spans[1].end]
    assert best_quote(text, spans, [0.8, 0.2, 0.1]).of(text) == spans[0].of(text)


def test_it_never_lets_a_quote_grow_long() -> None:
    text = " ".join(f"Sentence number {number} goes on about {'very ' * 45}much the same thing." for number in range(4))
    spans = sentences(text)
    assert (quote := best_quote(text, spans, [0.9] * len(spans))).end - quote.start <= LONGEST_QUOTE


def test_a_heading_is_neither_a_quote_nor_a_part_of_one() -> None:
    text = "Hotels and meals\n\nA hotel may cost up to 140 euros a night.\n\nBackups of all our servers\nThey are copied every night."
    assert [span.of(text) for span in quotable(text)] == [
        "A hotel may cost up to 140 euros a night.",
        "They are copied every night.",
    ]
    assert best_quote(text, quotable(text), [0.5, 0.5]).of(text) == "A hotel may cost up to 140 euros a night."


def test_a_numbered_heading_is_no_part_of_the_sentence_below_it() -> None:
    text = "1. What this covers\nIt covers every order.\n2. How long a customer has\nGoods may be sent back within 30 days."
    found = quotable(text)
    assert [span.of(text) for span in found] == ["Goods may be sent back within 30 days."]
    longer = text.replace("It covers every order.", "It covers every order of a school.")
    assert best_quote(longer, quotable(longer), [0.8, 0.8]).of(longer) == "It covers every order of a school."


@pytest.mark.parametrize(
    "text", ["Red wine", "1. Scope\n2. Returns\n3. Payment\n4. Warranty", "Refund policy\nOur customers"]
)
def test_headings_alone_are_no_answer(text: str) -> None:
    assert quotable(text) == []


def test_a_row_of_an_index_is_no_answer() -> None:
    text = "How long a customer has to return goods . . . . . . . . . . . . . . . . . 14\nGoods may be returned within 30 days."
    assert [span.of(text) for span in quotable(text)] == ["Goods may be returned within 30 days."]


def test_the_lines_of_a_slide_are_quoted_below_its_title() -> None:
    text = "What we promise\n\nFree returns for schools\n\nDelivery in two days"
    assert [span.of(text) for span in quotable(text)] == ["Free returns for schools", "Delivery in two days"]


def test_it_takes_in_the_exception_that_stands_two_sentences_after_the_rule() -> None:
    text = "Goods may be returned within 30 days. The day of delivery counts as day zero. For schools the period is 60 days."
    spans = sentences(text)
    assert best_quote(text, spans, [0.6, 0.3, 0.55]).of(text) == text
    assert best_quote(text, spans, [0.55, 0.3, 0.6]).of(text) == text
    assert best_quote(text, spans, [0.6, 0.3, 0.5]).of(text) == spans[0].of(text)


@pytest.mark.parametrize("gap", ["\n\n", " " + "Beside the point. " * 30])
def test_it_quotes_three_sentences_only_as_one_short_piece(gap: str) -> None:
    text = (
        f"Goods may be returned within 30 days.{gap}Day zero is the day of delivery. For schools the period is 60 days."
    )
    spans = sentences(text)
    scores = [0.6, *[0.3] * (len(spans) - 2), 0.58]
    assert best_quote(text, spans, scores).of(text) == spans[0].of(text)
