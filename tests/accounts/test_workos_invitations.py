"""Where a workspace has an organisation: does WorkOS mail its invitations, and do they let in the same people as ours?"""

from __future__ import annotations

import json
from datetime import timedelta
from hashlib import sha256
from typing import Any

import httpx
import pytest
from django.conf import settings
from django.core import mail as outbox
from django.db import connections
from django.test import Client
from django.utils import timezone

from accounts import jobs, letters, recurring
from accounts.identity import rotation
from accounts.identity.store.models import VendorInvitation
from accounts.identity.workos.invitations import DAYS
from accounts.models import Invitation, Membership, Role, Workspace
from accounts.services import invitations, members
from tests import doors
from tests.accounts.test_invitations import NEW, SECRET, members_now
from tests.accounts.test_letters import waiting
from tests.cast import ACME, ADA, ALICE, BOB, CHARLIE, PASSWORD, Person, acting
from tests.workos import world
from tests.workos.faults import AWAY
from tests.workos.stage import Stage
from tests.workos.walking import CALLBACK, Refusals, come_back, go, is_in, leave

PAGE = "/invitations/"


def invite(by: Person = ALICE, email: str = NEW, role: Role = Role.MEMBER) -> Invitation:
    """Send an invitation, and let the worker do what is due."""
    with acting(by):
        made = invitations.send(actor=by.tenant, email=email, role=role)
    work()
    return made


def work() -> None:
    """What a worker does: the jobs whose time has come, then its round."""
    for key, name, row in waiting():
        with connections["queue"].cursor() as cursor:
            cursor.execute("DELETE FROM procrastinate_jobs WHERE id = %s", [key])
        jobs.run(key, name, row, 0)
    recurring.follow_workos()


def mailed(stage: Stage) -> world.Invitation:
    """The only invitation at WorkOS that can be taken."""
    [one] = [one for one in stage.world.invitations.values() if one.state == "pending"]
    return one


def follow(stage: Stage, client: Client | None = None) -> tuple[Client, str]:
    """Follow the link that WorkOS mailed, as its dashboard says; returns the page's address."""
    client = client or Client()
    answer = client.get(PAGE, {"invitation_token": mailed(stage).token})
    assert answer.status_code == 302
    return client, answer.headers["Location"]


def by_sign_in(stage: Stage) -> Client:
    """Follow the link, choose to sign in, go to WorkOS, and come back."""
    client, page = follow(stage)
    assert client.post(f"{page}sign-in/").status_code == 302
    come_back(client, go(leave(client, email=mailed(stage).email)))
    return client


# ── one mail, by one of the two ─────────────────────────────────────────────────────────────────────────────────────


def test_it_is_mailed_by_workos_and_not_by_us(workos: Stage) -> None:
    made = invite(role=Role.ADMIN)
    there = mailed(workos)
    assert (there.email, there.organization_id, there.role) == (NEW, workos.organizations[ACME].id, "admin")
    assert timedelta(hours=71) < timedelta(seconds=there.until - timezone.now().timestamp()) <= timedelta(days=DAYS)
    assert outbox.outbox == []
    row = VendorInvitation.objects.get()
    assert (row.invitation, there.token.encode() in bytes(row.token), NEW in str(row.__dict__)) == (
        made.pk,
        False,
        False,
    )


def test_a_workspace_without_an_organisation_mails_its_own(workos: Stage) -> None:
    Workspace.objects.using("owner").filter(pk=ACME.id).update(organization_id=None)
    invite()
    assert [message.to for message in outbox.outbox] == [[NEW]]
    assert workos.world.invitations == {}


def test_an_owner_is_invited_as_nothing_in_particular_there(workos: Stage) -> None:
    """A directory never makes an owner."""
    invite(role=Role.OWNER)
    assert mailed(workos).role is None


def test_what_workos_will_not_send_is_sent_by_us(workos: Stage) -> None:
    """Whoever belongs to the organisation already, and a role that its dashboard does not know: one mail all the same."""
    known = workos.world.person("nina@acme.test")
    workos.world.join(known, workos.organizations[ACME])
    invite(email="nina@acme.test")
    invite(role=Role.VIEWER)
    assert [message.to for message in outbox.outbox] == [["nina@acme.test"], [NEW]]
    assert workos.world.invitations == {}


def test_an_outage_delays_and_loses_nothing(workos: Stage) -> None:
    with workos.world.faults.during("invitations", AWAY):
        made = invite()
        for _ in range(jobs.ATTEMPTS + 2):
            [(_, _, row)] = waiting()
            assert json.loads(row["message"])["arguments"] == {"invitation_id": str(made.pk)}
            work()
        with connections["queue"].cursor() as cursor:
            cursor.execute("SELECT scheduled_at > now() + interval '50 seconds' FROM procrastinate_jobs")
            assert cursor.fetchall() == [(True,)]
    assert outbox.outbox == []
    work()
    assert mailed(workos).email == NEW
    assert waiting() == []


def test_an_outage_longer_than_the_invitation_ends_with_it(workos: Stage) -> None:
    with workos.world.faults.during("invitations", AWAY):
        invite()
        with connections["owner"].cursor() as cursor:
            cursor.execute("UPDATE accounts_invitation SET expires_at = now()")
        work()
    assert waiting() == []


def test_a_worker_that_died_in_between_sends_no_second_one(workos: Stage) -> None:
    made = invite()
    VendorInvitation.objects.all().delete()
    with acting(ALICE):
        for _ in range(2):
            letters.invitation(ALICE.tenant, invitation_id=str(made.pk))
    assert len(workos.world.invitations) == 1
    assert VendorInvitation.objects.count() == 1


def test_sent_again_the_older_link_is_void_in_both_systems(workos: Stage) -> None:
    made = invite()
    old = mailed(workos)
    with connections["owner"].cursor() as cursor:
        cursor.execute("UPDATE accounts_invitation SET sent_at = now() - interval '2 hours'")
    assert doors.browser(ADA).post(f"/people/invitations/{made.pk}/resend/").status_code == 302
    work()
    assert (old.state, mailed(workos).token != old.token) == ("revoked", True)
    assert Client().get(PAGE, {"invitation_token": old.token}).status_code == 404
    assert is_in(by_sign_in(workos))


# ── the same people as by our own link ──────────────────────────────────────────────────────────────────────────────


@pytest.mark.parametrize("role", [Role.ADMIN, Role.MEMBER, Role.VIEWER, Role.OWNER])
def test_somebody_new_comes_in_by_workos_in_the_role_that_was_given(workos: Stage, role: Role) -> None:
    """And stays in it when WorkOS tells of the membership that it made."""
    workos.world.roles.add("viewer")
    invite(role=role)
    client = by_sign_in(workos)
    assert is_in(client)
    recurring.follow_workos()
    with acting(ALICE):
        assert Membership.objects.get(email=NEW).role == role
        assert Invitation.objects.get().accepted_at is not None
    assert [one.state for one in workos.world.invitations.values()] == ["accepted"]


def test_somebody_who_accepted_on_workoss_own_page_comes_in(workos: Stage) -> None:
    """Where its dashboard names no page of ours, the link leads there, and the person arrives without having left from here."""
    workos.double.redirect_uri = f"{settings.PUBLIC_URL}{CALLBACK}"
    invite(role=Role.ADMIN)
    there = mailed(workos)
    back = httpx.get(f"{workos.world.invitation_page}?invitation_token={there.token}").headers["Location"]
    client = Client()
    workos.double.auto = workos.world.people[there.accepted_by or ""]
    page = client.get(back.removeprefix(settings.PUBLIC_URL))
    again = page.content.decode().split("0; url=")[1].split('"')[0].replace("&amp;", "&")
    come_back(client, go(again))
    assert is_in(client)
    with acting(ALICE):
        assert Membership.objects.get(email=NEW).role == "admin"


NEWER = sha256(b"a newer key").digest()


def test_it_lets_in_when_the_key_under_which_it_was_kept_is_gone(workos: Stage, settings: Any) -> None:
    """What is said to need no older key any more needs none."""
    invite()
    client, page = follow(workos)
    client.post(f"{page}sign-in/")
    settings.IDENTITY_KEYS = [NEWER, *settings.IDENTITY_KEYS]
    rotation.rotate()
    settings.IDENTITY_KEYS = [NEWER]
    workos.double.auto = workos.world.person(NEW)
    come_back(client, go(leave(client)))
    assert is_in(client)


def test_who_accepted_there_before_a_new_key_came_is_found_after_it(workos: Stage, settings: Any) -> None:
    """The address of an invitation is not stored here, so it cannot be hashed anew."""
    invite()
    there = mailed(workos)
    httpx.get(f"{workos.world.invitation_page}?invitation_token={there.token}")
    workos.double.auto = workos.world.people[there.accepted_by or ""]
    settings.IDENTITY_KEYS = [NEWER, *settings.IDENTITY_KEYS]
    rotation.rotate()
    client = Client()
    come_back(client, go(leave(client)))
    assert is_in(client)


def test_a_password_at_workos_comes_in_as_well(workos: Stage, settings: Any) -> None:
    settings.PASSWORDS = "workos"
    workos.world.person(NEW, password="a password at the double")
    invite()
    client, page = follow(workos)
    client.post(f"{page}sign-in/")
    client.post("/sign-in/", {"email": NEW, "password": "a password at the double"})
    assert is_in(client)


def test_somebody_with_an_account_of_ours_joins_by_it_and_workos_is_told(workos: Stage) -> None:
    """A colleague from another workspace who has a password here; the invitation at WorkOS is of no more use."""
    invite(email=CHARLIE.email)
    workos.people[CHARLIE].email = "charlie@elsewhere.test"
    client, page = follow(workos, doors.browser(CHARLIE))
    assert client.post(f"{page}join/").headers["Location"] == "/"
    assert b"Acme" in client.get("/account/").content
    recurring.follow_workos()
    assert [one.state for one in workos.world.invitations.values()] == ["revoked"]


def test_another_person_does_not_come_in_by_it(workos: Stage) -> None:
    """L32, L50: in this browser somebody else signs in at WorkOS; neither system makes them a member."""
    invite()
    stranger = workos.world.person("mallory@elsewhere.test")
    workos.double.auto = stranger
    client, page = follow(workos)
    client.post(f"{page}sign-in/")
    brought = go(leave(client))
    with Refusals() as heard:
        come_back(client, brought)
    assert "nowhere" in [one.detail.get("check") for one in heard]
    assert not is_in(client)
    assert workos.world.memberships_of(stranger.id) == []
    assert mailed(workos).state == "pending"


@pytest.mark.parametrize("email", ["ｎora@elsewhere.test", "nora+1@elsewhere.test", "bob@acme.test"])
def test_an_invitation_that_somebody_else_accepted_there_opens_nothing(workos: Stage, email: str) -> None:
    """L32: WorkOS says by whom it was taken; another account with the address, or nearly, is a stranger."""
    invite()
    there = mailed(workos)
    workos.world.accept(there, workos.world.person(NEW))
    impostor = workos.world.person(email)
    impostor.email = NEW
    workos.world.join(impostor, workos.organizations[ACME])
    workos.double.auto = impostor
    client = Client()
    come_back(client, go(leave(client)))
    assert not is_in(client)
    assert NEW not in members_now()


@pytest.mark.parametrize("token", ["", "null", "x" * 25, "x" * 5000, "é" * 25])
def test_a_token_that_is_none_leads_nowhere(workos: Stage, token: str) -> None:
    """L43: and WorkOS is not even asked."""
    invite()
    before = workos.double.asked
    with Refusals() as heard:
        response = Client().get(PAGE, {"invitation_token": token})
    assert response.status_code == 404
    assert b"leads to no invitation" in response.content
    assert [(one.action, one.detail["check"]) for one in heard] == [("invitation.refused", "unknown")]
    assert workos.double.asked == before


def test_an_unverified_address_does_not_come_in(workos: Stage) -> None:
    """L32."""
    invite()
    workos.world.person(NEW).email_verified = False
    assert not is_in(by_sign_in(workos))
    assert NEW not in members_now()


# ── withdrawn, here or there ────────────────────────────────────────────────────────────────────────────────────────


@pytest.mark.parametrize("act", ["withdraw", "suspend", "remove"])
def test_withdrawn_here_it_is_withdrawn_there(workos: Stage, act: str) -> None:
    """L13, L50: by itself, or with its sender."""
    made = invite(ADA)
    there = mailed(workos)
    with acting(ALICE):
        if act == "withdraw":
            invitations.withdraw(actor=ALICE.tenant, invitation=made)
        else:
            getattr(members, act)(actor=ALICE.tenant, member=Membership.objects.get(pk=ADA.membership_id))
    client = Client()
    work()
    assert there.state == "revoked"
    assert client.get(PAGE, {"invitation_token": there.token}).status_code == 404


def test_an_outage_delays_the_withdrawal_and_lets_nobody_in(workos: Stage) -> None:
    made = invite()
    there = mailed(workos)
    with acting(ALICE):
        invitations.withdraw(actor=ALICE.tenant, invitation=made)
    with workos.world.faults.during("revoke", AWAY):
        work()
        assert there.state == "pending"
        assert Client().get(PAGE, {"invitation_token": there.token}).status_code == 404
    recurring.follow_workos()
    assert there.state == "revoked"


def test_withdrawn_there_it_lets_nobody_in_here(workos: Stage) -> None:
    """A no of either system is a no: before we heard of it, and after."""
    invite()
    there = mailed(workos)
    nora = workos.world.person(NEW)
    client, page = follow(workos)
    client.post(f"{page}sign-in/")
    workos.double.auto = nora
    workos.world.withdraw(there)
    come_back(client, go(leave(client)))
    assert not is_in(client)
    assert NEW not in members_now()
    recurring.follow_workos()
    assert Client().get(PAGE, {"invitation_token": there.token}).status_code == 404


def test_a_silent_provider_makes_no_half_member(workos: Stage) -> None:
    """Its word is asked for before the platform's half is written."""
    invite()
    nora = workos.world.person(NEW)
    client, page = follow(workos)
    client.post(f"{page}sign-in/")
    workos.double.auto = nora
    brought = go(leave(client).replace("invitation_token", "ignored"))
    with workos.world.faults.during("invitations", AWAY):
        assert come_back(client, brought).status_code == 503
    assert NEW not in members_now()


def test_a_workspace_that_insists_takes_no_password_for_it(workos: Stage) -> None:
    """L30."""
    Workspace.objects.using("owner").filter(pk=ACME.id).update(requires_sso=True)
    with acting(ALICE):
        made = invitations.send(actor=ALICE.tenant, email=CHARLIE.email, role=Role.MEMBER)
        letters.invitation(ALICE.tenant, invitation_id=str(made.pk))
    client, page = follow(workos)
    assert client.post(f"{page}new/", {"name": "C", "new": SECRET}).status_code in (410, 422)
    client.post(f"{page}sign-in/")
    client.post("/sign-in/", {"email": CHARLIE.email, "password": PASSWORD})
    assert CHARLIE.email not in members_now()
    assert BOB.email in members_now()
