"""Who writes an agent's answer? The one door to model vendors.

A provider turns a question, and the passages that were found for it, into a stream of typed events. The built-in one writes
no sentence of its own: it quotes. Those that speak to a model yield the same events, so stop, resume, citations, audit and
usage never ask which provider it was. Nothing in here reads a row or a key's store: what a model may know comes in a `Question`,
where it is asked in a `Connection`.
"""

from __future__ import annotations

from agents.providers.base import (
    Call,
    Cited,
    Done,
    Event,
    Failed,
    Provider,
    Question,
    Round,
    Text,
    ToolOffer,
    Turn,
    Waiting,
    Wants,
    Wishes,
)
from agents.providers.builtin import ANNOUNCEMENT, BuiltIn, escaped
from agents.providers.language import LanguageModel, Spent, names_of_models, needs_model, sentence_of
from agents.providers.stopping import until
from agents.providers.wire import Connection, Trouble

__all__ = [
    "ANNOUNCEMENT",
    "BUILTIN",
    "BuiltIn",
    "Call",
    "Cited",
    "Connection",
    "Done",
    "Event",
    "Failed",
    "LanguageModel",
    "Provider",
    "Question",
    "Round",
    "Spent",
    "Text",
    "ToolOffer",
    "Trouble",
    "Turn",
    "UnknownProvider",
    "Waiting",
    "Wants",
    "Wishes",
    "escaped",
    "names_of_models",
    "needs_model",
    "provider",
    "sentence_of",
    "until",
]

BUILTIN = "builtin"


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
