"""How does a member get an API key, and what may it never be?"""

from __future__ import annotations

import re
from datetime import timedelta
from functools import partial
from typing import Any

import pytest
from django.db import connection, connections
from django.test import Client
from django.utils import timezone

from accounts.identity import resolution, tokens
from accounts.identity.base import IssuedKey, Revoked
from accounts.identity.providers import LOCAL
from accounts.identity.store.models import StoreKey
from accounts.models import ApiKey, Session
from accounts.scopes import EVERY, Scope
from accounts.services import keys
from accounts.signals import api_key_created, api_key_revoked
from tests import doors
from tests.cast import ALICE, BOB, CHARLIE, VERA, Person, acting

pytestmark = pytest.mark.django_db(databases=doors.DOORS)


def make(client: Client, **changes: Any) -> Any:
    once = re.search(rb'name="once" value="([^"]+)"', client.get("/keys/new/").content)
    assert once is not None
    form = {
        "name": "Nightly import",
        "scopes": ["files:read"],
        "lasts": "30",
        "once": once.group(1).decode(),
        **changes,
    }
    return client.post("/keys/new/", form)


def value_in(page: bytes) -> str:
    found = re.search(tokens.KEY_PATTERN.encode(), page)
    assert found is not None
    return found.group().decode()


def test_it_makes_a_key_and_shows_it_once() -> None:
    client = doors.browser(BOB)
    response = make(client)
    assert response.status_code == 201
    value = value_in(response.content)
    tenant = resolution.resolve_key(value)
    assert (tenant.membership_id, tenant.scopes) == (BOB.membership_id, frozenset({"files:read"}))
    page = client.get("/keys/").content
    assert value.encode() not in page
    assert tokens.shown_part(value).encode() in page
    assert response.headers["Cache-Control"] == "no-store"


def test_neither_database_holds_the_key() -> None:
    value = value_in(make(doors.browser(BOB)).content)
    for alias, table in (("default", "accounts_apikey"), ("identity", "identity_store_storekey")):
        with acting(BOB), connections[alias].cursor() as cursor:
            cursor.execute(f"SELECT k::text FROM {table} k")
            rows = cursor.fetchall()
        assert len(rows) == 1
        assert value[len(tokens.SHOWN_LENGTH * "x") :] not in rows[0][0]


def test_the_same_form_sent_twice_makes_one_key() -> None:
    client = doors.browser(BOB)
    first = make(client, once="a-form-that-is-sent-twice")
    second = make(client, once="a-form-that-is-sent-twice")
    assert (first.status_code, second.status_code) == (201, 302)
    with acting(BOB):
        assert ApiKey.objects.count() == 1


@pytest.mark.parametrize(("lasts", "days"), [("30", 30), ("365", 365), ("never", None)])
def test_it_lasts_as_long_as_was_chosen(lasts: str, days: int | None) -> None:
    make(doors.browser(BOB), lasts=lasts)
    with acting(BOB):
        ends = ApiKey.objects.get().expires_at
    assert (ends is None) == (days is None)
    if days is not None:
        assert timedelta(days=days - 1) < ends - timezone.now() <= timedelta(days=days)


def test_it_needs_a_recent_sign_in() -> None:
    client = doors.browser(BOB)
    with acting(BOB):
        Session.objects.update(signed_in_at=timezone.now() - timedelta(minutes=16))
    response = client.get("/keys/new/")
    assert response.headers["Location"] == "/sign-in/again/?next=%2Fkeys%2Fnew%2F"
    assert client.post("/keys/new/", {}).status_code == 302


@pytest.mark.parametrize(
    ("changes", "says"),
    [
        ({"name": ""}, b"Say what the key is for"),
        ({"name": "x" * 81}, b"at most 80 characters"),
        ({"name": "a\x00b"}, b"Null characters"),
        ({"scopes": []}, b"Choose at least one thing"),
        ({"scopes": ["everything"]}, b"is not something that a key can be allowed"),
        ({"lasts": "0"}, b"not one of the available choices"),
    ],
)
def test_it_says_what_is_missing(changes: dict[str, Any], says: bytes) -> None:
    response = make(doors.browser(BOB), **changes)
    assert response.status_code == 422
    assert says in response.content


def test_a_viewer_cannot_make_a_key_that_writes() -> None:
    assert make(doors.browser(VERA), scopes=["files:read"]).status_code == 201
    response = make(doors.browser(VERA), scopes=["files:write"])
    assert response.status_code == 422
    with pytest.raises(keys.ScopeTooWide), acting(VERA):
        keys.mint(actor=doors.session(VERA).tenant, name="x", scopes=["files:write"], days=1, once="once")


def test_there_is_an_end_to_how_many() -> None:
    opened = doors.session(BOB)
    with acting(BOB):
        for number in range(keys.MOST_LIVE_KEYS):
            keys.mint(actor=opened.tenant, name=str(number), scopes=["files:read"], days=1, once=f"once-{number}")
    assert b"which is the most" in make(doors.browser(BOB)).content


@pytest.mark.parametrize("way", ["mint", "rotate"])
def test_two_at_the_same_moment_do_not_both_get_the_last_place(monkeypatch: pytest.MonkeyPatch, way: str) -> None:
    """One finds a place free, and while its identity system makes a key the other one takes it."""
    opened = doors.session(BOB)
    made: dict[str, Any] = {"actor": opened.tenant, "name": "Test", "scopes": ["files:read"], "days": 1}
    with acting(BOB):
        found = [keys.mint(**made, once=f"once-{number}").key for number in range(keys.MOST_LIVE_KEYS - 1)]
    real = LOCAL.issue_key

    def slowly(**facts: Any) -> IssuedKey:
        monkeypatch.setattr(LOCAL, "issue_key", real)
        keys.mint(**made, once="the-one-that-is-faster")
        return real(**facts)

    monkeypatch.setattr(LOCAL, "issue_key", slowly)
    late = {
        "mint": partial(keys.mint, **made, once="the-one-that-comes-late"),
        "rotate": partial(keys.rotate, actor=opened.tenant, key=found[0], hours=24, once="the-one-that-comes-late"),
    }
    with acting(BOB), pytest.raises(keys.TooManyKeys):
        late[way]()
    with acting(BOB):
        assert keys.live_keys(opened.tenant) == keys.MOST_LIVE_KEYS
    assert StoreKey.objects.live().count() == keys.MOST_LIVE_KEYS, "its other half is taken back"


def test_a_withdrawn_key_is_dead_at_once() -> None:
    heard: list[str] = []
    api_key_revoked.connect(receiver := lambda **facts: heard.append(facts["target"].name), weak=False)
    minted, client = doors.key(BOB), doors.browser(BOB)
    response = client.post(f"/keys/{minted.key.pk}/revoke/")
    api_key_revoked.disconnect(receiver)
    assert response.headers["Location"] == "/keys/"
    assert heard == ["Test"]
    with pytest.raises(Revoked) as refusal:
        resolution.resolve_key(minted.value)
    assert refusal.value.known
    assert b"withdrawn already" in client.post(f"/keys/{minted.key.pk}/revoke/", follow=True).content


def test_a_key_ends_when_it_said() -> None:
    minted = doors.key(BOB)
    with acting(BOB):
        ApiKey.objects.update(expires_at=timezone.now() - timedelta(hours=1))
    with pytest.raises(Revoked, match="key_expired"):
        resolution.resolve_key(minted.value)


@pytest.mark.parametrize("person", [ALICE, CHARLIE])
def test_it_does_not_withdraw_somebody_elses_key(person: Person) -> None:
    theirs = doors.key(person)
    doors.browser(BOB).post(f"/keys/{theirs.key.pk}/revoke/")
    assert resolution.resolve_key(theirs.value).membership_id == person.membership_id


@pytest.mark.parametrize("person", [ALICE, CHARLIE])
def test_it_does_not_show_somebody_elses_keys(person: Person) -> None:
    """L10."""
    theirs = doors.key(person)
    assert theirs.key.prefix.encode() not in doors.browser(BOB).get("/keys/").content


def test_a_key_opens_no_page() -> None:
    assert doors.program(BOB).get("/account/").headers["Location"].startswith("/sign-in/")


def test_its_making_is_a_fact_for_the_trail() -> None:
    heard: list[object] = []
    api_key_created.connect(receiver := lambda **facts: heard.append(facts["actor"].membership_id), weak=False)
    minted = doors.key(BOB)
    api_key_created.disconnect(receiver)
    assert heard == [minted.key.membership_id]


def test_a_listener_that_fails_leaves_no_key_behind() -> None:
    """No unlogged change: the fact is sent inside the transaction that makes the key."""

    def fail(**facts: object) -> None:
        raise ZeroDivisionError

    api_key_created.connect(fail, weak=False)
    try:
        with pytest.raises(ZeroDivisionError):
            doors.key(BOB)
    finally:
        api_key_created.disconnect(fail)
    with acting(BOB):
        assert not ApiKey.objects.exists()
    assert not StoreKey.objects.live().exists()


def test_the_scopes_are_alphabetical() -> None:
    assert list(Scope.values) == sorted(EVERY)


def test_last_used_is_written() -> None:
    minted = doors.key(BOB)
    resolution.resolve_key(minted.value)
    with acting(BOB), connection.cursor() as cursor:
        cursor.execute("SELECT last_used_at IS NOT NULL FROM accounts_apikey WHERE id = %s", [minted.key.pk])
        assert cursor.fetchone() == (True,)
