"""Does what ended with a rule about sign-ins, or with an organisation, stay ended when the workspace has other ones?"""

from __future__ import annotations

import pytest
from django.test import Client

from accounts import cookies
from accounts.identity import resolution
from accounts.identity.store.models import StoreKey, StoreSession, VendorKey, VendorSession
from accounts.models import IdentityLink, Workspace
from accounts.services import keys, organizations
from audit.models import Entry
from tests import doors
from tests.accounts.test_directory import is_refused
from tests.accounts.test_organizations import PAGE, insist, workspace_of
from tests.cast import ACME, ALICE, BIRCH, BOB, CHARLIE, VERA, acting
from tests.workos.stage import Stage


@pytest.fixture
def bobs(workos: Stage) -> tuple[str, str]:
    """A session of Bob's that his company's sign-in opened, and a key that he made in it."""
    opened = workos.session(BOB)
    with acting(BOB):
        minted = keys.mint(actor=opened.tenant, name="Test", scopes=["files:read"], days=30, once="x" * 16)
    return opened.token, minted.value


def disconnect(browser: Client) -> None:
    assert browser.post(f"{PAGE}disconnect/").headers["Location"] == PAGE
    assert workspace_of(ACME).organization_id is None


def test_its_sessions_and_keys_end_in_both_systems(workos: Stage, bobs: tuple[str, str]) -> None:
    disconnect(workos.browser(ALICE))
    token, value = bobs
    assert is_refused(resolution.resolve_session, token)
    assert is_refused(resolution.resolve_key, value)
    assert not VendorSession.objects.live().filter(subject=workos.people[BOB].id).exists()
    assert not VendorKey.objects.live().exists()


@pytest.mark.usefixtures("bobs")
def test_the_trail_says_how_much_ended(workos: Stage) -> None:
    disconnect(workos.browser(ALICE))
    with acting(ALICE):
        entry = Entry.objects.get(action="organization.disconnected")
    assert (entry.detail["sessions"], entry.detail["keys"]) == (1, 1)


def test_what_a_password_opened_and_what_belongs_to_another_workspace_go_on(workos: Stage) -> None:
    by_password, key, charlies = doors.session(BOB).token, doors.key(BOB).value, workos.session(CHARLIE).token
    disconnect(workos.browser(ALICE))
    assert not is_refused(resolution.resolve_session, by_password)
    assert not is_refused(resolution.resolve_key, key)
    assert not is_refused(resolution.resolve_session, charlies)


def test_whoever_disconnects_it_stays_and_their_other_browsers_do_not(workos: Stage) -> None:
    """Without a password of their own they could not come back to connect another organisation."""
    here, elsewhere = workos.browser(ALICE), workos.session(ALICE).token
    disconnect(here)
    assert here.get(PAGE).status_code == 200
    assert is_refused(resolution.resolve_session, elsewhere)


def test_one_organisations_sessions_and_keys_do_not_pass_for_the_next_ones(
    workos: Stage, bobs: tuple[str, str]
) -> None:
    """L30: single sign-on that a workspace insists on is that of the organisation which it trusts now."""
    owner = workos.browser(ALICE)
    disconnect(owner)
    with acting(CHARLIE):
        organizations.disconnect(actor=CHARLIE.tenant)
    workos.memberships[ALICE] = workos.world.join(workos.people[ALICE], workos.organizations[BIRCH], role="admin")
    with acting(ALICE):
        proof = workos.proof(ALICE, organization_id=workos.organizations[BIRCH].id)
        organizations.connect(actor=ALICE.tenant, proof=proof)
        organizations.set_rules(actor=ALICE.tenant, requires_sso=True, joins_as="")
    token, value = bobs
    assert is_refused(resolution.resolve_session, token)
    assert is_refused(resolution.resolve_key, value)


def test_what_was_brought_back_for_one_workspace_connects_no_other(workos: Stage) -> None:
    """Alice leaves for Acme, goes on into Birch in another tab, which she owns too, and comes back; or somebody else signs in here."""
    Workspace.objects.using("owner").update(organization_id=None)
    browser = doors.browser(CHARLIE)
    kept = organizations.brought(workos.proof(ALICE), membership=str(ALICE.membership_id), client=doors.BROWSER)
    browser.cookies[cookies.CONNECTING] = kept
    assert b"Connect this organisation" not in browser.get(PAGE).content
    assert b"begun elsewhere" in browser.post(f"{PAGE}connected/", follow=True).content
    assert workspace_of(BIRCH).organization_id is None
    assert (
        not IdentityLink.objects.using("owner")
        .filter(user_id=CHARLIE.user_id, subject=workos.people[ALICE].id)
        .exists()
    )
    here = doors.browser(ALICE)
    here.cookies[cookies.CONNECTING] = kept
    assert b"Connect this organisation" in here.get(PAGE).content
    assert here.post(f"{PAGE}connected/").headers["Location"] == PAGE
    assert workspace_of(ACME).organization_id == workos.organizations[ACME].id


@pytest.mark.parametrize("verb", ["rules", "disconnect"])
def test_what_ended_when_the_workspace_began_to_insist_stays_ended_when_it_does_not(workos: Stage, verb: str) -> None:
    """L30: a key that leaked before does not come to life again with the rule that ended it."""
    token, value, vera = doors.session(BOB).token, doors.key(BOB).value, workos.session(VERA).token
    owner = insist(workos)
    assert is_refused(resolution.resolve_session, token)
    assert owner.post(f"{PAGE}{verb}/", {"joining": ""} if verb == "rules" else {}).headers["Location"] == PAGE
    assert not workspace_of(ACME).requires_sso
    assert (is_refused(resolution.resolve_session, token), is_refused(resolution.resolve_key, value)) == (True, True)
    assert not StoreSession.objects.live().filter(account_id=BOB.subject).exists(), "the other system's halves as well"
    assert not StoreKey.objects.live().filter(account_id=BOB.subject).exists()
    assert is_refused(resolution.resolve_session, vera) is (verb == "disconnect"), "single sign-on goes on"
    with acting(ALICE):
        entry = Entry.objects.latest("id")
    assert entry.detail["keys"] == 1
    assert not is_refused(resolution.resolve_session, doors.session(BOB).token)


def test_a_rule_that_is_not_taken_back_ends_nothing(workos: Stage) -> None:
    """Who joins by themselves is changed, and nobody insisted: sessions and keys of a password go on."""
    token, value = doors.session(BOB).token, doors.key(BOB).value
    with acting(ALICE) as actor:
        organizations.set_rules(actor=actor, requires_sso=False, joins_as="viewer")
    assert (is_refused(resolution.resolve_session, token), is_refused(resolution.resolve_key, value)) == (False, False)
