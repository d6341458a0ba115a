"""What does an HTML page say to a reader, without its scripts, styles and hidden parts?"""

from collections.abc import Iterator
from html.parser import HTMLParser
from typing import BinaryIO

from files.extraction.pages import Page, sections
from files.extraction.plain import decode
from files.refusals import DocumentRefused, Reason

SILENT = frozenset({"script", "style", "template", "noscript", "svg", "math", "iframe", "object", "head", "select"})
HEADINGS = frozenset({"h1", "h2", "h3"})
BLOCKS = frozenset({
    "p", "div", "section", "article", "main", "header", "footer", "nav", "aside", "li", "ul", "ol", "dl", "dt", "dd",
    "table", "tr", "blockquote", "pre", "h4", "h5", "h6", "br", "hr", "form", "figure", "figcaption", "body", "html",
    "caption", "details", "summary", "address",
})  # fmt: skip
# What documentation hangs behind each heading as a link to it: nothing that the heading says.
ANCHOR_SIGN = "¶"
VOID = frozenset({
    "area", "base", "br", "col", "embed", "hr", "img", "input", "link", "meta", "source", "track", "wbr",
})  # fmt: skip


# What opens, and what has to close it. An end that is missing makes the parser look for it again from every later opening:
# one megabyte of `<div ` took minutes.
ENDS = (("<", ">"), ("<!--", "-->"), ("<![", "]>"), ("<![CDATA[", "]]>"))
LONGEST_OPEN_END = 64 * 1024


class _Reader(HTMLParser):
    """Collects `(heading or None, text)` blocks."""

    def __init__(self) -> None:
        super().__init__(convert_charrefs=True)
        self.blocks: list[tuple[str | None, str]] = []
        self.seen_tag = False
        self._words: list[str] = []
        self._silent: list[str] = []
        self._heading = False

    def handle_starttag(self, tag: str, attrs: list[tuple[str, str | None]]) -> None:
        self.seen_tag = True
        if tag == "body":
            # Browsers end an unclosed head here, and so must we, or the whole page would be silent.
            self._silent = []
        hidden = any(name == "hidden" or (name == "aria-hidden" and value == "true") for name, value in attrs)
        if self._silent or tag in SILENT or hidden:
            if tag not in VOID and (not self._silent or tag == self._silent[0]):
                self._silent.append(tag)
            return
        if tag in HEADINGS:
            self.flush()
            self._heading = True
        elif tag in {"td", "th"}:
            self._words.append(" | " if self._words else "")
        elif tag in BLOCKS:
            self.flush()

    def handle_endtag(self, tag: str) -> None:
        if self._silent:
            if tag == self._silent[-1]:
                self._silent.pop()
            return
        if tag in HEADINGS or tag in BLOCKS:
            self.flush()

    def handle_data(self, data: str) -> None:
        if not self._silent and data and data.strip() != ANCHOR_SIGN:
            self._words.append(data)

    def flush(self) -> None:
        """End the block that is being collected."""
        text = " ".join("".join(self._words).split())
        if text:
            self.blocks.append((text if self._heading else None, text))
        self._words, self._heading = [], False


def read(stream: BinaryIO, kind: str) -> Iterator[Page]:
    """The visible text of a page, a section for each `h1` to `h3`; raises `DocumentRefused` when there are no tags."""
    reader = _Reader()
    text = decode(stream.read(), kind)
    if any(_open_end(text, opening, closing) > LONGEST_OPEN_END for opening, closing in ENDS):
        raise DocumentRefused(Reason.CORRUPT, kind)
    reader.feed(text)
    reader.close()
    reader.flush()
    if not reader.seen_tag:
        raise DocumentRefused(Reason.MISLABELLED, kind, "plain text")
    yield from sections(iter(reader.blocks))


def _open_end(text: str, opening: str, closing: str) -> int:
    """How many characters stand behind the first opening that nothing closes any more."""
    start = text.find(opening, text.rfind(closing) + 1)
    return len(text) - start if start >= 0 else 0
