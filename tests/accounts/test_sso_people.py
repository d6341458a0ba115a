"""Is somebody who proved who they are elsewhere taken for nobody but that person, and only where they belong? (L32)"""

from __future__ import annotations

import pytest
from django.test import Client
from pytest_django import Settings

from accounts.identity.store.models import VendorSession
from accounts.models import IdentityLink, Membership, Session, Workspace
from accounts.tenancy.context import whole_workspace
from tests.cast import ACME, BIRCH, BOB, CHARLIE, acting
from tests.workos.stage import Stage
from tests.workos.walking import Refusals, come_back, counted, go, is_in, leave, refused


@pytest.fixture
def away(workos: Stage) -> tuple[Client, dict[str, str]]:
    """A browser that left for Bob's company, and what it is about to come back with."""
    client = Client()
    return client, go(leave(client, email=BOB.email, next="/files/"))


def test_impersonation_opens_nothing(workos: Stage, away: tuple[Client, dict[str, str]]) -> None:
    client, brought = away
    workos.world.codes[brought["code"]].impersonator = "support@workos.test"
    with Refusals() as heard:
        refused(client, come_back(client, brought), heard, "impersonation")
    assert [one.severity for one in heard] == ["critical"]
    assert workos.world.sessions_of(workos.people[BOB].id) == [], "WorkOS was told to end it"


def test_an_impersonation_that_only_the_token_tells_opens_nothing(
    workos: Stage, away: tuple[Client, dict[str, str]]
) -> None:
    client, brought = away
    workos.world.extra_claims = {"act": {"sub": "support@workos.test"}}
    with Refusals() as heard:
        refused(client, come_back(client, brought), heard, "impersonation")


def test_an_unverified_address_opens_nothing(workos: Stage, away: tuple[Client, dict[str, str]]) -> None:
    """L32: not even the account that it belongs to by its subject."""
    client, brought = away
    workos.people[BOB].email_verified = False
    with Refusals() as heard:
        refused(client, come_back(client, brought), heard, "unverified")


LOOKALIKES = {
    "the very address": "bob@acme.test",
    "another case": "BOB@ACME.TEST",
    "a plus part": "bob+1@acme.test",
    "a full-width letter": "ｂob@acme.test",
    "a Cyrillic letter": "bоb@acme.test",
    "composed otherwise": "bob\u0301@acme.test",
}


@pytest.mark.parametrize("email", LOOKALIKES.values(), ids=LOOKALIKES)
def test_an_address_finds_nobody(workos: Stage, email: str) -> None:
    """L32: people are found by the provider's id of them. Another account there with Bob's address, or nearly his, is a stranger."""
    impostor = workos.world.person(email)
    impostor.email = email
    workos.world.join(impostor, workos.organizations[ACME], role="admin")
    workos.double.auto = impostor
    client = Client()
    with Refusals() as heard:
        refused(client, come_back(client, go(leave(client))), heard, "nowhere")
    assert counted("accounts_membership") == counted("accounts_identitylink WHERE provider = 'workos'") == 5


def test_signing_in_makes_nobody_a_member(workos: Stage) -> None:
    """A person whom WorkOS provisioned just in time, of the right organisation and domain, is nobody here yet."""
    workos.double.auto = newcomer = workos.world.person("nina@acme.test")
    workos.world.join(newcomer, workos.organizations[ACME])
    client = Client()
    with Refusals() as heard:
        refused(client, come_back(client, go(leave(client))), heard, "nowhere")
    assert counted("accounts_membership") == counted("accounts_identitylink WHERE provider = 'workos'") == 5


def test_another_companys_sign_in_opens_only_that_companys_workspace(workos: Stage) -> None:
    """L32: Bob belongs to Birch as well. Birch's sign-in vouches for him there, and does not open Acme."""
    with whole_workspace(BIRCH.id):
        row = Membership.objects.using("owner").create(
            user_id=BOB.user_id, role="viewer", display_name="Bob", email=BOB.email
        )
    workos.world.join(workos.people[BOB], workos.organizations[BIRCH])
    client = Client()
    url = leave(client, organization=workos.organizations[BIRCH].id, email=BOB.email)
    come_back(client, go(url))
    page = client.get("/account/")
    assert b"Birch" in page.content
    with acting(BOB):
        assert not Session.objects.exists(), "no session in Acme"
    assert row.role == "viewer"


def test_an_organisation_whose_workspace_is_not_theirs_opens_nothing(workos: Stage) -> None:
    """Birch's administrator lets Bob into the organisation Birch: that is no membership in the workspace Birch, nor in Acme."""
    workos.world.join(workos.people[BOB], workos.organizations[BIRCH])
    client = Client()
    url = leave(client, organization=workos.organizations[BIRCH].id, email=BOB.email)
    with Refusals() as heard:
        refused(client, come_back(client, go(url)), heard, "nowhere")


def test_a_companys_sign_in_that_names_no_organisation_opens_no_organisations_workspace(workos: Stage) -> None:
    """L32: some company's identity provider asserts Bob, and he belongs to no organisation any more: Acme, whose it is, stays shut."""
    workos.world.memberships.clear()
    client = Client()
    with Refusals() as heard:
        refused(client, come_back(client, go(leave(client, email=BOB.email))), heard, "nowhere")


def test_a_proof_of_another_organisation_than_asked_for_is_refused(
    workos: Stage, away: tuple[Client, dict[str, str]]
) -> None:
    client = Client()
    brought = go(leave(client, organization=workos.organizations[ACME].id, email=BOB.email))
    workos.world.join(workos.people[BOB], workos.organizations[BIRCH])
    workos.world.codes[brought["code"]].organization_id = workos.organizations[BIRCH].id
    with Refusals() as heard:
        refused(client, come_back(client, brought), heard, "organization")


def test_somebody_in_several_organisations_is_asked_where(workos: Stage) -> None:
    """L45: WorkOS asks which; the person answers here, among the places that are theirs in both systems."""
    with whole_workspace(BIRCH.id):
        birch = Membership.objects.using("owner").create(
            user_id=BOB.user_id, role="viewer", display_name="Bob", email=BOB.email
        )
    workos.world.join(workos.people[BOB], workos.organizations[BIRCH])
    client = Client()
    response = come_back(client, go(leave(client, email=BOB.email, next="/account/")))
    assert response.headers["Location"].startswith("/sign-in/workspace/")
    assert not is_in(client)
    answered = client.post("/sign-in/workspace/", {"place": str(birch.pk), "next": "/account/"})
    assert answered.headers["Location"] == "/account/"
    assert b"Birch" in client.get("/account/").content
    assert workos.row().organization_id == workos.organizations[BIRCH].id


def test_a_choice_does_not_get_round_what_every_sign_in_is_asked(workos: Stage) -> None:
    """The second step of a sign-in asks for a verified address and for nobody else acting, like the first."""
    with whole_workspace(BIRCH.id):
        birch = Membership.objects.using("owner").create(
            user_id=BOB.user_id, role="viewer", display_name="Bob", email=BOB.email
        )
    workos.world.join(workos.people[BOB], workos.organizations[BIRCH])
    workos.people[BOB].email_verified = False
    client = Client()
    come_back(client, go(leave(client, email=BOB.email)))
    client.post("/sign-in/workspace/", {"place": str(birch.pk)})
    assert not is_in(client)


def test_one_identity_with_two_workspaces_and_no_organisation_chooses(workos: Stage) -> None:
    """Neither workspace is connected to an organisation: the same page as after a password asks which."""
    Workspace.objects.using("owner").update(organization_id=None)
    workos.world.memberships.clear()
    with whole_workspace(BIRCH.id):
        birch = Membership.objects.using("owner").create(
            user_id=BOB.user_id, role="viewer", display_name="Bob", email=BOB.email
        )
    client = Client()
    come_back(client, go(leave(client, email=BOB.email)))
    page = client.get("/sign-in/workspace/")
    assert b"Acme" in page.content
    assert b"Birch" in page.content
    client.post("/sign-in/workspace/", {"place": str(birch.pk)})
    assert b"Birch" in client.get("/account/").content


def test_a_link_to_somebody_else_is_followed_and_not_the_address(workos: Stage) -> None:
    """The link decides: whoever it names is who comes in, though their address there is another's."""
    IdentityLink.objects.using("owner").filter(subject=workos.people[BOB].id).update(user_id=CHARLIE.user_id)
    workos.world.join(workos.people[BOB], workos.organizations[BIRCH])
    client = Client()
    come_back(client, go(leave(client, organization=workos.organizations[BIRCH].id, email=BOB.email)))
    assert CHARLIE.email.encode() in client.get("/account/").content


def test_a_password_at_workos_asks_where_as_well(workos: Stage, settings: Settings) -> None:
    """The same choice after a password: WorkOS asks for the organisation, the person names the workspace."""
    settings.PASSWORDS = "workos"
    with whole_workspace(BIRCH.id):
        birch = Membership.objects.using("owner").create(
            user_id=BOB.user_id, role="viewer", display_name="Bob", email=BOB.email
        )
    workos.world.join(workos.people[BOB], workos.organizations[BIRCH])
    client = Client()
    response = client.post("/sign-in/", {"email": BOB.email, "password": "password at the double"})
    assert response.headers["Location"].startswith("/sign-in/workspace/")
    client.post("/sign-in/workspace/", {"place": str(birch.pk)})
    assert b"Birch" in client.get("/account/").content
    assert workos.row().method == "password"


def test_a_password_of_several_organisations_opens_no_workspace_that_trusts_none(
    workos: Stage, settings: Settings
) -> None:
    """WorkOS finishes it for an organisation alone. What it has not finished is no session, at whose first use an alarm goes off."""
    settings.PASSWORDS = "workos"
    Workspace.objects.using("owner").filter(pk=ACME.id).update(organization_id=None)
    workos.world.join(workos.people[BOB], workos.organizations[BIRCH])
    client = Client()
    with Refusals() as heard:
        answer = client.post("/sign-in/", {"email": BOB.email, "password": "password at the double"})
        assert (answer.status_code, b"do not open a workspace" in answer.content) == (401, True)
        assert not is_in(client)
    assert "critical" not in [one.severity for one in heard]
    assert not VendorSession.objects.live().exists()
