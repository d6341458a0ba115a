"""What does every provider take, and what does it yield? The same for the one that quotes and for those that ask a model."""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from dataclasses import dataclass, field
from typing import Any, Protocol
from uuid import UUID

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


@dataclass(frozen=True, slots=True)
class Call:
    """A tool that a model wants called: the model's own mark for it, the name under which it knows the tool, and what it wrote."""

    id: str
    name: str
    arguments: str


@dataclass(frozen=True, slots=True)
class Wants:
    """The model said `said`, and goes on when these calls are answered. It stands last, in the place of `Done`."""

    calls: tuple[Call, ...]
    said: str


Event = Text | Cited | Waiting | Done | Failed | Wants


@dataclass(frozen=True, slots=True)
class ToolOffer:
    """A tool as a model is told of it."""

    name: str
    description: str
    schema: Mapping[str, Any]


@dataclass(frozen=True, slots=True)
class Round:
    """What a model said and wanted called before, each call with what came of it."""

    said: str
    calls: tuple[tuple[Call, str], ...]


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
    tools: tuple[ToolOffer, ...] = ()
    rounds: tuple[Round, ...] = ()
    # The numbers under which passages were cited in earlier rounds of the same answer.
    cited: Mapping[UUID, int] = field(default_factory=dict)
    # False: it has called enough, and has to answer now.
    may_call: bool = True


class Provider(Protocol):
    """What every provider offers. `answer` may raise nothing that is meant for people: it yields `Failed` instead."""

    def answer(self, question: Question) -> Iterator[Event]:
        """Yield `Text` and `Cited` events, `Waiting` between them, and, last, exactly one `Done`, `Failed` or `Wants`."""
        ...
