"""What does a sign-in ask after a right password of somebody who has a second factor, and what does it tell others?"""

from __future__ import annotations

import re
import time
from collections.abc import Iterator
from concurrent.futures import ThreadPoolExecutor
from typing import Any
from unittest.mock import patch

import pytest
from axes.models import AccessAttempt
from django.conf import settings
from django.core import mail as outbox
from django.db import connections
from django.test import Client

from accounts import cookies, devices
from accounts.http import Refusal
from accounts.identity import hashing, letters
from accounts.identity.second_factors import MOST_WRONG_CODES
from accounts.identity.store.models import Account, SecondFactor, StoreSession
from accounts.models import Membership
from accounts.signals import access_denied, recovery_code_used
from accounts.tenancy.context import whole_workspace
from audit.models import Entry
from tests import doors
from tests.authenticators import Authenticator
from tests.cast import ACME, ALICE, BIRCH, BOB, PASSWORD, VERA, acting

pytestmark = pytest.mark.usefixtures("committed")
HERE = "/sign-in/second/"


@pytest.fixture
def app() -> Authenticator:
    """Bob's app."""
    return Authenticator.of(BOB)


def begin(client: Client, email: str = BOB.email, address: str = "203.0.113.5", **extra: str) -> Any:
    form = {"email": email, "password": PASSWORD, **extra}
    return client.post("/sign-in/", form, REMOTE_ADDR=address)


def finish(client: Client, code: str, address: str = "203.0.113.5", **extra: str) -> Any:
    return client.post(HERE, {"code": code, **extra}, REMOTE_ADDR=address)


def is_in(client: Client) -> bool:
    return client.get("/account/").status_code == 200


def test_password_and_code_open_a_session(app: Authenticator) -> None:
    client = Client()
    assert begin(client, next="/files/").headers["Location"] == f"{HERE}?next=%2Ffiles%2F"
    page = client.get(f"{HERE}?next=/files/")
    assert b'name="next" value="/files/"' in page.content
    assert finish(client, app.code(), next="/files/").headers["Location"] == "/files/"
    assert is_in(client)


def test_the_password_alone_opens_nothing(app: Authenticator) -> None:
    client = Client()
    begin(client)
    assert settings.SESSION_COOKIE_NAME not in client.cookies
    assert devices.COOKIE not in client.cookies, "nor does it make the browser a known one"
    token = client.cookies[cookies.SECOND].value
    for name in (settings.SESSION_COOKIE_NAME, cookies.CHOOSING, cookies.OPERATOR, cookies.OPERATOR_SECOND):
        thief = Client()
        thief.cookies[name] = token
        assert not is_in(thief)
        assert thief.get("/sign-in/workspace/").headers["Location"] == "/sign-in/"
        assert thief.get("/operator/").status_code == 302
        assert thief.get("/operator/sign-in/second/").headers["Location"] == "/operator/sign-in/"


def test_a_code_is_good_once(app: Authenticator) -> None:
    code = app.code()
    first, second = Client(), Client()
    begin(first)
    begin(second)
    assert finish(first, code).status_code == 302
    assert finish(second, code).status_code == 401
    assert not is_in(second)


def test_of_eight_at_once_with_one_code_a_single_one_comes_in(app: Authenticator) -> None:
    clients = [Client() for _ in range(4)]
    for client in clients:
        begin(client)
    code = app.code()

    def one(client: Client) -> int:
        try:
            return int(finish(client, code).status_code)
        finally:
            for connection in connections.all(initialized_only=True):
                connection.close()

    AccessAttempt.objects.all().delete()
    with ThreadPoolExecutor(4) as pool:
        statuses = sorted(pool.map(one, clients))
    assert statuses == [302, 401, 401, 401]


@pytest.mark.parametrize(("steps", "status"), [(-2, 401), (-1, 302), (0, 302), (1, 302), (2, 401)])
def test_clocks_may_differ_by_one_step(
    app: Authenticator, steps: int, status: int, monkeypatch: pytest.MonkeyPatch
) -> None:
    # In the middle of a step: at its end the next one could begin between the code and its use.
    middle = time.time() // 30 * 30 + 15
    monkeypatch.setattr(time, "time", lambda: middle)
    client = Client()
    begin(client)
    assert finish(client, app.code(steps_away=steps)).status_code == status


def test_an_earlier_code_is_no_good_after_a_later_one(app: Authenticator) -> None:
    first, second = Client(), Client()
    begin(first)
    begin(second)
    assert finish(first, app.code(steps_away=1)).status_code == 302
    assert finish(second, app.code()).status_code == 401


def test_a_code_is_typed_as_people_type_it(app: Authenticator) -> None:
    client = Client()
    begin(client)
    code = app.code()
    assert finish(client, f" {code[:3]} {code[3:]} ").status_code == 302


def test_a_recovery_code_stands_in_once_and_every_workspace_hears_of_it(app: Authenticator) -> None:
    with whole_workspace(BIRCH.id):
        Membership.objects.using("owner").create(
            user_id=BOB.user_id, role="viewer", display_name="Bob", email=BOB.email
        )
    heard: list[Any] = []
    recovery_code_used.connect(receiver := lambda **facts: heard.append(facts["actor"].workspace_id), weak=False)
    first, second = Client(), Client()
    begin(first)
    begin(second)
    assert (
        finish(first, app.recovery[3].upper().replace("-", " ")).headers["Location"].startswith("/sign-in/workspace/")
    )
    assert finish(second, app.recovery[3]).status_code == 401
    recovery_code_used.disconnect(receiver)
    assert heard == [ACME.id, BIRCH.id]
    with acting(ALICE):
        entry = Entry.objects.get(action="second_factor.code_used")
    assert entry.detail == {"left": 9}
    letters.send_waiting()
    assert "9 are left" in outbox.outbox[-1].body


def test_the_choice_of_a_workspace_comes_after_it(app: Authenticator) -> None:
    with whole_workspace(BIRCH.id):
        row = Membership.objects.using("owner").create(
            user_id=BOB.user_id, role="viewer", display_name="Bob", email=BOB.email
        )
    client = Client()
    begin(client, next="/files/")
    assert client.get("/sign-in/workspace/").headers["Location"] == "/sign-in/"
    assert finish(client, app.code(), next="/files/").headers["Location"] == "/sign-in/workspace/?next=%2Ffiles%2F"
    assert not is_in(client)
    assert client.post("/sign-in/workspace/", {"place": str(row.pk)}).status_code == 302
    assert b"Birch" in client.get("/account/").content


def test_wrong_codes_count_like_wrong_passwords_and_a_right_password_gives_nothing_back(app: Authenticator) -> None:
    client = Client()
    statuses = []
    for _ in range(3):
        statuses.append(begin(client).status_code)
        statuses.append(finish(client, app.wrong_code()).status_code)
    assert statuses == [302, 401, 302, 401, 302, 429]
    assert begin(Client()).status_code == 429


def test_from_many_addresses_the_accounts_own_limit_holds_for_codes_too(app: Authenticator) -> None:
    heard: list[int] = []
    for number in range(14):
        client, address = Client(), f"203.0.113.{number}"
        heard.append(begin(client, address=address).status_code)
        if cookies.SECOND in client.cookies:
            heard.append(finish(client, app.wrong_code(), address=address).status_code)
    assert heard == [302, 401] * 10 + [429] * 4
    assert SecondFactor.objects.get().wrong_codes == 10


def test_a_known_device_comes_in_while_somebody_with_the_password_guesses_codes(app: Authenticator) -> None:
    home = Client()
    begin(home, address="198.51.100.7")
    assert finish(home, app.code(), address="198.51.100.7").status_code == 302
    for number in range(14):
        thief, address = Client(), f"203.0.113.{number}"
        begin(thief, address=address)
        finish(thief, app.wrong_code(), address=address)
    assert begin(Client(), address="198.51.100.7").status_code == 429
    assert begin(home, address="198.51.100.7").status_code == 302
    assert finish(home, app.code(steps_away=1), address="198.51.100.7").status_code == 302
    assert is_in(home)


def test_coming_in_gives_both_attempts_back(app: Authenticator) -> None:
    client = Client()
    begin(client)
    finish(client, app.code())
    assert set(AccessAttempt.objects.values_list("failures_since_start", flat=True)) <= {0}


def test_after_a_hundred_wrong_codes_in_a_row_only_a_recovery_code_is_heard(app: Authenticator) -> None:
    SecondFactor.objects.update(wrong_codes=MOST_WRONG_CODES - 1)
    client = Client()
    begin(client)
    assert finish(client, app.wrong_code()).status_code == 401
    assert finish(client, app.code()).status_code == 401, "the guessing ends, however slow it was"
    assert finish(client, app.recovery[0]).status_code == 302, "and its owner is not locked out"
    again = Client()
    begin(again)
    assert finish(again, app.code()).status_code == 302


@pytest.mark.parametrize("token", ["", "null", "x" * 43, "x" * 5000])
def test_without_a_right_password_before_there_is_no_second_step(app: Authenticator, token: str) -> None:
    """L43."""
    client = Client()
    client.cookies[cookies.SECOND] = token
    for response in (client.get(HERE), finish(client, app.code())):
        assert response.headers["Location"] == "/sign-in/"
    assert not is_in(client)


def test_it_does_not_wait_for_ever(app: Authenticator) -> None:
    client = Client()
    begin(client)
    StoreSession.objects.filter(purpose="second").update(expires_at="2020-01-01T00:00:00Z")
    assert finish(client, app.code()).headers["Location"] == "/sign-in/"


def test_a_password_that_was_changed_meanwhile_ends_it(app: Authenticator) -> None:
    client = Client()
    begin(client)
    form = {"current": PASSWORD, "new": "seventeen unrelated herons", "again": "seventeen unrelated herons"}
    doors.browser(BOB).post("/account/password/", form)
    assert finish(client, app.code()).headers["Location"] == "/sign-in/"


def test_a_member_who_was_suspended_meanwhile_stays_out(app: Authenticator) -> None:
    """L13."""
    client = Client()
    begin(client)
    with whole_workspace(ACME.id):
        Membership.objects.using("owner").filter(pk=BOB.membership_id).update(status="suspended")
    assert finish(client, app.code()).status_code == 401
    assert not is_in(client)


@pytest.mark.parametrize("code", ["", "x" * 5000, "12345\x00"])
def test_what_cannot_be_a_code_is_refused_before_anything_is_counted(app: Authenticator, code: str) -> None:
    client = Client()
    begin(client)
    before = list(AccessAttempt.objects.values_list("failures_since_start", flat=True))
    assert finish(client, code).status_code == 422
    assert list(AccessAttempt.objects.values_list("failures_since_start", flat=True)) == before


def test_next_never_leaves_the_site(app: Authenticator) -> None:
    client = Client()
    assert begin(client, next="https://evil.test/").headers["Location"] == f"{HERE}?next=%2F"
    assert finish(client, app.code(), next="//evil.test/").headers["Location"] == "/"


def test_it_needs_the_forms_token(app: Authenticator) -> None:
    client = Client()
    begin(client)
    strict = Client(enforce_csrf_checks=True)
    strict.cookies[cookies.SECOND] = client.cookies[cookies.SECOND].value
    assert strict.post(HERE, {"code": app.code()}).status_code == 403


def test_a_refused_code_is_told_to_the_trail_without_what_was_typed(app: Authenticator) -> None:
    heard: list[Refusal] = []
    access_denied.connect(receiver := lambda **facts: heard.append(facts["refusal"]), weak=False)
    client = Client()
    begin(client)
    finish(client, "canary-code-7")
    access_denied.disconnect(receiver)
    (refusal,) = heard
    assert (refusal.action, refusal.severity) == ("sign_in.second_failed", "warning")
    assert "canary" not in repr(refusal)


class Counted:
    """Counts the comparisons of passwords that really take place."""

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


def test_every_wrong_sign_in_costs_one_hash_and_reads_alike(app: Authenticator, counted: Counted) -> None:
    """Unknown, wrong, inactive, and wrong for an account with a second factor: bytes, status and hashes are the same."""
    Account.objects.filter(pk=VERA.subject).update(is_active=False)
    wrong = "wrong horse battery staple"
    attempts = {
        "unknown": ("nobody@acme.test", wrong),
        "wrong": (ALICE.email, wrong),
        "wrong, with a second factor": (BOB.email, wrong),
        "inactive": (VERA.email, PASSWORD),
    }
    pages = {}
    for name, (email, password) in attempts.items():
        before = counted.compared
        response = Client().post("/sign-in/", {"email": email, "password": password})
        assert counted.compared == before + 1, name
        pages[name] = (response.status_code, sorted(response.cookies), _without_marks(response.content, email))
    assert len(set(map(repr, pages.values()))) == 1
    assert pages["unknown"][0] == 401


def test_a_wrong_code_reads_alike_for_everybody_and_hashes_nothing(app: Authenticator, counted: Counted) -> None:
    Authenticator.of(ALICE)
    pages = []
    for person in (BOB, ALICE):
        client = Client()
        begin(client, person.email)
        before = counted.compared
        response = finish(client, app.wrong_code())
        assert counted.compared == before
        pages.append((response.status_code, _without_marks(response.content, person.email)))
    assert pages[0] == pages[1]


def _without_marks(content: bytes, email: str) -> bytes:
    content = re.sub(rb'(csrfmiddlewaretoken" value=")[^"]+', rb"\1", content)
    content = re.sub(rb"[0-9a-f]{8}-[0-9a-f-]{27}", b"", content)
    return content.replace(email.encode(), b"")
