"""How does somebody who forgot their password get a new one, and what does everybody else learn or get?"""

from __future__ import annotations

import re
from datetime import timedelta
from typing import Any
from urllib.parse import urlsplit

import pytest
from django.conf import settings
from django.core import mail as outbox
from django.db import connections
from django.test import Client
from django.test.utils import CaptureQueriesContext
from django.utils import timezone
from pytest_django import Settings

from accounts.http import Refusal
from accounts.identity import changes, hashing, letters, links, resolution
from accounts.identity.base import Revoked
from accounts.identity.store.models import Account, Letter, MailedLink
from accounts.models import Membership, Session
from accounts.signals import access_denied, password_reset, password_reset_asked
from accounts.tenancy.context import whole_workspace
from audit.models import Entry
from tests import doors
from tests.authenticators import Authenticator
from tests.cast import ACME, ALICE, BIRCH, BOB, PASSWORD, VERA, acting

pytestmark = pytest.mark.usefixtures("committed")
NEW = "seventeen unrelated herons"
LINK = re.compile(r"/sign-in/reset/\?link=(\w+)")


def ask(email: str = BOB.email, client: Client | None = None, address: str = "203.0.113.5") -> Any:
    return (client or Client()).post("/sign-in/forgotten/", {"email": email}, REMOTE_ADDR=address)


def mailed(email: str = BOB.email) -> str:
    """The token that Bob finds in his mailbox."""
    ask(email)
    letters.send_waiting()
    found = LINK.search(str(outbox.outbox[-1].body))
    assert found is not None
    return found.group(1)


def reset(token: str, new: str = NEW, client: Client | None = None) -> Any:
    return (client or Client()).post("/sign-in/reset/", {"link": token, "new": new, "again": new})


def signs_in(password: str) -> bool:
    return Client().post("/sign-in/", {"email": BOB.email, "password": password}).status_code == 302


def test_a_mailed_link_sets_a_password_and_opens_no_session() -> None:
    """L30: a reset that signs in is a way round whatever else a sign-in asks for."""
    client = Client()
    token = mailed()
    page = client.get(f"/sign-in/reset/?link={token}")
    assert page.status_code == 200
    response = reset(token, client=client)
    assert response.headers["Location"] == "/sign-in/"
    assert settings.SESSION_COOKIE_NAME not in client.cookies
    assert client.get("/account/").headers["Location"].startswith("/sign-in/")
    assert not signs_in(PASSWORD)
    assert signs_in(NEW)


def test_it_ends_every_session_on_both_sides() -> None:
    """L33."""
    one, other = doors.session(BOB), doors.session(BOB)
    alices = doors.session(ALICE)
    reset(mailed())
    for opened in (one, other):
        with pytest.raises(Revoked):
            resolution.resolve_session(opened.token)
    with acting(BOB):
        assert not Session.objects.filter(revoked_at__isnull=True).exists()
    assert resolution.resolve_session(alices.token) == alices.tenant


def test_the_second_factor_is_asked_for_after_it() -> None:
    app = Authenticator.of(BOB)
    reset(mailed())
    client = Client()
    response = client.post("/sign-in/", {"email": BOB.email, "password": NEW})
    assert response.headers["Location"].startswith("/sign-in/second/")
    assert client.post("/sign-in/second/", {"code": app.code()}).status_code == 302


def test_a_short_password_is_enough_before_a_second_factor_only() -> None:
    assert reset(mailed(), new="eight st").status_code == 422
    Authenticator.of(BOB)
    assert reset(mailed(), new="eight st").status_code == 302


@pytest.mark.parametrize("new", ["too short", "aaaaaaaaaaaaaaaaaa", "bob@acme.test bob", "acme acme acme 2026"])
def test_a_weak_password_uses_no_link_up(new: str) -> None:
    token = mailed()
    assert reset(token, new=new).status_code == 422
    assert reset(token).status_code == 302


class TestLinks:
    """L43: whatever is wrong with a link, it is refused in one way, on the page and with the form."""

    def refused(self, token: str | None) -> bytes:
        path = "/sign-in/reset/" if token is None else f"/sign-in/reset/?link={token}"
        form = {"new": NEW, "again": NEW} if token is None else {"link": token, "new": NEW, "again": NEW}
        heard: list[Refusal] = []
        access_denied.connect(receiver := lambda **facts: heard.append(facts["refusal"]), weak=False)
        pages = [Client().get(path), Client().post("/sign-in/reset/", form)]
        access_denied.disconnect(receiver)
        assert [page.status_code for page in pages] == [400, 400]
        assert [refusal.action for refusal in heard] == ["password.reset_failed"] * 2
        assert not signs_in(NEW)
        (told,) = {re.sub(rb"[0-9a-f]{8}-[0-9a-f-]{27}", b"", page.content) for page in pages}
        return told

    def test_every_kind_of_bad_link_is_refused_alike(self) -> None:
        """L43."""
        used = mailed()
        reset(used)
        with connections["identity"].cursor() as cursor:
            cursor.execute(
                "UPDATE identity_store_account SET password = (SELECT password FROM identity_store_account WHERE id = %s)",
                [ALICE.subject],
            )
        expired = mailed()
        MailedLink.objects.filter(used_at__isnull=True).update(expires_at=timezone.now() - timedelta(seconds=1))
        elsewhere = links.token_of(
            links.make(Account.objects.get(pk=BOB.subject), MailedLink.Purpose.EMAIL, email="bob@new.test")
        )
        bad = [None, "", "null", "None", "undefined", "0" * 43, used, expired, elsewhere, used[:-1], "x" * 5000]
        assert len({self.refused(token) for token in bad}) == 1

    def test_a_link_of_somebody_inactive_opens_nothing(self) -> None:
        token = mailed()
        Account.objects.filter(pk=BOB.subject).update(is_active=False)
        assert reset(token).status_code == 400

    def test_one_link_ends_the_others(self) -> None:
        first, second = mailed(), mailed()
        assert first != second
        assert reset(second).status_code == 302
        assert reset(first, new="another eighteen herons").status_code == 400

    def test_of_two_who_follow_one_link_at_once_a_single_one_sets_a_password(self) -> None:
        """Both found the link good; what counts is who uses it up."""
        link = links.find(MailedLink.Purpose.RESET, mailed())
        account, change = Account.objects.get(pk=BOB.subject), changes.NewPassword(hashing.encoded(NEW), True)
        changes.replace_password(account, change, record=None, link=link)
        second = changes.NewPassword(hashing.encoded("another eighteen herons"), True)
        with pytest.raises(links.LinkRefused):
            changes.replace_password(account, second, record=None, link=link)
        assert signs_in(NEW)

    def test_a_link_sets_its_owners_password_and_nobody_elses(self) -> None:
        reset(mailed())
        assert Client().post("/sign-in/", {"email": ALICE.email, "password": PASSWORD}).status_code == 302

    def test_an_empty_hash_meets_no_empty_column(self) -> None:
        """L43: a reset with a null token once matched every account that had none."""
        MailedLink.objects.create(
            account_id=BOB.subject, purpose="reset", token_hash=b"", expires_at=timezone.now() + timedelta(hours=1)
        )
        self.refused("")


def test_asking_is_answered_alike_whoever_it_is() -> None:
    """Known, unknown, inactive, without a workspace: the same bytes, status, cookies and statements."""
    Account.objects.filter(pk=VERA.subject).update(is_active=False)
    told: dict[str, tuple[object, ...]] = {}
    for name, email in {
        "known": BOB.email,
        "unknown": "nobody@acme.test",
        "inactive": VERA.email,
        "operator": "olga@aiaxis.test",
    }.items():
        logs = [CaptureQueriesContext(connections[alias]) for alias in ("default", "identity", "cache")]
        with logs[0], logs[1], logs[2]:
            # From an address of its own, or the first would differ by being the first from there.
            response = ask(email, address=f"203.0.113.{len(told)}")
        statements = [[_shape(query["sql"]) for query in log] for log in logs]
        content = response.content.replace(email.encode(), b"")
        told[name] = (response.status_code, sorted(response.cookies), content, statements)
    assert len(set(map(repr, told.values()))) == 1
    assert told["known"][0] == 200
    letters.send_waiting()
    assert sorted(message.to[0] for message in outbox.outbox) == [BOB.email, "olga@aiaxis.test"]
    assert not Letter.objects.exists(), "what was typed is gone as soon as it was looked up"


def _shape(statement: str) -> str:
    return re.sub(r"'[^']*'(::\w+)?|\d+", "?", statement)


def test_what_was_typed_is_not_stored_in_clear() -> None:
    ask("canary-password@acme.test")
    with connections["identity"].cursor() as cursor:
        cursor.execute("SELECT string_agg(l::text, ' ') FROM identity_store_letter l")
        (dump,) = cursor.fetchone()
    assert "password_reset" in dump
    assert "canary" not in dump


def test_the_row_holds_no_token() -> None:
    token = mailed()
    with connections["identity"].cursor() as cursor:
        cursor.execute("SELECT string_agg(l::text, ' ') FROM identity_store_mailedlink l")
        (dump,) = cursor.fetchone()
    assert BOB.subject in dump
    assert token not in dump


def test_the_mail_goes_to_the_address_that_we_know_and_not_to_what_was_typed() -> None:
    """L32: two spellings are one account here and may be two mailboxes at the mail server."""
    Account.objects.filter(pk=BOB.subject).update(email="Straße@acme.test", email_key="strasse@acme.test")
    ask("STRASSE@ACME.test")
    letters.send_waiting()
    assert [message.to for message in outbox.outbox] == [["Straße@acme.test"]]


@pytest.mark.parametrize("email", ["bob+x@acme.test", "b.ob@acme.test", "bоb@acme.test", "bob@acme.test.evil.test"])
def test_no_look_alike_gets_somebodys_link(email: str) -> None:
    """L32: plus, dots and letters of another script make another address, and no mail."""
    ask(email)
    letters.send_waiting()
    assert not outbox.outbox


def test_whoever_is_kept_out_by_somebody_elses_guesses_comes_in_by_a_new_password() -> None:
    """No lasting lockout: their browser is a new one, and the mailbox says that it is theirs."""
    form = {"email": BOB.email, "password": "wrong horse battery staple"}
    for number in range(25):
        Client().post("/sign-in/", form, REMOTE_ADDR=f"203.0.113.{number}")
    client, stranger = Client(), Client()
    assert client.post("/sign-in/", {"email": BOB.email, "password": PASSWORD}).status_code == 429
    assert reset(mailed(), client=client).status_code == 302
    right = {"email": BOB.email, "password": NEW}
    assert (stranger.post("/sign-in/", right).status_code, client.post("/sign-in/", right).status_code) == (429, 302)


def test_a_suspended_member_sets_a_password_and_stays_out() -> None:
    """L13."""
    token = mailed()
    with whole_workspace(ACME.id):
        Membership.objects.using("owner").filter(pk=BOB.membership_id).update(status="suspended")
    assert reset(token).status_code == 302
    assert not signs_in(NEW)


def test_one_address_asks_so_often_and_no_more(settings: Settings) -> None:
    settings.RESET_RATE_PER_ADDRESS = "5/h"
    statuses = [ask(f"person{number}@acme.test").status_code for number in range(7)]
    assert statuses == [200] * 5 + [429] * 2


def test_one_account_is_mailed_three_links_an_hour_and_nobody_is_told() -> None:
    pages = [ask(address=f"203.0.113.{number}") for number in range(5)]
    assert {page.status_code for page in pages} == {200}
    assert len({page.content for page in pages}) == 1
    letters.send_waiting()
    assert len(outbox.outbox) == 3


def test_asking_and_setting_stand_in_the_trail() -> None:
    with whole_workspace(BIRCH.id):
        Membership.objects.using("owner").create(
            user_id=BOB.user_id, role="viewer", display_name="Bob", email=BOB.email
        )
    heard: list[Any] = []
    password_reset_asked.connect(one := lambda **facts: heard.append(facts["mask"]), weak=False)
    password_reset.connect(two := lambda **facts: heard.append(facts["actor"].workspace_id), weak=False)
    reset(mailed())
    password_reset_asked.disconnect(one)
    password_reset.disconnect(two)
    assert heard == ["b…@acme.test", ACME.id, BIRCH.id]
    with acting(ALICE):
        entry = Entry.objects.get(action="password.reset")
    assert (entry.actor_name, entry.actor["method"]) == ("Bob", "link")


def test_a_reset_whose_record_fails_did_not_happen() -> None:
    """L38."""
    token = mailed()

    def fail(**facts: Any) -> None:
        raise ZeroDivisionError

    password_reset.connect(fail, weak=False)
    try:
        with pytest.raises(ZeroDivisionError):
            reset(token)
    finally:
        password_reset.disconnect(fail)
    assert signs_in(PASSWORD)
    assert reset(token).status_code == 302


def test_the_person_is_told_by_mail() -> None:
    reset(mailed())
    letters.send_waiting()
    message = outbox.outbox[-1]
    assert message.to == [BOB.email]
    assert "by a link that was mailed to this address" in message.body


def test_the_longest_address_in_another_script_is_taken() -> None:
    """L42."""
    assert ask(f"b@{'ж' * 63}.{'ж' * 63}.{'ж' * 63}.test").status_code == 200


@pytest.mark.parametrize("email", ["", "bob", "b" * 5000 + "@acme.test", "bob@acme.test\x00"])
def test_what_is_no_address_is_refused_before_anything_is_counted_or_stored(email: str) -> None:
    """L42."""
    assert ask(email).status_code == 422
    assert not Letter.objects.exists()


def test_the_link_leads_to_this_installation(settings: Settings) -> None:
    settings.PUBLIC_URL = "https://aiaxis.example"
    ask(client=Client(headers={"X-Forwarded-Host": "evil.test"}))
    letters.send_waiting()
    found = re.search(r"https?://\S+/sign-in/reset/\S+", str(outbox.outbox[-1].body))
    assert found is not None
    assert urlsplit(found.group()).hostname == "aiaxis.example"
