"""Does a person go on into another workspace of theirs, and does nothing of the one before come along?"""

from __future__ import annotations

import re
from datetime import timedelta
from typing import Any

import pytest
from django.conf import settings
from django.db import OperationalError
from django.test import Client
from django.utils import timezone

from accounts.identity.base import Proof
from accounts.models import Membership, Role, Session
from accounts.queries import Place
from accounts.services import invitations, members
from accounts.signals import workspace_switched
from audit.models import Entry
from tests import doors
from tests.cast import ALICE, BIRCH, BOB, CHARLIE, acting

pytestmark = pytest.mark.django_db(databases=doors.DOORS)


@pytest.fixture
def birch() -> Place:
    """Bob's place in Birch, beside the one in Acme."""
    with acting(CHARLIE):
        made = invitations.send(actor=CHARLIE.tenant, email=BOB.email, role=Role.VIEWER)
        token = invitations.token_of(made)
    identity = doors.identity_of(BOB)
    return invitations.accept(token, proof=Proof(identity), name="Bob")


def switch(client: Client, place: object) -> Any:
    return client.post("/workspaces/switch/", {"place": str(place)})


def test_it_lists_my_workspaces_and_no_others(birch: Place) -> None:
    page = doors.browser(BOB).get("/workspaces/").content.decode()
    assert str(birch.membership_id) in page
    assert "You are here" in page
    assert "Birch" not in doors.browser(ALICE).get("/workspaces/").content.decode()


def test_it_opens_a_new_session_there_and_ends_the_old_one(birch: Place) -> None:
    client = doors.browser(BOB)
    old = client.cookies[settings.SESSION_COOKIE_NAME].value
    assert switch(client, birch.membership_id).headers["Location"] == "/"
    assert client.cookies[settings.SESSION_COOKIE_NAME].value != old
    assert client.get("/api/v1/me").status_code == 401, "a session is no key, there either"
    page = client.get("/account/")
    assert (page.context["request"].tenant.workspace_name, page.context["request"].tenant.role) == ("Birch", "viewer")
    again = Client()
    again.cookies[settings.SESSION_COOKIE_NAME] = old
    assert again.get("/account/").status_code == 302


def test_one_that_nobody_can_record_leaves_no_session_behind(birch: Place) -> None:
    """The person stays where they are, and has no browser in the other workspace that they do not know."""
    client = doors.browser(BOB)

    def silent(**facts: Any) -> None:
        raise OperationalError

    workspace_switched.connect(silent, weak=False)
    status = switch(client, birch.membership_id).status_code
    workspace_switched.disconnect(silent)
    assert status == 503
    assert len(client.get("/account/").context["signed_in"]) == 1
    switch(client, birch.membership_id)
    assert len(client.get("/account/").context["signed_in"]) == 1


def test_each_trail_says_what_happened_in_its_own_workspace(birch: Place) -> None:
    switch(doors.browser(BOB), birch.membership_id)
    with acting(ALICE):
        left = Entry.objects.get(action="workspace.switched")
    assert "Birch" not in str(left.detail)
    assert str(BIRCH.id) not in f"{left.detail}{left.target_id}"
    with acting(CHARLIE):
        assert Entry.objects.filter(action="member.signed_in", actor_id=birch.membership_id).count() == 1


@pytest.mark.parametrize("place", [CHARLIE.membership_id, ALICE.membership_id, "", "x"])
def test_somebody_elses_place_is_not_entered(place: object, birch: Place) -> None:
    """L51."""
    client = doors.browser(BOB)
    response = client.post("/workspaces/switch/", {"place": str(place)}, follow=True)
    assert b"you are still here" in response.content
    assert b"Acme" in client.get("/account/").content


def test_a_place_that_ended_while_the_page_was_open_is_not_entered(birch: Place) -> None:
    client = doors.browser(BOB)
    with acting(CHARLIE):
        members.remove(actor=CHARLIE.tenant, member=Membership.objects.get(pk=birch.membership_id))
    assert (
        b"you are still here"
        in client.post("/workspaces/switch/", {"place": str(birch.membership_id)}, follow=True).content
    )


def test_going_to_and_fro_makes_no_stale_sign_in_recent_and_no_session_longer(birch: Place) -> None:
    client = doors.browser(BOB)
    with acting(BOB):
        Session.objects.update(signed_in_at=timezone.now() - timedelta(days=6))
    switch(client, birch.membership_id)
    switch(client, BOB.membership_id)
    assert "/sign-in/again/" in client.get("/keys/new/").headers["Location"]
    with acting(BOB):
        session = Session.objects.get(revoked_at__isnull=True)
    assert session.expires_at - timezone.now() < timedelta(days=1, minutes=1)


def test_a_form_of_another_tab_is_refused_with_a_sentence(birch: Place) -> None:
    """A stale tab shows Acme; its form must not be sent into Birch."""
    client = doors.browser(BOB, csrf=True)
    stale = client.get("/agents/new/").content
    token = re.search(rb'name="csrfmiddlewaretoken" value="([^"]+)"', stale)
    assert token is not None
    form = {"csrfmiddlewaretoken": token.group(1).decode()}
    assert client.post("/workspaces/switch/", {**form, "place": str(birch.membership_id)}).status_code == 302
    response = client.post("/agents/new/", {**form, "name": "Meant for Acme"})
    assert response.status_code == 403
    assert b"before you went to another workspace" in response.content
