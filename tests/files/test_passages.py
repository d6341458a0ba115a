"""Is every passage a verbatim slice of its page, and is no word of the page lost?"""

from hypothesis import given, settings
from hypothesis import strategies as st

from files import passages
from files.extraction.pages import Page, clean


def words(text: str) -> int:
    return len(text.split())


def test_it_cuts_near_two_hundred_words_between_sentences() -> None:
    text = " ".join(f"Sentence number {number} says that nothing is lost here." for number in range(100))
    pieces = list(passages.cut([Page(7, "Page 7", text)]))
    assert [words(piece.text) for piece in pieces] == [198, 198, 198, 198, 108]
    assert all(piece.text.endswith(".") and piece.text.startswith("Sentence") for piece in pieces)
    assert {(piece.page, piece.label) for piece in pieces} == {(7, "Page 7")}


def test_it_joins_a_short_rest_to_the_passage_before() -> None:
    text = " ".join(f"Sentence number {number} is here." for number in range(44))
    assert [words(piece.text) for piece in passages.cut([Page(1, "", text)])] == [220]


def test_it_divides_text_without_sentences() -> None:
    pieces = list(passages.cut([Page(1, "", "word " * 1000), Page(2, "", "x" * 100_000)]))
    assert max(len(piece.text) for piece in pieces) <= passages.LONGEST_WORD * (
        passages.TARGET_WORDS + passages.SHORTEST_REST
    )
    assert [piece.position for piece in pieces] == list(range(len(pieces)))


def test_a_line_end_inside_a_sentence_is_not_where_a_passage_begins() -> None:
    sentence = "Whoever conveys a copy of the work must pass on the same freedoms\nthat he received with it, and must see to it that\nothers get them too."
    text = " ".join([sentence] * 40)
    pieces = list(passages.cut([Page(1, "", text)]))
    assert len(pieces) > 4
    assert all(piece.text.startswith("Whoever") and piece.text.endswith("too.") for piece in pieces)


def test_an_item_of_a_list_may_begin_one() -> None:
    items = [
        f"• item {number} of a long list that has no full stops\n{number}) and a numbered one" for number in range(40)
    ]
    pieces = list(passages.cut([Page(1, "", "\n".join(items))]))
    assert len(pieces) > 2
    assert all(piece.text[0] in "•0123456789" for piece in pieces)


def test_a_table_is_cut_between_its_rows() -> None:
    rows = [f"Article {number} | beech | oiled | {number} euros" for number in range(100)]
    pieces = list(passages.cut([Page(1, "", "\n".join(rows))]))
    assert [row for piece in pieces for row in piece.text.split("\n")] == rows
    assert max(words(piece.text) for piece in pieces) <= passages.TARGET_WORDS


def test_an_empty_page_has_none() -> None:
    assert list(passages.cut([Page(1, "", ""), Page(2, "", " \n ")])) == []


@settings(max_examples=200, deadline=None)
@given(st.text(alphabet=st.sampled_from("ab .!?\n\n\"')x日。—"), max_size=3000))
def test_passages_are_slices_in_order_and_cover_every_word(raw: str) -> None:
    text = clean(raw)
    last = 0
    for start, end in passages.spans(text):
        assert last <= start < end <= len(text)
        assert not text[last:start].strip()
        assert text[start:end] == text[start:end].strip()
        last = end
    assert not text[last:].strip()
