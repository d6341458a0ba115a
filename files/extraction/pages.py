"""What does a reader give back? Pages of clean text, each with the label that a citation shows.

Imports nothing but the standard library: the child process loads this.
"""

import re
import unicodedata
from collections.abc import Iterable, Iterator
from dataclasses import dataclass

# A section of running text (TXT, long DOCX sections) ends at a paragraph near this many characters.
SECTION_CHARACTERS = 6_000

# Controls break PostgreSQL (NUL) and terminals; bidi overrides and zero-width marks let a quote read differently
# from what it says, or hide words. Joiners (U+200C, U+200D) stay: Persian and emoji need them.
UNWANTED = re.compile(
    "[\x00-\x08\x0b-\x1f\x7f-\x9f\u00ad\u200b\u200e\u200f\u202a-\u202e\u2060-\u2064\u2066-\u2069\ufeff\ufff9-\ufffb]"
)
SPACES = re.compile("[ \t\u00a0\u1680\u2000-\u200a\u202f\u205f\u3000]+")
EMPTY_LINES = re.compile(r"\n{3,}")
LINE_ENDS = re.compile("\r\n?|\u2028|\u2029|\x0c")

# Looked for by statistics, in this order, when a text is not UTF-8.
ENCODINGS = [
    "utf_8", "utf_16", "utf_16_le", "utf_16_be", "cp1252", "latin_1", "cp1250", "cp1251", "koi8_r", "cp1253", "cp1254",
    "cp1255", "cp1256", "iso8859_2", "iso8859_15", "mac_roman", "cp932", "shift_jis", "euc_jp", "gb18030", "big5",
    "euc_kr", "cp437", "cp850",
]  # fmt: skip


@dataclass(frozen=True, slots=True)
class Page:
    """One page, sheet, slide or section: `number` counts from 1, `label` is what people call it."""

    number: int
    label: str
    text: str


def clean(text: str) -> str:
    """NFC text with plain spaces and line ends, without control, bidi or zero-width characters."""
    text = text.encode("utf-8", "replace").decode("utf-8") if _has_surrogates(text) else text
    text = LINE_ENDS.sub("\n", text)
    text = UNWANTED.sub("", unicodedata.normalize("NFC", text))
    text = SPACES.sub(" ", text)
    return EMPTY_LINES.sub("\n\n", "\n".join(line.strip() for line in text.split("\n"))).strip()


def clean_label(text: str, longest: int = 120) -> str:
    """One line of at most `longest` characters for a label."""
    line = " ".join(clean(text).split())
    return line if len(line) <= longest else line[: longest - 1].rstrip() + "…"


def sections(blocks: Iterable[tuple[str | None, str]]) -> Iterator[Page]:
    """Pages out of `(heading or None, text)` blocks in reading order: one for each heading, long ones divided.

    The heading stands first in its page's text too, so that a search for it finds the section. A heading with nothing
    under it but the next heading joins that one: alone it would be found for its words and say nothing.
    """
    number, heading, lines, size, headings = 1, "", list[str](), 0, 0
    for title, raw in blocks:
        text = clean(raw)
        if (title is not None and len(lines) > headings) or size > SECTION_CHARACTERS:
            if any(lines):
                yield Page(number, section_label(heading, number), "\n\n".join(lines))
                number += 1
            lines, size, headings = [], 0, 0
        if title is not None:
            heading = clean_label(title)
            headings += 1
        if text:
            lines.append(text)
            size += len(text)
    if any(lines):
        yield Page(number, section_label(heading, number), "\n\n".join(lines))


def section_label(heading: str, number: int) -> str:
    """What to call a section: its heading, or its number when it has none."""
    return f"Section “{heading}”" if heading else f"Section {number}"


def _has_surrogates(text: str) -> bool:
    try:
        text.encode("utf-8")
    except UnicodeEncodeError:
        return True
    return False
