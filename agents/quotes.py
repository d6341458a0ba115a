"""Which sentences does a passage have, and which of them answer best?

Everything here works on offsets into the passage's own text, so that a quote is always a verbatim piece of it.
"""

from __future__ import annotations

import itertools
import re
from collections.abc import Sequence
from dataclasses import dataclass

# A sentence longer than this (a table read as one line, a list without full stops) is divided at a pause.
LONGEST_SENTENCE = 360
# A quote may take in a neighbouring sentence as long as the whole stays below this many characters.
LONGEST_QUOTE = 420
# Fragments below this many characters ("E4:", "1 Safety") are joined to what follows: alone they quote nothing.
SHORTEST_SENTENCE = 24
# A neighbour joins the best sentence when it is nearly as close to the question as that one.
NEARLY = 0.8
# The sentence after the next one joins, with the one between, when it is closer than that: an exception ("for schools it is
# 60 days") often stands behind the rule and what explains the rule, and the rule alone would be the wrong answer.
VERY_NEARLY = 0.9
# What ends like a sentence, or is as long as one (a row of a table), can be quoted. A heading sounds like many questions and
# answers none.
SENTENCE = re.compile(r"[.!?…:;。！？][\"')\]”’»]*$")
LONG_ENOUGH = 60

# A full stop, question or exclamation mark ends a sentence when a capital, a digit, a quotation mark or a bullet follows;
# so "1,140.00" and "e.g. this" stay whole. A blank line ends one always.
END = re.compile(r"(?<=[.!?])[\"')\]”’]*\s+(?=[\"'(\[“‘]?[A-Z0-9À-ÖØ-Þ•–-])|\n\s*\n\s*")
# A short line without a full stop but that of its own number ("2. Returns", "4.1 Fees"), before a line that begins anew, is a
# heading and not the start of a sentence.
HEADING = re.compile(
    r"^(?=\S)(?:\d{1,3}(?:\.\d{1,3}){0,3}\.?[ \t]+)?[^\n.!?:;,]{2,70}\n(?=\s*[A-Z0-9À-ÖØ-Þ])", re.MULTILINE
)
EMPTY_LINE = re.compile(r"\n\s*\n")
# Dots that lead from an entry of an index to its page, and the whole line of such an entry.
LEADERS = re.compile(r"(?:\. ){5,}|\.{6,}")
INDEX_ROW = re.compile(rf"^[^\n]*(?:{LEADERS.pattern})[^\n]*(?:\n|\Z)", re.MULTILINE)
# So many lines are a list; fewer are a heading, with its second line or its page number.
SHORTEST_LIST = 3
# "2. Returns", "4.1 Fees": an entry of a table of contents, which names a place and says nothing.
NUMBERED = re.compile(r"\d{1,3}(?:\.\d{1,3}){0,3}\.?\s")
PAUSE = re.compile(r"[;:,]\s+|\s+[–—-]\s+")
ABBREVIATION = re.compile(r"\b(?:Mr|Mrs|Ms|Dr|Prof|St|No|Nos|Art|Sec|Fig|e\.g|i\.e|cf|vs|approx|[A-Z])\.\s*$")


@dataclass(frozen=True, slots=True)
class Span:
    """A piece of a text: characters `start` up to, and without, `end`."""

    start: int
    end: int

    def of(self, text: str) -> str:
        """Return the characters themselves."""
        return text[self.start : self.end]


def sentences(text: str) -> list[Span]:
    """Divide `text` into sentences, in order, without the space around them. Every word belongs to exactly one."""
    ends = {match.end() for match in END.finditer(text) if _is_end(text, match)}
    cuts = {0, *ends, *(match.end() for match in HEADING.finditer(text)), len(text)}
    for row in INDEX_ROW.finditer(text):
        # The dots of an index end no sentence, and its page number begins none.
        cuts = {cut for cut in cuts if not row.start() < cut < row.end()} | set(row.span())
    spans = [_trimmed(text, start, end) for start, end in itertools.pairwise(sorted(cuts))]
    whole = _joined(text, [span for span in spans if span.end > span.start])
    return [part for span in whole for part in _divided(text, span)]


def quotable(text: str) -> list[Span]:
    """Return the sentences of `text` that say something by themselves: none when it holds only headings or an index.

    A slide or a table may hold no sentence and still be a list of facts; then its lines can be quoted, below the first.
    """
    found = [span for span in sentences(text) if not LEADERS.search(span.of(text))]
    told = [span for span in found if _says_something(span.of(text))]
    return told or [span for span in found[1:] if len(found) >= SHORTEST_LIST and not NUMBERED.match(span.of(text))]


def best_quote(text: str, spans: Sequence[Span], scores: Sequence[float]) -> Span:
    """Return the best-scoring sentence, with neighbours where those are nearly as good and the whole stays short.

    `spans` and `scores` (cosines with the question) belong together and must not be empty.
    """
    best = max(range(len(spans)), key=lambda index: scores[index])
    first = last = best
    # The sentence after explains more often than the one before, so it is asked first; the one after that only as the third.
    for index, share in ((best + 1, NEARLY), (best - 1, NEARLY), (best + 2, VERY_NEARLY), (best - 2, VERY_NEARLY)):
        if not 0 <= index < len(spans) or scores[index] < scores[best] * share:
            continue
        wider = spans[min(first, index) : max(last, index) + 1]
        if _is_one_piece(text, wider):
            first, last = min(first, index), max(last, index)
    return Span(spans[first].start, spans[last].end)


def _is_one_piece(text: str, spans: Sequence[Span]) -> bool:
    """Can these sentences be quoted as one? An empty line, or a heading, between two of them parts what they speak about."""
    whole = Span(spans[0].start, spans[-1].end)
    between = [text[one.end : other.start] for one, other in itertools.pairwise(spans)]
    is_apart = bool(EMPTY_LINE.search(whole.of(text)) or any(space.strip() for space in between))
    return whole.end - whole.start <= LONGEST_QUOTE and not is_apart


def _is_end(text: str, match: re.Match[str]) -> bool:
    # "Ask Mr. Petrov" goes on; an empty line ends a sentence whatever stands before it.
    return match.group().count("\n") > 1 or not ABBREVIATION.search(text, max(0, match.start() - 8), match.start() + 1)


def _trimmed(text: str, start: int, end: int) -> Span:
    piece = text[start:end]
    lead = len(piece) - len(piece.lstrip())
    return Span(start + lead, start + max(lead, len(piece.rstrip())))


def _joined(text: str, spans: list[Span]) -> list[Span]:
    """Put fragments ("E4:", "No.") before what they introduce. A short heading has a line break behind it and stays alone."""
    joined: list[Span] = []
    for span in spans:
        last = joined[-1] if joined else None
        if last is not None and last.end - last.start < SHORTEST_SENTENCE and "\n" not in text[last.end : span.start]:
            joined[-1] = Span(last.start, span.end)
        else:
            joined.append(span)
    return joined


def _says_something(sentence: str) -> bool:
    return (bool(SENTENCE.search(sentence)) and len(sentence) >= SHORTEST_SENTENCE) or len(sentence) >= LONG_ENOUGH


def _divided(text: str, span: Span) -> list[Span]:
    parts: list[Span] = []
    start = span.start
    while span.end - start > LONGEST_SENTENCE:
        window = text[start : start + LONGEST_SENTENCE]
        pauses = [match.end() for match in PAUSE.finditer(window) if match.end() > LONGEST_SENTENCE // 3]
        cut = pauses[-1] if pauses else max(window.rfind(" "), LONGEST_SENTENCE // 3)
        parts.append(_trimmed(text, start, start + cut))
        start += cut
    parts.append(_trimmed(text, start, span.end))
    return [part for part in parts if part.end > part.start]
