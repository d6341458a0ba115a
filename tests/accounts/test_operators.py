"""Is the operators' door a door of its own, which opens no workspace and which no member passes?"""

from __future__ import annotations

import re
from typing import Any
from urllib.parse import urlencode

import pytest
from django.conf import settings
from django.db import InternalError, ProgrammingError, connection, connections
from django.test import Client, RequestFactory
from django.utils import timezone
from pytest_django import Settings

from accounts import cookies
from accounts.identity import resolution, tokens
from accounts.identity.base import Revoked
from accounts.identity.store.models import StoreSession
from accounts.models import Membership, OperatorSession, User, Workspace
from accounts.operators import across, operator_required, resolve_operator
from accounts.signals import access_denied, operator_enrolled, operator_recovery_used, operator_signed_in
from tests import doors
from tests.authenticators import Authenticator
from tests.cast import ACME, ALICE, BIRCH, BOB, OLGA, PASSWORD, Person

pytestmark = pytest.mark.usefixtures("committed")


def sign_in(person: Person, password: str = PASSWORD, client: Client | None = None) -> Any:
    return (client or Client()).post("/operator/sign-in/", {"email": person.email, "password": password})


def test_an_operator_signs_in_with_a_password_and_a_code() -> None:
    heard: list[object] = []
    operator_signed_in.connect(receiver := lambda **facts: heard.append(facts["user_id"]), weak=False)
    app, client = Authenticator.of(OLGA), Client()
    assert sign_in(OLGA, client=client).headers["Location"] == "/operator/sign-in/second/"
    assert client.get("/operator/").headers["Location"] == "/operator/sign-in/", "the password alone opens nothing"
    response = client.post("/operator/sign-in/second/", {"code": app.code()})
    operator_signed_in.disconnect(receiver)
    assert response.headers["Location"] == "/operator/"
    cookie = response.cookies[cookies.OPERATOR]
    assert (cookie["secure"], cookie["httponly"], cookie["max-age"]) == (True, True, settings.OPERATOR_SECONDS)
    operator = resolve_operator(cookie.value)
    assert (operator.user_id, operator.email) == (OLGA.user_id, OLGA.email)
    assert heard == [OLGA.user_id]
    assert client.get("/operator/").status_code == 200


@pytest.mark.parametrize(
    ("asked", "arrived"),
    [
        ("/operator/audit/review/?status=resolved&days=30", "/operator/audit/review/?status=resolved&days=30"),
        ("/files/", "/operator/"),
        ("//evil.example/operator/", "/operator/"),
        ("https://evil.example/operator/", "/operator/"),
    ],
)
def test_whoever_signs_in_arrives_at_the_page_that_they_asked_for(asked: str, arrived: str) -> None:
    """A message of an alarm leads to what it is about, and operators are seldom signed in when it comes."""
    app, client = Authenticator.of(OLGA), Client()
    door = client.get(asked)["Location"] if asked == arrived else f"/operator/sign-in/?{urlencode({'next': asked})}"
    for typed in ({"email": OLGA.email, "password": PASSWORD}, {"code": app.code()}):
        form = client.get(door).context["form"]
        door = client.post(door.partition("?")[0], {**typed, "next": form["next"].value()})["Location"]
    assert door == arrived


def test_a_first_sign_in_leads_to_a_second_factor_before_any_page_of_the_console() -> None:
    heard: list[object] = []
    operator_enrolled.connect(receiver := lambda **facts: heard.append(facts["user_id"]), weak=False)
    client = Client()
    assert sign_in(OLGA, client=client).headers["Location"] == "/operator/sign-in/enrol/"
    assert client.get("/operator/").headers["Location"] == "/operator/sign-in/"
    page = client.get("/operator/sign-in/enrol/")
    app = Authenticator.shown(page.content)
    assert client.post("/operator/sign-in/enrol/", {"code": app.wrong_code()}).status_code == 401
    response = client.post("/operator/sign-in/enrol/", {"code": app.code()})
    operator_enrolled.disconnect(receiver)
    assert response.status_code == 201
    assert len(set(re.findall(rb"<code>([a-z0-9-]{19})</code>", response.content))) == 10
    assert client.get("/operator/").status_code == 200
    assert heard == [OLGA.user_id]
    assert sign_in(OLGA).headers["Location"] == "/operator/sign-in/second/", "and is asked for from then on"


def test_a_recovery_code_opens_the_console_once_and_is_recorded() -> None:
    app = Authenticator.of(OLGA)
    heard: list[object] = []
    operator_recovery_used.connect(receiver := lambda **facts: heard.append(facts["user_id"]), weak=False)
    for expected in (302, 401):
        client = Client()
        sign_in(OLGA, client=client)
        assert client.post("/operator/sign-in/second/", {"code": app.recovery[0]}).status_code == expected
    operator_recovery_used.disconnect(receiver)
    assert heard == [OLGA.user_id]


def test_what_waits_for_an_operators_code_opens_nothing_else() -> None:
    Authenticator.of(OLGA)
    client = Client()
    token = sign_in(OLGA, client=client).cookies[cookies.OPERATOR_SECOND].value
    for name in (cookies.OPERATOR, cookies.SECOND, cookies.CHOOSING, settings.SESSION_COOKIE_NAME):
        thief = Client()
        thief.cookies[name] = token
        assert thief.get("/operator/").headers["Location"] == "/operator/sign-in/"
        assert thief.get("/account/").headers["Location"].startswith("/sign-in/")
        assert thief.get("/sign-in/second/").headers["Location"] == "/sign-in/"


def test_somebody_who_is_no_operator_any_more_does_not_finish() -> None:
    app, client = Authenticator.of(OLGA), Client()
    sign_in(OLGA, client=client)
    User.objects.using("owner").filter(pk=OLGA.user_id).update(is_operator=False)
    response = client.post("/operator/sign-in/second/", {"code": app.code()})
    assert response.headers["Location"] == "/operator/sign-in/"
    assert cookies.OPERATOR not in response.cookies


@pytest.mark.parametrize("path", ["/operator/sign-in/second/", "/operator/sign-in/enrol/"])
def test_no_second_step_without_a_right_password_before(path: str) -> None:
    Authenticator.of(OLGA)
    for token in ("", "null", doors.session(ALICE).token):
        client = Client()
        client.cookies[cookies.OPERATOR_SECOND] = token
        assert client.get(path).headers["Location"] == "/operator/sign-in/"
        assert client.post(path, {"code": "123456"}).headers["Location"] == "/operator/sign-in/"


class TestNetworks:
    """OPERATOR_NETWORKS: from elsewhere nothing below /operator/ is there."""

    PATHS = ("/operator/", "/operator", "/operator/sign-in/", "/operator/sign-in/second/", "/operator/audit/entry/")

    @pytest.fixture(autouse=True)
    def inside_only(self, settings: Settings) -> None:
        settings.OPERATOR_NETWORKS = ["192.0.2.0/24"]

    def test_it_is_404_from_elsewhere_whoever_asks_and_critical(self) -> None:
        heard: list[Any] = []
        access_denied.connect(receiver := lambda **facts: heard.append(facts["refusal"]), weak=False)
        client = doors.operator(OLGA)
        for path in self.PATHS:
            assert client.get(path, REMOTE_ADDR="203.0.113.5").status_code == 404, path
        form = {"email": OLGA.email, "password": PASSWORD}
        assert client.post("/operator/sign-in/", form, REMOTE_ADDR="203.0.113.5").status_code == 404
        access_denied.disconnect(receiver)
        assert {(one.action, one.severity) for one in heard} == {("operator.address_refused", "critical")}
        assert len(heard) == len(self.PATHS) + 1

    def test_it_is_there_from_inside(self) -> None:
        client = doors.operator(OLGA)
        assert client.get("/operator/", REMOTE_ADDR="192.0.2.7").status_code == 200
        assert Client().get("/operator/sign-in/", REMOTE_ADDR="::ffff:192.0.2.7").status_code == 200

    def test_a_client_cannot_say_that_it_is_inside(self) -> None:
        """L41."""
        spoofed = Client(headers={"X-Forwarded-For": "192.0.2.7", "X-Real-IP": "192.0.2.7"})
        assert spoofed.get("/operator/sign-in/", REMOTE_ADDR="203.0.113.5").status_code == 404

    def test_members_are_not_affected(self) -> None:
        assert Client().get("/sign-in/", REMOTE_ADDR="203.0.113.5").status_code == 200


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
