"""How do the first people get in, before anybody could invite them?"""

from __future__ import annotations

import io
import re
from typing import Any

import pytest
from django.core.management import CommandError, call_command
from django.db import ProgrammingError, connection
from django.test import Client

from accounts.identity.store.models import Account
from accounts.models import Membership, User, Workspace
from accounts.signals import person_added
from accounts.tenancy.context import whole_workspace
from tests.cast import ACME, ALICE, PASSWORD, acting

pytestmark = pytest.mark.usefixtures("committed")


@pytest.fixture(autouse=True)
def forgotten(committed: None) -> Any:
    """The cast's accounts stay; this test's own go."""
    yield
    Account.objects.filter(email_key__endswith="@cedar.test").delete()


def add(email: str = "dora@cedar.test", *, name: str = "Dora", **options: Any) -> str:
    said = io.StringIO()
    call_command("add_person", email, name=name, stdout=said, **options)
    return said.getvalue()


def password_in(said: str) -> str:
    found = re.search(r"shown this once: (\S+)", said)
    assert found is not None
    return found.group(1)


def test_it_adds_an_owner_and_their_workspace() -> None:
    heard: list[dict[str, Any]] = []
    person_added.connect(receiver := lambda **facts: heard.append(facts), weak=False)
    said = add(workspace="Cedar Works")
    person_added.disconnect(receiver)
    client = Client()
    assert client.post("/sign-in/", {"email": "dora@cedar.test", "password": password_in(said)}).status_code == 302
    page = client.get("/account/").content
    assert b"Cedar Works" in page
    assert b"Owner" in page
    assert [facts["role"] for facts in heard] == ["owner"]


def test_it_adds_an_operator() -> None:
    said = add(operator=True)
    form = {"email": "dora@cedar.test", "password": password_in(said)}
    assert Client().post("/operator/sign-in/", form).status_code == 302
    assert Client().post("/sign-in/", form).status_code == 401


def test_somebody_who_is_known_keeps_their_password() -> None:
    said = add(ALICE.email, name="Alice", workspace="Cedar Works", role="viewer")
    assert "the password of before" in said
    response = Client().post("/sign-in/", {"email": ALICE.email, "password": PASSWORD})
    assert response.headers["Location"].startswith("/sign-in/workspace/")


@pytest.mark.parametrize(
    ("options", "says"),
    [
        ({"email": ALICE.email, "workspace": "Acme"}, "is owner in Acme already"),
        ({"email": "dora"}, "either --workspace NAME or --operator"),
        ({"email": "dora", "workspace": "Cedar"}, "is not an e-mail address"),
        ({"workspace": "Cedar", "operator": True}, "either --workspace NAME or --operator"),
    ],
)
def test_it_says_what_is_wrong(options: dict[str, Any], says: str) -> None:
    with pytest.raises(CommandError, match=says):
        add(**options)


def test_a_weak_password_leaves_nothing_behind(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("sys.stdin", io.StringIO("too short\n"))
    with pytest.raises(CommandError, match="has 9 characters"):
        add(workspace="Cedar Works", ask=True)
    assert not Workspace.objects.using("owner").filter(name="Cedar Works").exists()
    assert not User.objects.using("owner").filter(email="dora@cedar.test").exists()


def test_a_request_cannot_do_it() -> None:
    """L9: the application's role may not write who is who, whatever SQL it is made to run."""
    for table in ("accounts_user", "accounts_workspace", "accounts_membership", "accounts_identitylink"):
        with acting(ALICE), connection.cursor() as cursor, pytest.raises(ProgrammingError, match="permission denied"):
            cursor.execute(f"DELETE FROM {table}")
    with whole_workspace(ACME.id):
        assert Membership.objects.using("owner").count() == 4
