"""Is the operators' door a door of its own, which opens no workspace and which no member passes?"""

from __future__ import annotations

from typing import Any

import pytest
from django.conf import settings
from django.db import InternalError, ProgrammingError, connection, connections
from django.test import Client, RequestFactory
from django.utils import timezone

from accounts import cookies
from accounts.identity import resolution, tokens
from accounts.identity.base import Revoked
from accounts.identity.store.models import StoreSession
from accounts.models import Membership, OperatorSession, Workspace
from accounts.operators import across, operator_required, resolve_operator
from accounts.signals import access_denied, operator_signed_in
from tests import doors
from tests.cast import ACME, ALICE, BIRCH, BOB, OLGA, PASSWORD, Person

pytestmark = pytest.mark.usefixtures("committed")


def sign_in(person: Person, password: str = PASSWORD) -> Any:
    return Client().post("/operator/sign-in/", {"email": person.email, "password": password})


def test_an_operator_signs_in() -> None:
    heard: list[object] = []
    operator_signed_in.connect(receiver := lambda **facts: heard.append(facts["user_id"]), weak=False)
    response = sign_in(OLGA)
    operator_signed_in.disconnect(receiver)
    assert response.headers["Location"] == "/operator/"
    cookie = response.cookies[cookies.OPERATOR]
    assert (cookie["secure"], cookie["httponly"], cookie["max-age"]) == (True, True, settings.OPERATOR_SECONDS)
    operator = resolve_operator(cookie.value)
    assert (operator.user_id, operator.email) == (OLGA.user_id, OLGA.email)
    assert heard == [OLGA.user_id]


@pytest.mark.parametrize("person", [ALICE, BOB])
def test_a_member_does_not_sign_in_as_one(person: Person) -> None:
    heard: list[Any] = []
    access_denied.connect(receiver := lambda **facts: heard.append(facts["refusal"]), weak=False)
    response = sign_in(person)
    access_denied.disconnect(receiver)
    assert response.status_code == 401
    assert cookies.OPERATOR not in response.cookies
    assert [refusal.action for refusal in heard] == ["operator.sign_in_failed"]


def test_an_operator_does_not_sign_in_as_a_member() -> None:
    response = Client().post("/sign-in/", {"email": OLGA.email, "password": PASSWORD})
    assert response.status_code == 401


def test_an_operators_session_opens_no_workspace() -> None:
    token = doors.operator(OLGA).cookies[cookies.OPERATOR].value
    with pytest.raises(Revoked):
        resolution.resolve_session(token)
    client = Client()
    client.cookies[settings.SESSION_COOKIE_NAME] = token
    assert client.get("/account/").headers["Location"].startswith("/sign-in/")


def test_a_members_session_opens_no_console() -> None:
    with pytest.raises(Revoked):
        resolve_operator(doors.session(ALICE).token)


@pytest.mark.parametrize("value", ["", "null", "x" * 43, "x" * 5000])
def test_an_empty_or_odd_cookie_is_nobody(value: str) -> None:
    """L43."""
    with pytest.raises(Revoked):
        resolve_operator(value)


def test_signing_out_kills_the_cookie_on_the_server() -> None:
    """L34."""
    client = doors.operator(OLGA)
    token = client.cookies[cookies.OPERATOR].value
    assert client.post("/operator/sign-out/").headers["Location"] == "/operator/sign-in/"
    with pytest.raises(Revoked, match="session_revoked") as refusal:
        resolve_operator(token)
    assert refusal.value.known


def test_either_half_alone_is_refused() -> None:
    token = doors.operator(OLGA).cookies[cookies.OPERATOR].value
    StoreSession.objects.revoke()
    with pytest.raises(Revoked, match="identity"):
        resolve_operator(token)


def test_a_platform_row_that_injected_sql_wrote_is_refused() -> None:
    token = tokens.new_token()
    now = timezone.now()
    OperatorSession(
        user_id=OLGA.user_id,
        token_hash=tokens.platform_hash(token),
        provider="local",
        subject=OLGA.subject,
        identity_session="0193b0c4-7a00-7000-8000-000000000001",
        method="password",
        signed_in_at=now,
        expires_at=now.replace(year=now.year + 1),
    ).save(force_insert=True)
    with pytest.raises(Revoked, match="identity"):
        resolve_operator(token)


def test_the_app_cannot_read_operators_sessions() -> None:
    with connection.cursor() as cursor, pytest.raises(ProgrammingError, match="permission denied"):
        cursor.execute("SELECT * FROM accounts_operatorsession")


def test_a_view_is_closed_to_everybody_else() -> None:
    view = operator_required(lambda request: pytest.fail("the view ran"))
    request = RequestFactory().get("/operator/")
    response = view(request)
    assert response.status_code == 302
    assert response.headers["Location"] == "/operator/sign-in/"
    refusal: Any = vars(request)["refusal"]
    assert refusal.action == "operator.refused"


class TestAcross:
    """The single hatch reads every workspace's metadata, and nothing else."""

    def test_it_reads_every_workspace(self) -> None:
        names = set(across(Workspace).values_list("name", flat=True))
        assert names >= {"Acme", "Birch"}
        workspaces = set(across(Membership).values_list("workspace_id", flat=True))
        assert workspaces == {ACME.id, BIRCH.id}

    def test_it_writes_nothing(self) -> None:
        with pytest.raises(InternalError, match="read-only"):
            across(Membership).update(role="owner")

    def test_it_writes_nothing_even_where_read_only_is_switched_off(self) -> None:
        """The grants are the wall: SQL can switch the other off."""
        with connections["ops"].cursor() as cursor:
            cursor.execute("SET default_transaction_read_only = off")
            with pytest.raises(ProgrammingError, match="permission denied"):
                cursor.execute("UPDATE accounts_membership SET role = 'owner'")

    @pytest.mark.parametrize("table", ["files_file", "files_passage", "conversations_message", "accounts_session"])
    def test_it_reads_no_content_and_no_credential(self, table: str) -> None:
        with connections["ops"].cursor() as cursor, pytest.raises(ProgrammingError, match="permission denied"):
            cursor.execute(f"SELECT * FROM {table}")
