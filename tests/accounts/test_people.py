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
from accounts.models import Membership, Role, User, Workspace
from accounts.services import people
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


@pytest.mark.parametrize(
    ("first", "second"),
    [("東京商事", "大阪工業"), ("C++ Works", "C# Works"), ("Cedar Works", "Cedar-Works"), ("Ζευς", "Acme!")],
)
def test_two_companies_share_no_workspace_whatever_their_names_come_to(first: str, second: str) -> None:
    """The owner of the second became an owner of the first one's, where the names came to the same letters and digits."""
    added = [
        people.add_member(email=f"{place}@cedar.test", name="Dora", password=PASSWORD, workspace=name, role=Role.OWNER)
        for place, name in enumerate((first, second))
    ]
    assert all(one.made_workspace for one in added)
    places = Workspace.objects.using("owner").filter(name__in=(first, second))
    assert places.values("slug").distinct().count() == 2
    for place in places:
        with whole_workspace(place.pk):
            assert Membership.objects.using("owner").count() == 1
    with whole_workspace(ACME.id):
        assert Membership.objects.using("owner").count() == 4


def test_a_name_that_is_nearly_one_that_is_there_is_asked_about() -> None:
    with pytest.raises(CommandError, match="There is a workspace Acme already"):
        add(workspace="ACME")
    assert not User.objects.using("owner").filter(email="dora@cedar.test").exists()


def test_it_says_whether_the_workspace_was_there() -> None:
    assert "dora@cedar.test is owner of the new workspace Cedar Works now" in add(workspace="Cedar Works")
    said = add("dirk@cedar.test", name="Dirk", workspace="Cedar Works", role="viewer")
    assert "dirk@cedar.test is viewer of the existing workspace Cedar Works now" in said


@pytest.mark.parametrize(
    ("options", "says"),
    [
        ({"workspace": "Cedar " * 21}, "The name of the workspace has 125 characters. Use at most 120."),
        ({"workspace": " "}, "The workspace needs a name."),
        ({"workspace": "Cedar Works", "name": "D" * 121}, "The name of the person has 121 characters."),
        ({"workspace": "Cedar Works", "name": " "}, "The person needs a name."),
        ({"operator": True, "name": ""}, "The person needs a name."),
        ({"workspace": "Cedar\u202e"}, "The name of the workspace holds a character that cannot be seen."),
        ({"workspace": "Cedar Works", "email": f"dora@{'cedar.' * 45}test"}, "is not an e-mail address"),
    ],
)
def test_a_name_that_cannot_be_kept_is_refused_in_a_sentence(options: dict[str, Any], says: str) -> None:
    with pytest.raises(CommandError, match=re.escape(says)):
        add(**options)
    assert not Workspace.objects.using("owner").filter(name__startswith="Cedar").exists()


def test_a_long_name_gets_a_short_one_that_fits() -> None:
    name = "The International Company for Consolidated Statements of Refunds and Warranties"
    add(workspace=name)
    assert len(Workspace.objects.using("owner").get(name=name).slug) <= 60


def test_an_organisation_is_connected_to_the_workspace_of_that_very_name() -> None:
    for place, name in enumerate(("東京商事", "大阪工業")):
        people.add_member(email=f"{place}@cedar.test", name="D", password=PASSWORD, workspace=name, role=Role.OWNER)
    call_command("connect_organization", "大阪工業", "org_osaka", "--domain", "osaka.test", stdout=io.StringIO())
    assert Workspace.objects.using("owner").get(organization_id="org_osaka").name == "大阪工業"
    with pytest.raises(CommandError, match="There is no workspace Acme!"):
        call_command("connect_organization", "Acme!", "org_acme", "--domain", "acme.test", stdout=io.StringIO())


@pytest.mark.parametrize(
    ("organization", "domain", "says"),
    [
        ("", "acme.test", "is no id of an organisation"),
        ("org acme", "acme.test", "is no id of an organisation"),
        ("o" * 121, "acme.test", "is no id of an organisation"),
        ("org_acme", "not a domain", "“not a domain” is no domain"),
        ("org_acme", "alice@acme.test", "“alice@acme.test” is no domain"),
    ],
)
def test_what_is_no_organisation_and_no_domain_connects_nothing(organization: str, domain: str, says: str) -> None:
    with pytest.raises(CommandError, match=says):
        call_command("connect_organization", "Acme", organization, "--domain", domain, stdout=io.StringIO())
    assert Workspace.objects.using("owner").get(name="Acme").organization_id is None
