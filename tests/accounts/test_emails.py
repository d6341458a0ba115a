"""How does a person get another address, and whose does it never become?"""

from __future__ import annotations

import re
from datetime import timedelta
from typing import Any

import pytest
from django.core import mail as outbox
from django.db import OperationalError, ProgrammingError, connections, transaction
from django.test import Client
from django.utils import timezone

from accounts.http import Refusal
from accounts.identity import letters, links
from accounts.identity.local import LocalIdentity
from accounts.identity.store.models import Account, MailedLink
from accounts.models import Membership, Session, User
from accounts.signals import access_denied, email_change_asked, email_changed
from accounts.tenancy import claims
from accounts.tenancy.context import whole_workspace
from tests import doors
from tests.cast import ACME, ALICE, BIRCH, BOB, CHARLIE, PASSWORD, acting

pytestmark = pytest.mark.usefixtures("committed")
NEW = "robert@acme.test"
LINK = re.compile(r"/account/email/confirm/\?link=(\w+)")


def ask(client: Client, email: str = NEW, password: str = PASSWORD) -> Any:
    return client.post("/account/email/", {"email": email, "password": password})


def mailed(client: Client, email: str = NEW) -> str:
    """The token that stands in the new mailbox."""
    assert ask(client, email).status_code == 200
    letters.send_waiting()
    found: list[str] = []
    for message in outbox.outbox:
        if message.to == [email]:
            found += LINK.findall(str(message.body))
    return found[-1]


def confirm(client: Client, token: str) -> Any:
    return client.post("/account/email/confirm/", {"link": token})


def addresses() -> dict[str, set[str]]:
    """What each copy of Bob's address says."""
    found: dict[str, set[str]] = {"store": {Account.objects.get(pk=BOB.subject).email}}
    found["user"] = {User.objects.using("owner").get(pk=BOB.user_id).email}
    found["members"] = set()
    for company in (ACME, BIRCH):
        with whole_workspace(company.id):
            rows = Membership.objects.using("owner").filter(user_id=BOB.user_id)
            found["members"] |= set(rows.values_list("email", flat=True))
    return found


UNCHANGED = {"store": {BOB.email}, "user": {BOB.email}, "members": {BOB.email}}


@pytest.fixture(autouse=True)
def in_birch(committed: None) -> None:
    """Bob is a viewer in Birch as well, so that a copy of his address stands in two workspaces."""
    with whole_workspace(BIRCH.id):
        Membership.objects.using("owner").create(
            user_id=BOB.user_id, role="viewer", display_name="Bob", email=BOB.email
        )


def test_it_changes_everywhere_when_the_new_mailbox_confirms_it_and_not_before() -> None:
    client = doors.browser(BOB)
    token = mailed(client)
    assert addresses() == UNCHANGED
    assert client.get(f"/account/email/confirm/?link={token}").status_code == 200
    assert addresses() == UNCHANGED, "programs follow links by themselves; a person presses a button"
    assert confirm(client, token).headers["Location"] == "/account/"
    assert addresses() == {"store": {NEW}, "user": {NEW}, "members": {NEW}}
    assert b"robert@acme.test" in client.get("/account/").content
    assert Client().post("/sign-in/", {"email": NEW, "password": PASSWORD}).status_code == 302
    assert Client().post("/sign-in/", {"email": BOB.email, "password": PASSWORD}).status_code == 401


@pytest.mark.parametrize("invited", ["robert@acme.test", "ROBERT@ACME.TEST"])
def test_whoever_has_one_with_capitals_is_not_invited_as_a_stranger(invited: str) -> None:
    client = doors.browser(BOB)
    confirm(client, mailed(client, "Robert@Acme.test"))
    answer = doors.browser(ALICE).post("/people/invite/", {"email": invited, "role": "member"})
    assert (answer.status_code, b"is a member here already" in answer.content) == (422, True)


def test_the_old_address_hears_of_it_twice() -> None:
    client = doors.browser(BOB)
    confirm(client, mailed(client))
    letters.send_waiting()
    told = [message.subject for message in outbox.outbox if message.to == [BOB.email]]
    assert told == ["Somebody asked to change your address for AiAxis", "Your address for AiAxis was changed"]


def test_it_asks_for_the_password_and_counts_guesses() -> None:
    client = doors.browser(BOB)
    statuses = [ask(client, password="wrong horse battery staple").status_code for _ in range(7)]
    assert statuses == [422] * 5 + [429] * 2
    assert not MailedLink.objects.exists()


def test_it_asks_for_a_recent_sign_in() -> None:
    client = doors.browser(BOB)
    with acting(BOB):
        Session.objects.update(signed_in_at=timezone.now() - timedelta(hours=2))
    assert ask(client).headers["Location"].startswith("/sign-in/again/")
    assert not MailedLink.objects.exists()


def test_a_taken_address_reads_like_a_free_one_and_nobody_is_written_to_there() -> None:
    client = doors.browser(BOB)
    free, taken = ask(client), ask(client, ALICE.email)
    assert free.status_code == taken.status_code == 200
    strip = re.compile(rb'nonce="[^"]*"|value="[^"]*"|X-CSRFToken[^}]*')
    pages = [
        strip.sub(b"", page.content.replace(email.encode(), b"")) for page, email in ((free, NEW), (taken, ALICE.email))
    ]
    assert pages[0] == pages[1]
    letters.send_waiting()
    assert ALICE.email not in {message.to[0] for message in outbox.outbox}


@pytest.mark.parametrize("email", ["ALICE@acme.test", "Alice@ACME.TEST", "alice@acme.test "])
def test_another_spelling_of_somebodys_address_is_theirs(email: str) -> None:
    """L32."""
    client = doors.browser(BOB)
    ask(client, email)
    link = MailedLink.objects.get()
    assert confirm(client, links.token_of(link)).status_code == 400
    assert addresses() == UNCHANGED
    assert Account.objects.get(pk=ALICE.subject).email == ALICE.email


def test_unicode_spellings_of_one_address_are_one_account() -> None:
    """L32: folded alike, composed alike; letters of another script are others."""
    LocalIdentity().create_account(email="straße@acme.test", password=PASSWORD + "x")
    client = doors.browser(BOB)
    ask(client, "STRASSE@acme.test")
    assert confirm(client, links.token_of(MailedLink.objects.get())).status_code == 400
    assert addresses() == UNCHANGED


def test_an_address_that_was_taken_meanwhile_stays_its_owners() -> None:
    client = doors.browser(BOB)
    token = mailed(client)
    LocalIdentity().create_account(email=NEW.upper(), password=PASSWORD + "x")
    assert confirm(client, token).status_code == 400
    assert addresses() == UNCHANGED


def test_an_address_that_only_the_platform_knows_stays_its_owners() -> None:
    """Somebody who signs in elsewhere has no account in the store; their address is theirs all the same."""
    client = doors.browser(BOB)
    token = mailed(client)
    User.objects.using("owner").create(email=NEW, display_name="Robert")
    assert confirm(client, token).status_code == 400
    assert addresses() == UNCHANGED


def test_every_kind_of_bad_link_is_refused_alike() -> None:
    """L43."""
    client = doors.browser(BOB)
    used = mailed(client, "used@acme.test")
    confirm(client, used)
    expired = mailed(client)
    MailedLink.objects.filter(used_at__isnull=True).update(expires_at=timezone.now() - timedelta(seconds=1))
    account = Account.objects.get(pk=BOB.subject)
    elsewhere = links.token_of(links.make(account, MailedLink.Purpose.RESET))
    somebody_elses = links.token_of(
        links.make(Account.objects.get(pk=CHARLIE.subject), MailedLink.Purpose.EMAIL, email="c@birch.test")
    )
    before = addresses()
    heard: list[Refusal] = []
    access_denied.connect(receiver := lambda **facts: heard.append(facts["refusal"]), weak=False)
    bad = ["", "null", "None", "0" * 43, used, expired, elsewhere, somebody_elses, used[1:], "x" * 5000]
    pages = [confirm(client, token) for token in bad] + [client.post("/account/email/confirm/", {})]
    access_denied.disconnect(receiver)
    assert {page.status_code for page in pages} == {400}
    assert len({re.sub(rb"[0-9a-f]{8}-[0-9a-f-]{27}", b"", page.content) for page in pages}) == 1
    assert {refusal.action for refusal in heard} == {"email.change_failed"}
    assert len(heard) == len(pages)
    assert addresses() == before
    assert Account.objects.get(pk=CHARLIE.subject).email == CHARLIE.email


def test_a_link_is_of_no_use_to_somebody_else_and_still_good_for_its_owner() -> None:
    """L43."""
    client = doors.browser(BOB)
    token = mailed(client)
    assert confirm(doors.browser(CHARLIE), token).status_code == 400
    assert confirm(Client(), token).headers["Location"].startswith("/sign-in/")
    assert addresses() == UNCHANGED
    assert confirm(client, token).status_code == 302


def test_a_new_address_ends_links_that_lie_in_the_old_mailbox() -> None:
    client = doors.browser(BOB)
    reset = links.token_of(links.make(Account.objects.get(pk=BOB.subject), MailedLink.Purpose.RESET))
    confirm(client, mailed(client))
    assert Client().get(f"/sign-in/reset/?link={reset}").status_code == 400


def test_asking_and_changing_stand_in_the_trail_of_every_workspace() -> None:
    heard: list[Any] = []
    email_change_asked.connect(one := lambda **facts: heard.append("asked"), weak=False)
    email_changed.connect(two := lambda **facts: heard.append(facts["actor"].workspace_id), weak=False)
    client = doors.browser(BOB)
    confirm(client, mailed(client))
    email_change_asked.disconnect(one)
    email_changed.disconnect(two)
    assert heard == ["asked", BIRCH.id, ACME.id], "the others first"


def test_a_change_whose_record_fails_did_not_happen() -> None:
    """L38."""
    client = doors.browser(BOB)
    token = mailed(client)

    def fail(**facts: Any) -> None:
        raise ZeroDivisionError

    email_changed.connect(fail, weak=False)
    try:
        with pytest.raises(ZeroDivisionError):
            confirm(client, token)
    finally:
        email_changed.disconnect(fail)
    assert addresses() == UNCHANGED
    assert confirm(client, token).status_code == 302


def test_a_change_that_one_of_several_workspaces_cannot_record_did_not_happen_anywhere() -> None:
    """Otherwise every workspace would show an address by which the person cannot sign in."""
    client = doors.browser(BOB)
    token = mailed(client)

    def silent(**facts: Any) -> None:
        if facts["actor"].workspace_id == BIRCH.id:
            raise OperationalError

    email_changed.connect(silent, weak=False)
    status = confirm(client, token).status_code
    email_changed.disconnect(silent)
    assert (status, addresses()) == (503, UNCHANGED)
    assert confirm(client, token).status_code == 302
    assert addresses() == {"store": {NEW}, "user": {NEW}, "members": {NEW}}


def test_the_browser_is_known_under_the_new_address() -> None:
    client = doors.browser(BOB)
    confirm(client, mailed(client))
    for number in range(30):
        form = {"email": NEW, "password": "wrong horse battery staple"}
        Client().post("/sign-in/", form, REMOTE_ADDR=f"203.0.113.{number}")
    form = {"email": NEW, "password": PASSWORD}
    assert Client().post("/sign-in/", form, REMOTE_ADDR="198.51.100.7").status_code == 429
    assert client.post("/sign-in/", form, REMOTE_ADDR="198.51.100.7").status_code == 302


class TestTheFunctionWithTheOwnersRights:
    """Injected SQL can call it, and cannot say whose address is to change."""

    def call(self, sealed: str) -> None:
        with acting(CHARLIE), transaction.atomic(), connections["default"].cursor() as cursor:
            cursor.execute("SELECT fence.change_email(%s)", [sealed])

    @pytest.mark.parametrize("sealed", ["", "null", "x" * 200, "claims:e30=." + "0" * 64])
    def test_it_believes_nothing_unsealed(self, sealed: str) -> None:
        with pytest.raises(ProgrammingError):
            self.call(sealed)
        assert addresses() == UNCHANGED

    def test_it_believes_no_claims_for_something_else(self) -> None:
        with pytest.raises(ProgrammingError, match="something else"):
            self.call(claims.sealed("accept", provider="local", subject=BOB.subject, email="evil@evil.test"))
        assert addresses() == UNCHANGED

    def test_it_takes_no_empty_address_and_nobody_unknown(self) -> None:
        for subject, email in (
            (BOB.subject, ""),
            (BOB.subject, None),
            ("nobody", "evil@evil.test"),
            (None, "e@e.test"),
        ):
            with pytest.raises(ProgrammingError, match="nobody is linked"):
                self.call(claims.sealed("change_email", provider="local", subject=subject, email=email))
        assert addresses() == UNCHANGED

    def test_the_application_itself_writes_no_member_and_no_person(self) -> None:
        for table in ("accounts_user", "accounts_membership"):
            with (
                acting(BOB),
                pytest.raises(ProgrammingError, match="permission denied"),
                transaction.atomic(),
                connections["default"].cursor() as cursor,
            ):
                cursor.execute(f"UPDATE {table} SET email = 'evil@evil.test'")
