"""Which ways in does a mailed link offer, and does it stay a mere page until somebody chooses one?"""

from __future__ import annotations

from datetime import timedelta
from typing import Any

import pytest
from django.conf import settings
from django.test import Client
from django.utils import timezone

from accounts import cookies
from accounts.identity import providers, tokens
from accounts.identity.store.models import Account
from accounts.models import Membership, Session
from accounts.services import members
from tests import doors
from tests.accounts.test_invitations import NEW, SECRET, members_now, sent
from tests.cast import ALICE, BOB, CHARLIE, PASSWORD, acting


@pytest.mark.django_db(databases=doors.DOORS)
class TestPages:
    def test_the_link_shows_and_changes_nothing(self) -> None:
        """Programs follow links in mails before people do."""
        _, token = sent()
        client = Client()
        for _ in range(2):
            response = client.get(f"/invitations/{token}/")
            assert response.status_code == 200
            assert b"Join Acme" in response.content
            assert b"Alice" in response.content
        assert NEW not in members_now()
        assert settings.SESSION_COOKIE_NAME not in client.cookies

    @pytest.mark.parametrize("token", ["x", "0" * 43, "null", "%00"])
    @pytest.mark.parametrize("verb", ["", "join/", "sign-in/", "new/"])
    def test_a_link_that_is_none_says_nothing(self, token: str, verb: str) -> None:
        """L43; and the trail does not keep what was tried."""
        sent()
        client = doors.browser(CHARLIE) if verb == "join/" else Client()
        path = f"/invitations/{token}/{verb}"
        response = client.post(path, {}) if verb else client.get(path)
        assert response.status_code == 404
        assert b"leads to no invitation" in response.content
        assert b"Acme" not in response.content

    def test_somebody_new_chooses_a_name_and_a_password(self) -> None:
        _, token = sent()
        client = Client()
        response = client.post(f"/invitations/{token}/new/", {"name": "Nora", "new": SECRET})
        assert response.headers["Location"] == "/"
        assert b"nora@elsewhere.test" in client.get("/account/").content
        assert Client().post("/sign-in/", {"email": NEW, "password": SECRET}).status_code == 302

    @pytest.mark.parametrize(
        ("form", "says"),
        [
            ({"name": "", "new": SECRET}, b"Enter your name"),
            ({"name": "Nora", "new": "too short"}, b"Use at least 15"),
            ({"name": "Nora", "new": "nora@elsewhere.test"}, b"mostly your name"),
            ({"name": "N\u202eora", "new": SECRET}, b"cannot be seen"),
        ],
    )
    def test_it_says_why_nobody_joined(self, form: dict[str, str], says: bytes) -> None:
        _, token = sent()
        response = Client().post(f"/invitations/{token}/new/", form)
        assert response.status_code == 422
        assert says in response.content
        assert NEW not in members_now()
        assert not Account.objects.filter(email_key=NEW).exists()

    def test_who_is_signed_in_elsewhere_joins_with_one_button(self) -> None:
        _, token = sent(email=CHARLIE.email)
        client = doors.browser(CHARLIE)
        old = client.cookies[settings.SESSION_COOKIE_NAME].value
        assert b"You are signed in as Charlie in Birch" in client.get(f"/invitations/{token}/").content
        assert client.post(f"/invitations/{token}/join/").headers["Location"] == "/"
        assert b"Acme" in client.get("/account/").content
        again = Client()
        again.cookies[settings.SESSION_COOKIE_NAME] = old
        assert again.get("/account/").status_code == 302, "the session before it has ended"

    def test_joining_makes_no_stale_sign_in_recent(self) -> None:
        _, token = sent(email=CHARLIE.email)
        client = doors.browser(CHARLIE)
        with acting(CHARLIE):
            Session.objects.update(signed_in_at=timezone.now() - timedelta(hours=1))
        client.post(f"/invitations/{token}/join/")
        assert "/sign-in/again/" in client.get("/keys/new/").headers["Location"]

    def test_somebody_elses_session_does_not_join(self) -> None:
        """L50: the link in the hands of another person who is signed in."""
        _, token = sent()
        client = doors.browser(CHARLIE)
        response = client.post(f"/invitations/{token}/join/")
        assert response.status_code == 403
        assert b"for another e-mail address" in response.content
        assert CHARLIE.email not in members_now()

    def test_who_has_an_account_signs_in_and_is_in(self) -> None:
        """Also somebody who belongs nowhere any more, whom the sign-in alone would refuse."""
        with acting(ALICE):
            members.remove(actor=ALICE.tenant, member=Membership.objects.get(pk=BOB.membership_id))
        assert Client().post("/sign-in/", {"email": BOB.email, "password": PASSWORD}).status_code == 401
        _, token = sent(email=BOB.email)
        client = Client()
        response = client.post(f"/invitations/{token}/sign-in/")
        assert response.headers["Location"] == "/sign-in/"
        cookie = response.cookies[cookies.INVITATION]
        assert (cookie["secure"], cookie["httponly"], cookie["max-age"]) == (True, True, 900)
        assert client.post("/sign-in/", {"email": BOB.email, "password": PASSWORD}).headers["Location"] == "/"
        assert b"Acme" in client.get("/account/").content
        assert client.cookies[cookies.INVITATION].value == ""

    def test_who_signs_in_as_somebody_else_is_told_and_joins_nothing(self) -> None:
        _, token = sent()
        client = Client()
        client.post(f"/invitations/{token}/sign-in/")
        assert client.post("/sign-in/", {"email": CHARLIE.email, "password": PASSWORD}).status_code == 302
        assert b"for another e-mail address" in client.get("/account/").content
        assert CHARLIE.email not in members_now()

    def test_a_wrong_password_uses_no_invitation_up(self) -> None:
        _, token = sent(email=CHARLIE.email)
        client = Client()
        client.post(f"/invitations/{token}/sign-in/")
        assert client.post("/sign-in/", {"email": CHARLIE.email, "password": "wrong horse"}).status_code == 401
        assert CHARLIE.email not in members_now()

    def test_a_refused_link_is_recorded_without_its_secret(self) -> None:
        from accounts.signals import access_denied

        heard: list[Any] = []
        access_denied.connect(receiver := lambda **facts: heard.append(facts), weak=False)
        token = tokens.derived_token("invitation", "nobody")
        Client().get(f"/invitations/{token}/")
        access_denied.disconnect(receiver)
        assert [fact["refusal"].action for fact in heard] == ["invitation.refused"]
        from audit.receivers import denials

        assert denials._asked_for(heard[0]["request"], heard[0]["refusal"])[0] == ("link", "")

    def test_a_half_finished_registration_can_be_ended_by_signing_in(self) -> None:
        """The identity half was made and the platform's was not: the account joins by proving its password."""
        providers.LOCAL.create_account(email=NEW, password=SECRET)
        _, token = sent()
        client = Client()
        client.post(f"/invitations/{token}/sign-in/")
        assert client.post("/sign-in/", {"email": NEW, "password": SECRET}).headers["Location"] == "/"
        assert NEW in members_now()


def test_an_address_that_has_an_account_is_sent_to_sign_in(committed: None) -> None:
    """Nobody's password is replaced by an invitation."""
    _, token = sent(email=CHARLIE.email)
    response = Client().post(f"/invitations/{token}/new/", {"name": "Mallory", "new": SECRET})
    assert response.status_code == 422
    assert b"Sign in with it to join" in response.content
    assert Client().post("/sign-in/", {"email": CHARLIE.email, "password": PASSWORD}).status_code == 302
