"""Which operations are there, by subject, and what does a developer have to know of each? Read from the OpenAPI document."""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass
from typing import Any, Final

from aiaxis.reference import examples
from aiaxis.reference.document import document, name_of, resolved, schemas
from aiaxis.reference.kinds import Field, field, fields_of, kind_of, shape_of

# The subjects, in the order in which one meets them. One that is missing here fails the page, and its test.
SUBJECTS: Final = {
    "account": "Account",
    "files": "Files and search",
    "agents": "Agents",
    "conversations": "Conversations",
    "usage": "Usage",
    "trail": "Trail",
    "openai": "For OpenAI’s clients",
}
# Every list comes in this one; the page says so once, and then only of what.
_LISTING: Final = "Listing_"


@dataclass(frozen=True, slots=True)
class Piece:
    """Words, or a word of code between them."""

    text: str
    is_code: bool


@dataclass(frozen=True, slots=True)
class Answer:
    """What a status brings."""

    status: str
    text: str
    kind: str
    shape: str


@dataclass(frozen=True, slots=True)
class Operation:
    """One operation, as it is told."""

    mark: str
    methods: list[str]
    address: str
    summary: str
    paragraphs: list[list[Piece]]
    scope: str
    parameters: list[Field]
    body: list[Field]
    answers: list[Answer]
    example: str


@dataclass(frozen=True, slots=True)
class Subject:
    """The operations of one tag."""

    mark: str
    title: str
    operations: list[Operation]


@dataclass(frozen=True, slots=True)
class Shape:
    """A named object of answers or bodies."""

    name: str
    text: list[list[Piece]]
    fields: list[Field]


def subjects() -> list[Subject]:
    """Every operation, by subject. HEAD stands beside the GET that it is the head of."""
    found: dict[str, list[Operation]] = {mark: [] for mark in SUBJECTS}
    for address, path in document()["paths"].items():
        for method, operation in path.items():
            if method != "head":
                methods = ["GET", "HEAD"] if method == "get" and "head" in path else [method.upper()]
                found[operation["tags"][0]].append(_told(address, methods, operation))
    return [Subject(mark, SUBJECTS[mark], operations) for mark, operations in found.items()]


def shapes() -> list[Shape]:
    """The objects that fields and answers name, by name."""
    named = {one for name in schemas() if not name.startswith(_LISTING) for one in _named(schemas()[name])}
    answers = {answer.shape for one in subjects() for operation in one.operations for answer in operation.answers}
    return [
        Shape(name, _paragraphs(schemas()[name].get("description", "")), fields_of(schemas()[name]))
        for name in sorted((named | answers) - {""})
    ]


def _named(schema: dict[str, Any]) -> Iterator[str]:
    return (shape_of(one) for one in schema.get("properties", {}).values())


def _told(address: str, methods: list[str], operation: dict[str, Any]) -> Operation:
    [(_, content)] = operation.get("requestBody", {}).get("content", {"": {"schema": {}}}).items()
    parameters = operation.get("parameters", [])
    return Operation(
        mark=operation["operationId"],
        methods=methods,
        address=address,
        summary=operation["summary"],
        paragraphs=_paragraphs(operation.get("description", "")),
        scope=next(iter(operation["security"][0]["key"]), ""),
        parameters=[
            field(one["name"], one["schema"], one["required"], one.get("description", "")) for one in parameters
        ],
        body=fields_of(content["schema"]),
        answers=[_answer(status, one) for status, one in operation["responses"].items()],
        example=examples.curl(methods[0], address, operation),
    )


def _answer(status: str, response: dict[str, Any]) -> Answer:
    schema = next((one["schema"] for one in response.get("content", {}).values()), None)
    name = "4xx, 5xx" if status == "default" else status
    if schema is None:
        return Answer(name, response["description"], "", "")
    if name_of(schema).startswith(_LISTING):
        item = resolved(schema)["properties"]["items"]
        return Answer(name, response["description"], f"{kind_of(item)}, with a cursor", shape_of(item))
    return Answer(name, response["description"], kind_of(schema), shape_of(schema))


def _paragraphs(text: str) -> list[list[Piece]]:
    """The paragraphs of a docstring, in which `code` stands between backticks."""
    return [
        [
            Piece(part, is_code=place % 2 == 1)
            for place, part in enumerate(paragraph.replace("\n", " ").split("`"))
            if part
        ]
        for paragraph in text.split("\n\n")
        if paragraph
    ]
