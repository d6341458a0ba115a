"""Is somebody who belongs to two workspaces asked, and never put somewhere by default? (L45)"""

from __future__ import annotations

import pytest
from django.conf import settings
from django.test import Client

from accounts import cookies
from accounts.identity.base import BadCredentials, Revoked
from accounts.identity.store.models import StoreSession
from accounts.models import Membership
from accounts.services import sign_ins
from accounts.tenancy.context import whole_workspace
from tests import doors
from tests.cast import BIRCH, BOB, CHARLIE, PASSWORD

pytestmark = pytest.mark.usefixtures("committed")


@pytest.fixture(autouse=True)
def in_birch(committed: None) -> Membership:
    """Bob is a viewer in Birch as well."""
    with whole_workspace(BIRCH.id):
        row: Membership = Membership.objects.using("owner").create(
            user_id=BOB.user_id, role="viewer", display_name="Bob", email=BOB.email
        )
    return row


@pytest.fixture
def chooser(in_birch: Membership) -> Client:
    """A browser in which Bob's password was right."""
    client = Client()
    response = client.post("/sign-in/", {"email": BOB.email, "password": PASSWORD, "next": "/files/"})
    assert response.headers["Location"] == "/sign-in/workspace/?next=%2Ffiles%2F"
    return client


def test_it_opens_nothing_before_the_choice(chooser: Client) -> None:
    assert settings.SESSION_COOKIE_NAME not in chooser.cookies
    token = chooser.cookies[cookies.CHOOSING].value
    impostor = Client()
    impostor.cookies[settings.SESSION_COOKIE_NAME] = token
    assert impostor.get("/account/").headers["Location"].startswith("/sign-in/")


def test_it_shows_the_workspaces(chooser: Client) -> None:
    page = chooser.get("/sign-in/workspace/?next=/files/")
    assert page.status_code == 200
    assert b"Acme" in page.content
    assert b"Birch" in page.content


def test_it_enters_the_chosen_one(chooser: Client, in_birch: Membership) -> None:
    response = chooser.post("/sign-in/workspace/", {"place": str(in_birch.pk), "next": "/account/"})
    assert response.headers["Location"] == "/account/"
    page = chooser.get("/account/")
    assert b"Birch" in page.content
    assert b"Viewer" in page.content


def test_it_is_used_up_by_the_choice(chooser: Client, in_birch: Membership) -> None:
    token = chooser.cookies[cookies.CHOOSING].value
    chooser.post("/sign-in/workspace/", {"place": str(in_birch.pk)})
    with pytest.raises(Revoked):
        sign_ins.finish_choice(token, membership_id=in_birch.pk, client=doors.BROWSER)


@pytest.mark.parametrize("place", [str(CHARLIE.membership_id), "", "null", "0193b0c4-7a00-7000-8000-000000000001"])
def test_it_refuses_a_place_that_is_not_theirs(chooser: Client, place: str) -> None:
    response = chooser.post("/sign-in/workspace/", {"place": place})
    assert response.status_code in (302, 422)
    assert settings.SESSION_COOKIE_NAME not in chooser.cookies


def test_it_refuses_a_place_that_was_lost_meanwhile(chooser: Client, in_birch: Membership) -> None:
    token = chooser.cookies[cookies.CHOOSING].value
    with whole_workspace(BIRCH.id):
        Membership.objects.using("owner").filter(pk=in_birch.pk).update(status="removed")
    with pytest.raises(BadCredentials):
        sign_ins.finish_choice(token, membership_id=in_birch.pk, client=doors.BROWSER)


def test_it_refuses_without_a_right_password_before() -> None:
    assert Client().get("/sign-in/workspace/").headers["Location"] == "/sign-in/"
    stranger = Client()
    stranger.cookies[cookies.CHOOSING] = doors.session(CHARLIE).token
    assert stranger.get("/sign-in/workspace/").headers["Location"] == "/sign-in/"


def test_it_refuses_a_choice_that_took_too_long(chooser: Client) -> None:
    StoreSession.objects.filter(purpose="choosing").update(expires_at="2020-01-01T00:00:00Z")
    assert chooser.get("/sign-in/workspace/").headers["Location"] == "/sign-in/"
