"""How does a text go into a Markdown file so that nothing in it loads, runs, or passes for a part of the file?

What people and agents wrote is hostile here too: a reader that opens the file must fetch no picture (L21), find no HTML, and see
where a message ends. So each message is a block quote, which also ends whatever a text leaves open; and outside listings,
whose words are never markup, no picture, link, reference or tag is left.
"""

from __future__ import annotations

import re
from collections.abc import Callable
from typing import Final

from markdown_it import MarkdownIt

from conversations.rendering import LONGEST_MARKDOWN

_PUNCTUATION: Final = re.compile(r"([!-/:-@\[-`{-~])")
# A tag or an autolink begins with "<"; a picture with "![", a note with "[^"; links and references need "]" before "(", "[" or
# ":". One that has its backslash already would be brought to life by a second one.
_LIVE: Final = re.compile(r"(?<!\\)((?:\\\\)*)(<|!(?=\[)|\](?=[(\[:])|\[(?=\^))")
_BREAKS: Final = re.compile(r"\r\n?|[\x0b\x0c\x1c-\x1e\x85\u2028\u2029]")
# Codes that a terminal obeys when the file is printed there.
_CONTROLS: Final = re.compile(r"[\x00-\x08\x0e-\x1f\x7f-\x9f]")


def plain(text: str) -> str:
    """Escape a text so that Markdown shows its very characters, on one line."""
    return _PUNCTUATION.sub(r"\\\1", _CONTROLS.sub("", " ".join(text.split())))


def plain_lines(text: str) -> str:
    """Escape a text so that Markdown shows its very characters, line by line."""
    return "\n".join(_PUNCTUATION.sub(r"\\\1", line.strip()) + ("  " if line.strip() else "") for line in _lines(text))


def tamed(text: str, marked: Callable[[str], str]) -> str:
    """Keep a text's Markdown and take what could load, lead or mark up; listings stay as they are.

    `marked` puts our own marks into a line, after everything that the text itself brought has been taken.
    """
    lines = _lines(text)
    listings = _listings("\n".join(lines))
    return "\n".join(
        line if number in listings else marked(_LIVE.sub(r"\1\\\2", line)) for number, line in enumerate(lines)
    )


def quoted(text: str) -> str:
    """Put every line behind ">": nothing in the text reaches beyond its last line."""
    return "\n".join(f"> {line}" if line else ">" for line in text.split("\n"))


def _lines(text: str) -> list[str]:
    # Whatever another program may take for the end of a line ends one here, so that none escapes its ">".
    return _CONTROLS.sub("", _BREAKS.sub("\n", text)).split("\n")


def _listings(text: str) -> set[int]:
    """The numbers of the lines inside fenced listings; none of a text that would keep the parser busy, which is safe."""
    if len(text) > LONGEST_MARKDOWN:
        return set()
    found: set[int] = set()
    for token in MarkdownIt("commonmark", {"html": False}).parse(text):
        if token.type == "fence" and token.map:
            found |= set(range(*token.map))
    return found
