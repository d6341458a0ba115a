"""Does somebody who comes in by a password here and by single sign-on there sign out of both, everywhere?"""

from __future__ import annotations

import pytest
from django.conf import settings as configured
from django.test import Client
from pytest_django import Settings

from accounts.identity import resolution
from accounts.identity.store.models import VendorSession
from accounts.models import Membership
from accounts.tenancy.context import whole_workspace
from tests import doors
from tests.accounts.test_directory import is_refused
from tests.cast import BIRCH, BOB, CHARLIE, PASSWORD
from tests.workos.stage import Stage

NEW = "seventeen unrelated herons"


@pytest.fixture
def in_birch(workos: Stage) -> str:
    """The cookie of a session that Birch's own sign-in opened for Bob, who belongs there as well."""
    with whole_workspace(BIRCH.id):
        Membership.objects.using("owner").create(
            user_id=BOB.user_id, role="viewer", display_name="Bob", email=BOB.email
        )
    workos.world.join(workos.people[BOB], workos.organizations[BIRCH])
    return workos.session_in(BOB, BIRCH)


def sign_out_everywhere(browser: Client) -> None:
    assert browser.post("/account/sessions/end/").headers["Location"] == "/sign-in/"


def test_it_ends_what_another_identity_system_opened_in_another_workspace(workos: Stage, in_birch: str) -> None:
    charlies = workos.session(CHARLIE).token
    sign_out_everywhere(doors.browser(BOB))
    assert is_refused(resolution.resolve_session, in_birch)
    assert not is_refused(resolution.resolve_session, charlies)


def test_it_ends_what_a_password_opened_as_well(workos: Stage, in_birch: str) -> None:
    by_password = doors.session(BOB).token
    birch = Client()
    birch.cookies[configured.SESSION_COOKIE_NAME] = in_birch
    sign_out_everywhere(birch)
    assert is_refused(resolution.resolve_session, by_password)


def test_a_changed_password_signs_out_every_other_browser(workos: Stage, in_birch: str) -> None:
    """L33, and what the page says: whoever changes it because somebody else is in means those as well."""
    form = {"current": PASSWORD, "new": NEW, "again": NEW}
    browser = doors.browser(BOB)
    assert browser.post("/account/password/", form).headers["Location"] == "/account/"
    assert is_refused(resolution.resolve_session, in_birch)
    assert browser.get("/account/").status_code == 200


def test_what_nobody_vouches_for_now_does_not_come_back_with_its_system(
    workos: Stage, in_birch: str, settings: Settings
) -> None:
    client_id = settings.WORKOS_CLIENT_ID
    settings.WORKOS_CLIENT_ID = ""
    sign_out_everywhere(doors.browser(BOB))
    settings.WORKOS_CLIENT_ID = client_id
    assert is_refused(resolution.resolve_session, in_birch)
    assert not VendorSession.objects.live().exists()


def test_what_nobody_vouches_for_now_does_not_keep_the_page_from_showing_the_rest(
    workos: Stage, settings: Settings
) -> None:
    """Sessions of single sign-on are there still, and the installation has none any more."""
    opened, browser = workos.session(BOB), doors.browser(BOB)
    address = f"/account/sessions/{opened.tenant.credential_id}/end/".encode()
    assert address in browser.get("/account/").content
    settings.WORKOS_CLIENT_ID = ""
    page = browser.get("/account/")
    assert (page.status_code, address in page.content) == (200, False)
