"""Is the WorkOS that these tests speak to as strict as the real one, and can a person click through it?"""

from __future__ import annotations

import re
import subprocess
import sys
from collections.abc import Iterator
from pathlib import Path
from urllib.parse import parse_qs, urlencode, urlsplit

import httpx
import pytest
from workos import AuthenticationError, BadRequestError, WorkOSClient

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
