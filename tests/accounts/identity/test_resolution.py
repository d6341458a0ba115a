"""Does one function turn a credential into a tenant, only if both systems say so, in one round trip to each?"""

from __future__ import annotations

from datetime import timedelta

import pytest
from django.db import connection, connections
from django.test.utils import CaptureQueriesContext
from django.utils import timezone

from accounts.identity import resolution, tokens
from accounts.identity.base import Revoked
from accounts.identity.store.models import StoreKey, StoreSession
from accounts.models import ApiKey, Role, Session
from tests import doors
from tests.cast import ACME, ALICE, BOB, CHARLIE, VERA, acting

pytestmark = pytest.mark.django_db(databases=doors.DOORS)


def test_it_turns_a_session_into_its_tenant() -> None:
    opened = doors.session(BOB)
    tenant = resolution.resolve_session(opened.token)
    assert tenant == opened.tenant
    assert (tenant.workspace_id, tenant.membership_id, tenant.role) == (ACME.id, BOB.membership_id, Role.MEMBER)
    assert tenant.method == "password"


def test_it_asks_each_system_once() -> None:
    token = doors.session(BOB).token
    with CaptureQueriesContext(connection) as platform, CaptureQueriesContext(connections["identity"]) as identity:
        resolution.resolve_session(token)
    assert (len(platform), len(identity)) == (1, 1)


def test_it_asks_each_system_once_for_a_key() -> None:
    value = doors.key(BOB).value
    resolution.resolve_key(value)  # the first use writes "last used"
    with CaptureQueriesContext(connection) as platform, CaptureQueriesContext(connections["identity"]) as identity:
        tenant = resolution.resolve_key(value)
    assert (len(platform), len(identity)) == (1, 1)
    assert tenant.method == "key"


def test_it_writes_last_seen_at_most_once_a_minute() -> None:
    opened = doors.session(BOB)
    with acting(BOB):
        long_ago = timezone.now() - timedelta(minutes=5)
        Session.objects.filter(pk=opened.tenant.credential_id).update(last_seen_at=long_ago)
    with CaptureQueriesContext(connection) as first:
        resolution.resolve_session(opened.token)
    with CaptureQueriesContext(connection) as second:
        resolution.resolve_session(opened.token)
    assert (len(first), len(second)) == (2, 1)


@pytest.mark.parametrize(
    "value", ["", "null", "None", "0", "x" * 43 + "\x00", "é" * 43, "x" * 5000, "a b" * 15, "../" * 15]
)
def test_it_refuses_empty_null_and_odd_values_without_a_query(value: str) -> None:
    """L43: an empty or null token must not meet an empty column."""
    with CaptureQueriesContext(connection) as platform, CaptureQueriesContext(connections["identity"]) as identity:
        for resolve in (resolution.resolve_session, resolution.resolve_key):
            with pytest.raises(Revoked):
                resolve(value)
    assert (len(platform), len(identity)) == (0, 0)


def test_it_refuses_a_key_with_a_wrong_checksum_without_a_query() -> None:
    value = doors.key(BOB).value
    with CaptureQueriesContext(connection) as platform, pytest.raises(Revoked, match="form"):
        resolution.resolve_key(value[:-1] + ("a" if value[-1] != "a" else "b"))
    assert len(platform) == 0


def test_it_refuses_an_unknown_credential() -> None:
    for resolve, value in (
        (resolution.resolve_session, tokens.new_token()),
        (resolution.resolve_key, tokens.new_key()),
    ):
        with pytest.raises(Revoked, match="platform") as refusal:
            resolve(value)
        assert not refusal.value.known


def test_it_refuses_a_session_that_the_platform_withdrew() -> None:
    opened = doors.session(BOB)
    with acting(BOB):
        Session.objects.filter(pk=opened.tenant.credential_id).update(revoked_at=timezone.now())
    with pytest.raises(Revoked, match="platform") as refusal:
        resolution.resolve_session(opened.token)
    assert refusal.value.known


def test_it_refuses_a_session_that_the_identity_store_withdrew() -> None:
    opened = doors.session(BOB)
    StoreSession.objects.filter(token_hash=tokens.identity_hash(opened.token)).revoke()
    with pytest.raises(Revoked, match="identity") as refusal:
        resolution.resolve_session(opened.token)
    assert refusal.value.known


def test_it_refuses_a_key_that_either_system_withdrew() -> None:
    on_platform, in_store = doors.key(BOB).value, doors.key(BOB).value
    with acting(BOB):
        ApiKey.objects.filter(key_hash=tokens.platform_hash(on_platform)).update(revoked_at=timezone.now())
    StoreKey.objects.filter(key_hash=tokens.identity_hash(in_store)).revoke()
    for value, by in ((on_platform, "platform"), (in_store, "identity")):
        with pytest.raises(Revoked, match=by):
            resolution.resolve_key(value)


@pytest.mark.parametrize("field", ["expires_at", "idle_until"])
def test_it_refuses_a_session_past_its_limits(field: str) -> None:
    opened = doors.session(BOB)
    with acting(BOB):
        Session.objects.filter(pk=opened.tenant.credential_id).update(**{field: timezone.now() - timedelta(hours=1)})
    with pytest.raises(Revoked, match="session_expired") as refusal:
        resolution.resolve_session(opened.token)
    assert not refusal.value.known, "a browser left alone overnight is no attack"


def test_it_refuses_a_session_that_injected_sql_forged() -> None:
    """Raw SQL as the app role writes a whole platform row for a token it knows; the other system knows nothing of it."""
    token = tokens.new_token()
    _forge(BOB.subject, token, identity_session="0193b0c4-7a00-7000-8000-000000000001")
    with pytest.raises(Revoked, match="identity"):
        resolution.resolve_session(token)


def test_it_refuses_a_forged_row_that_borrows_the_forgers_own_identity_session() -> None:
    """The forger's own store session under another member's platform row: the two answers name different people."""
    own = doors.session(CHARLIE)
    with acting(CHARLIE):
        reference = Session.objects.get(pk=own.tenant.credential_id).identity_session
        Session.objects.filter(pk=own.tenant.credential_id).update(token_hash=b"\x00" * 32)
    _forge(BOB.subject, own.token, identity_session=reference)
    with pytest.raises(Revoked, match="disagreement"):
        resolution.resolve_session(own.token)


def test_a_viewers_browser_has_no_writing_scope() -> None:
    assert all(scope.endswith(":read") for scope in resolution.resolve_session(doors.session(VERA).token).scopes)


def test_a_session_does_not_open_what_a_key_opens() -> None:
    with pytest.raises(Revoked):
        resolution.resolve_key(doors.session(ALICE).token)
    with pytest.raises(Revoked):
        resolution.resolve_session(doors.key(ALICE).value)


def test_neither_database_holds_what_the_other_compares() -> None:
    token = tokens.new_token()
    assert tokens.platform_hash(token) != tokens.identity_hash(token)


def _forge(subject: str, token: str, *, identity_session: str) -> None:
    with acting(BOB), connection.cursor() as cursor:
        cursor.execute(
            "INSERT INTO accounts_session (id, workspace_id, membership_id, token_hash, provider, subject, "
            "identity_session, method, user_agent, signed_in_at, last_seen_at, idle_until, expires_at) "
            "VALUES (gen_random_uuid(), %s, %s, %s, 'local', %s, %s, 'password', '', now(), now(), "
            "now() + interval '1 day', now() + interval '1 day')",
            [ACME.id, BOB.membership_id, tokens.platform_hash(token), subject, identity_session],
        )
