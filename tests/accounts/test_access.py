"""Does a closed view stay closed to whoever may not come in, and does it say so?"""

from __future__ import annotations

from collections.abc import Iterator
from datetime import timedelta
from typing import Any

import pytest
from django.utils import timezone

from accounts.access import accepted_names, accepts, has_role, is_public, public
from accounts.models import Role, Session
from accounts.signals import access_denied
from tests.cast import ADA, ALICE, BOB, VERA, acting
from tests.doors import browser

pytestmark = pytest.mark.django_db(databases=["default", "identity", "cache"])

SENSITIVE = "/keys/new/"


@pytest.fixture
def reasons() -> Iterator[list[str]]:
    heard: list[str] = []

    def hear(refusal: Any, **facts: Any) -> None:
        heard.append(refusal.reason)

    access_denied.connect(hear)
    yield heard
    access_denied.disconnect(hear)


def signed_in_ago(**age: int) -> Any:
    """A browser of Bob's whose sign-in is this old."""
    client = browser(BOB)
    with acting(BOB):
        Session.objects.filter(membership_id=BOB.membership_id).update(signed_in_at=timezone.now() - timedelta(**age))
    return client


def test_a_recent_sign_in_opens_a_sensitive_page(reasons: list[str]) -> None:
    assert signed_in_ago(minutes=14).get(SENSITIVE).status_code == 200
    assert reasons == []


def test_an_old_sign_in_is_asked_for_again(reasons: list[str]) -> None:
    """A stolen cookie, or a browser left open, must not be enough to make keys."""
    response = signed_in_ago(minutes=16).get(SENSITIVE)
    assert response.status_code == 302
    assert response["Location"] == "/sign-in/again/?next=%2Fkeys%2Fnew%2F"
    assert reasons == ["stale_login"]


def test_a_form_sent_after_an_old_sign_in_changes_nothing(reasons: list[str]) -> None:
    response = signed_in_ago(hours=2).post(SENSITIVE, {"name": "late", "scopes": ["files:read"], "once": "0" * 32})
    assert response.status_code == 302
    assert response["Location"].startswith("/sign-in/again/?next=%2Faccount%2F")
    assert reasons == ["stale_login"]


def test_each_role_may_what_the_roles_below_it_may() -> None:
    order = [VERA, BOB, ADA, ALICE]
    for place, person in enumerate(order):
        for other, role in enumerate((Role.VIEWER, Role.MEMBER, Role.ADMIN, Role.OWNER)):
            assert has_role(person.tenant, role) is (place >= other)


def test_nothing_is_public_or_accepted_unless_it_says_so() -> None:
    def view() -> None:
        """Stands for any view."""

    assert not is_public(view)
    assert accepted_names(view) == frozenset()
    assert is_public(public(view))
    assert accepted_names(accepts("role")(accepts("owner")(view))) == {"role", "owner"}
