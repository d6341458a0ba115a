"""How does somebody who is signed in show that it is still them, and who never gets past by it?"""

from __future__ import annotations

import re
from datetime import timedelta
from typing import Any
from urllib.parse import parse_qs, urlencode, urlsplit

import pytest
from django.conf import settings
from django.core import mail as outbox
from django.db import OperationalError, connections
from django.test import Client
from django.utils import timezone

from accounts.identity import letters, resolution
from accounts.identity.base import Revoked
from accounts.models import Session
from accounts.signals import signed_out, stepped_up
from audit.models import Entry
from tests import doors
from tests.authenticators import Authenticator
from tests.cast import ACME, ALICE, BOB, PASSWORD, acting
from tests.workos.stage import Stage
from tests.workos.walking import come_back, go, leave

pytestmark = pytest.mark.usefixtures("committed")
HERE = "/sign-in/again/"


def stale() -> Client:
    """A browser in which Bob signed in two hours ago."""
    client = doors.browser(BOB)
    with acting(BOB):
        Session.objects.update(signed_in_at=timezone.now() - timedelta(hours=2))
    return client


def token_of(client: Client) -> str:
    return client.cookies[settings.SESSION_COOKIE_NAME].value


def test_a_sensitive_page_leads_there_and_back() -> None:
    client = stale()
    assert client.get("/keys/new/").headers["Location"] == f"{HERE}?next=%2Fkeys%2Fnew%2F"
    page = client.get(f"{HERE}?next=/keys/new/")
    assert b"bob@acme.test" in page.content
    assert b'name="email"' not in page.content, "only the password of whoever is signed in"
    response = client.post(HERE, {"password": PASSWORD, "next": "/keys/new/"})
    assert response.headers["Location"] == "/keys/new/"
    assert client.get("/keys/new/").status_code == 200


def test_it_gives_a_new_session_and_the_old_one_is_dead() -> None:
    heard: list[str] = []
    stepped_up.connect(one := lambda **facts: heard.append("stepped up"), weak=False)
    signed_out.connect(two := lambda **facts: heard.append("signed out"), weak=False)
    client, elsewhere = stale(), doors.session(BOB)
    old = token_of(client)
    client.post(HERE, {"password": PASSWORD})
    stepped_up.disconnect(one)
    signed_out.disconnect(two)
    assert token_of(client) != old
    with pytest.raises(Revoked, match="session_revoked"):
        resolution.resolve_session(old)
    assert resolution.resolve_session(token_of(client)).membership_id == BOB.membership_id
    assert resolution.resolve_session(elsewhere.token) == elsewhere.tenant, "other browsers are not concerned"
    assert heard == ["stepped up"]


def test_one_that_nobody_can_record_leaves_everything_as_it_was() -> None:
    """An outage signs nobody out, and leaves no session behind that stands in the list as somebody else's browser."""
    client = stale()

    def silent(**facts: Any) -> None:
        raise OperationalError

    stepped_up.connect(silent, weak=False)
    status = client.post(HERE, {"password": PASSWORD}).status_code
    stepped_up.disconnect(silent)
    assert status == 503
    page = client.get("/account/")
    assert (page.status_code, len(page.context["signed_in"])) == (200, 1)


def test_a_wrong_password_changes_nothing_and_is_counted() -> None:
    client = stale()
    old = token_of(client)
    statuses = [client.post(HERE, {"password": "wrong horse battery staple"}).status_code for _ in range(7)]
    assert statuses == [401] * 5 + [429] * 2
    assert token_of(client) == old
    assert client.get("/account/").status_code == 200, "whoever is signed in stays so"
    assert client.get("/keys/new/").status_code == 302


def test_somebody_elses_password_is_a_wrong_one() -> None:
    client = stale()
    with connections["identity"].cursor() as cursor:
        cursor.execute("UPDATE identity_store_account SET password = 'x' WHERE id = %s", [ALICE.subject])
    assert client.post(HERE, {"password": "x"}).status_code == 401


class TestWithASecondFactor:
    @pytest.fixture
    def app(self) -> Authenticator:
        return Authenticator.of(BOB)

    def test_it_asks_for_both(self, app: Authenticator) -> None:
        client = stale()
        assert b'name="code"' in client.get(HERE).content
        assert client.post(HERE, {"password": PASSWORD}).status_code == 422
        assert client.post(HERE, {"password": PASSWORD, "code": app.code()}).status_code == 302
        assert client.get("/keys/new/").status_code == 200

    def test_it_does_not_say_which_of_them_was_wrong(self, app: Authenticator) -> None:
        pages = []
        for form in (
            {"password": PASSWORD, "code": app.wrong_code()},
            {"password": "wrong horse battery staple", "code": app.code()},
        ):
            response = stale().post(HERE, form)
            assert response.status_code == 401
            content = re.sub(rb'value="[^"]*"|nonce="[^"]*"|[0-9a-f]{8}-[0-9a-f-]{27}', b"", response.content)
            pages.append(content)
        assert pages[0] == pages[1]

    def test_a_wrong_password_uses_no_code_up(self, app: Authenticator) -> None:
        client, code = stale(), app.code()
        client.post(HERE, {"password": "wrong horse battery staple", "code": code})
        assert client.post(HERE, {"password": PASSWORD, "code": code}).status_code == 302

    def test_a_recovery_code_that_stands_in_is_told_to_the_person_and_on_record(self, app: Authenticator) -> None:
        """As at a sign-in: somebody else who has the paper is heard of."""
        assert stale().post(HERE, {"password": PASSWORD, "code": app.recovery[0]}).status_code == 302
        with acting(ALICE):
            assert Entry.objects.get(action="second_factor.code_used").detail == {"left": 9}
        letters.send_waiting()
        assert "9 are left" in outbox.outbox[-1].body


@pytest.mark.parametrize("wanted", ["https://evil.test/", "//evil.test/", "/\\evil.test", "javascript:alert(1)"])
def test_next_never_leaves_the_site(wanted: str) -> None:
    assert stale().post(HERE, {"password": PASSWORD, "next": wanted}).headers["Location"] == "/"


def test_it_is_closed_to_those_who_are_not_signed_in() -> None:
    response = Client().post(HERE, {"password": PASSWORD})
    assert response.headers["Location"].startswith("/sign-in/")
    assert settings.SESSION_COOKIE_NAME not in response.cookies


@pytest.mark.parametrize(
    ("page", "back"),
    [
        ("https://testserver/people/invite/", "/people/invite/"),
        ("https://testserver/people/?q=b", "/people/?q=b"),
        ("https://evil.test/people/", "/account/"),
        ("", "/account/"),
    ],
)
def test_a_form_that_was_sent_too_late_leads_back_to_its_page(page: str, back: str) -> None:
    client = stale()
    answer = client.post("/keys/new/", {}, headers={"Referer": page}, secure=True)
    assert answer.headers["Location"] == f"{HERE}?{urlencode({'next': back})}"


# ── people of another provider ──────────────────────────────────────────────────────────────────────────────────────


def test_people_of_another_provider_are_led_to_where_they_prove_it(workos: Stage) -> None:
    """Only who vouches for somebody can do so anew: their password here, if they ever had one, is not asked."""
    client = workos.browser(BOB)
    old = token_of(client)
    for page in (client.get(f"{HERE}?next=/keys/"), client.post(HERE, {"password": PASSWORD, "next": "/keys/"})):
        assert b"Continue with single sign-on" in page.content
        assert b"password" not in page.content
        assert token_of(client) == old
    assert b"You sign in through your company" in client.get("/account/second-factor/").content


def test_they_come_back_to_where_they_were_with_a_new_session_and_a_fresh_proof(workos: Stage) -> None:
    """Assurance, sessions: a new id at every step-up, the old one dead. And being signed in at WorkOS is not enough."""
    client = workos.browser(BOB)
    old = token_of(client)
    with acting(BOB):
        Session.objects.update(signed_in_at=timezone.now() - timedelta(hours=2))
    there = client.get("/keys/new/").headers["Location"]
    page = client.get(there).content.decode()
    form = dict(re.findall(r'type="hidden" name="(\w+)" value="([^"]*)"', page))
    form.pop("csrfmiddlewaretoken", None)
    assert form["organization"] == workos.organizations[ACME].id
    url = leave(client, **form)
    assert parse_qs(urlsplit(url).query)["prompt"] == ["login"]
    workos.double.auto = workos.people[BOB]
    assert come_back(client, go(url)).headers["Location"] == "/keys/new/"
    assert client.get("/keys/new/").status_code == 200
    assert token_of(client) != old
    with pytest.raises(Revoked, match="session"):
        resolution.resolve_session(old)


def test_without_an_organisation_workoss_own_page_asks_anew(workos: Stage) -> None:
    url = leave(Client(), email=BOB.email, anew="on")
    said = parse_qs(urlsplit(url).query)
    assert (said["max_age"], said["prompt"], said["provider"]) == (["0"], ["login"], ["authkit"])
    assert "prompt" not in parse_qs(urlsplit(leave(Client(), email=BOB.email)).query), "a first sign-in need not"


def test_a_step_up_that_is_not_finished_leaves_everything_as_it_was(workos: Stage) -> None:
    client = workos.browser(BOB)
    old = token_of(client)
    leave(client, email=BOB.email, anew="on")
    come_back(client, {"error": "access_denied", "state": "x"})
    assert token_of(client) == old
    assert client.get("/account/").status_code == 200


def test_a_password_that_workos_verifies_is_typed_where_it_was_at_first(workos: Stage) -> None:
    client = workos.browser(BOB)
    with acting(BOB):
        Session.objects.update(method="password")
    assert client.get(f"{HERE}?next=/keys/").headers["Location"].startswith("/sign-in/?next=%2Fkeys%2F&again=1")


@pytest.mark.parametrize("verb", ["begin", "set-up", "switch-off", "recovery-codes"])
def test_a_second_factor_that_is_kept_elsewhere_is_no_outage(workos: Stage, verb: str) -> None:
    """It was answered 503, as if something were away; the page about it says where to change it."""
    client, path = workos.browser(BOB), f"/account/second-factor/{verb}/"
    answers = [client.post(path, {"code": "123456"})]
    answers += [client.get(path)] if verb == "set-up" else []
    assert {(one.status_code, one.headers["Location"]) for one in answers} == {(302, "/account/second-factor/")}
    assert b"You sign in through your company" in client.get("/account/second-factor/").content


def test_an_address_that_is_kept_elsewhere_is_no_outage(workos: Stage) -> None:
    client = workos.browser(BOB)
    for path, form in (("/account/email/", {"email": "b@new.test", "password": "x"}), ("/account/email/confirm/", {})):
        assert client.post(path, form).headers["Location"] == "/account/", path
