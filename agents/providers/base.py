"""What does every provider take, and what does it yield? The same for the one that quotes and for those that ask a model."""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass
from typing import Protocol

from agents.retrieval import Findings, Quote


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
class Waiting:
    """Nothing new for a moment. Whoever writes the answer down may look whether it is still wanted."""


@dataclass(frozen=True, slots=True)
class Done:
    """The answer is complete. `refused` says that nothing in the files was close enough to answer from; `is_cut` that it ends at its limit."""

    refused: bool = False
    is_cut: bool = False


@dataclass(frozen=True, slots=True)
class Failed:
    """The provider could not answer; `sentence` says what happened and what to do next, `kind` the same in a word, for programs."""

    sentence: str
    kind: str = ""


Event = Text | Cited | Waiting | Done | Failed


@dataclass(frozen=True, slots=True)
class Turn:
    """One earlier message: `role` is "user" or "assistant"."""

    role: str
    text: str


@dataclass(frozen=True, slots=True)
class Wishes:
    """What a program asks for besides, within what the agent allows: its own instructions, and where the text has to end."""

    instructions: str = ""
    temperature: float | None = None
    max_tokens: int | None = None
    stop: tuple[str, ...] = ()


@dataclass(frozen=True, slots=True)
class Question:
    """All that a provider gets to see: nothing in here is a row, so no provider can read further."""

    text: str
    instructions: str
    refusal_text: str
    findings: Findings
    history: tuple[Turn, ...] = ()
    # None: a person asks, who reads what a program is told by fields of its own.
    wishes: Wishes | None = None


class Provider(Protocol):
    """What every provider offers. `answer` may raise nothing that is meant for people: it yields `Failed` instead."""

    def answer(self, question: Question) -> Iterator[Event]:
        """Yield `Text` and `Cited` events, `Waiting` between them, and, last, exactly one `Done` or `Failed`."""
        ...
