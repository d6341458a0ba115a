"""Is every address closed to those whom it does not concern? Walks the resolver, so that an address made tomorrow is asked as well."""

from __future__ import annotations

import html
import re
import uuid
from collections.abc import Iterator
from typing import Any
from urllib.parse import parse_qsl, urlsplit

import pytest
from django.conf import settings
from django.db import connections
from django.test import Client
from django.test.utils import CaptureQueriesContext
from pytest_django import Settings

from accounts.access import is_public
from accounts.middleware.tenant import STRAY_PARAMETERS
from accounts.models import Role
from accounts.signals import access_denied
from tests.addresses import ADDRESSES, CLOSED, METHODS, MISSING, PUBLIC, WITH_IDS, Address, ids_of, send
from tests.bodies import send_valid
from tests.cast import ADA, ALICE, BOB, CHARLIE, OLGA, VERA, Person
from tests.factories import Desk
from tests.standing import Standing, undone

pytestmark = pytest.mark.usefixtures("standing")
# What answers with the bytes of a file or the events of an answer is no page.
PAGES = [
    one for one in CLOSED if not (one.is_api or one.is_operators or one.pattern.endswith(("/stream/", "/content/")))
]


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
def test_a_cookie_opens_no_operation(address: Address, standing: Standing) -> None:
    """L35."""
    client = standing.browser(ALICE)
    for method in address.methods:
        assert send(client, method, address.path({}), True).status_code == 401


def test_members_are_no_operators(standing: Standing) -> None:
    clients = [standing.browser(person) for person in (ALICE, CHARLIE)]
    for address in CLOSED:
        if address.is_operators:
            for client in clients:
                assert client.get(address.path({})).status_code in (302, 405), address.pattern


def test_operators_are_no_members(standing: Standing) -> None:
    client = standing.browser(OLGA)
    for address in CLOSED:
        if not address.is_operators:
            for method in ("GET", "POST"):
                status = send(client, method, address.path({}), address.is_api).status_code
                assert status in ((401,) if address.is_api else (302, 405)), address.pattern


@pytest.mark.parametrize("address", WITH_IDS, ids=ids_of(WITH_IDS))
@pytest.mark.parametrize("person", [CHARLIE, BOB], ids=["a stranger", "a colleague"])
def test_somebody_elses_row_is_missing_byte_for_byte(address: Address, person: Person, standing: Standing) -> None:
    """P5, L1, L2, L15, L16, L17, L51: for every address and method, with a twin of every row, private to its owner."""
    theirs, own = standing.desks[ALICE], standing.desks[person]
    client = standing.client_for(address, person)
    for method in address.methods:
        for foreign, missing in variants(address, theirs, own):
            first, second = (send_valid(client, method, address, path, own.ids) for path in (foreign, missing))
            # A body that the operation accepts: a 422 would come before anybody looked for the row.
            expected = (404,) if address.is_api else (404, 403, 405)
            assert first.status_code in expected, (method, foreign, first.status_code)
            assert told(first, foreign) == told(second, missing), (method, foreign)
            assert first.status_code == second.status_code


@pytest.mark.parametrize("address", [one for one in WITH_IDS if one.is_api], ids=lambda one: one.pattern)
def test_the_same_bodies_reach_rows_of_ones_own(address: Address, standing: Standing) -> None:
    """What the walk above stands on: with its own rows, a program is answered, and not told that its body will not do."""
    own = standing.desks[ALICE]
    path = address.path({**own.ids, "key": own.ids["agent_id"]})
    for method in address.methods:
        if path.endswith("/stream"):
            continue  # it answers for as long as the answer is written, and has tests of its own
        with undone():
            response = send_valid(standing.program(ALICE), method, address, path, own.ids)
        # 409: there is no answer to stop, or the bytes of a row that a factory made are nowhere.
        assert response.status_code in (200, 201, 202, 204, 404, 409), (method, path, response.status_code)
        assert response.status_code != 404 or path.endswith("/content"), (method, path)


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
def test_no_role_gets_an_error_of_ours(address: Address, standing: Standing) -> None:
    """L42: what nobody has is 404 (or refused before it is looked for), never a failure of ours."""
    asked = [(person, MISSING) for person in (ALICE, ADA, BOB, VERA)]
    # What is no id at all meets the address before it meets a role.
    asked += [(ALICE, identifier) for identifier in (str(uuid.UUID(int=0)), "x", "%2e%2e", "a" * 300)]
    for person, identifier in asked:
        client = standing.client_for(address, person)
        for method in address.methods:
            path = address.path(dict.fromkeys(address.names, identifier))
            response = send(client, method, path, address.is_api)
            assert response.status_code in (400, 403, 404, 405, 415, 422), (person.role, method, path)


@pytest.mark.parametrize(
    "address", [one for one in CLOSED if not one.names and not one.is_operators], ids=lambda one: one.pattern
)
@pytest.mark.parametrize("person", [ALICE, BOB, VERA], ids=["owner", "member", "viewer"])
def test_every_list_and_form_answers_its_members(address: Address, person: Person, standing: Standing) -> None:
    if "GET" in address.methods:
        response = send(standing.client_for(address, person), "GET", address.path({}), address.is_api)
        assert response.status_code in (200, 302, 403, 404, 405, 422), response.status_code


@pytest.mark.parametrize("address", [one for one in CLOSED if not one.is_operators], ids=lambda one: one.pattern)
def test_a_stranger_sees_nothing_of_the_workspace(address: Address, standing: Standing) -> None:
    """L10, L51: with twins on both sides, no list, page or count of a stranger's holds anything of Acme's."""
    theirs, own = standing.shared[ALICE], standing.shared[CHARLIE]
    secrets_of_acme = [value for value in theirs.ids.values() if value not in own.ids.values()]
    if "GET" not in address.methods:
        return
    path = address.path({**own.ids, "key": own.ids["agent_id"]})
    if path.endswith(("/stream/", "/stream", "/content", "/content/")):
        return  # these have tests of their own, with real bytes and answers
    response = send(standing.client_for(address, CHARLIE), "GET", path, address.is_api)
    body = told(response, path).decode(errors="replace")
    assert response.status_code < 500
    for secret in [*secrets_of_acme, ALICE.email, "Acme"]:
        assert secret not in body


@pytest.mark.parametrize("address", PAGES, ids=ids_of(PAGES))
def test_no_page_leads_to_an_address_that_carries_a_credential(address: Address, standing: Standing) -> None:
    """L29: a token stood in the address of a frame, and any tenant's token opened any document."""
    own = standing.desks[ALICE]
    client = standing.browser(ALICE)
    session = client.cookies[settings.SESSION_COOKIE_NAME].value
    response = client.get(address.path({**own.ids, "key": own.ids["agent_id"]}))
    page = response.content.decode()
    assert session not in page
    links = [urlsplit(html.unescape(link)) for link in re.findall(r'(?:href|src|action)="([^"]*)"', page)]
    assert links or response.status_code != 200 or not page.startswith("<!"), "a page leads somewhere"
    named = {name for link in links for name, _ in parse_qsl(link.query, keep_blank_values=True)}
    assert not named & {*STRAY_PARAMETERS, "signature", "session"}


@pytest.mark.parametrize(
    "address", [one for one in CLOSED if hasattr(one.view, "least_role")], ids=lambda one: one.pattern
)
def test_a_role_below_is_refused(address: Address, standing: Standing) -> None:
    """The role x route table: own workspace, own rows, but not the role."""
    least: Role = address.view.least_role
    for person in (VERA, BOB, ADA):
        assert person.role is not None
        if person.role.rank >= least.rank:
            continue
        own = standing.shared[ALICE]
        path = address.path({**own.ids, "key": own.ids["agent_id"]})
        statuses = {send(standing.browser(person), method, path, False).status_code for method in ("GET", "POST")}
        assert statuses <= {403, 405}, statuses
        assert 403 in statuses


PROFILES: list[dict[str, Any]] = [
    {"DEBUG": True},
    {"ALLOWED_HOSTS": ["*"]},
    {"TRUSTED_PROXIES": ["0.0.0.0/0", "::/0"]},
    {"APPEND_SLASH": False},
    {"RECENT_LOGIN_SECONDS": 10**9, "SIGN_IN_SECONDS": 10**9},
]


@pytest.mark.parametrize("profile", PROFILES, ids=lambda profile: ",".join(profile))
def test_no_setting_opens_a_door(profile: dict[str, Any], settings: Settings, standing: Standing) -> None:
    """L3: an ownership filter once sat inside `if AUTO_LOGIN`. Nobody and strangers are refused under every profile."""
    for name, value in profile.items():
        setattr(settings, name, value)
    theirs = standing.desks[ALICE]
    ids = {**theirs.ids, "key": theirs.ids["agent_id"]}
    stranger, program_of_stranger = standing.browser(CHARLIE), standing.program(CHARLIE)
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
