"""How does a language model write an answer, and what does a person read when it does not?"""

from __future__ import annotations

import json
from collections.abc import Iterator
from contextlib import closing
from dataclasses import dataclass
from typing import Final

import httpx2

from accounts import outbound
from accounts.outbound.streaming import Compressed, PinnedTransport, TooLarge
from agents.providers.base import Call, Done, Event, Failed, Question, Text, Waiting, Wants
from agents.providers.builtin import refusal
from agents.providers.citing import Citing, visible
from agents.providers.prompts import named, prompt
from agents.providers.pumping import pumped
from agents.providers.wire import Connection, Counted, Dialect, Ended, Piece, Prompt, Trouble

# More than any limit of tokens that an agent can have comes to. Over all rounds: much more has no place in an index of words.
LONGEST_ANSWER: Final = 128 * 1024  # characters
MOST_NAMES: Final = 300
MOST_TOKENS: Final = 10**7  # no model takes more; whoever reports more is not believed
LONGEST_NAME: Final = 120
# Tokens are shorter than words; four characters to one is what vendors say of English, and other languages have fewer.
CHARACTERS_OF_A_TOKEN: Final = 3

ADMIN: Final = "an administrator can look at it under Settings, Models"
SENTENCES: Final = {
    "down": f"“{{name}}” could not be reached. Retry in a moment; if it stays away, {ADMIN}.",
    "slow": "“{name}” did not answer in time. Retry in a moment.",
    "busy": "“{name}” takes no more requests just now. Retry in a minute.",
    "paid": "“{name}” reports that its account has nothing left to spend. Whoever pays for it has to add to it there.",
    "failing": "“{name}” reported a failure of its own. Retry in a moment.",
    "cut": "“{name}” broke off before the answer was complete. What came so far stands here; retry to have it written anew.",
    "garbage": f"“{{name}}” sent something that is no answer. Retry; if it happens again, {ADMIN}.",
    "large": f"“{{name}}” sent far more than an answer holds, so it was cut off. Retry; if it happens again, {ADMIN}.",
    "redirect": f"“{{name}}” wanted the question sent to another address, which is never done. Its address has to be corrected: {ADMIN}.",
    "forbidden": f"The address of “{{name}}” may not be called from here. It has to be corrected: {ADMIN}.",
    "key": f"“{{name}}” did not accept its key. It has to be entered anew: {ADMIN}.",
    "missing": "“{name}” does not know the model “{model}”. Edit the agent and choose another.",
    "request": "“{name}” did not accept the request. The model may not take this temperature or so many tokens; edit the agent.",
    "long": "The question and the passages are too long for this model. Ask for less, or have the agent look at fewer passages.",
    "withheld": "“{name}” withheld its answer by rules of its own. Ask in other words.",
}
# Of what a vendor did not take, it bills nothing.
FREE: Final = frozenset({"down", "busy", "paid", "redirect", "forbidden", "key", "missing", "request", "long"})
# What ends an answer of which something stands already.
BROKEN_OFF: Final = frozenset({"down", "slow", "garbage", "failing", "busy"})
LIMIT_REACHED: Final = "\n\n*The answer ends here: it reached the agent’s limit of {tokens} tokens.*"
DROPPED: Final = "\n\n*{count} in this answer named no passage that the model was given. {verb} left out.*"


@dataclass(slots=True)
class Spent:
    """Tokens that an answer took: as the vendor says, or by our own estimate where it does not."""

    read: int
    written: int

    def count(self, counted: Counted) -> None:
        """Take the vendor's count. Whatever is no sensible number leaves the estimate."""
        if _is_count(counted.read):
            self.read = int(counted.read or 0)
        if _is_count(counted.written):
            self.written = int(counted.written or 0)


class LanguageModel:
    """Asks a vendor's model, for one answer; `spent` says afterwards what that took."""

    def __init__(self, connection: Connection) -> None:
        self._connection = connection
        self._ended = ""
        self._before = 0
        self._calls: list[Call] = []
        self._spent = Spent(0, 0)

    @property
    def spent(self) -> Spent:
        """Tokens that the answer took, so far."""
        return self._spent

    def answer(self, question: Question) -> Iterator[Event]:
        """Yield the model's answer with its checked citations; without passages or anything said before, the refusal."""
        if not needs_model(question):
            yield from refusal(question)
            return
        sent = named(question)
        citing = Citing(question.findings, sent, question.cited)
        said = prompt(question, sent)
        self._before = sum(len(one.said) for one in question.rounds)
        self._spent = Spent(estimated(said), 0)
        try:
            yield from self._written(said, citing)
        except Exception as error:
            kind = trouble_of(error, dialect_of(self._connection.kind))
            if not kind:
                raise
            yield from citing.end()
            if kind in FREE and not citing.said:
                self._spent = Spent(0, 0)
            yield self._failed("cut" if kind in BROKEN_OFF and citing.said.strip() else kind)
            return
        yield from self._end(citing, question)

    def _written(self, said: Prompt, citing: Citing) -> Iterator[Event]:
        dialect = dialect_of(self._connection.kind)
        with closing(PinnedTransport(dialect.place(self._connection), self._connection.limits)) as transport:
            for word in pumped(lambda: dialect.words(self._connection, said, transport), transport.end):
                if isinstance(word, Piece):
                    yield from self._more(word.text, citing)
                elif isinstance(word, Counted):
                    self._spent.count(word)
                elif isinstance(word, Call):
                    self._calls.append(word)
                elif isinstance(word, Ended):
                    self._ended = word.why
                else:
                    yield Waiting()
        yield from citing.end()

    def _more(self, text: str, citing: Citing) -> Iterator[Event]:
        if self._before + len(citing.said) + len(text) > LONGEST_ANSWER:
            raise Trouble("large")
        yield from citing.take(text)
        self._spent.written = max(self._spent.written, len(citing.said) // CHARACTERS_OF_A_TOKEN)

    def _end(self, citing: Citing, question: Question) -> Iterator[Event]:
        if self._calls and self._ended in ("stop", "") and question.may_call:
            # One that ended at its limit was cut off inside of what it wanted to call.
            yield Wants(tuple(self._calls), citing.said)
            return
        if not self._ended or not citing.said.strip():
            kind = "withheld" if self._ended == "withheld" else "cut" if citing.said.strip() else "garbage"
            yield self._failed(kind)
            return
        if self._ended == "withheld":
            yield self._failed("withheld")
            return
        if self._ended == "length" and question.wishes is None:
            yield Text(LIMIT_REACHED.format(tokens=self._connection.max_tokens))
        if citing.dropped:
            is_one = citing.dropped == 1
            count = "1 mark" if is_one else f"{citing.dropped} marks"
            yield Text(DROPPED.format(count=count, verb="It was" if is_one else "They were"))
        yield Done(citing.said.strip() == question.refusal_text.strip(), is_cut=self._ended == "length")

    def _failed(self, kind: str) -> Failed:
        return Failed(sentence_of(kind, self._connection), kind)


def needs_model(question: Question) -> bool:
    """Is there anything to give a model? One that is given neither passages, nor an earlier turn, nor a tool can only invent."""
    return question.findings.is_answerable or bool(question.history) or bool(question.tools)


def names_of_models(connection: Connection) -> list[str]:
    """Ask the vendor which models it has, by name, up to so many. Raises `Trouble`."""
    dialect = dialect_of(connection.kind)
    found: set[str] = set()
    try:
        with closing(PinnedTransport(dialect.place(connection), connection.limits)) as transport:
            for name in dialect.names(connection, transport):
                shown = visible(name).strip()
                if shown and len(shown) <= LONGEST_NAME:
                    found.add(shown)
                if len(found) >= MOST_NAMES:
                    break
    except Exception as error:
        kind = trouble_of(error, dialect)
        if not kind:
            raise
        raise Trouble(kind) from error
    return sorted(found)


def sentence_of(kind: str, connection: Connection) -> str:
    """What a person reads about this kind of trouble. Nothing that the vendor said stands in it: that may hold its key (L44)."""
    return SENTENCES[kind].format(name=connection.name, model=connection.model)


def estimated(said: Prompt) -> int:
    """About how many tokens a prompt has, rather too many than too few."""
    size = len(said.system) + sum(len(text) for _, text in said.turns)
    size += sum(len(tool.name) + len(tool.description) + len(json.dumps(tool.schema)) for tool in said.tools)
    for one in said.rounds:
        size += len(one.said) + sum(len(call.arguments) + len(result) for call, result in one.calls)
    return size // CHARACTERS_OF_A_TOKEN + 1


def dialect_of(kind: str) -> Dialect:
    """Return how this kind of vendor is spoken to. The libraries take a second to load, so they are loaded when one is asked."""
    if kind == "anthropic":
        from agents.providers.anthropic import AnthropicDialect

        return AnthropicDialect()
    from agents.providers.openai import OpenAIDialect

    return OpenAIDialect()


def trouble_of(error: Exception, dialect: Dialect) -> str:
    """Which kind of trouble an error is; "" for a failure of our own, which nobody should take for the vendor's."""
    inner: BaseException | None = error
    while inner is not None:
        # The libraries wrap what the transport raised into errors of their own.
        for kinds, kind in TROUBLES:
            if isinstance(inner, kinds):
                return kind
        inner = inner.__cause__
    if isinstance(error, Trouble):
        return error.kind
    return dialect.trouble(error)


TROUBLES: Final[tuple[tuple[type[Exception] | tuple[type[Exception], ...], str], ...]] = (
    ((outbound.Forbidden, httpx2.InvalidURL), "forbidden"),
    ((TooLarge,), "large"),
    ((Compressed, json.JSONDecodeError, UnicodeDecodeError, httpx2.DecodingError), "garbage"),
    ((httpx2.TimeoutException,), "slow"),
    ((outbound.Unreachable, httpx2.TransportError), "down"),
)


def _is_count(value: object) -> bool:
    return isinstance(value, int) and not isinstance(value, bool) and 0 <= value < MOST_TOKENS
