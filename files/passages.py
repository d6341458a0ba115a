"""Which pieces of a page are searched, embedded and quoted?

A passage is a verbatim slice of its page's text of about 200 words, cut between sentences, so that a quote always
stands in the page exactly as it is shown and `page.text[start:end] == text` holds.
"""

import re
from collections.abc import Iterable, Iterator
from dataclasses import dataclass

from files.extraction.pages import Page

TARGET_WORDS = 200
# A rest shorter than this joins the passage before it: alone it would have too little to be found by.
SHORTEST_REST = 40
# A "word" of a kilobyte (an encoded image, a hash list) is cut like several, or one passage would hold megabytes.
LONGEST_WORD = 60

# After a full stop with a space or line end behind it, at an empty line, or before a line that begins an item of a list. Quotes
# and brackets may close in between. Any other line end is a place where the page was too narrow, and no end of anything.
BOUNDARY = re.compile(r"(?<=[.!?…。！？])[\"'”’»)\]]*\s+|\n{2,}|\n(?=[•‣◦–—*-]\s|\d{1,3}[.)]\s)")
WORD = re.compile(rf"\S{{1,{LONGEST_WORD}}}")


@dataclass(frozen=True, slots=True)
class Piece:
    """One passage before it is stored; `start` and `end` count characters in its page's text."""

    position: int
    page: int
    label: str
    text: str
    start: int
    end: int


def cut(pages: Iterable[Page]) -> Iterator[Piece]:
    """The passages of a document in reading order; none crosses from one page to the next."""
    position = 0
    for page in pages:
        for start, end in spans(page.text):
            yield Piece(position, page.number, page.label, page.text[start:end], start, end)
            position += 1


def spans(text: str) -> list[tuple[int, int]]:
    """Where the passages of one page begin and end, without white space at either end."""
    found: list[tuple[int, int]] = []
    start, words = 0, 0
    for left, right in _sentences(text):
        count = _count(text, left, right)
        if words and words + count > TARGET_WORDS:
            found.append((start, left))
            start, words = left, 0
        words += count
    if words:
        if found and words < SHORTEST_REST:
            start = found.pop()[0]
        found.append((start, len(text)))
    return [trimmed for left, right in found if (trimmed := _trim(text, left, right))[0] < trimmed[1]]


def _sentences(text: str) -> Iterator[tuple[int, int]]:
    left = 0
    for boundary in BOUNDARY.finditer(text):
        yield from _whole_or_divided(text, left, boundary.end())
        left = boundary.end()
    if left < len(text):
        yield from _whole_or_divided(text, left, len(text))


def _whole_or_divided(text: str, left: int, right: int) -> Iterator[tuple[int, int]]:
    """One sentence, or pieces of a "sentence" that is longer than a passage (tables, lists, text without stops).

    It is cut at the last line end that fits, since a row of a table is worth keeping whole; without one, between words.
    """
    words, line = 0, left
    for word in WORD.finditer(text, left, right):
        if text[word.start() - 1 : word.start()] == "\n":
            line = word.start()
        if words == TARGET_WORDS:
            cut = line if line > left else word.start()
            yield left, cut
            left, words = cut, _count(text, cut, word.start())
        words += 1
    if left < right:
        yield left, right


def _count(text: str, left: int, right: int) -> int:
    return sum(1 for _ in WORD.finditer(text, left, right))


def _trim(text: str, left: int, right: int) -> tuple[int, int]:
    piece = text[left:right]
    return left + len(piece) - len(piece.lstrip()), right - (len(piece) - len(piece.rstrip()))
