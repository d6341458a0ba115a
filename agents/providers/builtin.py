"""How does an agent answer without a language model? It quotes its files, word for word, and writes nothing of its own."""

from __future__ import annotations

import re
from collections.abc import Iterator

from agents.providers.base import Cited, Done, Event, Question, Text
from agents.retrieval import Quote, closest, has_quotable, quotes

# What stands above the quotes. Sent while those are still looked for, so an answer that was stopped may hold nothing else.
ANNOUNCEMENT = "Your files say:"

# Characters that Markdown would take as its own inside a quote. Only those with an effect in running text are escaped, so
# that the API's clients read nearly every quote as it stands in the file.
INLINE = re.compile(r"([\\`*_\[\]<>&~|!])")
# Marks that begin a block when they stand first in a line.
BLOCK = re.compile(r"^(\s*)([#+=-]|\d{1,9}[.)])")


class BuiltIn:
    """Quotes the agent's files. Needs no key and no network, and invents nothing."""

    def answer(self, question: Question) -> Iterator[Event]:
        """Yield up to three quotes with their citations or, below the threshold, the refusal and the closest passages."""
        findings = question.findings
        if not findings.is_answerable or not has_quotable(findings):
            yield from refusal(question)
            return
        # Sent before the sentences are weighed, which takes a few hundred milliseconds: the reader sees at once that
        # something was found.
        yield Text(ANNOUNCEMENT)
        for number, quote in enumerate(quotes(findings), start=1):
            yield from _quoted(number, quote)
        yield Done()


def refusal(question: Question) -> Iterator[Event]:
    """Yield the agent's refusal and the closest passages, clearly no answer."""
    yield Text(question.refusal_text)
    nearest = closest(question.findings)
    if nearest:
        yield Text("\n\n**Closest passages.** These may not answer the question:")
    for number, quote in enumerate(nearest, start=1):
        yield from _quoted(number, quote)
    yield Done(refused=True)


def _quoted(number: int, quote: Quote) -> Iterator[Event]:
    # The citation goes first: whoever shows the text then knows what its mark [1] stands for.
    yield Cited(number, quote)
    # A quote that begins inside a sentence says so, outside its own words: those stay verbatim.
    lead = "… " if quote.text[:1].islower() else ""
    yield Text(f"\n\n> {lead}{escaped(quote.text)} [{number}]")


def escaped(text: str) -> str:
    """Return `text` as one line of Markdown that shows exactly its own characters."""
    line = INLINE.sub(r"\\\1", " ".join(text.split()))
    return BLOCK.sub(
        lambda mark: mark[1] + (f"\\{mark[2]}" if len(mark[2]) == 1 else f"{mark[2][:-1]}\\{mark[2][-1]}"), line
    )
