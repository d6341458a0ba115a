"""Which organisation does a workspace trust, what does it insist on, and who comes in by themselves?"""

from __future__ import annotations

import secrets
from typing import Any

import pytest
from django.conf import settings
from django.db import DatabaseError, connection, connections
from django.test import Client
from pytest_django import Settings

from accounts import cookies
from accounts.identity import resolution
from accounts.identity.base import Proof
from accounts.identity.store.models import Account
from accounts.models import Domain, IdentityLink, Membership, Role, Workspace
from accounts.services import invitations, keys, organizations
from accounts.services.members import Refused
from accounts.tenancy.context import whole_workspace
from audit.models import Entry
from tests import doors
from tests.cast import ACME, ADA, ALICE, BIRCH, BOB, CHARLIE, PASSWORD, Company, Person, acting
from tests.workos.stage import Stage
from tests.workos.walking import come_back, go, is_in, leave, led_to

PAGE = "/people/single-sign-on/"


def workspace_of(company: Company) -> Workspace:
    """The workspace as it stands, past every policy."""
    found: Workspace = Workspace.objects.using("owner").get(pk=company.id)
    return found


def unconnected() -> None:
    """As before anybody connected anything."""
    Workspace.objects.using("owner").update(organization_id=None, requires_sso=False, joins_as="")


def connect(stage: Stage, person: Person) -> None:
    """Do what the page does once the owner has come back from their company's sign-in."""
    with acting(person) as actor:
        organizations.connect(actor=actor, proof=stage.proof(person))


def insist(stage: Stage, person: Person = ALICE) -> Client:
    """Have an owner insist on single sign-on; returns the browser in which they came by it."""
    connect(stage, person)
    browser = stage.browser(person)
    with acting(person) as actor:
        organizations.set_rules(actor=actor, requires_sso=True, joins_as="")
    return browser


def newcomer(stage: Stage, email: str = "nina@acme.test", company: Company = ACME) -> Any:
    """Somebody whom the company's directory knows and the platform does not."""
    person = stage.world.person(email)
    stage.world.join(person, stage.organizations[company])
    stage.double.auto = person
    return person


def arriving(stage: Stage, company: Company = ACME) -> Client:
    """A browser that went to the company's sign-in and came back."""
    client = Client()
    come_back(client, go(leave(client, organization=stage.organizations[company].id)))
    return client


# ── connecting: the organisation comes from the sign-in, never from a form (L11) ────────────────────────────────────


def test_an_owner_connects_the_organisation_that_they_come_back_from(workos: Stage) -> None:
    unconnected()
    IdentityLink.objects.using("owner").filter(provider="workos").delete()
    browser = doors.browser(ALICE)
    workos.double.auto = workos.people[ALICE]
    page = browser.post(f"{PAGE}connect/")
    assert page.status_code == 200
    brought = go(page.content.decode().split("0; url=")[1].split('"')[0].replace("&amp;", "&"))
    assert come_back(browser, brought).headers["Location"] == PAGE
    assert b"Connect this organisation" in browser.get(PAGE).content
    assert browser.post(f"{PAGE}connected/").headers["Location"] == PAGE
    assert workspace_of(ACME).organization_id == workos.organizations[ACME].id
    with acting(ALICE):
        assert list(Domain.objects.values_list("name", flat=True)) == ["acme.test"]
    link = IdentityLink.objects.using("owner").get(provider="workos")
    assert (link.user_id, link.subject) == (ALICE.user_id, workos.people[ALICE].id)


def test_a_form_cannot_name_the_organisation(workos: Stage) -> None:
    """L11: whatever is posted, it is the one whose sign-in the owner came through."""
    unconnected()
    browser = doors.browser(CHARLIE)
    proof, own = workos.proof(CHARLIE), str(CHARLIE.membership_id)
    browser.cookies[cookies.CONNECTING] = organizations.brought(proof, membership=own, client=doors.BROWSER)
    acme = workos.organizations[ACME].id
    for name in ("organization", "organization_id"):
        assert browser.post(f"{PAGE}connected/", {name: acme}).status_code == 400, "a request cannot say who it is for"
    browser.post(f"{PAGE}connected/", {"wanted": acme})
    assert workspace_of(BIRCH).organization_id == workos.organizations[BIRCH].id


def test_somebody_who_does_not_run_it_there_cannot_connect_it(workos: Stage) -> None:
    """L11: an ordinary member of a large company must not take its one place here."""
    unconnected()
    workos.world.memberships[workos.memberships[CHARLIE].id].role = "member"
    with pytest.raises(Refused, match="not_administrator"):
        connect(workos, CHARLIE)
    assert workspace_of(BIRCH).organization_id is None


def test_an_organisation_has_one_workspace(workos: Stage) -> None:
    """L11: Birch cannot take over what Acme is connected to."""
    Workspace.objects.using("owner").filter(pk=BIRCH.id).update(organization_id=None)
    workos.world.join(workos.people[CHARLIE], workos.organizations[ACME], role="admin")
    proof = workos.proof(CHARLIE, organization_id=workos.organizations[ACME].id)
    with pytest.raises(Refused, match="taken"), acting(CHARLIE) as actor:
        organizations.connect(actor=actor, proof=proof)


def test_the_account_of_somebody_else_is_not_tied_to_the_owner(workos: Stage) -> None:
    unconnected()
    with pytest.raises(Refused, match="somebody_else"), acting(ALICE) as actor:
        organizations.connect(actor=actor, proof=workos.proof(ADA))


@pytest.mark.parametrize("verb", ["connect", "connected", "rules", "disconnect"])
def test_nobody_but_an_owner_decides(workos: Stage, verb: str) -> None:
    for person in (ADA, BOB):
        assert workos.browser(person).post(f"{PAGE}{verb}/").status_code == 403, person.name
    assert workspace_of(ACME).organization_id == workos.organizations[ACME].id


FORGED = (
    "SELECT fence.connect_organization('claims:e30=.' || repeat('0', 64))",
    "SELECT fence.join_by_domain('claims:e30=.' || repeat('0', 64))",
    "SELECT fence.link_by_domain('claims:e30=.' || repeat('0', 64))",
    "SELECT fence.connect_organization(NULL)",
    "SELECT fence.admitted('{}'::jsonb, gen_random_uuid(), 'owner', true)",
)


@pytest.mark.parametrize("statement", FORGED)
def test_injected_sql_connects_and_joins_nobody(workos: Stage, statement: str) -> None:
    """L43, L51: the functions believe what the application sealed, and nothing else."""
    with acting(ALICE), pytest.raises(DatabaseError), connection.cursor() as cursor:
        cursor.execute(statement)


def test_injected_sql_of_an_admin_changes_no_rule(workos: Stage) -> None:
    with acting(ADA), connection.cursor() as cursor:
        cursor.execute("SELECT fence.set_sign_in_rules(false, 'member'), fence.disconnect_organization(NULL)")
        assert [answer["refusal"] if isinstance(answer, dict) else answer for answer in cursor.fetchone()] == [
            '{"refusal": "role"}',
            '{"refusal": "role"}',
        ]
    assert workspace_of(ACME).joins_as == ""


# ── insisting: no way past it (L30) ─────────────────────────────────────────────────────────────────────────────────


def test_whoever_insists_has_come_by_it(workos: Stage) -> None:
    connect(workos, ALICE)
    with pytest.raises(Refused, match="sign_in_first"), acting(ALICE) as actor:
        organizations.set_rules(actor=actor, requires_sso=True, joins_as="")


def test_every_credential_of_another_kind_ends_and_those_of_single_sign_on_go_on(workos: Stage) -> None:
    """L30: sessions that began with a password, and keys that were made in them, at pages, API, streams and downloads."""
    password, key = doors.browser(BOB), doors.program(BOB)
    by_sso = workos.browser(BOB)
    assert [password.get("/files/").status_code, key.get("/api/v1/me").status_code] == [200, 200]
    owner = insist(workos)
    for address in ("/files/", "/account/", "/conversations/", f"/files/{secrets.token_hex(16)}/content/"):
        assert password.get(address).status_code in (302, 404), address
    assert password.get("/files/").headers["Location"].startswith("/sign-in/")
    for address in ("/api/v1/me", "/api/v1/files", "/api/v1/search?q=x"):
        assert key.get(address).status_code == 401, address
    assert key.post("/api/v1/agents", {}, content_type="application/json").status_code == 401
    assert [owner.get("/files/").status_code, by_sso.get("/files/").status_code] == [200, 200]


def test_a_key_that_was_made_after_a_password_at_workos_ends_as_well(workos: Stage, settings: Settings) -> None:
    """L30: it is WorkOS's own, and so is the password; what a workspace insists on is how the person came in who made it."""
    settings.PASSWORDS = "workos"
    by_password = Client()
    by_password.post("/sign-in/", {"email": BOB.email, "password": "password at the double"})
    token = by_password.cookies[settings.SESSION_COOKIE_NAME].value
    values = []
    for opened in (resolution.resolve_session(token), workos.session(BOB).tenant):
        with acting(BOB):
            once = secrets.token_urlsafe(16)
            values.append(keys.mint(actor=opened, name="Test", scopes=["files:read"], days=30, once=once).value)
    insist(workos)
    statuses = [Client(headers={"Authorization": f"Bearer {one}"}).get("/api/v1/me").status_code for one in values]
    assert statuses == [401, 200]


def test_a_right_password_gets_the_answer_of_a_wrong_one(workos: Stage) -> None:
    """L30, and nobody learns that there is an account."""
    insist(workos)
    answers = []
    for password in (PASSWORD, "a wrong one of fifteen"):
        client = Client()
        response = client.post("/sign-in/", {"email": BOB.email, "password": password})
        assert (response.status_code, settings.SESSION_COOKIE_NAME in response.cookies) == (401, False)
        answers.append(b"do not open a workspace" in response.content or b"own sign-in" in response.content)
    assert answers == [True, True]


def test_a_choice_that_was_left_open_cannot_be_ended(workos: Stage) -> None:
    """L30: the password was right before the rule; the page that asks where was open."""
    with whole_workspace(BIRCH.id):
        Membership(user_id=BOB.user_id, role="member", display_name="Bob", email=BOB.email).save(using="owner")
    chooser = Client()
    assert chooser.post("/sign-in/", {"email": BOB.email, "password": PASSWORD}).status_code == 302
    insist(workos)
    response = chooser.post("/sign-in/workspace/", {"place": str(BOB.membership_id)})
    assert settings.SESSION_COOKIE_NAME not in response.cookies


def test_a_switch_from_elsewhere_leads_nowhere(workos: Stage) -> None:
    """L30: a password session of another workspace is no way in."""
    with whole_workspace(BIRCH.id):
        Membership(user_id=BOB.user_id, role="member", display_name="Bob", email=BOB.email).save(using="owner")
    here = Client()
    here.post("/sign-in/", {"email": BOB.email, "password": PASSWORD})
    with whole_workspace(BIRCH.id):
        in_birch = Membership.objects.using("owner").get(user_id=BOB.user_id)
    here.post("/sign-in/workspace/", {"place": str(in_birch.pk)})
    assert here.get("/account/").status_code == 200
    insist(workos)
    here.post("/workspaces/switch/", {"place": str(BOB.membership_id)})
    assert b"Birch" in here.get("/account/").content


def test_an_invitation_is_not_accepted_by_a_password(workos: Stage) -> None:
    """L30: joining by a new password would be an account that the company's sign-in knows nothing of."""
    insist(workos)
    with acting(ALICE) as actor:
        sent = invitations.send(actor=actor, email="nina@acme.test", role=Role.MEMBER)
        token = invitations.token_of(sent)
    with pytest.raises(Refused, match="sso_required"):
        invitations.register(
            token, email="nina@acme.test", name="Nina", password="seventeen unrelated herons", workspace_name="Acme"
        )
    assert not Account.objects.filter(email_key="nina@acme.test").exists(), "no account is left that leads nowhere"
    newcomer(workos)
    client = Client()
    offered = client.get(f"/invitations/{token}/").content.decode()
    assert "Continue with single sign-on" in offered
    assert 'type="password"' not in offered
    assert "I have an account" not in offered
    # One press, and nobody has to say again which address and whose sign-in.
    away = client.post(f"/invitations/{token}/sign-in/")
    come_back(client, go(led_to(away)))
    assert is_in(client)


def test_an_invitation_offers_both_ways_where_nobody_insists_and_joining_to_whom_it_lets_in(workos: Stage) -> None:
    """L30: whoever is signed in by a password elsewhere is sent to the company's sign-in, and not to a refusal."""
    with acting(ALICE) as actor:
        token = invitations.token_of(invitations.send(actor=actor, email=CHARLIE.email, role=Role.MEMBER))
    charlie = Client()
    charlie.post("/sign-in/", {"email": CHARLIE.email, "password": PASSWORD})
    assert "Join Acme</button>" in charlie.get(f"/invitations/{token}/").content.decode()
    assert 'type="password"' in Client().get(f"/invitations/{token}/").content.decode()
    insist(workos)
    offered = charlie.get(f"/invitations/{token}/").content.decode()
    assert "Join Acme</button>" not in offered
    assert "Continue with single sign-on" in offered


def test_the_rule_can_be_taken_back(workos: Stage) -> None:
    owner = insist(workos)
    owner.post(f"{PAGE}rules/", {"joining": ""})
    assert Client().post("/sign-in/", {"email": BOB.email, "password": PASSWORD}).status_code == 302


# ── who comes in by themselves ──────────────────────────────────────────────────────────────────────────────────────


def test_nobody_joins_before_an_owner_lets_them(workos: Stage) -> None:
    connect(workos, ALICE)
    newcomer(workos)
    assert not is_in(arriving(workos))


def test_somebody_of_a_verified_domain_joins_as_what_the_owner_said(workos: Stage) -> None:
    connect(workos, ALICE)
    with acting(ALICE) as actor:
        organizations.set_rules(actor=actor, requires_sso=False, joins_as="viewer")
    newcomer(workos)
    assert is_in(arriving(workos))
    with acting(ALICE):
        assert Membership.objects.get(email="nina@acme.test").role == "viewer"


@pytest.mark.parametrize("email", ["nina@birch.test", "nina@acme.test.evil.test", "nina@xacme.test", "nina@ａcme.test"])
def test_an_address_of_another_domain_does_not_join(workos: Stage, email: str) -> None:
    """L32: Acme's sign-in speaks for Acme's domains."""
    connect(workos, ALICE)
    with acting(ALICE) as actor:
        organizations.set_rules(actor=actor, requires_sso=False, joins_as="member")
    newcomer(workos, email)
    assert not is_in(arriving(workos))


@pytest.mark.parametrize("status", ["suspended", "removed"])
def test_whoever_was_sent_away_does_not_come_back_by_the_rule(workos: Stage, status: str) -> None:
    connect(workos, ALICE)
    with acting(ALICE) as actor:
        organizations.set_rules(actor=actor, requires_sso=False, joins_as="member")
    with whole_workspace(ACME.id):
        Membership.objects.using("owner").filter(pk=BOB.membership_id).update(status=status)
    workos.double.auto = workos.people[BOB]
    assert not is_in(arriving(workos))


def test_a_member_from_before_is_tied_to_their_companys_sign_in(workos: Stage) -> None:
    connect(workos, ALICE)
    IdentityLink.objects.using("owner").filter(provider="workos", user_id=BOB.user_id).delete()
    workos.double.auto = workos.people[BOB]
    client = arriving(workos)
    assert client.get("/account/").status_code == 200
    assert (
        IdentityLink.objects.using("owner").get(provider="workos", user_id=BOB.user_id).subject == workos.people[BOB].id
    )


def test_another_companys_word_for_an_address_ties_nobody(workos: Stage) -> None:
    """L32: Birch's directory asserts an address of Acme's domain."""
    connect(workos, ALICE)
    connect(workos, CHARLIE)
    IdentityLink.objects.using("owner").filter(provider="workos", user_id=BOB.user_id).delete()
    impostor = newcomer(workos, BOB.email, BIRCH)
    assert not is_in(arriving(workos, BIRCH))
    assert not IdentityLink.objects.using("owner").filter(subject=impostor.id).exists()


# ── what the sign-in page offers ────────────────────────────────────────────────────────────────────────────────────


def offered(email: str) -> tuple[bool, bool]:
    """Whether the second page offers a password, and single sign-on."""
    page = Client().post("/sign-in/address/", {"email": email}).content
    return b'type="password"' in page, b"single sign-on" in page


def test_the_page_offers_what_the_domain_may_use(workos: Stage) -> None:
    connect(workos, ALICE)
    assert offered(BOB.email) == (True, True)
    insist(workos)
    assert offered(BOB.email) == offered("nobody@acme.test") == (False, True)
    assert offered("somebody@elsewhere.test") == (True, True)


@pytest.mark.django_db(databases=["default", "identity", "cache"])
def test_without_a_provider_it_offers_a_password_alone() -> None:
    assert offered(BOB.email) == (True, False)
    assert doors.browser(ALICE).get(PAGE).status_code == 404


def test_a_proof_without_an_organisation_connects_nothing(workos: Stage) -> None:
    proof = workos.proof(ALICE)
    bare = Proof(proof.identity.__class__(**{**_fields(proof), "organization_id": None}), kept=proof.kept)
    with pytest.raises(Refused, match="no_organization"), acting(ALICE) as actor:
        organizations.connect(actor=actor, proof=bare)


def _fields(proof: Proof) -> dict[str, Any]:
    return {name: getattr(proof.identity, name) for name in proof.identity.__dataclass_fields__}


def test_all_of_it_is_written_in_the_trail(workos: Stage) -> None:
    insist(workos)
    with connections["owner"].cursor() as cursor:
        cursor.execute(
            "SELECT action FROM audit_entry WHERE action LIKE 'organization%%' OR action LIKE 'sign_in.r%%' ORDER BY id"
        )
        assert cursor.fetchall() == [("organization.connected",), ("sign_in.rules_changed",)]


def test_each_page_leaves_its_entry(workos: Stage) -> None:
    """L37."""
    unconnected()
    browser = doors.browser(ALICE)
    workos.double.auto = workos.people[ALICE]
    page = browser.post(f"{PAGE}connect/").content.decode()
    come_back(browser, go(page.split("0; url=")[1].split('"')[0].replace("&amp;", "&")))
    left = []
    for verb, form in (("connected", {}), ("rules", {"joining": "member"}), ("disconnect", {})):
        assert browser.post(f"{PAGE}{verb}/", form).headers["Location"] == PAGE
        with acting(ALICE):
            left.append(Entry.objects.latest("id").action)
    assert left == ["organization.connected", "sign_in.rules_changed", "organization.disconnected"]
