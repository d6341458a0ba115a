"""Is every address closed to those whom it does not concern? Walks the resolver, so that an address made tomorrow is asked as well."""

from __future__ import annotations

import re
import uuid
from collections.abc import Iterator
from dataclasses import dataclass
from typing import Any

import pytest
from django.db import connections
from django.http.response import HttpResponseBase
from django.test import Client
from django.test.utils import CaptureQueriesContext
from django.urls import URLPattern, URLResolver, get_resolver
from ninja.operation import PathView
from pytest_django import Settings

from accounts.access import is_public
from accounts.models import Role
from accounts.signals import access_denied
from tests.cast import ADA, ALICE, BOB, CHARLIE, OLGA, VERA, Person
from tests.clients import browser, operators_browser, program
from tests.factories import Desk, a_full_desk

pytestmark = pytest.mark.django_db(databases=["default", "identity", "cache", "ops", "audit"])

# Everything that anybody may open. An address that is not on this list and open is a hole; write down why it is here.
PUBLIC = {
    "/healthz": "says that the process answers, and nothing else",
    "/readyz": "says which part is missing, by name",
    "/": "redirects to the sign-in page or to the conversations",
    "/sign-in/": "where people come in",
    "/sign-in/workspace/": "asks for the proof that the sign-in left in a cookie",
    "/operator/sign-in/": "where operators come in",
    "/api/v1/openapi.json": "describes the API, holds no data",
}
# Operations that need a key and no particular scope.
WITHOUT_SCOPE = {"/api/v1/me": "says what the key itself is"}
METHODS = ("GET", "POST", "PUT", "PATCH", "DELETE")
MISSING = "01890000-0000-7000-8000-00000000dead"
CONVERTER = re.compile(r"<(?:(?P<kind>\w+):)?(?P<name>\w+)>")


@dataclass(frozen=True)
class Address:
    """One pattern of the resolver."""

    pattern: str
    view: Any

    @property
    def names(self) -> list[str]:
        """The parameters in the path."""
        return [found["name"] for found in CONVERTER.finditer(self.pattern)]

    @property
    def is_api(self) -> bool:
        """Does a program ask here?"""
        return self.pattern.startswith("/api/")

    @property
    def is_operators(self) -> bool:
        """Do operators ask here?"""
        return self.pattern.startswith("/operator/")

    def path(self, ids: dict[str, str]) -> str:
        """The address with these ids in it; an id that is not given is one that nobody has."""
        return CONVERTER.sub(lambda found: ids.get(found["name"], MISSING), self.pattern)

    @property
    def methods(self) -> tuple[str, ...]:
        """What an API address answers; for pages, both methods that a browser can send."""
        for cell in getattr(self.view, "__closure__", None) or ():
            if isinstance(cell.cell_contents, PathView):
                return tuple(method for one in cell.cell_contents.operations for method in one.methods)
        return ("GET", "POST")


def walk(resolver: URLResolver, prefix: str = "/") -> Iterator[Address]:
    for pattern in resolver.url_patterns:
        path = f"{prefix}{pattern.pattern}"
        if isinstance(pattern, URLPattern):
            yield Address(path, pattern.callback)
        else:
            yield from walk(pattern, path)


ADDRESSES = sorted({one.pattern: one for one in walk(get_resolver())}.values(), key=lambda one: one.pattern)
CLOSED = [one for one in ADDRESSES if one.pattern not in PUBLIC]
WITH_IDS = [one for one in CLOSED if one.names and not one.is_operators]


def ids_of(addresses: list[Address]) -> list[str]:
    return [one.pattern for one in addresses]


def client_for(address: Address, person: Person | None) -> Client:
    """Whatever this person would use at this address."""
    if address.is_api:
        return Client(raise_request_exception=True) if person is None else program(person)
    if person is OLGA:
        return operators_browser(person)
    return browser(person)


def send(client: Client, method: str, path: str, is_api: bool) -> HttpResponseBase:
    body = b"{}" if is_api and method != "GET" else b""
    return client.generic(method, path, body, "application/json" if body else "application/octet-stream")


def test_the_public_addresses_are_exactly_the_listed_ones() -> None:
    """P1: every view is closed unless it is marked public, and the marks are these."""
    assert {one.pattern for one in ADDRESSES if is_public(one.view)} == set(PUBLIC)


@pytest.mark.parametrize("address", CLOSED, ids=ids_of(CLOSED))
def test_nobody_gets_past_a_closed_address(address: Address) -> None:
    """P1: refused at once, with every method, before any query, and recorded."""
    heard: list[Any] = []

    def hear(**fact: Any) -> None:
        heard.append(fact)

    access_denied.connect(hear)
    try:
        for method in METHODS:
            client = Client()
            aliases = ("default", "identity", "ops")
            logs = [CaptureQueriesContext(connections[alias]) for alias in aliases]
            with logs[0], logs[1], logs[2]:
                response = send(client, method, address.path({}), address.is_api)
            assert sum(len(log) for log in logs) == 0
            if address.is_api:
                assert response.status_code == 401
            elif response.status_code != 405:
                assert response.status_code == 302
                assert response["Location"].partition("?")[0] in ("/sign-in/", "/operator/sign-in/")
    finally:
        access_denied.disconnect(hear)
    assert heard


@pytest.mark.parametrize("address", [one for one in CLOSED if not one.is_api], ids=lambda one: one.pattern)
def test_a_key_opens_no_page(address: Address) -> None:
    client = Client(headers={"authorization": "Bearer aiaxis_key"})
    for method in ("GET", "POST"):
        assert client.generic(method, address.path({})).status_code in (302, 405)


@pytest.mark.parametrize("address", [one for one in CLOSED if one.is_api], ids=lambda one: one.pattern)
def test_a_cookie_opens_no_operation(address: Address) -> None:
    """L35."""
    client = browser(ALICE)
    for method in address.methods:
        assert send(client, method, address.path({}), True).status_code == 401


def test_members_are_no_operators() -> None:
    clients = [browser(person) for person in (ALICE, CHARLIE)]
    for address in CLOSED:
        if address.is_operators:
            for client in clients:
                assert client.get(address.path({})).status_code in (302, 405), address.pattern


def test_operators_are_no_members() -> None:
    client = operators_browser(OLGA)
    for address in CLOSED:
        if not address.is_operators:
            for method in ("GET", "POST"):
                status = send(client, method, address.path({}), address.is_api).status_code
                assert status in ((401,) if address.is_api else (302, 405)), address.pattern


@pytest.mark.parametrize("address", WITH_IDS, ids=ids_of(WITH_IDS))
@pytest.mark.parametrize("person", [CHARLIE, BOB], ids=["a stranger", "a colleague"])
def test_somebody_elses_row_is_missing_byte_for_byte(address: Address, person: Person) -> None:
    """P5, L1, L2, L15, L16, L17, L51: for every address and method, with a twin of every row, private to its owner."""
    theirs, own = a_full_desk(ALICE), a_full_desk(person)
    client = client_for(address, person)
    for method in address.methods:
        for foreign, missing in variants(address, theirs, own):
            first, second = (send(client, method, path, address.is_api) for path in (foreign, missing))
            assert first.status_code in (404, 403, 405, 422, 429), (method, foreign, first.status_code)
            assert told(first, foreign) == told(second, missing), (method, foreign)
            assert first.status_code == second.status_code


def variants(address: Address, theirs: Desk, own: Desk) -> Iterator[tuple[str, str]]:
    """Each way of naming what is not mine, beside the same address with an id that nobody has.

    Every id is tried, and then each alone between my own (L17: a conversation and a message must belong to me and together).
    """
    foreign = {**theirs.ids, "key": theirs.ids["agent_id"]}
    mine = {**own.ids, "key": own.ids["agent_id"]}
    nobody = dict.fromkeys(foreign, MISSING)
    yield address.path(foreign), address.path(nobody)
    if "key" in address.names:
        yield address.path({"key": theirs.ids["slug"]}), address.path({"key": "no-such-agent-0000"})
    if len(address.names) > 1:
        for name in address.names:
            yield address.path({**mine, name: foreign[name]}), address.path({**mine, name: MISSING})


def told(response: Any, path: str) -> bytes:
    """What the client can see: the body without what names this very request."""
    body: bytes = b"".join(response.streaming_content) if response.streaming else response.content
    body = body.replace(response["X-Request-Id"].encode(), b"#").replace(path.encode(), b"@")
    # Each page has a nonce and a CSRF token of its own.
    body = re.sub(rb'(nonce|value)="[\w+/=-]{16,90}"', b"", body)
    return re.sub(rb"X-CSRFToken[^}]{0,120}", b"", body)


@pytest.mark.parametrize("address", WITH_IDS, ids=ids_of(WITH_IDS))
@pytest.mark.parametrize("person", [ALICE, ADA, BOB, VERA], ids=["owner", "admin", "member", "viewer"])
def test_no_role_gets_an_error_of_ours(address: Address, person: Person) -> None:
    """L42: what nobody has is 404 (or refused before it is looked for), never a failure of ours."""
    client = client_for(address, person)
    for method in address.methods:
        for identifier in (MISSING, str(uuid.UUID(int=0)), "x", "%2e%2e", "a" * 300):
            ids = dict.fromkeys([*address.names], identifier)
            response = send(client, method, address.path(ids), address.is_api)
            assert response.status_code in (400, 403, 404, 405, 415, 422), (method, identifier, response.status_code)


@pytest.mark.parametrize(
    "address", [one for one in CLOSED if not one.names and not one.is_operators], ids=lambda one: one.pattern
)
@pytest.mark.parametrize("person", [ALICE, BOB, VERA], ids=["owner", "member", "viewer"])
def test_every_list_and_form_answers_its_members(address: Address, person: Person) -> None:
    a_full_desk(person)
    if "GET" in address.methods:
        response = send(client_for(address, person), "GET", address.path({}), address.is_api)
        assert response.status_code in (200, 302, 403, 404, 405, 422), response.status_code


@pytest.mark.parametrize("address", [one for one in CLOSED if not one.is_operators], ids=lambda one: one.pattern)
def test_a_stranger_sees_nothing_of_the_workspace(address: Address) -> None:
    """L10, L51: with twins on both sides, no list, page or count of a stranger's holds anything of Acme's."""
    theirs = a_full_desk(ALICE, visibility="workspace")
    own = a_full_desk(CHARLIE, visibility="workspace")
    secrets_of_acme = [value for value in theirs.ids.values() if value not in own.ids.values()]
    if "GET" not in address.methods:
        return
    path = address.path({**own.ids, "key": own.ids["agent_id"]})
    if path.endswith(("/stream/", "/stream", "/content", "/content/")):
        return  # these have tests of their own, with real bytes and answers
    response = send(client_for(address, CHARLIE), "GET", path, address.is_api)
    body = told(response, path).decode(errors="replace")
    assert response.status_code < 500
    for secret in [*secrets_of_acme, ALICE.email, "Acme"]:
        assert secret not in body


def test_every_operation_needs_a_scope() -> None:
    for address in CLOSED:
        for cell in getattr(address.view, "__closure__", None) or ():
            if isinstance(cell.cell_contents, PathView):
                for operation in cell.cell_contents.operations:
                    scope = getattr(operation.view_func, "required_scope", None)
                    assert scope or address.pattern in WITHOUT_SCOPE, (address.pattern, operation.methods)
                    if scope:
                        writes = not {"GET", "HEAD"} & set(operation.methods)
                        assert scope.endswith(":write" if writes else ":read"), (address.pattern, operation.methods)


@pytest.mark.parametrize("address", [one for one in CLOSED if one.is_api], ids=lambda one: one.pattern)
def test_a_key_without_the_scope_is_refused(address: Address) -> None:
    """A leaked key serves its one purpose and no other."""
    if address.pattern in WITHOUT_SCOPE or address.pattern == "/api/v1/":
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
        "/api/v1/conversations": b'{"agent_id": "%s"}' % MISSING.encode(),
    }
    if address.pattern.endswith("/messages"):
        return b'{"text": "a"}'
    return bodies.get(address.pattern, b"{}") if method in ("POST", "PATCH") else b""


@pytest.mark.parametrize(
    "address", [one for one in CLOSED if hasattr(one.view, "least_role")], ids=lambda one: one.pattern
)
def test_a_role_below_is_refused(address: Address) -> None:
    """The role x route table: own workspace, own rows, but not the role."""
    least: Role = address.view.least_role
    for person in (VERA, BOB, ADA):
        assert person.role is not None
        if person.role.rank >= least.rank:
            continue
        own = a_full_desk(ALICE, visibility="workspace")
        path = address.path({**own.ids, "key": own.ids["agent_id"]})
        statuses = {send(browser(person), method, path, False).status_code for method in ("GET", "POST")}
        assert statuses <= {403, 405}, statuses
        assert 403 in statuses


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


@pytest.mark.parametrize("address", [one for one in CLOSED if one.is_api], ids=lambda one: one.pattern)
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
                assert response["Content-Type"] == "application/problem+json", (method, body[:60])
                assert response.json()["detail"], (method, body[:60])
            elif takes_body(address, method):
                pytest.fail(f"{method} {path} accepted {body[:60]!r}: {response.content[:200]!r}")


def nobody(desk: Desk) -> dict[str, str]:
    """Ids that nobody has, so that deletions of one body leave something for the next."""
    return dict.fromkeys(desk.ids, MISSING)


def takes_body(address: Address, method: str) -> bool:
    """Does the operation declare fields that it needs? Others (stop, retry, a change of nothing) may be content with any."""
    for cell in getattr(address.view, "__closure__", None) or ():
        if isinstance(cell.cell_contents, PathView):
            for operation in cell.cell_contents.operations:
                if method in operation.methods:
                    sources = {model.__ninja_param_source__ for model in operation.models}
                    return bool(sources & {"body", "file", "form"}) and method == "POST"
    return False


PROFILES: list[dict[str, Any]] = [
    {"DEBUG": True},
    {"ALLOWED_HOSTS": ["*"]},
    {"TRUSTED_PROXIES": ["0.0.0.0/0", "::/0"]},
    {"APPEND_SLASH": False},
    {"RECENT_LOGIN_SECONDS": 10**9, "SIGN_IN_SECONDS": 10**9},
]


@pytest.mark.parametrize("profile", PROFILES, ids=lambda profile: ",".join(profile))
def test_no_setting_opens_a_door(profile: dict[str, Any], settings: Settings) -> None:
    """L3: an ownership filter once sat inside `if AUTO_LOGIN`. Nobody and strangers are refused under every profile."""
    for name, value in profile.items():
        setattr(settings, name, value)
    theirs = a_full_desk(ALICE)
    ids = {**theirs.ids, "key": theirs.ids["agent_id"]}
    stranger, program_of_stranger = browser(CHARLIE), program(CHARLIE)
    for address in CLOSED:
        if address.is_operators:
            continue
        for method in address.methods:
            path = address.path(ids)
            assert send(Client(), method, path, address.is_api).status_code in (
                (401,) if address.is_api else (302, 405)
            )
            if address.names:
                client = program_of_stranger if address.is_api else stranger
                assert send(client, method, path, address.is_api).status_code in (403, 404, 405, 422), (method, path)


def test_the_api_describes_itself_without_a_key_and_without_a_foreign_host() -> None:
    schema = Client().get("/api/v1/openapi.json").json()
    described = {path.replace("{", "<").replace("}", ">") for path in schema["paths"]}
    walked = {re.sub(r"<\w+:", "<", one.pattern) for one in CLOSED if one.is_api and one.pattern != "/api/v1/"}
    assert described == walked
    assert schema["security"] == [{"key": []}]
    for path, operations in schema["paths"].items():
        for method, operation in operations.items():
            assert "application/problem+json" in operation["responses"]["default"]["content"], (path, method)
    assert "https://" not in str({**schema, "info": ""}).replace("https://json-schema.org", "")
