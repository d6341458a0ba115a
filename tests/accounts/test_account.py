"""What can a person see and change about their own account?"""

from __future__ import annotations

import pytest
from django.conf import settings
from django.test import Client

from accounts.identity import resolution
from accounts.identity.base import Revoked
from accounts.identity.local import LocalIdentity
from accounts.identity.store.models import StoreSession
from accounts.models import Session
from accounts.services.sign_ins import Opened
from accounts.signals import password_changed, session_revoked
from tests import doors
from tests.cast import ALICE, BOB, CHARLIE, PASSWORD, Person, acting

pytestmark = pytest.mark.django_db(databases=doors.DOORS)
NEW = "seventeen unrelated herons"


def change(client: Client, current: str = PASSWORD, new: str = NEW, again: str | None = None) -> int:
    form = {"current": current, "new": new, "again": new if again is None else again}
    return client.post("/account/password/", form).status_code


def is_open(token: str) -> bool:
    try:
        resolution.resolve_session(token)
    except Revoked:
        return False
    return True


def test_it_shows_who_the_person_is_and_where_they_are_signed_in() -> None:
    elsewhere = doors.session(BOB)
    page = doors.browser(BOB).get("/account/").content
    assert b"bob@acme.test" in page
    assert page.count(b"This browser") == 1
    assert f"/account/sessions/{elsewhere.tenant.credential_id}/end/".encode() in page


def test_it_does_not_show_sessions_that_either_system_ended() -> None:
    one, other = doors.session(BOB), doors.session(BOB)
    client = doors.browser(BOB)
    StoreSession.objects.exclude(pk=_half(one)).filter(pk=_half(other)).revoke()
    page = client.get("/account/").content
    assert str(one.tenant.credential_id).encode() in page
    assert str(other.tenant.credential_id).encode() not in page


def test_it_does_not_show_a_colleagues_sessions() -> None:
    alices = doors.session(ALICE)
    assert str(alices.tenant.credential_id).encode() not in doors.browser(BOB).get("/account/").content


def test_it_signs_out_one_other_browser() -> None:
    heard: list[Session] = []
    session_revoked.connect(receiver := lambda **facts: heard.append(facts["target"]), weak=False)
    elsewhere, client = doors.session(BOB), doors.browser(BOB)
    response = client.post(f"/account/sessions/{elsewhere.tenant.credential_id}/end/")
    session_revoked.disconnect(receiver)
    assert response.headers["Location"] == "/account/"
    assert not is_open(elsewhere.token)
    assert client.get("/account/").status_code == 200
    assert [session.pk for session in heard] == [elsewhere.tenant.credential_id]


@pytest.mark.parametrize("person", [ALICE, CHARLIE])
def test_it_does_not_sign_out_somebody_else(person: Person) -> None:
    theirs = doors.session(person)
    doors.browser(BOB).post(f"/account/sessions/{theirs.tenant.credential_id}/end/")
    assert is_open(theirs.token)


def test_it_signs_out_everywhere() -> None:
    elsewhere, client = doors.session(BOB), doors.browser(BOB)
    here = client.cookies[settings.SESSION_COOKIE_NAME].value
    response = client.post("/account/sessions/end/")
    assert response.headers["Location"] == "/sign-in/"
    assert not is_open(elsewhere.token)
    assert not is_open(here)
    assert not StoreSession.objects.live().exists()


def test_a_changed_password_ends_every_other_session() -> None:
    """L33."""
    elsewhere, client = doors.session(BOB), doors.browser(BOB)
    old = client.cookies[settings.SESSION_COOKIE_NAME].value
    assert change(client) == 302
    assert not is_open(elsewhere.token)
    assert not is_open(old), "the browser's own session is a new one too"
    assert client.get("/account/").status_code == 200


def test_a_changed_password_is_the_one_that_works() -> None:
    change(doors.browser(BOB))
    assert Client().post("/sign-in/", {"email": BOB.email, "password": PASSWORD}).status_code == 401
    assert Client().post("/sign-in/", {"email": BOB.email, "password": NEW}).status_code == 302


def test_a_password_is_the_same_however_the_keyboard_composed_it() -> None:
    change(doors.browser(BOB), new="caf\u00e9 und zw\u00f6lf M\u00f6wen")
    composed = "cafe\u0301 und zwo\u0308lf Mo\u0308wen"
    assert Client().post("/sign-in/", {"email": BOB.email, "password": composed}).status_code == 302


def test_a_changed_password_is_a_fact_for_the_trail() -> None:
    heard: list[object] = []
    password_changed.connect(receiver := lambda **facts: heard.append(facts["actor"].membership_id), weak=False)
    client = doors.browser(BOB)
    change(client, current="wrong horse battery staple")
    change(client)
    password_changed.disconnect(receiver)
    assert heard == [BOB.membership_id]


@pytest.mark.parametrize(
    ("current", "new", "again", "says"),
    [
        ("wrong horse battery staple", NEW, NEW, b"This is not your password"),
        (PASSWORD, NEW, NEW + "x", b"The two entries differ"),
        (PASSWORD, "too short", "too short", b"has 9 characters. Use at least 15"),
        (PASSWORD, "bob@acme.test bob", "bob@acme.test bob", b"mostly your name"),
        (PASSWORD, PASSWORD, PASSWORD, b"the password that you have now"),
        (PASSWORD, "", "", b"Enter the password"),
    ],
)
def test_it_says_why_a_password_was_not_changed(current: str, new: str, again: str, says: bytes) -> None:
    client = doors.browser(BOB)
    response = client.post("/account/password/", {"current": current, "new": new, "again": again})
    assert response.status_code == 422
    assert says in response.content
    assert client.get("/account/").status_code == 200, "nothing was changed, so nobody is signed out"


def test_an_account_signs_in_with_any_spelling_of_its_address() -> None:
    LocalIdentity().create_account(email="Straße@Example.test", password=NEW)
    proof = LocalIdentity().authenticate_password(email="STRASSE@example.TEST", password=NEW, client=doors.BROWSER)
    assert proof.identity.email == "Straße@Example.test"


def _half(opened: Opened) -> str:
    with acting(BOB):
        found: Session = Session.objects.get(pk=opened.tenant.credential_id)
        return found.identity_session
