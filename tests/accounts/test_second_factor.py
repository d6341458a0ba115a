"""How does a person switch a second factor on and off, and does it stand where people say it does?"""

from __future__ import annotations

import re
from datetime import timedelta
from typing import Any

import pytest
from django.conf import settings
from django.core import mail as outbox
from django.db import connections
from django.test import Client
from django.utils import timezone

from accounts.identity import letters, second_factors, vault
from accounts.identity.store.models import RecoveryCode, SecondFactor
from accounts.models import Session
from accounts.signals import recovery_codes_made, second_factor_changed
from tests import doors
from tests.authenticators import Authenticator
from tests.cast import ALICE, BOB, CHARLIE, OLGA, PASSWORD, acting

pytestmark = pytest.mark.django_db(databases=[*doors.DOORS, "ops"])
HERE = "/account/second-factor/"
CODE = re.compile(rb"<code>([a-z0-9]{4}(?:-[a-z0-9]{4}){3})</code>")
SHORT = "eight st"
ANOTHER_KEY = b"another key of thirty-two bytes.."


def set_up(client: Client) -> tuple[Authenticator, list[str]]:
    """Switch it on by the pages, as Bob would; returns his app and his recovery codes."""
    assert client.post(f"{HERE}begin/").headers["Location"] == f"{HERE}set-up/"
    app = Authenticator.shown(client.get(f"{HERE}set-up/").content)
    response = client.post(f"{HERE}set-up/", {"code": app.code()})
    assert response.status_code == 201
    SecondFactor.objects.update(last_step=0)
    return app, [code.decode() for code in CODE.findall(response.content)]


def test_it_is_switched_on_by_a_first_code_and_shows_ten_recovery_codes_once() -> None:
    heard: list[Any] = []
    second_factor_changed.connect(receiver := lambda **facts: heard.append(facts["is_on"]), weak=False)
    client = doors.browser(BOB)
    _, codes = set_up(client)
    second_factor_changed.disconnect(receiver)
    assert len(set(codes)) == 10
    assert heard == [True]
    page = client.get(HERE).content
    assert b"10 of 10 left" in page
    assert not CODE.findall(page)
    assert client.get(f"{HERE}set-up/").headers["Location"] == HERE, "the seed is never shown again"
    assert (
        Client()
        .post("/sign-in/", {"email": BOB.email, "password": PASSWORD})
        .headers["Location"]
        .startswith("/sign-in/second/")
    )


def test_it_counts_for_nothing_before_a_code_confirmed_it() -> None:
    client = doors.browser(BOB)
    client.post(f"{HERE}begin/")
    app = Authenticator.shown(client.get(f"{HERE}set-up/").content)
    response = client.post(f"{HERE}set-up/", {"code": app.wrong_code()})
    assert response.status_code == 422
    assert b"does not fit" in response.content
    assert b"recovery code" not in response.content.partition(b"<main")[2], "there are none yet"
    assert Authenticator.shown(response.content).seed == app.seed, "the picture stays, so that nobody has to scan anew"
    assert Client().post("/sign-in/", {"email": BOB.email, "password": PASSWORD}).headers["Location"] == "/"


def test_looking_at_the_page_makes_nothing() -> None:
    client = doors.browser(BOB)
    client.get(HERE)
    assert client.get(f"{HERE}set-up/").headers["Location"] == HERE
    assert client.get(f"{HERE}begin/").status_code == 405
    assert not SecondFactor.objects.exists()


def test_one_that_is_on_is_not_replaced_by_another() -> None:
    """Somebody at a browser left open would otherwise put their own phone in its place."""
    client = doors.browser(BOB)
    set_up(client)
    before = SecondFactor.objects.get().secret
    assert client.post(f"{HERE}begin/").headers["Location"] == HERE
    assert SecondFactor.objects.get().secret == before


@pytest.mark.parametrize("path", ["begin/", "set-up/", "switch-off/", "recovery-codes/"])
def test_every_change_takes_a_recent_sign_in(path: str) -> None:
    client = doors.browser(BOB)
    set_up(client)
    with acting(BOB):
        Session.objects.update(signed_in_at=timezone.now() - timedelta(hours=2))
    for method in ("GET", "POST"):
        answer = client.generic(method, f"{HERE}{path}", b"code=123456", "application/x-www-form-urlencoded")
        assert answer.status_code == 405 or answer.headers["Location"].startswith("/sign-in/again/")
    assert SecondFactor.objects.filter(confirmed_at__isnull=False).exists()


def test_it_is_switched_off_against_a_code() -> None:
    heard: list[Any] = []
    second_factor_changed.connect(receiver := lambda **facts: heard.append(facts["is_on"]), weak=False)
    client = doors.browser(BOB)
    app, _ = set_up(client)
    assert client.post(f"{HERE}switch-off/", {"code": app.wrong_code()}).status_code == 422
    assert heard == [True]
    assert client.post(f"{HERE}switch-off/", {"code": app.code()}).headers["Location"] == HERE
    second_factor_changed.disconnect(receiver)
    assert heard == [True, False]
    assert not SecondFactor.objects.exists()
    assert not RecoveryCode.objects.exists()
    assert Client().post("/sign-in/", {"email": BOB.email, "password": PASSWORD}).headers["Location"] == "/"


def test_guesses_at_the_code_behind_a_stolen_cookie_are_counted() -> None:
    client = doors.browser(BOB)
    app, _ = set_up(client)
    statuses = [client.post(f"{HERE}switch-off/", {"code": app.wrong_code()}).status_code for _ in range(7)]
    assert statuses == [422] * 5 + [429] * 2
    assert client.post(f"{HERE}switch-off/", {"code": app.code()}).status_code == 429


def test_a_password_of_eight_characters_is_enough_before_it_and_keeps_it_on() -> None:
    client = doors.browser(BOB)
    form = {"current": PASSWORD, "new": SHORT, "again": SHORT}
    assert client.post("/account/password/", form).status_code == 422, "alone it needs fifteen"
    app, _ = set_up(client)
    assert client.post("/account/password/", form).status_code == 302
    answer = client.post(f"{HERE}switch-off/", {"code": app.code()})
    assert answer.headers["Location"] == "/account/password/"
    assert b"too few to stand alone" in client.get("/account/password/").content
    assert SecondFactor.objects.filter(confirmed_at__isnull=False).exists()
    SecondFactor.objects.update(last_step=0)
    longer = {"current": SHORT, "new": "seventeen unrelated herons", "again": "seventeen unrelated herons"}
    assert client.post("/account/password/", longer).status_code == 302
    assert client.post(f"{HERE}switch-off/", {"code": app.code()}).headers["Location"] == HERE
    assert not SecondFactor.objects.exists()


@pytest.mark.parametrize("new", ["seven c", "password", "12345678", "bob@acme"])
def test_a_short_password_still_must_not_be_a_common_one(new: str) -> None:
    client = doors.browser(BOB)
    set_up(client)
    assert client.post("/account/password/", {"current": PASSWORD, "new": new, "again": new}).status_code == 422


def test_new_recovery_codes_end_the_old_ones() -> None:
    heard: list[Any] = []
    recovery_codes_made.connect(receiver := lambda **facts: heard.append(facts["target"].pk), weak=False)
    client = doors.browser(BOB)
    app, old = set_up(client)
    response = client.post(f"{HERE}recovery-codes/", {"code": app.code()})
    recovery_codes_made.disconnect(receiver)
    new = [code.decode() for code in CODE.findall(response.content)]
    assert len(set(new) | set(old)) == 20
    assert heard == [BOB.membership_id]
    assert client.post(f"{HERE}switch-off/", {"code": old[0]}).status_code == 422
    assert client.post(f"{HERE}switch-off/", {"code": new[0]}).status_code == 302


def test_the_store_holds_neither_seed_nor_code_in_clear() -> None:
    app, codes = set_up(doors.browser(BOB))
    with connections["identity"].cursor() as cursor:
        dump = ""
        for table in ("secondfactor", "recoverycode", "account", "letter"):
            cursor.execute(f"SELECT string_agg(t::text, ' ') FROM identity_store_{table} t")
            dump += cursor.fetchone()[0] or ""
    assert "totp" not in dump
    assert app.seed not in dump
    assert not [code for code in codes if code in dump or code.replace("-", "") in dump]
    assert BOB.subject in dump


def test_a_seed_moved_to_another_account_opens_nothing_there() -> None:
    app, other = Authenticator.of(BOB), Authenticator.of(ALICE)
    stolen = SecondFactor.objects.get(account_id=BOB.subject).secret
    SecondFactor.objects.filter(account_id=ALICE.subject).update(secret=stolen)
    client = Client()
    client.post("/sign-in/", {"email": ALICE.email, "password": PASSWORD})
    for code in (app.code(), other.code()):
        assert client.post("/sign-in/second/", {"code": code}).status_code == 503
    assert settings.SESSION_COOKIE_NAME not in client.cookies


def test_a_recovery_code_opens_the_account_where_the_key_of_the_seed_is_lost(settings: Any) -> None:
    app = Authenticator.of(BOB)
    settings.IDENTITY_KEYS = [ANOTHER_KEY]
    client = Client()
    client.post("/sign-in/", {"email": BOB.email, "password": PASSWORD})
    assert client.post("/sign-in/second/", {"code": app.code()}).status_code == 503
    assert client.post("/sign-in/second/", {"code": app.recovery[0]}).status_code == 302


def test_a_newer_key_reseals_the_seed_with_the_next_code(settings: Any) -> None:
    app = Authenticator.of(BOB)
    settings.IDENTITY_KEYS = [ANOTHER_KEY, *settings.IDENTITY_KEYS]
    assert vault.is_outdated(SecondFactor.objects.get().secret)
    client = Client()
    client.post("/sign-in/", {"email": BOB.email, "password": PASSWORD})
    assert client.post("/sign-in/second/", {"code": app.code()}).status_code == 302
    assert not vault.is_outdated(SecondFactor.objects.get().secret)


def test_the_person_is_written_to_when_it_changes() -> None:
    client = doors.browser(BOB)
    app, _ = set_up(client)
    client.post(f"{HERE}switch-off/", {"code": app.code()})
    letters.send_waiting()
    assert [message.to for message in outbox.outbox] == [[BOB.email]] * 2
    assert "was switched on for bob@acme.test" in outbox.outbox[0].body
    assert "was switched off" in outbox.outbox[1].body
    assert app.seed not in outbox.outbox[0].message().as_string()


def test_switching_it_off_ends_an_operators_console() -> None:
    Authenticator.of(OLGA)
    client = doors.operator(OLGA)
    assert client.get("/operator/").status_code == 200
    second_factors.switch_off(OLGA.subject, record=lambda: None)
    assert client.get("/operator/").headers["Location"] == "/operator/sign-in/"


def test_nobody_changes_a_strangers() -> None:
    Authenticator.of(BOB)
    client = doors.browser(CHARLIE)
    assert client.get(f"{HERE}switch-off/").status_code == 200
    own = Authenticator.of(CHARLIE)
    assert client.post(f"{HERE}switch-off/", {"code": own.code()}).status_code == 302
    assert SecondFactor.objects.filter(account_id=BOB.subject).exists()


def test_a_change_whose_record_fails_did_not_happen() -> None:
    """L38."""
    client = doors.browser(BOB)
    client.post(f"{HERE}begin/")
    app = Authenticator.shown(client.get(f"{HERE}set-up/").content)

    def fail(**facts: Any) -> None:
        raise ZeroDivisionError

    second_factor_changed.connect(fail, weak=False)
    try:
        with pytest.raises(ZeroDivisionError):
            client.post(f"{HERE}set-up/", {"code": app.code()})
    finally:
        second_factor_changed.disconnect(fail)
    assert SecondFactor.objects.get().confirmed_at is None
    assert not RecoveryCode.objects.exists()


def test_the_picture_is_drawn_without_inline_style_or_script() -> None:
    client = doors.browser(BOB)
    client.post(f"{HERE}begin/")
    page = client.get(f"{HERE}set-up/").content
    assert b'<path fill="#000" d="M' in page
    assert b"style=" not in page
    assert b"<script>" not in page
