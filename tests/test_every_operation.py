"""Does every operation of the API ask for its scope, answer any body, and stand in its own description?"""

from __future__ import annotations

import json
import re
from typing import Any
from uuid import uuid4

import pytest
from django.test import Client

from tests.addresses import CLOSED, MISSING, Address
from tests.cast import ALICE
from tests.doors import program
from tests.factories import Desk, a_full_desk

pytestmark = pytest.mark.django_db(databases=["default", "identity", "cache"])

# Operations that need a key and no particular scope.
WITHOUT_SCOPE = {"/api/v1/me": "says what the key itself is"}
# What ninja answers with at the root of each API: nothing is there.
ROOTS = ("/api/v1/", "/v1/")
OPERATIONS = [one for one in CLOSED if one.is_api]


def test_every_operation_needs_a_scope() -> None:
    for address in OPERATIONS:
        for operation in address.operations:
            scope = getattr(operation.view_func, "required_scope", None)
            assert scope or address.pattern in WITHOUT_SCOPE, (address.pattern, operation.methods)
            if scope:
                writes = not {"GET", "HEAD"} & set(operation.methods)
                assert scope.endswith(":write" if writes else ":read"), (address.pattern, operation.methods)


@pytest.mark.parametrize("address", OPERATIONS, ids=lambda one: one.pattern)
def test_a_key_without_the_scope_is_refused(address: Address) -> None:
    """A leaked key serves its one purpose and no other."""
    if address.pattern in WITHOUT_SCOPE or address.pattern in ROOTS:
        return
    client = program(ALICE, scopes=[])
    own = a_full_desk(ALICE)
    path = address.path({**own.ids, "key": own.ids["agent_id"]})
    for method in address.methods:
        response = client.generic(method, path, minimal_body(address, method), media(address, method))
        assert response.status_code in (403, 422, 415), (method, response.status_code)


def media(address: Address, method: str) -> str:
    upload = address.pattern == "/api/v1/files" and method == "POST"
    return "multipart/form-data; boundary=x" if upload else "application/json"


def minimal_body(address: Address, method: str) -> bytes:
    if media(address, method) != "application/json":
        head = (
            b'--x\r\nContent-Disposition: form-data; name="file"; filename="a.txt"\r\nContent-Type: text/plain\r\n\r\n'
        )
        return head + b"hello\r\n--x--\r\n"
    bodies = {
        "/api/v1/agents": b'{"name": "a"}',
        "/v1/chat/completions": b'{"model": "a", "messages": [{"role": "user", "content": "a"}]}',
        "/api/v1/conversations": b'{"agent_id": "%s"}' % MISSING.encode(),
        "/api/v1/files/<uuidstr:file_id>": b'{"tags": []}',
    }
    endings = {
        "/messages": b'{"text": "a"}',
        "/path": b'{"message_id": "%s"}' % MISSING.encode(),
        "/feedback": b'{"helpful": true}',
        "/files": b'{"file_id": "%s"}' % MISSING.encode(),
    }
    for ending, body in endings.items():
        if address.pattern.endswith(ending) and method in ("POST", "PUT"):
            return body
    return bodies.get(address.pattern, b"{}") if method in ("POST", "PATCH") else b""


BODIES = [
    b"",
    b"null",
    b"[]",
    b"{}",
    b'"text"',
    b"0",
    b'{"name": null, "text": null, "agent_id": null}',
    b'{"name": [], "text": {}, "agent_id": 1, "file_ids": "x", "instructions": 5}',
    b'{"name": "a", "text": "a", "unknown": 1}',
    b'{"text": "\\u0000", "name": "\\ud800"}',
    b'{"name": "' + b"x" * 1_000_000 + b'"}',
    b"\xff\xfe",
    b"[" * 50_000,
]


@pytest.mark.parametrize("address", OPERATIONS, ids=lambda one: one.pattern)
def test_every_operation_answers_any_body(address: Address) -> None:
    """L42: empty, null, array, 1 MB and wrong-type bodies are 4xx problem details, everywhere, and the process stays alive."""
    own = a_full_desk(ALICE)
    client = program(ALICE)
    for method in ("POST", "PATCH", "PUT", "DELETE"):
        for body in BODIES:
            path = address.path(
                {**nobody(own), "key": MISSING} if method == "DELETE" else {**own.ids, "key": own.ids["agent_id"]}
            )
            response = client.generic(method, path, body, "application/json")
            assert response.status_code < 500, (method, body[:60])
            if response.status_code >= 400:
                told = response.json()
                is_problem = response["Content-Type"] == "application/problem+json" and told["detail"]
                assert told["error"]["message"] if path.startswith("/v1/") else is_problem, (method, body[:60])
            elif takes_body(address, method):
                pytest.fail(f"{method} {path} accepted {body[:60]!r}: {response.content[:200]!r}")


def nobody(desk: Desk) -> dict[str, str]:
    """Ids that nobody has, so that deletions of one body leave something for the next."""
    return dict.fromkeys(desk.ids, MISSING)


def takes_body(address: Address, method: str) -> bool:
    """Does the operation declare fields that it needs? Others (stop, retry, a change of nothing) may be content with any."""
    declared = [model for one in address.operations if method in one.methods for model in one.models]
    sources = {model.__ninja_param_source__ for model in declared}
    return bool(sources & {"body", "file", "form"}) and method == "POST"


def test_the_api_describes_itself_without_a_key_and_without_a_foreign_host() -> None:
    schema = Client().get("/api/v1/openapi.json").json()
    described = {path.replace("{", "<").replace("}", ">") for path in schema["paths"]}
    walked = {re.sub(r"<\w+:", "<", one.pattern) for one in CLOSED if one.is_api and one.pattern not in ROOTS}
    assert described == walked
    assert schema["security"] == [{"key": []}]
    names = [one["operationId"] for one in operations_of(schema)]
    assert len(names) == len(set(names))
    named = {name for one in (schema, *operations_of(schema)) for each in one.get("security", []) for name in each}
    assert named <= set(schema["components"]["securitySchemes"])
    assert {tag for one in operations_of(schema) for tag in one["tags"]} == {
        "account",
        "agents",
        "conversations",
        "files",
        "openai",
        "trail",
        "usage",
    }
    for path, operations in schema["paths"].items():
        for method, operation in operations.items():
            media = "application/json" if path.startswith("/v1/") else "application/problem+json"
            assert media in operation["responses"]["default"]["content"], (path, method)
    assert "https://" not in str({**schema, "info": ""}).replace("https://json-schema.org", "")


def operations_of(schema: dict[str, Any]) -> list[dict[str, Any]]:
    return [operation for path in schema["paths"].values() for operation in path.values()]


@pytest.mark.parametrize(
    ("body", "detail"),
    [
        ({}, "agent_id: It is needed and was not sent."),
        ({"agent_id": "desk", "colour": "red"}, "colour: There is no such field here; leave it out."),
        ({"agent_id": "desk\x00"}, "body: text cannot contain the NUL character or half of a surrogate pair."),
    ],
)
def test_a_fault_in_a_body_is_told_by_the_name_that_the_client_wrote(body: dict[str, str], detail: str) -> None:
    answer = program(ALICE).post("/api/v1/conversations", body, content_type="application/json")
    assert (answer.status_code, answer.json()["detail"]) == (422, detail)


@pytest.mark.parametrize(
    ("path", "body", "field"),
    [
        ("agents", {"name": "x", "writer": "nobody"}, "writer"),
        ("agents", {"name": "x", "writer": {"provider_id": "x", "model": "m"}}, "writer.provider_id"),
        ("agents", {"name": "x", "writer": {"provider_id": str(uuid4())}}, "writer.model"),
        ("agents", {"name": "x", "file_ids": [str(uuid4()), "x"]}, "file_ids.1"),
        ("agents", {"name": "x", "starter_prompts": 5}, "starter_prompts"),
        ("agents", [], "body"),
    ],
)
def test_a_fault_is_told_by_what_the_client_wrote_and_not_by_how_it_is_checked(
    path: str, body: Any, field: str
) -> None:
    """A value that may be of several kinds was told as `writer.Model.provider_id`, `stop.constrained-str`."""
    answer = program(ALICE).post(f"/api/v1/{path}", json.dumps(body), content_type="application/json")
    assert (answer.status_code, answer.json()["errors"][0]["field"]) == (422, field)


def test_a_fault_at_openais_addresses_names_their_field() -> None:
    body = {"model": "desk", "messages": [{"role": "user", "content": "x"}], "stop": ""}
    error = program(ALICE).post("/v1/chat/completions", body, content_type="application/json").json()["error"]
    assert error["param"] == "stop"
    body = {"model": "desk", "messages": [{"role": "user", "content": 5}]}
    error = program(ALICE).post("/v1/chat/completions", body, content_type="application/json").json()["error"]
    assert error["param"] == "messages.0.content"


def test_a_fault_in_a_query_is_told_by_its_name() -> None:
    answer = program(ALICE).get("/api/v1/agents?limit=0")
    assert answer.json()["errors"] == [
        {"field": "limit", "reason": "Input should be greater than or equal to 1"},
    ]
