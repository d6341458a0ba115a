"""Can a program's key be replaced without a moment in which neither works, or one in which both do for ever?"""

from __future__ import annotations

import secrets
from datetime import timedelta
from typing import Any

import pytest
from django.test import Client
from django.utils import timezone

from accounts.identity import tokens
from accounts.identity.store.models import StoreKey
from accounts.models import ApiKey, Membership, Role
from accounts.services import keys, members
from audit.models import Entry
from tests import doors
from tests.accounts.test_keys import value_in
from tests.cast import ALICE, BOB, CHARLIE, Person, acting

pytestmark = pytest.mark.django_db(databases=doors.DOORS)
ME = "/api/v1/me"


def rotate(client: Client, key: ApiKey, hours: str = "24", once: str = "") -> Any:
    form = {"hours": hours, "once": once or secrets.token_urlsafe(16)}
    return client.post(f"/keys/{key.pk}/rotate/", form)


def status(value: str) -> int:
    return Client(headers={"Authorization": f"Bearer {value}"}).get(ME).status_code


def test_the_new_key_is_like_the_old_one() -> None:
    old = doors.key(BOB, ["files:read"], days=30)
    response = rotate(doors.browser(BOB), old.key)
    assert response.status_code == 201
    value = value_in(response.content)
    assert value != old.value
    with acting(BOB):
        new = ApiKey.objects.get(prefix=tokens.shown_part(value))
    assert (new.name, new.scopes) == (old.key.name, ["files:read"])
    assert timedelta(days=29) < new.expires_at - timezone.now() <= timedelta(days=30)


@pytest.mark.parametrize(("hours", "after"), [("0", 401), ("1", 200), ("24", 200), ("72", 200)])
def test_the_old_one_goes_on_as_long_as_was_chosen(hours: str, after: int) -> None:
    old = doors.key(BOB)
    value = value_in(rotate(doors.browser(BOB), old.key, hours).content)
    assert (status(old.value), status(value)) == (after, 200)
    with acting(BOB):
        ends = ApiKey.objects.get(pk=old.key.pk).expires_at
        if after == 200:
            assert abs(ends - timezone.now() - timedelta(hours=int(hours))) < timedelta(minutes=1)
            ApiKey.objects.filter(pk=old.key.pk).update(expires_at=timezone.now() - timedelta(hours=1))
    assert (status(old.value), status(value)) == (401, 200)


def test_an_end_at_once_is_one_in_both_systems() -> None:
    old = doors.key(BOB)
    rotate(doors.browser(BOB), old.key, "0")
    assert not StoreKey.objects.live().filter(pk=old.key.identity_key).exists()


def test_an_overlap_makes_no_key_live_longer_than_it_was_to() -> None:
    old = doors.key(BOB)
    with acting(BOB):
        ApiKey.objects.update(expires_at=timezone.now() + timedelta(minutes=10))
    rotate(doors.browser(BOB), old.key, "72")
    with acting(BOB):
        assert ApiKey.objects.get(pk=old.key.pk).expires_at < timezone.now() + timedelta(minutes=11)


@pytest.mark.parametrize("values", [{"revoked_at": timezone.now()}, {"expires_at": timezone.now()}])
def test_a_key_that_is_over_does_not_come_to_life_again(values: dict[str, Any]) -> None:
    old = doors.key(BOB)
    with acting(BOB):
        ApiKey.objects.update(**values)
    assert rotate(doors.browser(BOB), old.key).headers["Location"] == "/keys/"
    with acting(BOB):
        assert ApiKey.objects.count() == 1


def test_a_key_replaced_by_a_demoted_member_loses_what_the_role_lost() -> None:
    old = doors.key(BOB, ["files:read", "files:write"])
    with acting(ALICE):
        bob = Membership.objects.get(pk=BOB.membership_id)
        members.change_role(actor=ALICE.tenant, member=bob, role=Role.VIEWER)
    value = value_in(rotate(doors.browser(BOB), old.key).content)
    with acting(BOB):
        assert ApiKey.objects.get(prefix=tokens.shown_part(value)).scopes == ["files:read"]


def test_the_same_form_sent_twice_replaces_once() -> None:
    old, client = doors.key(BOB), doors.browser(BOB)
    answers = [rotate(client, old.key, once="a-form-that-is-sent-twice").status_code for _ in range(2)]
    assert answers == [201, 302]
    with acting(BOB):
        assert ApiKey.objects.count() == 2


@pytest.mark.parametrize("person", [ALICE, CHARLIE])
def test_it_does_not_replace_somebody_elses_key(person: Person) -> None:
    """L51."""
    theirs = doors.key(person)
    assert rotate(doors.browser(BOB), theirs.key, "0").status_code == 404
    assert status(theirs.value) == 200


def test_the_trail_says_which_key_was_replaced() -> None:
    old = doors.key(BOB)
    rotate(doors.browser(BOB), old.key, "1")
    with acting(ALICE):
        entry = Entry.objects.get(action="key.rotated")
    assert (entry.detail["replaced"], entry.detail["hours"]) == (str(old.key.pk), 1)


def test_there_is_an_end_to_how_many_and_replacing_at_once_is_within_it() -> None:
    old, client = doors.key(BOB), doors.browser(BOB)
    opened = doors.session(BOB)
    with acting(BOB):
        for number in range(keys.MOST_LIVE_KEYS - 1):
            keys.mint(actor=opened.tenant, name=str(number), scopes=["files:read"], days=1, once=f"once-{number}")
    assert b"Let the old one end at once" in rotate(client, old.key, "24").content
    assert rotate(client, old.key, "0").status_code == 201


def test_a_key_that_ends_soon_is_marked() -> None:
    doors.key(BOB, days=30)
    client = doors.browser(BOB)
    assert b"badge--warning" not in client.get("/keys/").content
    doors.key(BOB, days=3)
    assert b"badge--warning" in client.get("/keys/").content
