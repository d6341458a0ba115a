"""Who writes an agent's answer? The one door to model vendors.

A provider turns a question, and the passages that were found for it, into a stream of typed events. The built-in one writes
no sentence of its own: it quotes. Those that speak to a model yield the same events, so stop, resume, citations, audit and
usage never ask which provider it was.
"""

from __future__ import annotations

import re
from collections.abc import Iterator
from dataclasses import dataclass
from typing import Protocol

from agents.retrieval import Findings, Quote, closest, has_quotable, quotes

BUILTIN = "builtin"

# What stands above the quotes. Sent while those are still looked for, so an answer that was stopped may hold nothing else.
ANNOUNCEMENT = "Your files say:"

# Characters that Markdown would take as its own inside a quote. Only those with an effect in running text are escaped, so
# that the API's clients read nearly every quote as it stands in the file.
INLINE = re.compile(r"([\\`*_\[\]<>&~|!])")
# Marks that begin a block when they stand first in a line.
BLOCK = re.compile(r"^(\s*)([#+=-]|\d{1,9}[.)])")


@dataclass(frozen=True, slots=True)
class Text:
    """More of the answer, as Markdown."""

    text: str


@dataclass(frozen=True, slots=True)
class Cited:
    """The answer cites `quote` under `number` (from 1); the text marks the place with `[number]`."""

    number: int
    quote: Quote


@dataclass(frozen=True, slots=True)
class Done:
    """The answer is complete. `refused` says that nothing in the files was close enough to answer from."""

    refused: bool = False


@dataclass(frozen=True, slots=True)
class Failed:
    """The provider could not answer; `sentence` says what happened and what to do next."""

    sentence: str


Event = Text | Cited | Done | Failed


@dataclass(frozen=True, slots=True)
class Turn:
    """One earlier message: `role` is "user" or "assistant"."""

    role: str
    text: str


@dataclass(frozen=True, slots=True)
class Question:
    """All that a provider gets to see: nothing in here is a row, so no provider can read further."""

    text: str
    instructions: str
    refusal_text: str
    findings: Findings
    history: tuple[Turn, ...] = ()


class Provider(Protocol):
    """What every provider offers. `answer` may raise nothing that is meant for people: it yields `Failed` instead."""

    key: str
    name: str

    def answer(self, question: Question) -> Iterator[Event]:
        """Yield `Text` and `Cited` events and, last, exactly one `Done` or `Failed`."""
        ...


class BuiltIn:
    """Quotes the agent's files. Needs no key and no network, and invents nothing."""

    key = BUILTIN
    name = "Built-in retrieval (quotes your files, no language model)"

    def answer(self, question: Question) -> Iterator[Event]:
        """Yield up to three quotes with their citations or, below the threshold, the refusal and the closest passages."""
        findings = question.findings
        if not findings.is_answerable or not has_quotable(findings):
            yield from self._refusal(question)
            return
        # Sent before the sentences are weighed, which takes a few hundred milliseconds: the reader sees at once that
        # something was found.
        yield Text(ANNOUNCEMENT)
        for number, quote in enumerate(quotes(findings), start=1):
            yield from _quoted(number, quote)
        yield Done()

    def _refusal(self, question: Question) -> Iterator[Event]:
        yield Text(question.refusal_text)
        nearest = closest(question.findings)
        if nearest:
            yield Text("\n\n**Closest passages.** These may not answer the question:")
        for number, quote in enumerate(nearest, start=1):
            yield from _quoted(number, quote)
        yield Done(refused=True)


class UnknownProvider(LookupError):
    """An agent names a provider that this installation does not have."""


_PROVIDERS: dict[str, Provider] = {BUILTIN: BuiltIn()}


def provider(key: str) -> Provider:
    """Return the provider with this key; raise `UnknownProvider`, whose message people may read."""
    try:
        return _PROVIDERS[key]
    except KeyError:
        raise UnknownProvider(
            f"This agent uses the provider “{key}”, which is not set up here. Edit the agent and choose another."
        ) from None


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
