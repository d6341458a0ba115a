"""How is the piece of a text shown in which a search found its words?

PostgreSQL cuts the piece and puts marks around the words; the text is split at the marks, and templates escape every run of it
like any other text.
"""

from __future__ import annotations

import re
from dataclasses import dataclass
from typing import Final

from django.contrib.postgres.search import SearchHeadline, SearchQuery

# Marks around found words, from Unicode's private area. They never become markup, and a text that holds such characters
# itself can only highlight a part of its own excerpt.
OPEN: Final = "\ue000"
CLOSE: Final = "\ue001"
MARKED: Final = re.compile(f"{OPEN}(.*?){CLOSE}", re.DOTALL)


@dataclass(frozen=True, slots=True)
class Part:
    """A run of text, highlighted or not. Templates escape it like any other text."""

    text: str
    is_marked: bool


def headline(column: str, query: SearchQuery, *, whole: bool = False) -> SearchHeadline:
    """The expression for the best pieces of a column's text, or for all of it, with the marks around what `query` finds."""
    if whole:
        return SearchHeadline(column, query, config="english", start_sel=OPEN, stop_sel=CLOSE, highlight_all=True)
    return SearchHeadline(
        column, query, config="english", start_sel=OPEN, stop_sel=CLOSE, max_words=45, min_words=25, max_fragments=2,
        fragment_delimiter=" … ",
    )  # fmt: skip


def parts_of(marked: str) -> tuple[Part, ...]:
    """Split a text at its marks."""
    pieces = MARKED.split(marked)
    return tuple(Part(piece, is_marked=place % 2 == 1) for place, piece in enumerate(pieces) if piece)


def excerpt(marked: str, text: str) -> tuple[Part, ...]:
    """The pieces of `text` that `marked` holds, saying where they begin or end in the middle of it."""
    plain = marked.replace(OPEN, "").replace(CLOSE, "")
    before = "" if text.startswith(plain[:20]) else "… "
    after = "" if text.endswith(plain[-20:]) else " …"
    return parts_of(before + marked + after)
