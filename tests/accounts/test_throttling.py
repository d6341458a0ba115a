"""Do at most as many guesses reach the hash as the limits say, however many come at once and from wherever?"""

from __future__ import annotations

from collections.abc import Iterator
from concurrent.futures import ThreadPoolExecutor
from datetime import timedelta
from unittest.mock import patch

import pytest
from axes.models import AccessAttempt
from django.db import connections
from django.test import Client, RequestFactory
from django.utils import timezone

from accounts import devices
from accounts.identity import hashing
from accounts.identity.local import LocalIdentity
from accounts.identity.store.models import SecondFactor
from accounts.throttling import ReservingHandler
from tests import doors
from tests.authenticators import Authenticator
from tests.cast import ALICE, BOB, PASSWORD
from tests.outages import out_of_reach

pytestmark = pytest.mark.usefixtures("committed")
WRONG = "wrong horse battery staple"


def guess(
    client: Client, email: str = BOB.email, password: str = WRONG, address: str = "203.0.113.5", **headers: str
) -> int:
    response = client.post("/sign-in/", {"email": email, "password": password}, REMOTE_ADDR=address, headers=headers)
    return response.status_code


class Counted:
    """Counts the comparisons that really take place, and lets them take place."""

    def __init__(self) -> None:
        self.compared = 0

    def __call__(self, password: str, stored: str | None) -> bool:
        self.compared += 1
        return REAL(password, stored)


REAL = hashing.matches


@pytest.fixture
def counted() -> Iterator[Counted]:
    counter = Counted()
    with patch.object(hashing, "matches", counter):
        yield counter


def test_it_lets_five_guesses_through_and_then_asks_to_wait(counted: Counted) -> None:
    client = Client()
    assert [guess(client) for _ in range(7)] == [401] * 5 + [429] * 2
    assert counted.compared == 5
    response = client.post("/sign-in/", {"email": BOB.email, "password": PASSWORD}, REMOTE_ADDR="203.0.113.5")
    assert response.status_code == 429, "the right password is not told from a wrong one by then"
    assert 1 <= int(response.headers["Retry-After"]) <= 900
    assert b"Wait 15 minutes" in response.content


def test_sixteen_guesses_at_once_do_not_pass_a_limit_of_five(counted: Counted) -> None:
    """Check-then-count let all sixteen through (measured)."""

    def one(_: int) -> int:
        try:
            while (status := guess(Client())) == 503:
                pass  # as many hashes at work as the process takes: the guess was not heard, so it is made again
            return status
        finally:
            for connection in connections.all(initialized_only=True):
                connection.close()

    with ThreadPoolExecutor(16) as pool:
        statuses = list(pool.map(one, range(16)))
    assert counted.compared == 5
    assert sorted(statuses) == [401] * 5 + [429] * 11


def test_many_addresses_do_not_pass_the_accounts_own_limit(counted: Counted) -> None:
    statuses = [guess(Client(), address=f"203.0.113.{number}") for number in range(30)]
    assert statuses == [401] * 20 + [429] * 10
    assert counted.compared == 20


def test_refused_guesses_do_not_use_up_the_accounts_attempts() -> None:
    """Otherwise one address could lock an account everywhere with guesses that cost it nothing."""
    client = Client()
    for _ in range(30):
        guess(client)
    assert guess(Client(), password=PASSWORD, address="198.51.100.9") == 302


def test_rotating_x_forwarded_for_changes_nothing() -> None:
    """L41: an entry that no trusted proxy wrote is the client's invention."""
    statuses = [
        guess(Client(), **{"X-Forwarded-For": f"192.0.2.{number}", "X-Real-IP": f"192.0.2.{number}"})
        for number in range(7)
    ]
    assert statuses == [401] * 5 + [429] * 2


def test_the_addresses_of_one_ipv6_network_are_one_client() -> None:
    statuses = [guess(Client(), address=f"2001:db8:1:2::{number}") for number in range(1, 8)]
    assert statuses == [401] * 5 + [429] * 2


def test_an_ipv4_address_written_as_ipv6_is_the_same_client() -> None:
    statuses = [guess(Client(), address="203.0.113.5" if number % 2 else "::ffff:203.0.113.5") for number in range(7)]
    assert statuses == [401] * 5 + [429] * 2


def test_spelling_the_address_differently_changes_nothing() -> None:
    spellings = [
        BOB.email,
        BOB.email.upper(),
        f" {BOB.email} ",
        BOB.email.title(),
        BOB.email,
        BOB.email.upper(),
        BOB.email,
    ]
    assert [guess(Client(), email=email) for email in spellings] == [401] * 5 + [429] * 2


def test_one_address_cannot_try_many_accounts(settings: object) -> None:
    settings.SIGN_IN_RATE_PER_ADDRESS = "10/h"  # type: ignore[attr-defined]  # pytest-django's settings
    statuses = [guess(Client(), email=f"person{number}@acme.test") for number in range(12)]
    assert statuses == [401] * 10 + [429] * 2


def test_a_known_device_signs_in_while_somebody_else_guesses() -> None:
    home = Client()
    assert guess(home, password=PASSWORD, address="198.51.100.7") == 302
    assert devices.COOKIE in home.cookies
    for number in range(30):
        guess(Client(), address=f"203.0.113.{number}")
    assert guess(Client(), password=PASSWORD, address="198.51.100.7") == 429
    assert guess(home, password=PASSWORD, address="198.51.100.7") == 302


def test_a_stolen_device_cookie_buys_five_guesses() -> None:
    home = Client()
    guess(home, password=PASSWORD)
    stolen = home.cookies[devices.COOKIE].value
    statuses = []
    for number in range(7):
        thief = Client()
        thief.cookies[devices.COOKIE] = stolen
        statuses.append(guess(thief, address=f"203.0.113.{number}"))
    assert statuses == [401] * 5 + [429] * 2


def test_a_device_cookie_is_good_for_its_own_account_only() -> None:
    home = Client()
    guess(home, password=PASSWORD)
    for number in range(20):
        guess(Client(), email=ALICE.email, address=f"203.0.113.{number}")
    assert guess(home, email=ALICE.email, address="198.51.100.7") == 429


def test_a_forged_device_cookie_is_no_known_device() -> None:
    forged = Client()
    forged.cookies[devices.COOKIE] = "eyJhIjoiYiJ9:1abcde:forged"
    assert [guess(forged) for _ in range(6)] == [401] * 5 + [429]


def test_it_is_over_after_the_cool_off() -> None:
    for _ in range(6):
        guess(Client())
    AccessAttempt.objects.update(attempt_time=timezone.now() - timedelta(minutes=16))
    assert guess(Client(), password=PASSWORD) == 302


def test_what_is_over_is_swept() -> None:
    guess(Client(), address="203.0.113.1")
    AccessAttempt.objects.update(attempt_time=timezone.now() - timedelta(minutes=16))
    guess(Client(), email=ALICE.email, address="203.0.113.2")
    ReservingHandler().sweep(RequestFactory().get("/"))
    assert AccessAttempt.objects.count() == 2, "the newer guess's two rows"


def test_a_refused_guess_does_not_prolong_the_wait() -> None:
    for _ in range(5):
        guess(Client())
    AccessAttempt.objects.update(attempt_time=timezone.now() - timedelta(minutes=10))
    before = AccessAttempt.objects.order_by("pk").values_list("attempt_time", flat=True)[0]
    assert guess(Client()) == 429
    assert AccessAttempt.objects.order_by("pk").values_list("attempt_time", flat=True)[0] == before


def test_a_right_password_forgets_the_wrong_ones() -> None:
    client = Client()
    for _ in range(4):
        guess(client)
    assert guess(client, password=PASSWORD) == 302
    assert [guess(Client()) for _ in range(6)] == [401] * 5 + [429]


def test_nothing_that_was_typed_is_stored() -> None:
    guess(Client(), email="canary-address@acme.test", password="canary-password-canary")
    with connections["identity"].cursor() as cursor:
        cursor.execute("SELECT a::text FROM axes_accessattempt a")
        rows = "".join(row for (row,) in cursor.fetchall())
    assert rows
    assert "canary" not in rows


def test_a_lockout_cannot_be_cleared_from_the_platforms_database() -> None:
    """Its table is in the other database: SQL injected into the platform's connection does not see it."""
    with connections["default"].cursor() as cursor:
        cursor.execute("SELECT count(*) FROM pg_tables WHERE tablename LIKE 'axes%'")
        assert cursor.fetchone() == (0,)
    assert AccessAttempt.objects.db == "identity"


def test_without_the_counters_nobody_signs_in(monkeypatch: pytest.MonkeyPatch) -> None:
    out_of_reach("cache", monkeypatch)
    assert guess(Client(), password=PASSWORD) == 503


def test_guesses_at_the_password_behind_a_stolen_cookie_are_counted_too() -> None:
    client = doors.browser(BOB)
    form = {"current": WRONG, "new": "another good battery staple", "again": "another good battery staple"}
    statuses = [client.post("/account/password/", form).status_code for _ in range(7)]
    assert statuses == [422] * 5 + [429] * 2


def test_an_authenticator_of_ones_own_buys_no_more_guesses_at_the_password() -> None:
    """Whoever found a browser open may set one up, and has a right code every half minute."""
    client, second = doors.browser(BOB), "/account/second-factor/"
    form = {"current": WRONG, "new": "another good battery staple", "again": "another good battery staple"}
    statuses = [client.post("/account/password/", form).status_code for _ in range(3)]
    client.post(f"{second}begin/")
    app = Authenticator.shown(client.get(f"{second}set-up/").content)
    assert client.post(f"{second}set-up/", {"code": app.code()}).status_code == 201
    statuses += [client.post("/account/password/", form).status_code for _ in range(2)]
    SecondFactor.objects.update(last_step=0)
    assert client.post(f"{second}recovery-codes/", {"code": app.code()}).status_code == 429, "five wrong ones are five"
    assert statuses == [422] * 5


def test_a_full_house_answers_503_and_uses_up_no_attempt() -> None:
    slots = [hashing.slot() for _ in range(hashing.SLOTS)]
    for slot in slots:
        slot.__enter__()
    try:
        response = Client().post("/sign-in/", {"email": BOB.email, "password": PASSWORD})
        assert (response.status_code, response.headers["Retry-After"]) == (503, "2")
        assert not AccessAttempt.objects.exists()
    finally:
        for slot in slots:
            slot.__exit__(None, None, None)
    assert guess(Client(), password=PASSWORD) == 302


def test_the_local_store_counts_before_it_compares(counted: Counted) -> None:
    def refuse() -> None:
        raise ZeroDivisionError

    with pytest.raises(ZeroDivisionError):
        LocalIdentity().authenticate_password(email=BOB.email, password=PASSWORD, client=doors.BROWSER, reserve=refuse)
    assert counted.compared == 0


@pytest.mark.soak
def test_of_a_thousand_guesses_at_once_at_most_the_limit_reach_the_hash(counted: Counted) -> None:
    """From 250 addresses, 32 at a time, each asked again as long as the house is full."""

    def one(number: int) -> int:
        try:
            while (status := guess(Client(), address=f"203.0.{number % 5}.{number % 250}")) == 503:
                pass
            return status
        finally:
            for connection in connections.all(initialized_only=True):
                connection.close()

    with ThreadPoolExecutor(32) as pool:
        statuses = list(pool.map(one, range(1000)))
    assert counted.compared == 20
    assert (statuses.count(401), statuses.count(429)) == (20, 980)
