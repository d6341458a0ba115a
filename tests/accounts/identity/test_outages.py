"""What happens when one of the two systems is silent? Nobody gets in, nobody is signed out, and it heals by itself."""

from __future__ import annotations

from collections.abc import Callable, Iterator
from contextlib import contextmanager
from typing import Any

import psycopg
import pytest
from django.conf import settings
from django.db import connections
from django.test import Client

from accounts.identity import resolution
from accounts.identity.base import Revoked, Unavailable
from accounts.services import keys, sessions
from accounts.signals import access_denied
from tests import doors, environment
from tests.cast import BOB, PASSWORD, acting
from tests.outages import out_of_reach

pytestmark = pytest.mark.usefixtures("committed")


@contextmanager
def silent(alias: str) -> Iterator[None]:
    """Nothing answers at the address of this database."""
    with pytest.MonkeyPatch.context() as patched:
        out_of_reach(alias, patched)
        yield


def ways(token: str, value: str) -> dict[str, Callable[[], Any]]:
    """Every way in that is a request."""
    browser = Client()
    browser.cookies[settings.SESSION_COOKIE_NAME] = token
    return {
        "page": lambda: browser.get("/account/"),
        "form": lambda: browser.post("/account/sessions/end/"),
        "api": lambda: Client(headers={"Authorization": f"Bearer {value}"}).get("/api/v1/me"),
        "sign-in": lambda: Client().post("/sign-in/", {"email": BOB.email, "password": PASSWORD}),
        "operator": lambda: Client().post("/operator/sign-in/", {"email": BOB.email, "password": PASSWORD}),
    }


@pytest.mark.parametrize("alias", ["identity", "default"])
def test_silence_of_either_system_is_503_at_every_door(alias: str) -> None:
    token, value = doors.session(BOB).token, doors.key(BOB).value
    heard: list[Any] = []
    access_denied.connect(receiver := lambda **facts: heard.append(facts["refusal"].reason), weak=False)
    for name, ask in ways(token, value).items():
        with silent(alias):
            response = ask()
        assert response.status_code == 503, name
        assert int(response.headers["Retry-After"]) > 0, name
        assert settings.SESSION_COOKIE_NAME not in response.cookies, f"{name}: silence signs nobody out, and nobody in"
    access_denied.disconnect(receiver)
    assert heard == ["outage"] * 5


@pytest.mark.parametrize("alias", ["identity", "default"])
def test_it_heals_by_itself(alias: str) -> None:
    token = doors.session(BOB).token
    with silent(alias), pytest.raises(Unavailable):
        resolution.resolve_session(token)
    assert resolution.resolve_session(token).membership_id == BOB.membership_id


@pytest.mark.parametrize("alias", ["identity", "default"])
def test_a_connection_that_died_is_replaced_once(alias: str) -> None:
    """A restarted server leaves dead connections behind; the question is asked again on a fresh one."""
    token = doors.session(BOB).token
    resolution.resolve_session(token)
    with connections[alias].cursor() as cursor:
        cursor.execute("SELECT pg_backend_pid()")
        (pid,) = cursor.fetchone()
    with psycopg.connect(environment.server.superuser_url(), autocommit=True) as boss:
        boss.execute("SELECT pg_terminate_backend(%s, 5000)", [pid])
    assert resolution.resolve_session(token).membership_id == BOB.membership_id


def test_a_session_and_a_key_end_though_the_identity_store_cannot_be_told() -> None:
    opened, minted = doors.session(BOB), doors.key(BOB)
    with silent("identity"), acting(BOB):
        sessions.sign_out(actor=opened.tenant)
        keys.revoke(actor=opened.tenant, key_id=minted.key.pk)
    with pytest.raises(Revoked, match="session_revoked"):
        resolution.resolve_session(opened.token)
    with pytest.raises(Revoked, match="key_revoked"):
        resolution.resolve_key(minted.value)


def test_signing_out_everywhere_changes_nothing_while_the_identity_store_is_silent() -> None:
    """Its half alone can end the sessions of other workspaces: half of it done would look like all of it."""
    opened = doors.session(BOB)
    with silent("identity"), acting(BOB), pytest.raises(Unavailable):
        sessions.revoke_everywhere(actor=opened.tenant)
    assert resolution.resolve_session(opened.token) == opened.tenant


def test_an_unknown_provider_in_the_row_is_nobody_who_could_vouch() -> None:
    opened = doors.session(BOB)
    with connections["owner"].cursor() as cursor:
        cursor.execute("UPDATE accounts_session SET provider = 'workos'")
        cursor.execute("UPDATE accounts_identitylink SET provider = 'workos' WHERE user_id = %s", [BOB.user_id])
    try:
        with pytest.raises(Unavailable, match="workos"):
            resolution.resolve_session(opened.token)
    finally:
        with connections["owner"].cursor() as cursor:
            cursor.execute("UPDATE accounts_identitylink SET provider = 'local'")
