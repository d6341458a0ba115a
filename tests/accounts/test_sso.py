"""Does a sign-in elsewhere let in whoever began it here, and nobody else?"""

from __future__ import annotations

import time
from urllib.parse import parse_qs, urlsplit

import pytest
from django.conf import settings
from django.test import Client
from pytest_django import Settings

from accounts import cookies
from accounts.identity import vault
from accounts.identity.store.models import SpentProof
from accounts.models import Session
from audit.models import Entry
from tests import doors
from tests.cast import ACME, ALICE, BOB, PASSWORD, acting
from tests.workos.faults import AWAY, MALFORMED, SILENT, TOO_MANY, UNEXPECTED, Fault
from tests.workos.stage import Stage
from tests.workos.walking import CALLBACK, Refusals, come_back, go, is_in, leave, refused


@pytest.fixture
def away(workos: Stage) -> tuple[Client, dict[str, str]]:
    """A browser that left for Bob's company, and what it is about to come back with."""
    client = Client()
    return client, go(leave(client, email=BOB.email, next="/files/"))


def test_it_lets_in_whoever_began_it(away: tuple[Client, dict[str, str]]) -> None:
    client, brought = away
    response = come_back(client, brought)
    assert (response.status_code, response.headers["Location"]) == (302, "/files/")
    assert is_in(client)
    with acting(BOB):
        assert Session.objects.get().method == "sso"
    with acting(ALICE):
        assert Entry.objects.filter(action="member.signed_in", actor_id=BOB.membership_id).count() == 1
    assert client.cookies[cookies.SSO].value == ""


def test_what_leaves_is_bound_to_the_browser_and_says_nothing(workos: Stage) -> None:
    client = Client()
    url = leave(client, email=BOB.email)
    query = {name: values[0] for name, values in parse_qs(urlsplit(url).query).items()}
    assert query["code_challenge_method"] == "S256"
    assert query["redirect_uri"].endswith(CALLBACK)
    cookie = client.cookies[cookies.SSO]
    assert cookies.SSO.startswith("__Host-")
    assert (cookie["secure"], cookie["httponly"], cookie["samesite"], cookie["max-age"]) == (True, True, "Lax", 600)
    assert query["state"] not in cookie.value, "the cookie is encrypted, not merely signed"


def test_an_organisation_leads_to_its_own_sign_in(workos: Stage) -> None:
    client = Client()
    organization = workos.organizations[ACME].id
    url = leave(client, organization=organization)
    assert f"organization_id={organization}" in url
    workos.double.auto = workos.people[ALICE]
    assert come_back(client, go(url)).status_code == 302
    assert is_in(client)


@pytest.mark.parametrize("organization", ["acme", "org_", "org_1; drop", "../org_1", "org_" + "x" * 300])
def test_it_refuses_what_is_no_organisation(workos: Stage, organization: str) -> None:
    response = Client().post("/sign-in/sso/", {"organization": organization})
    assert response.headers["Location"] == "/sign-in/"


# ── the return belongs to the browser that left (L31) ───────────────────────────────────────────────────────────────


def test_another_browser_gets_nothing(away: tuple[Client, dict[str, str]]) -> None:
    """L31: an attacker who sends the victim the end of the attacker's own sign-in signs nobody in."""
    _, brought = away
    victim = Client()
    with Refusals() as heard:
        refused(victim, come_back(victim, brought), heard, "browser")


def test_another_browser_that_began_its_own_gets_nothing(away: tuple[Client, dict[str, str]]) -> None:
    """L31: its cookie is good, and is about another state."""
    _, brought = away
    victim = Client()
    leave(victim, email=ALICE.email)
    with Refusals() as heard:
        refused(victim, come_back(victim, brought), heard, "state")


@pytest.mark.parametrize("state", ["", "null", "0", "é", "x" * 5000])
def test_another_state_gets_nothing(away: tuple[Client, dict[str, str]], state: str) -> None:
    client, brought = away
    with Refusals() as heard:
        refused(client, come_back(client, {**brought, "state": state}), heard, "state")


def test_a_return_is_good_once(away: tuple[Client, dict[str, str]]) -> None:
    """L31: the same return a second time, with the cookie that an attacker kept, is a refusal; so is a new code on it."""
    client, brought = away
    kept = client.cookies[cookies.SSO].value
    come_back(client, brought)
    assert is_in(client)
    thief = Client()
    thief.cookies[cookies.SSO] = kept
    with Refusals() as heard:
        response = come_back(thief, brought)
    assert response.status_code == 401
    assert [one.detail["check"] for one in heard] == ["provider"]
    assert not is_in(thief)
    assert SpentProof.objects.count() == 1


def test_a_code_is_good_once(workos: Stage, away: tuple[Client, dict[str, str]]) -> None:
    """The code of one sign-in, brought back within another one of the same browser: its verifier does not fit."""
    client, brought = away
    other = go(leave(client, email=BOB.email))
    with Refusals() as heard:
        refused(client, come_back(client, {**other, "code": brought["code"]}), heard, "provider")


@pytest.mark.parametrize("code", ["", "null", "made-up"])
def test_another_code_gets_nothing(away: tuple[Client, dict[str, str]], code: str) -> None:
    client, brought = away
    with Refusals() as heard:
        refused(client, come_back(client, {**brought, "code": code}), heard, "provider" if code else "code")


def test_a_late_return_gets_nothing(away: tuple[Client, dict[str, str]], monkeypatch: pytest.MonkeyPatch) -> None:
    client, brought = away
    now = time.time()
    monkeypatch.setattr("accounts.identity.vault.time.time", lambda: now + 601)
    with Refusals() as heard:
        refused(client, come_back(client, brought), heard, "late")


def test_a_cookie_of_another_version_gets_nothing(away: tuple[Client, dict[str, str]]) -> None:
    """It is ours and whole, and remembers other things: a refusal, and no failure of the server."""
    _, brought = away
    client = Client()
    client.cookies[cookies.SSO] = vault.cookie({"state": brought["state"], "something": "else"}, field="sso")
    with Refusals() as heard:
        refused(client, come_back(client, brought), heard, "browser")


@pytest.mark.parametrize("cookie", ["x", "AAAA", "e30=", "é", "A" * 4000])
def test_a_made_up_cookie_gets_nothing(away: tuple[Client, dict[str, str]], cookie: str) -> None:
    _, brought = away
    client = Client()
    client.cookies[cookies.SSO] = cookie
    with Refusals() as heard:
        refused(client, come_back(client, brought), heard, "browser")


def test_a_sign_in_that_was_begun_elsewhere_begins_here(workos: Stage) -> None:
    """IdP-initiated: what it brings is not used; the browser is sent to a sign-in of ours, which lets it in."""
    code = workos.world.authorized(workos.people[BOB])
    client = Client()
    before = workos.world.faults.asked["authenticate"]
    with Refusals() as heard:
        response = come_back(client, {"code": code})
    assert response.status_code == 200
    assert [one.detail["check"] for one in heard] == ["begun_elsewhere"]
    assert workos.world.faults.asked["authenticate"] == before
    assert not is_in(client)
    assert code in workos.world.codes, "nobody exchanged it"
    assert cookies.SSO in client.cookies


def test_a_refusal_there_is_a_page_here(workos: Stage) -> None:
    client = Client()
    url = leave(client, email=BOB.email)
    brought = go(f"{url}&as=nobody")
    assert brought["error"] == "access_denied"
    with Refusals() as heard:
        refused(client, come_back(client, brought), heard, "denied")


# ── sessions, outages, and installations without it ─────────────────────────────────────────────────────────────────


def test_the_session_that_the_browser_brings_ends(workos: Stage) -> None:
    client = doors.browser(ALICE)
    old = client.cookies[settings.SESSION_COOKIE_NAME].value
    come_back(client, go(leave(client, email=BOB.email)))
    assert client.cookies[settings.SESSION_COOKIE_NAME].value != old
    thief = Client()
    thief.cookies[settings.SESSION_COOKIE_NAME] = old
    assert not is_in(thief)


def test_a_silent_workos_does_not_keep_a_browser_from_another_sign_in(workos: Stage) -> None:
    """The browser brings a session whose token is over, and signs in by password here: the old one ends without being asked about."""
    client = workos.browser(BOB)
    old = client.cookies[settings.SESSION_COOKIE_NAME].value
    workos.let_expire()
    with workos.world.faults.during("*", AWAY):
        response = client.post("/sign-in/", {"email": BOB.email, "password": PASSWORD})
        assert response.status_code == 302
        assert is_in(client)
    thief = Client()
    thief.cookies[settings.SESSION_COOKIE_NAME] = old
    assert not is_in(thief)


@pytest.mark.parametrize("query", ["", "?foo=bar", "?state=1"])
def test_a_return_with_nothing_gets_nothing(workos: Stage, query: str) -> None:
    client = Client()
    with Refusals() as heard:
        refused(client, client.get(f"{CALLBACK}{query}"), heard, "browser")


def test_it_does_not_make_the_browser_a_known_device_of_a_password(away: tuple[Client, dict[str, str]]) -> None:
    """Or any company's sign-in could buy guesses at an account here by asserting its address."""
    client, brought = away
    response = come_back(client, brought)
    assert "__Host-aiaxis-device" not in response.cookies


@pytest.mark.parametrize("to", ["https://evil.test/", "//evil.test/", "/\\evil.test", "javascript:alert(1)"])
def test_it_never_leads_off_the_site(workos: Stage, to: str) -> None:
    client = Client()
    assert come_back(client, go(leave(client, email=BOB.email, next=to))).headers["Location"] == "/"


@pytest.mark.parametrize(
    "fault",
    [TOO_MANY, AWAY, MALFORMED, UNEXPECTED, SILENT],
    ids=["429", "503", "malformed", "unexpected", "black hole"],
)
def test_an_outage_is_503_and_lets_nobody_in(
    workos: Stage, away: tuple[Client, dict[str, str]], fault: Fault, monkeypatch: pytest.MonkeyPatch
) -> None:
    from accounts.identity.workos import connection as link

    monkeypatch.setattr(link, "TIMEOUT", 1)
    link.forget()
    client, brought = away
    with workos.world.faults.during("authenticate", fault), Refusals() as heard:
        response = come_back(client, brought)
    assert response.status_code == 503
    assert int(response.headers["Retry-After"]) > 0
    assert [one.reason for one in heard] == ["outage"]
    assert not is_in(client)
    come_back(client, go(leave(client, email=BOB.email)))
    assert is_in(client), "it recovers by itself"


def test_it_is_not_there_where_it_is_not_configured(settings: Settings) -> None:
    settings.WORKOS_ISSUER = ""
    for response in (
        Client().post("/sign-in/sso/", {"email": BOB.email}),
        Client().get(f"{CALLBACK}?code=1&state=2"),
        Client().post("/webhooks/workos/", b"{}", "application/json"),
    ):
        assert response.status_code == 404


def test_too_many_returns_from_one_address_wait(workos: Stage, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("accounts.throttling._ARRIVALS", "2/5m")
    before = workos.world.faults.asked["authenticate"]
    statuses = []
    for _ in range(3):
        client = Client()
        brought = go(leave(client, email=BOB.email))
        statuses.append(come_back(client, {**brought, "code": "guess"}).status_code)
    assert statuses == [401, 401, 429]
    assert workos.world.faults.asked["authenticate"] == before + 2
