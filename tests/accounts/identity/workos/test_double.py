"""Is the WorkOS that these tests speak to as strict as the real one, and can a person click through it?"""

from __future__ import annotations

import re
import subprocess
import sys
from collections.abc import Iterator
from pathlib import Path
from typing import Any
from urllib.parse import parse_qs, urlencode, urlsplit

import httpx
import pytest
from workos import AuthenticationError, BadRequestError, NotFoundError, WorkOSClient

from tests.workos.server import Double
from tests.workos.world import CLIENT_ID, SERVER_KEY, Person

ROOT = Path(__file__).resolve().parents[4]


@pytest.fixture
def double() -> Iterator[Double]:
    with Double() as running:
        yield running


@pytest.fixture
def bob(double: Double) -> Person:
    person = double.world.person("bob@acme.test", password="right")
    double.world.join(person, double.world.organization("Acme", acme_test="verified"))
    return person


@pytest.fixture
def client(double: Double) -> Iterator[WorkOSClient]:
    made = WorkOSClient(api_key=SERVER_KEY, client_id=CLIENT_ID, base_url=double.url, max_retries=0)
    yield made
    made.close()


def test_it_refuses_whoever_does_not_hold_its_server_key(double: Double, bob: Person) -> None:
    for key, client_id in (("sk_test_another", CLIENT_ID), (SERVER_KEY, "client_another")):
        stranger = WorkOSClient(api_key=key, client_id=client_id, base_url=double.url, max_retries=0)
        with pytest.raises(AuthenticationError):
            stranger.user_management.authenticate_with_password(email=bob.email, password="right")
        stranger.close()
    assert httpx.get(f"{double.url}/events?events=user.deleted").status_code == 401


def test_it_takes_a_refresh_token_once(client: WorkOSClient, bob: Person) -> None:
    first = client.user_management.authenticate_with_password(email=bob.email, password="right")
    client.user_management.authenticate_with_refresh_token(refresh_token=first.refresh_token)
    with pytest.raises(BadRequestError):
        client.user_management.authenticate_with_refresh_token(refresh_token=first.refresh_token)


def test_it_refuses_a_foreign_organisation_and_an_inactive_membership(
    double: Double, client: WorkOSClient, bob: Person
) -> None:
    signed_in = client.user_management.authenticate_with_password(email=bob.email, password="right")
    foreign = double.world.organization("Birch")
    for status in ("none", "inactive", "pending"):
        if status != "none":
            double.world.join(bob, foreign).status = status
        with pytest.raises(BadRequestError):
            client.user_management.authenticate_with_refresh_token(
                refresh_token=signed_in.refresh_token, organization_id=foreign.id
            )


def test_it_holds_a_code_to_its_verifier_and_takes_it_once(double: Double, client: WorkOSClient, bob: Person) -> None:
    code = double.world.authorized(bob, challenge="challenge of another verifier")
    for _ in range(2):
        with pytest.raises(BadRequestError):
            client.user_management.authenticate_with_code(code=code, code_verifier="mine")


def test_it_invites_each_address_once_and_withdraws(double: Double, client: WorkOSClient, bob: Person) -> None:
    """As the SDK sends and reads it: the link carries the token, events carry neither."""
    organization = double.world.organization("Birch")
    wanted: dict[str, Any] = {"organization_id": organization.id, "email": "nora@elsewhere.test"}
    um = client.user_management
    sent = um.send_invitation(**wanted, role_slug="admin", expires_in_days=3)
    assert (sent.state.value, sent.role_slug, sent.token in sent.accept_invitation_url) == ("pending", "admin", True)
    for refused in (wanted, {**wanted, "email": bob.email}):
        if refused["email"] == bob.email:
            double.world.join(bob, organization)
        with pytest.raises(BadRequestError):
            um.send_invitation(**refused)
    with pytest.raises(NotFoundError):
        um.send_invitation(**{**wanted, "email": "x@elsewhere.test"}, role_slug="astronaut")
    assert [one.id for one in um.list_invitations(**wanted).data] == [sent.id]
    assert um.find_invitation_by_token(sent.token).id == um.get_invitation(sent.id).id == sent.id
    assert um.revoke_invitation(sent.id).state.value == "revoked"
    with pytest.raises(BadRequestError):
        um.accept_invitation(sent.id)
    assert [one["event"] for one in double.world.events if "token" in one["data"]] == []


def test_whoever_accepts_has_a_place_in_the_organisation(double: Double, client: WorkOSClient, bob: Person) -> None:
    organization = double.world.organization("Birch")
    sent = client.user_management.send_invitation(email=bob.email, organization_id=organization.id)
    assert double.world.memberships_of(bob.id)[-1].organization_id != organization.id
    taken = client.user_management.accept_invitation(sent.id)
    assert (taken.state.value, taken.accepted_user_id) == ("accepted", bob.id)
    assert organization.id in [one.organization_id for one in double.world.memberships_of(bob.id)]


def test_a_person_can_start_it_and_click_through() -> None:
    """As `make run-workos` would: it prints the settings, shows who could sign in, and sends the browser back with a code."""
    command = [sys.executable, "-m", "tests.workos", "--port", "0"]
    with subprocess.Popen(command, cwd=ROOT, stdout=subprocess.PIPE, text=True) as process:
        try:
            assert process.stdout is not None
            said = dict(process.stdout.readline().strip().split("=", 1) for _ in range(5))
            query = urlencode(
                {"client_id": said["WORKOS_CLIENT_ID"], "redirect_uri": "http://127.0.0.1/back", "state": "s"}
            )
            address = f"{said['WORKOS_BASE_URL']}/user_management/authorize"
            page = httpx.get(f"{address}?{query}")
            link = re.search(r'href="(\?[^"]+)">alice@acme\.test', page.text)
            assert link is not None
            back = httpx.get(f"{address}{link[1].replace('&amp;', '&')}")
        finally:
            process.terminate()
    brought = parse_qs(urlsplit(back.headers["Location"]).query)
    assert brought["state"] == ["s"]
    assert brought["code"]
