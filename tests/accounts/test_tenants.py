"""Who gets through which door, and what does everybody else get?"""

from __future__ import annotations

import json
from base64 import b64encode
from typing import Any

import pytest
from django.conf import settings
from django.db import connections
from django.test import Client
from django.test.utils import CaptureQueriesContext

from accounts.identity import tokens
from tests import doors
from tests.cast import ACME, ALICE, BOB, VERA, acting
from tests.doors import browser, program

pytestmark = pytest.mark.django_db(databases=["default", "identity", "cache"])

ME = "/api/v1/me"
PAGE = "/account/"


def problem_of(response: Any) -> dict[str, Any]:
    assert response["Content-Type"] == "application/problem+json"
    told: dict[str, Any] = json.loads(response.content)
    assert told["status"] == response.status_code
    assert told["instance"] == f"urn:uuid:{response['X-Request-Id']}"
    return told


def test_a_key_opens_the_api() -> None:
    """P3: a key resolves to identity, workspace and role."""
    answer = program(BOB).get(ME).json()
    assert answer["workspace"] == {"id": str(ACME.id), "name": "Acme"}
    assert (answer["id"], answer["role"], answer["email"]) == (str(BOB.membership_id), "member", BOB.email)


def test_a_session_opens_pages() -> None:
    assert browser(VERA).get(PAGE).status_code == 200


def test_nobody_is_sent_to_the_sign_in_page_before_any_query() -> None:
    """P1: an anonymous browser is refused at once."""
    with CaptureQueriesContext(connections["default"]) as here, CaptureQueriesContext(connections["identity"]) as there:
        response = browser().get(f"{PAGE}?page=2")
    assert (response.status_code, len(here), len(there)) == (302, 0, 0)
    assert response["Location"] == "/sign-in/?next=%2Faccount%2F%3Fpage%3D2"


def test_nobody_gets_401_from_the_api_before_any_query() -> None:
    """P1: an anonymous program is refused at once, for addresses that exist and for others alike."""
    with CaptureQueriesContext(connections["default"]) as here, CaptureQueriesContext(connections["identity"]) as there:
        responses = [Client().get(ME), Client().get("/api/v1/nothing"), Client().post(ME)]
    assert (len(here), len(there)) == (0, 0)
    for response in responses:
        assert response.status_code == 401
        assert response["WWW-Authenticate"].startswith("Bearer")
        assert problem_of(response)["title"]


def test_htmx_takes_the_whole_browser_to_the_sign_in_page() -> None:
    response = browser().get(PAGE, headers={"hx-request": "true"})
    assert (response.status_code, response["HX-Redirect"]) == (401, "/sign-in/")


def test_next_never_leaves_this_site() -> None:
    response = browser().get("//evil.test/%2e%2e/account/")
    assert "//evil.test" not in response.get("Location", "")


def test_a_cookie_never_opens_the_api() -> None:
    """L35: an API that a cookie opens is an API that any site can call."""
    assert browser(ALICE).get(ME).status_code == 401


def test_a_key_never_opens_pages() -> None:
    assert program(ALICE).get(PAGE).status_code == 302


@pytest.mark.parametrize("path", [ME, PAGE])
def test_two_credentials_are_refused(path: str) -> None:
    """L14: one of two credentials would be checked and the other obeyed."""
    client = browser(ALICE)
    response = client.get(path, headers={"authorization": f"Bearer {doors.key(ALICE).value}"})
    assert response.status_code == 400
    assert "two credentials" in response.content.decode()


@pytest.mark.parametrize(
    "extra",
    [{"headers": {"x-api-key": "a"}}, {"query_params": {"api_key": "a"}}, {"query_params": {"access_token": "a"}}],
)
def test_a_key_in_another_place_opens_nothing(extra: dict[str, Any]) -> None:
    """L14: there is one place for a key, so there is one check."""
    assert Client().get(ME, **extra).status_code == 401
    assert program(ALICE).get(ME, **extra).status_code == 400


HEADERS = ("x-api-key", "x-auth-token", "api-key", "proxy-authorization", "x-access-token", "x-aiaxis-key")
PARAMETERS = ("api_key", "apikey", "access_token", "key", "token", "authorization", "bearer")
PLACES = (*HEADERS, *(f"?{name}" for name in PARAMETERS), "cookie", "another cookie", "basic")


def sent_in(place: str, key: str) -> dict[str, Any]:
    """A request that carries the key in this place."""
    if place.startswith("?"):
        return {"query_params": {place[1:]: key}}
    if place.endswith("cookie"):
        name = settings.SESSION_COOKIE_NAME if place == "cookie" else "api_key"
        return {"headers": {"cookie": f"{name}={key}"}}
    if place == "basic":
        return {"headers": {"authorization": "Basic " + b64encode(f"{key}:".encode()).decode()}}
    return {"headers": {place: key}}


@pytest.mark.parametrize("place", PLACES)
def test_a_real_key_counts_in_one_place_alone(place: str) -> None:
    """L14: a restriction was checked for one header and not for another. Here no other place has a key."""
    alices, bobs = doors.key(ALICE).value, doors.key(BOB).value
    assert Client().get(ME, **sent_in(place, alices)).status_code == 401
    if place == "basic":
        return  # it stands in the very header, so there is no room for both
    beside = sent_in(place, alices)
    beside["headers"] = {**beside.get("headers", {}), "authorization": f"Bearer {bobs}"}
    response = Client().get(ME, **beside)
    assert response.status_code == 400 or response.json()["email"] == BOB.email


def test_two_keys_in_one_header_are_refused() -> None:
    key = doors.key(ALICE).value
    assert Client(headers={"authorization": f"Bearer {key}, Bearer {key}"}).get(ME).status_code == 400


def test_two_cookies_of_the_same_name_are_refused() -> None:
    """L14: Django would read the last of them, a proxy in front perhaps the first."""
    name, tokens_of_two = settings.SESSION_COOKIE_NAME, [doors.session(ALICE).token, doors.session(VERA).token]
    pair = "; ".join(f"{name}={token}" for token in tokens_of_two)
    assert Client().get(PAGE, headers={"cookie": pair}).status_code == 400


@pytest.mark.parametrize(
    "header",
    [
        "",
        "Bearer",
        "Bearer ",
        "Basic YTpi",
        "bearer null",
        "Token x",
        f"Bearer {'x' * 5000}",
        "Bearer \x00",
        "Bearer é",
    ],
)
def test_what_is_no_key_opens_nothing(header: str) -> None:
    """L43: empty, null and oversized values match nobody."""
    assert Client().get(ME, headers={"authorization": header}).status_code == 401


@pytest.mark.parametrize("value", ["", "null", "undefined", "x" * 43, "é" * 43, "x" * 5000, "\x00" * 43])
def test_what_is_no_cookie_opens_nothing(value: str) -> None:
    """L43."""
    client = Client()
    client.cookies[settings.SESSION_COOKIE_NAME] = value
    assert client.get(PAGE).status_code in (302, 400)


@pytest.mark.parametrize("system", ["default", "identity"])
def test_either_system_alone_lets_nobody_in(system: str) -> None:
    """P2: a row that only one of the two systems has is no credential."""
    client = browser(ALICE)
    assert client.get(PAGE).status_code == 200
    table = "accounts_session" if system == "default" else "identity_store_storesession"
    # Each half is withdrawn in its own database, the other one stays live.
    with acting(ALICE), connections[system].cursor() as cursor:
        cursor.execute(f"UPDATE {table} SET revoked_at = now()")
    assert client.get(PAGE).status_code == 302


def test_a_row_forged_in_one_database_fits_nothing_in_the_other() -> None:
    """P2: injected SQL can write a session row for a token of its choice, and the identity store does not know it."""
    token = tokens.new_token()
    honest = doors.session(ALICE)
    with acting(ALICE), connections["default"].cursor() as cursor:
        cursor.execute(
            "UPDATE accounts_session SET token_hash = %s WHERE id = %s",
            [tokens.platform_hash(token), honest.tenant.credential_id],
        )
    client = Client()
    client.cookies[settings.SESSION_COOKIE_NAME] = token
    assert client.get(PAGE).status_code == 302


def test_a_resolved_request_costs_one_round_trip_to_each_system() -> None:
    client = program(ALICE)
    client.get(ME)  # notes "last used", at most once a minute
    with CaptureQueriesContext(connections["default"]) as here, CaptureQueriesContext(connections["identity"]) as there:
        assert client.get(ME).status_code == 200
    assert (len(here), len(there)) == (1, 1)


def test_the_tenant_cannot_be_changed_by_a_view() -> None:
    with pytest.raises(AttributeError):
        ALICE.tenant.role = "owner"  # type: ignore[misc,assignment]  # that is the test


def test_an_unknown_address_is_404_for_everybody() -> None:
    for client in (browser(), browser(ALICE)):
        response = client.get("/no/such/page/")
        assert response.status_code == 404
    assert program(ALICE).get("/api/v1/nothing").status_code == 404
