"""How does a person come in by password, and what does everybody else get?"""

from __future__ import annotations

import re
from typing import Any

import pytest
from django.conf import settings
from django.db import OperationalError
from django.test import Client

from accounts.http import Refusal, Tenant
from accounts.identity.store.models import Account, StoreSession
from accounts.models import Session
from accounts.signals import access_denied, signed_in, signed_out
from tests import doors
from tests.cast import ALICE, BOB, OLGA, PASSWORD, acting

pytestmark = pytest.mark.django_db(databases=doors.DOORS)
WRONG = "wrong horse battery staple"


def sign_in(client: Client, email: str = BOB.email, password: str = PASSWORD, **extra: str) -> Any:
    return client.post("/sign-in/", {"email": email, "password": password, **extra})


def test_it_opens_both_halves_of_a_session() -> None:
    heard: list[Tenant] = []
    signed_in.connect(receiver := lambda **facts: heard.append(facts["actor"]), weak=False)
    client = Client()
    response = sign_in(client)
    signed_in.disconnect(receiver)
    assert (response.status_code, response.headers["Location"]) == (302, "/")
    assert client.get("/account/").status_code == 200
    assert [actor.membership_id for actor in heard] == [BOB.membership_id]


def test_it_hands_over_a_cookie_that_only_this_host_and_no_script_can_use() -> None:
    cookie = sign_in(Client()).cookies[settings.SESSION_COOKIE_NAME]
    assert settings.SESSION_COOKIE_NAME.startswith("__Host-")
    assert (cookie["secure"], cookie["httponly"], cookie["samesite"], cookie["path"], cookie["domain"]) == (
        True,
        True,
        "Lax",
        "/",
        "",
    )
    assert len(cookie.value) == 43


def test_it_stores_no_token_in_clear() -> None:
    token = sign_in(Client()).cookies[settings.SESSION_COOKIE_NAME].value
    with acting(BOB):
        row = Session.objects.get()
    assert token.encode() not in bytes(row.token_hash)
    assert bytes(row.token_hash) != bytes(StoreSession.objects.get().token_hash)


def test_it_answers_alike_whatever_is_wrong() -> None:
    """Unknown, wrong, inactive, nowhere to go: the same bytes, so that nobody learns who has an account."""
    Account.objects.filter(pk=ALICE.subject).update(is_active=False)
    attempts = {
        "wrong password": (BOB.email, WRONG),
        "unknown": ("nobody@acme.test", WRONG),
        "inactive account": (ALICE.email, PASSWORD),
        "no workspace": (OLGA.email, PASSWORD),
    }
    pages = {}
    for name, (email, password) in attempts.items():
        response = sign_in(Client(), email, password)
        assert response.status_code == 401, name
        assert settings.SESSION_COOKIE_NAME not in response.cookies, name
        pages[name] = without_marks(response.content, email)
    assert len(set(pages.values())) == 1


def without_marks(content: bytes, email: str) -> bytes:
    """The page without what differs between any two: the form's token, the request's number, the address typed."""
    content = re.sub(rb'(csrfmiddlewaretoken" value=")[^"]+', rb"\1", content)
    content = re.sub(rb"[0-9a-f]{8}-[0-9a-f-]{27}", b"", content)
    return content.replace(email.encode(), b"")


def test_the_address_comes_first_and_nobody_is_looked_up() -> None:
    """The second page is the same for everybody, so it cannot say who has an account."""
    pages = []
    for email in (BOB.email, "nobody@acme.test"):
        response = Client().post("/sign-in/address/", {"email": email, "next": "/files/"})
        assert response.status_code == 200
        assert email.encode() in response.content
        assert b'value="/files/"' in response.content
        pages.append(without_marks(response.content, email))
    assert pages[0] == pages[1]


@pytest.mark.parametrize("email", ["", "bob", "bob@acme.test\x00", "b" * 5000 + "@acme.test"])
def test_an_address_that_is_none_is_corrected_on_the_first_page(email: str) -> None:
    response = Client().post("/sign-in/address/", {"email": email})
    assert response.status_code == 422
    assert b"Continue" in response.content


def test_the_second_page_has_no_address_of_its_own() -> None:
    assert Client().get("/sign-in/address/").headers["Location"] == "/sign-in/"


@pytest.mark.parametrize(
    ("email", "password"),
    [
        ("", PASSWORD),
        ("bob", PASSWORD),
        ("bob@acme.test\x00", PASSWORD),
        ("b" * 5000 + "@acme.test", PASSWORD),
        (BOB.email, ""),
        (BOB.email, "x\x00" * 10),
        (BOB.email, "x" * 5000),
    ],
)
def test_it_refuses_what_cannot_be_used_before_it_counts_or_computes(email: str, password: str) -> None:
    """A NUL or 5,000 characters were a 500 in the lockout tables (measured)."""
    response = sign_in(Client(), email, password)
    assert response.status_code == 422
    assert b'role="alert"' in response.content


def test_a_missing_field_is_a_422_and_not_a_crash() -> None:
    """L42."""
    assert Client().post("/sign-in/", {}).status_code == 422
    assert Client().post("/sign-in/", "[]", content_type="application/json").status_code in (415, 422)


@pytest.mark.parametrize(
    ("wanted", "where"),
    [
        ("/files/?q=a", "/files/?q=a"),
        ("https://evil.test/", "/"),
        ("//evil.test/", "/"),
        ("/\\evil.test", "/"),
        ("\\\\evil.test", "/"),
        ("javascript:alert(1)", "/"),
        ("/\t/evil.test", "/"),
        ("", "/"),
    ],
)
def test_next_never_leaves_the_site(wanted: str, where: str) -> None:
    response = sign_in(Client(), next=wanted)
    assert response.headers["Location"] == where


@pytest.mark.parametrize("wanted", ["/files/?q=" + "a" * 2000, "/files/\x00"], ids=["too long", "a NUL"])
def test_a_next_that_cannot_be_used_keeps_nobody_from_signing_in(wanted: str) -> None:
    """Nobody typed it: it came with the link, or with the page on which a session had ended."""
    asked = Client().post("/sign-in/address/", {"email": BOB.email, "next": wanted})
    assert (asked.status_code, b'type="password"' in asked.content) == (200, True)
    assert sign_in(Client(), next=wanted).headers["Location"] == "/"


def test_one_whose_old_session_cannot_be_ended_leaves_no_new_one_behind() -> None:
    """Nobody was handed it, and it would stand in the person's list as a browser that they do not know."""
    client = Client()
    sign_in(client)

    def silent(**facts: Any) -> None:
        raise OperationalError

    signed_out.connect(silent, weak=False)
    status = sign_in(client).status_code
    signed_out.disconnect(silent)
    assert status == 503
    assert len(client.get("/account/").context["signed_in"]) == 1


def test_an_old_session_ends_when_the_same_browser_signs_in_again() -> None:
    client = Client()
    sign_in(client)
    old = client.cookies[settings.SESSION_COOKIE_NAME].value
    sign_in(client)
    new = client.cookies[settings.SESSION_COOKIE_NAME].value
    assert old != new
    stale = Client()
    stale.cookies[settings.SESSION_COOKIE_NAME] = old
    assert stale.get("/account/").headers["Location"].startswith("/sign-in/")
    assert client.get("/account/").status_code == 200


def test_a_browsers_name_is_stored_without_what_cannot_be_seen() -> None:
    sign_in(Client(headers={"User-Agent": "Fire\u202efox\x00\x1b[2J" + "x" * 500}))
    with acting(BOB):
        assert Session.objects.get().user_agent.startswith("Firefox[2Jxxx")


def test_an_address_with_a_zone_signs_in() -> None:
    response = Client().post("/sign-in/", {"email": BOB.email, "password": PASSWORD}, REMOTE_ADDR="fe80::1%eth0")
    assert response.status_code == 302


def test_signing_in_needs_the_forms_token() -> None:
    response = Client(enforce_csrf_checks=True).post("/sign-in/", {"email": BOB.email, "password": PASSWORD})
    assert response.status_code == 403


def test_signing_in_rotates_the_forms_token() -> None:
    client = Client(enforce_csrf_checks=True)
    page = client.get("/sign-in/")
    before = client.cookies[settings.CSRF_COOKIE_NAME].value
    token = re.search(rb'csrfmiddlewaretoken" value="([^"]+)', page.content)
    assert token is not None
    sign_in(client, csrfmiddlewaretoken=token.group(1).decode())
    assert client.cookies[settings.CSRF_COOKIE_NAME].value != before


def test_it_spells_an_address_as_people_do() -> None:
    assert sign_in(Client(), " Bob@ACME.test ").status_code == 302


def test_a_failed_sign_in_is_told_to_the_trail_without_what_was_typed() -> None:
    heard: list[Refusal] = []
    access_denied.connect(receiver := lambda **facts: heard.append(facts["refusal"]), weak=False)
    sign_in(Client(), "my-secret-password@acme.test", WRONG)
    access_denied.disconnect(receiver)
    (refusal,) = heard
    assert (refusal.reason, refusal.action) == ("credential", "sign_in.failed")
    assert "my-secret-password" not in repr(refusal)
    assert refusal.detail["mask"] == "m…@acme.test"


def test_the_front_sends_strangers_to_the_sign_in_page() -> None:
    assert Client().get("/").headers["Location"] == "/sign-in/"


def test_signing_out_kills_the_cookie_on_the_server() -> None:
    """L34: the old value is refused by the server, not only absent from the browser."""
    client = doors.browser(BOB)
    token = client.cookies[settings.SESSION_COOKIE_NAME].value
    response = client.post("/sign-out/")
    assert response.cookies[settings.SESSION_COOKIE_NAME]["max-age"] == 0
    thief = Client()
    thief.cookies[settings.SESSION_COOKIE_NAME] = token
    assert thief.get("/account/").headers["Location"].startswith("/sign-in/")
    assert not StoreSession.objects.live().exists()
    with acting(BOB):
        assert Session.objects.get().revoked_at is not None


def test_signing_out_by_a_link_does_nothing() -> None:
    client = doors.browser(BOB)
    assert client.get("/sign-out/").status_code == 405
    assert client.get("/account/").status_code == 200
