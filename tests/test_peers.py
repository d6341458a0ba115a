"""Is what one peer's answers name anything to another peer, in whichever place of whichever operation it is asked for?

The ids are those that the API itself told their owner; the operations, and the places for ids in them, are read from its
description. tests/test_matrix.py asks which status each role gets; here an id of somebody else's and one that never was have to be
the same answer, word for word (L1, L2, L17, L20).
"""

from __future__ import annotations

import json
import re
from collections.abc import Iterator
from dataclasses import dataclass
from typing import Any, Final
from urllib.parse import urlencode

import pytest
from django.conf import LazySettings
from django.http.response import HttpResponseBase

from aiaxis.reference.document import document, resolved
from aiaxis.reference.examples import JSON, Maker
from tests.addresses import MISSING
from tests.cast import ALICE, BOB, CHARLIE, Person
from tests.standing import Standing, undone

# Fields that name a row by more than a UUID: an agent's slug as well.
BY_NAME: Final = frozenset({"key", "model", "agent_id"})
# The kind of row that a field wants, where its name is not the row's own.
KINDS: Final = {
    "key": "agent_id",
    "model": "agent_id",
    "parent_id": "message_id",
    "instead_of": "message_id",
    "file_ids": "file_id",
    "person": "member_id",
    "target": "file_id",
}
# It only narrows a list: of what is not there it finds nothing.
NARROWS: Final = frozenset({"target"})
UUIDS: Final = re.compile(r"[0-9a-f]{8}(?:-[0-9a-f]{4}){3}-[0-9a-f]{12}")
INSTANCE: Final = re.compile(rb'"instance": "urn:uuid:[^"]+"')
# Every id has an answer of its own there, which repeats it.
ANSWERED_EACH: Final = frozenset({"/api/v1/files/delete"})
# What is no JSON: bytes of a file, and an answer as it is written.
NO_JSON: Final = ("/content", "/stream")


@dataclass(frozen=True)
class Place:
    """Somewhere in an operation where an id can stand: in the path, in the query, or down in the body."""

    method: str
    address: str
    inside: str
    path: tuple[str, ...]

    @property
    def name(self) -> str:
        """The field's own name."""
        return self.path[-1]


def places() -> Iterator[Place]:
    for address, operations in document()["paths"].items():
        for method, operation in operations.items():
            for one in operation.get("parameters", []):
                if one["in"] == "path" or (one["in"] == "query" and _is_id(one["name"], one["schema"])):
                    yield Place(method, address, one["in"], (one["name"],))
            content = operation.get("requestBody", {}).get("content", {})
            if JSON in content:
                for path in _ids_in(content[JSON]["schema"]):
                    yield Place(method, address, "body", path)


def _is_id(name: str, schema: dict[str, Any]) -> bool:
    return resolved(schema).get("format") == "uuid" or name in BY_NAME


def _ids_in(schema: dict[str, Any]) -> Iterator[tuple[str, ...]]:
    for name, one in resolved(schema).get("properties", {}).items():
        for choice in one.get("anyOf", [one]):
            kind = resolved(choice)
            if _is_id(name, kind.get("items", kind)):
                yield (name,)
            elif kind.get("type") == "object":
                # Down there "model" is a vendor's.
                yield from ((name, *path) for path in _ids_in(kind) if path[-1] not in BY_NAME)


PLACES: Final = list(places())


class Peer:
    """Somebody with a key and one of everything."""

    def __init__(self, person: Person, standing: Standing) -> None:
        self.client = standing.program(person)
        self.ids = standing.desks[person].ids
        self.slug = str(self.ids["slug"])
        # What everybody in the workspace may see besides.
        self.shared = set(standing.shared[person].ids.values()) if person in standing.shared else set()
        self.named = self._named()

    def _named(self) -> set[str]:
        """Every id that the API's answers to this person's own questions name, and the slugs of the agents."""
        found: set[str] = set()
        for address, operations in document()["paths"].items():
            if "get" in operations and not address.endswith(NO_JSON):
                text = self.ask(Place("get", address, "path", ("",)), "").content.decode()
                found |= {*UUIDS.findall(text), *re.findall(r'"slug": "([^"]+)"', text)}
        return found

    def ask(self, place: Place, value: str) -> Any:
        """Ask with what is this person's own everywhere but in the place, and take back what it did."""
        operation, maker = document()["paths"][place.address][place.method], self._maker()
        path, query, body = place.address, {}, None
        for one in operation.get("parameters", []):
            is_there = (one["in"], one["name"]) == (place.inside, place.name)
            own = value if is_there else maker.value(one["name"], one["schema"])
            if one["in"] == "path":
                path = path.replace(f"{{{one['name']}}}", own)
            elif one["in"] == "query" and (is_there or one.get("required")):
                query[one["name"]] = own
        content = operation.get("requestBody", {}).get("content", {})
        if JSON in content:
            body = maker.value("", content[JSON]["schema"])
            if place.inside == "body":
                _put(body, place.path, value)
        with undone(("default",)):
            sent = b"" if body is None else json.dumps(body).encode()
            answer = self.client.generic(place.method.upper(), f"{path}?{urlencode(query)}", sent, JSON)
            if answer.streaming:
                answer.content = b"".join(answer)  # read inside, where its rows are
        return answer

    def _maker(self) -> Maker:
        # As short as can be: a body with two places for one thing is refused for that.
        return Maker({**self.ids, **{name: self.ids[kind] for name, kind in KINDS.items()}}, is_short=True)


def _put(body: dict[str, Any], path: tuple[str, ...], value: str) -> None:
    for name in path[:-1]:
        if not isinstance(body.get(name), dict):
            # A way to write an answer is told by its provider and its model.
            body[name] = {"model": "tern-small"}
        body = body[name]
    body[path[-1]] = [value] if path[-1].endswith("_ids") else value


def told(answer: HttpResponseBase, place: Place, value: str) -> tuple[int, bytes]:
    """What an answer says, but for the number of its request, and for the id that was asked for where it has to repeat that."""
    content = INSTANCE.sub(b"", answer.content)  # type: ignore[attr-defined]  # see `Peer.ask`
    if place.address in ANSWERED_EACH:
        content = content.replace(value.encode(), b"@")
    return answer.status_code, content


def check(owner: Peer, thief: Peer, *, everything: bool) -> None:
    """Ask for the owner's ids as the thief: in each place for those of its kind and another, or for all of them."""
    secret = sorted(owner.named - owner.shared - thief.named)
    assert {owner.slug, *(owner.ids[name] for name in ("file_id", "agent_id", "conversation_id", "message_id"))} <= set(
        secret
    )
    for turn, place in enumerate(PLACES):
        own_kind = {owner.ids[KINDS.get(place.name, place.name)], *([owner.slug] if place.name in BY_NAME else [])}
        never = told(thief.ask(place, MISSING), place, MISSING)
        assert never[0] in (404, 403) or place.name in NARROWS or place.address in ANSWERED_EACH, (place, never)
        for value in sorted({*secret} if everything else {*own_kind, secret[turn % len(secret)]}):
            if value in thief.named | {*thief.ids.values()} or (value == owner.slug and place.name not in BY_NAME):
                continue
            assert told(thief.ask(place, value), place, value) == never, (place, value)


@pytest.fixture(autouse=True)
def _unhurried(settings: LazySettings) -> None:
    settings.API_RATE = "1000000/m"


PAIRS: Final = [(ALICE, CHARLIE), (CHARLIE, ALICE), (ALICE, BOB)]


@pytest.mark.parametrize(("owner", "thief"), PAIRS, ids=lambda one: one.name)
def test_what_one_peer_is_told_of_is_nothing_to_the_other(owner: Person, thief: Person, standing: Standing) -> None:
    """Acme's owner, Birch's owner, and a member of Acme who was not let in."""
    check(Peer(owner, standing), Peer(thief, standing), everything=False)


@pytest.mark.soak
@pytest.mark.parametrize(("owner", "thief"), PAIRS, ids=lambda one: one.name)
def test_no_id_of_whatever_kind_is_anything_anywhere(owner: Person, thief: Person, standing: Standing) -> None:
    check(Peer(owner, standing), Peer(thief, standing), everything=True)


def test_there_are_places_of_every_sort() -> None:
    """A walk over nothing would be green."""
    sorts = {(place.inside, place.name) for place in PLACES}
    assert {
        ("path", "key"),
        ("body", "parent_id"),
        ("body", "provider_id"),
        ("body", "file_ids"),
        ("query", "person"),
    } <= sorts
    assert {"get", "post", "patch", "put", "delete"} <= {place.method for place in PLACES}
    assert len(PLACES) >= 40
