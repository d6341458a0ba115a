"""Does a sign-in elsewhere let in whoever began it here, and nobody else?"""

from __future__ import annotations

import re
import time
from typing import Any
from urllib.parse import parse_qs, urlencode, urlsplit

import httpx
import pytest
from django.conf import settings
from django.db import connections
from django.test import Client
from pytest_django import Settings

from accounts import cookies
from accounts.http import Refusal
from accounts.identity.store.models import SpentProof, VendorSession
from accounts.models import IdentityLink, Membership, Session, User, Workspace
from accounts.signals import access_denied
from accounts.tenancy.context import whole_workspace
from tests import doors
from tests.cast import ACME, ALICE, BIRCH, BOB, CHARLIE, acting
from tests.workos.faults import AWAY, MALFORMED, SILENT, TOO_MANY, UNEXPECTED, Fault
from tests.workos.stage import Stage

CALLBACK = "/sign-in/sso/callback/"


class Refusals:
    """What the trail would hear while the block runs."""

    def __init__(self) -> None:
        self.heard: list[Refusal] = []

    def __enter__(self) -> list[Refusal]:
        access_denied.connect(self._hear)
        return self.heard

    def __exit__(self, *error: object) -> None:
        access_denied.disconnect(self._hear)

    def _hear(self, *, refusal: Refusal, **facts: Any) -> None:
        self.heard.append(refusal)


def leave(client: Client, **form: str) -> str:
    """Begin a sign-in; returns the address that the page leads to."""
    page = client.post("/sign-in/sso/", form)
    assert page.status_code == 200
    found = re.search(r'<meta http-equiv="refresh" content="0; url=([^"]+)">', page.content.decode())
    assert found is not None
    return found[1].replace("&amp;", "&")


def go(url: str) -> dict[str, str]:
    """Walk through WorkOS as a browser would; returns what it sends back with."""
    answer = httpx.get(url)
    assert answer.status_code == 302, answer.text
    return {name: values[0] for name, values in parse_qs(urlsplit(answer.headers["Location"]).query).items()}


def come_back(client: Client, brought: dict[str, str]) -> Any:
    return client.get(f"{CALLBACK}?{urlencode(brought)}")


def is_in(client: Client) -> bool:
    return client.get("/account/").status_code == 200


def refused(client: Client, response: Any, heard: list[Refusal], check: str) -> None:
    """Refused with a page that helps, told to the trail with its reason, and no session anywhere."""
    assert response.status_code == 401
    assert b"You are not signed in" in response.content
    assert b'href="/sign-in/"' in response.content
    assert [(one.action, one.detail.get("check")) for one in heard] == [("sign_in.failed", check)]
    assert settings.SESSION_COOKIE_NAME not in response.cookies
    assert not VendorSession.objects.filter(revoked_at__isnull=True).exists()
    assert response.cookies[cookies.SSO].value == ""


def counted(rows: str) -> int:
    """How many of these rows there are, in every workspace."""
    with connections["owner"].cursor() as cursor:
        cursor.execute(f"SELECT count(*) FROM {rows}")
        return int(cursor.fetchone()[0])


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
    monkeypatch.setattr("accounts.services.sso.time.time", lambda: now + 601)
    with Refusals() as heard:
        refused(client, come_back(client, brought), heard, "late")


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


# ── and to the person whom the provider names, wherever they belong (L32) ───────────────────────────────────────────


def test_impersonation_opens_nothing(workos: Stage, away: tuple[Client, dict[str, str]]) -> None:
    client, brought = away
    workos.world.codes[brought["code"]].impersonator = "support@workos.test"
    with Refusals() as heard:
        refused(client, come_back(client, brought), heard, "impersonation")
    assert [one.severity for one in heard] == ["critical"]
    assert workos.world.sessions_of(workos.people[BOB].id) == [], "WorkOS was told to end it"


def test_an_impersonation_that_only_the_token_tells_opens_nothing(
    workos: Stage, away: tuple[Client, dict[str, str]]
) -> None:
    client, brought = away
    workos.world.extra_claims = {"act": {"sub": "support@workos.test"}}
    with Refusals() as heard:
        refused(client, come_back(client, brought), heard, "impersonation")


def test_an_unverified_address_opens_nothing(workos: Stage, away: tuple[Client, dict[str, str]]) -> None:
    """L32: not even the account that it belongs to by its subject."""
    client, brought = away
    workos.people[BOB].email_verified = False
    with Refusals() as heard:
        refused(client, come_back(client, brought), heard, "unverified")


LOOKALIKES = {
    "the very address": "bob@acme.test",
    "another case": "BOB@ACME.TEST",
    "a plus part": "bob+1@acme.test",
    "a full-width letter": "ｂob@acme.test",
    "a Cyrillic letter": "bоb@acme.test",
    "composed otherwise": "bob\u0301@acme.test",
}


@pytest.mark.parametrize("email", LOOKALIKES.values(), ids=LOOKALIKES)
def test_an_address_finds_nobody(workos: Stage, email: str) -> None:
    """L32: people are found by the provider's id of them. Another account there with Bob's address, or nearly his, is a stranger."""
    impostor = workos.world.person(email)
    impostor.email = email
    workos.world.join(impostor, workos.organizations[ACME], role="admin")
    workos.double.auto = impostor
    client = Client()
    with Refusals() as heard:
        refused(client, come_back(client, go(leave(client))), heard, "nowhere")
    assert counted("accounts_membership") == counted("accounts_identitylink WHERE provider = 'workos'") == 5


def test_signing_in_makes_nobody_a_member(workos: Stage) -> None:
    """A person whom WorkOS provisioned just in time, of the right organisation and domain, is nobody here yet."""
    workos.double.auto = newcomer = workos.world.person("nina@acme.test")
    workos.world.join(newcomer, workos.organizations[ACME])
    client = Client()
    with Refusals() as heard:
        refused(client, come_back(client, go(leave(client))), heard, "nowhere")
    assert counted("accounts_membership") == counted("accounts_identitylink WHERE provider = 'workos'") == 5


def test_another_companys_sign_in_opens_only_that_companys_workspace(workos: Stage) -> None:
    """L32, L11: Bob belongs to Birch as well. Birch's sign-in vouches for him there, and does not open Acme."""
    with whole_workspace(BIRCH.id):
        row = Membership.objects.using("owner").create(
            user_id=BOB.user_id, role="viewer", display_name="Bob", email=BOB.email
        )
    workos.world.join(workos.people[BOB], workos.organizations[BIRCH])
    client = Client()
    url = leave(client, organization=workos.organizations[BIRCH].id, email=BOB.email)
    come_back(client, go(url))
    page = client.get("/account/")
    assert b"Birch" in page.content
    with acting(BOB):
        assert not Session.objects.exists(), "no session in Acme"
    assert row.role == "viewer"


def test_an_organisation_whose_workspace_is_not_theirs_opens_nothing(workos: Stage) -> None:
    """Birch's administrator lets Bob into the organisation Birch: that is no membership in the workspace Birch, nor in Acme."""
    workos.world.join(workos.people[BOB], workos.organizations[BIRCH])
    client = Client()
    url = leave(client, organization=workos.organizations[BIRCH].id, email=BOB.email)
    with Refusals() as heard:
        refused(client, come_back(client, go(url)), heard, "nowhere")


def test_a_proof_of_another_organisation_than_asked_for_is_refused(
    workos: Stage, away: tuple[Client, dict[str, str]]
) -> None:
    client = Client()
    brought = go(leave(client, organization=workos.organizations[ACME].id, email=BOB.email))
    workos.world.join(workos.people[BOB], workos.organizations[BIRCH])
    workos.world.codes[brought["code"]].organization_id = workos.organizations[BIRCH].id
    with Refusals() as heard:
        refused(client, come_back(client, brought), heard, "organization")


def test_somebody_in_several_organisations_is_asked_where(workos: Stage) -> None:
    """L45: WorkOS asks which; the person answers here, among the places that are theirs in both systems."""
    with whole_workspace(BIRCH.id):
        birch = Membership.objects.using("owner").create(
            user_id=BOB.user_id, role="viewer", display_name="Bob", email=BOB.email
        )
    workos.world.join(workos.people[BOB], workos.organizations[BIRCH])
    client = Client()
    response = come_back(client, go(leave(client, email=BOB.email, next="/account/")))
    assert response.headers["Location"].startswith("/sign-in/workspace/")
    assert not is_in(client)
    answered = client.post("/sign-in/workspace/", {"place": str(birch.pk), "next": "/account/"})
    assert answered.headers["Location"] == "/account/"
    assert b"Birch" in client.get("/account/").content
    assert workos.row().organization_id == workos.organizations[BIRCH].id


def test_a_choice_does_not_get_round_what_every_sign_in_is_asked(workos: Stage) -> None:
    """The second step of a sign-in asks for a verified address and for nobody else acting, like the first."""
    with whole_workspace(BIRCH.id):
        birch = Membership.objects.using("owner").create(
            user_id=BOB.user_id, role="viewer", display_name="Bob", email=BOB.email
        )
    workos.world.join(workos.people[BOB], workos.organizations[BIRCH])
    workos.people[BOB].email_verified = False
    client = Client()
    come_back(client, go(leave(client, email=BOB.email)))
    client.post("/sign-in/workspace/", {"place": str(birch.pk)})
    assert not is_in(client)


def test_one_identity_with_two_workspaces_and_no_organisation_chooses(workos: Stage) -> None:
    """Neither workspace is connected to an organisation: the same page as after a password asks which."""
    Workspace.objects.using("owner").update(organization_id=None)
    workos.world.memberships.clear()
    with whole_workspace(BIRCH.id):
        birch = Membership.objects.using("owner").create(
            user_id=BOB.user_id, role="viewer", display_name="Bob", email=BOB.email
        )
    client = Client()
    come_back(client, go(leave(client, email=BOB.email)))
    page = client.get("/sign-in/workspace/")
    assert b"Acme" in page.content
    assert b"Birch" in page.content
    client.post("/sign-in/workspace/", {"place": str(birch.pk)})
    assert b"Birch" in client.get("/account/").content


def test_a_link_to_somebody_else_is_followed_and_not_the_address(workos: Stage) -> None:
    """The link decides: whoever it names is who comes in, though their address there is another's."""
    IdentityLink.objects.using("owner").filter(subject=workos.people[BOB].id).update(user_id=CHARLIE.user_id)
    User.objects.using("owner").get(pk=CHARLIE.user_id)
    workos.world.join(workos.people[BOB], workos.organizations[BIRCH])
    client = Client()
    come_back(client, go(leave(client, organization=workos.organizations[BIRCH].id, email=BOB.email)))
    assert CHARLIE.email.encode() in client.get("/account/").content


# ── sessions, outages, and installations without it ─────────────────────────────────────────────────────────────────


def test_the_session_that_the_browser_brings_ends(workos: Stage) -> None:
    client = doors.browser(ALICE)
    old = client.cookies[settings.SESSION_COOKIE_NAME].value
    come_back(client, go(leave(client, email=BOB.email)))
    assert client.cookies[settings.SESSION_COOKIE_NAME].value != old
    thief = Client()
    thief.cookies[settings.SESSION_COOKIE_NAME] = old
    assert not is_in(thief)


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
