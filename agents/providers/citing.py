"""Which passages does a model's answer really cite, and what of its text may be passed on?

A model may name a passage that it was never given, and may have been told by a document to draw an image from somebody's server,
whose address carries what it read. So marks are checked against the ids that were sent, in the order in which they come, and
what begins an image is made plain text, for every reader of the answer, whichever program shows it (L21, L22).
"""

from __future__ import annotations

import re
import unicodedata
from collections.abc import Iterator, Mapping
from typing import Final
from uuid import UUID

from agents.providers.base import Cited, Text
from agents.retrieval import Findings, Found, quote_from

# A mark: "[p3]", "[p3, p5]", and "[3]" of a model that drops the letter; not the label of a link.
MARK: Final = r"\[p?\d{1,3}(?:\s?[,;]\s?p?\d{1,3}){0,9}\](?!\()"
TOKEN: Final = re.compile(rf"(?P<fence>```)|(?P<tick>`)|(?P<line>\n)|(?P<image>!(?=\[))|(?P<mark>{MARK})")
# What may still become one of these when more text comes.
UNFINISHED: Final = re.compile(r"(?:(?<!`)(?:```)*`{1,2}|!?(?:\[[p\d\s,;]{0,60}\]?)?)\Z")
# What no database takes, and what shows nothing and could carry a hidden text.
UNSHOWN: Final = {"Cc", "Cs", "Cf", "Co"}
KEPT: Final = {"\n", "\t", "\u200c", "\u200d"}  # joiners belong to Persian, Hindi and many an emoji
# Of joiners, and of marks that choose how the sign before them is drawn, none stands behind another one.
UNSEEN: Final = re.compile(
    "[\u200c\u200d]{2,}|[\ufe00-\ufe0f\u180b-\u180f]{2,}|[\u034f\u115f\u1160\u17b4\u17b5\u3164\uffa0\U000e0100-\U000e01ef]"
)


class Citing:
    """Turns a model's text into `Text` and `Cited` events. `dropped` counts marks that named no passage that was sent."""

    def __init__(self, findings: Findings, sent: Mapping[str, Found], cited: Mapping[UUID, int] | None = None) -> None:
        """`cited` are the numbers that passages got in what the answer said before."""
        self._findings, self._sent = findings, sent
        before = cited or {}
        self._numbers = {name: before[found.passage_id] for name, found in sent.items() if found.passage_id in before}
        self._last = max(before.values(), default=0)
        self._held = ""
        self._in_fence = self._in_ticks = False
        self.dropped = 0
        self.said = ""

    def take(self, text: str) -> Iterator[Text | Cited]:
        """Pass text on as far as it is clear what it means; the rest waits for more."""
        whole = self._held + visible(text)
        unfinished = UNFINISHED.search(whole)
        cut = unfinished.start() if unfinished else len(whole)
        self._held = whole[cut:]
        yield from self._passed(whole[:cut])

    def end(self) -> Iterator[Text | Cited]:
        """Pass on what waits: nothing more comes."""
        held, self._held = self._held, ""
        yield from self._passed(held)

    def _passed(self, text: str) -> Iterator[Text | Cited]:
        begun = 0
        for token in TOKEN.finditer(text):
            kind = token.lastgroup
            if kind in ("image", "mark") and not (self._in_fence or self._in_ticks):
                yield from self._plain(text[begun : token.start()])
                begun = token.end()
                yield from self._image(text, begun) if kind == "image" else self._marks(token.group())
            elif kind == "fence":
                self._in_fence = not self._in_fence
            elif kind == "tick":
                self._in_ticks = not self._in_ticks
            elif kind == "line":
                self._in_ticks = False  # a mark of code that nobody closed
        yield from self._plain(text[begun:])

    def _plain(self, text: str) -> Iterator[Text]:
        if text:
            self.said += text
            yield Text(text)

    def _image(self, text: str, place: int) -> Iterator[Text]:
        # Before a mark it is a mark of exclamation; before anything else it would draw what stands behind it.
        return self._plain("\\!" if TOKEN.match(text, place) else "!\\")

    def _marks(self, marks: str) -> Iterator[Text | Cited]:
        for digits in re.findall(r"\d+", marks):
            name = f"p{int(digits)}"
            found = self._sent.get(name)
            if found is None:
                # It would look like a source and be none.
                self.dropped += 1
                continue
            number = self._numbers.get(name)
            if number is None:
                self._last += 1
                number = self._numbers[name] = self._last
                # The citation goes first: whoever shows the text then knows what its mark stands for.
                yield Cited(number, quote_from(self._findings, found))
            yield from self._plain(f"[{number}]")


def visible(text: str) -> str:
    """Return the text without what shows nothing: controls, half characters, zero-width and tag characters."""
    if text.isascii() and text.isprintable():
        return text
    shown = "".join(letter for letter in text if letter in KEPT or unicodedata.category(letter) not in UNSHOWN)
    return UNSEEN.sub("", shown)
