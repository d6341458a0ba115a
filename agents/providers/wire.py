"""What comes from a model, whichever dialect it speaks, and how can that fail?"""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass, field
from typing import Any, Final, Protocol

import httpx2

from accounts.outbound.streaming import Limits, PinnedTransport, Place
from agents.providers.base import Call, Round, ToolOffer

MOST_CALLS: Final = 32
LONGEST_ID: Final = 200


@dataclass(frozen=True, slots=True)
class Connection:
    """Where a model is asked, in which dialect and with which key. `name` is what the workspace calls the provider."""

    name: str
    kind: str
    base_url: str
    model: str = ""
    temperature: float | None = None
    max_tokens: int = 1000
    key: str = field(default="", repr=False)
    limits: Limits = field(default_factory=Limits)


@dataclass(frozen=True, slots=True)
class Prompt:
    """What is said to a model: our rules and the agent's instructions, and what was said in turns, the question last.

    Then the rounds in which it called tools, whose answers are written as the data that they are.
    """

    system: str
    turns: tuple[tuple[str, str], ...]
    tools: tuple[ToolOffer, ...] = ()
    rounds: tuple[Round, ...] = ()
    may_call: bool = True


@dataclass(frozen=True, slots=True)
class Piece:
    """More of the model's text."""

    text: str


@dataclass(frozen=True, slots=True)
class Counted:
    """Tokens as the vendor counts them; None where it did not say."""

    read: int | None = None
    written: int | None = None


@dataclass(frozen=True, slots=True)
class Ended:
    """The model came to an end by itself: "stop", "length" (its limit), or "withheld" (the vendor's rules)."""

    why: str


Word = Piece | Counted | Ended | Call
# What a model may write for the tools that it wants called at once.
LONGEST_CALLS: Final = 64_000  # characters


class Gathered:
    """The calls that a model writes piece by piece, by their place. Raises `Trouble` where there is no end to them."""

    def __init__(self) -> None:
        self._parts: dict[int, list[str]] = {}
        self._size = 0

    def take(self, place: object, *, call_id: object = None, name: object = None, arguments: object = None) -> None:
        """Add what came of the call at this place."""
        if not isinstance(place, int) or (place not in self._parts and len(self._parts) >= MOST_CALLS):
            raise Trouble("garbage")
        part = self._parts.setdefault(place, ["", "", ""])
        for at, value in ((0, call_id), (1, name), (2, arguments)):
            if value is not None:
                text = text_of(value)
                self._size += len(text)
                # Only arguments come in pieces; some servers repeat the rest.
                part[at] = part[at] + text if at == 2 else part[at] or text
        if self._size > LONGEST_CALLS:
            raise Trouble("large")

    def calls(self) -> Iterator[Call]:
        """Yield what was gathered, in the order of places."""
        for place, (call_id, name, arguments) in sorted(self._parts.items()):
            yield Call(call_id[:LONGEST_ID] or f"call_{place}", name, arguments)


class Trouble(Exception):
    """The vendor did not answer as it should. `kind` is a key of `language.SENTENCES`."""

    def __init__(self, kind: str) -> None:
        super().__init__(kind)
        self.kind = kind


class Dialect(Protocol):
    """One vendor's way of speaking, through its own library."""

    def place(self, connection: Connection) -> Place:
        """Where to, with the credential as this vendor wants it."""
        ...

    def words(self, connection: Connection, prompt: Prompt, transport: PinnedTransport) -> Iterator[Word]:
        """Ask, and yield what comes, with `Ended` when the model ended. Raises `Trouble` and the library's errors."""
        ...

    def names(self, connection: Connection, transport: PinnedTransport) -> Iterator[str]:
        """The names of the vendor's models, as they come. Raises as `words` does."""
        ...

    def trouble(self, error: Exception) -> str:
        """Which kind of trouble an error of the library is; "" for one that is not the library's."""
        ...


def client_options(connection: Connection, transport: PinnedTransport) -> dict[str, Any]:
    """With what each vendor's library is made, so that it goes through our transport and takes nothing from around it."""
    return {
        # The transport carries the key; one that stands in the environment must never take its place (L45).
        "api_key": "carried-by-the-transport",
        "base_url": connection.base_url,
        "max_retries": 1,
        "timeout": connection.limits.seconds,
        "http_client": httpx2.Client(transport=transport, trust_env=False, follow_redirects=False),
    }


def text_of(value: object) -> str:
    """Return what should be a text: the libraries do not check what came against their types. Raises `Trouble`."""
    if not isinstance(value, str):
        raise Trouble("garbage")
    return value


def trouble_of_status(status: int) -> str:
    """Which kind of trouble an HTTP status is."""
    if 300 <= status < 400:
        return "redirect"
    known = {
        400: "request",
        401: "key",
        402: "paid",
        403: "key",
        404: "missing",
        408: "slow",
        413: "long",
        422: "request",
        429: "busy",
        529: "busy",
    }
    return known.get(status) or ("failing" if status >= 500 else "garbage")


# What vendors call it: where a status cannot be told any more, in the middle of a stream, and where one status stands for several.
NAMED: Final = {
    "overloaded_error": "busy",
    "rate_limit_error": "busy",
    "rate_limit_exceeded": "busy",
    "timeout_error": "slow",
    "authentication_error": "key",
    "permission_error": "key",
    "not_found_error": "missing",
    "insufficient_quota": "paid",
    "billing_error": "paid",
    "context_length_exceeded": "long",
    "request_too_large": "long",
    "invalid_request_error": "request",
}


def trouble_of_names(*names: object) -> str:
    """Which kind of trouble a vendor names in the middle of a stream, the first that is known; any other is a failure of its own."""
    for name in names:
        if isinstance(name, str) and name in NAMED:
            return NAMED[name]
        if isinstance(name, str | int) and str(name).isdecimal():
            return trouble_of_status(int(name))  # some servers send the status that it would have been
    return "failing"
