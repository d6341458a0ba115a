"""Does an invitation let in whoever reads the mailbox, once, and nobody else?"""

from __future__ import annotations

import threading
from datetime import timedelta
from typing import Any

import pytest
from django.conf import settings
from django.core import mail as outbox
from django.db import DatabaseError, connection, connections, transaction
from django.test import Client
from django.utils import timezone

from accounts import letters
from accounts.identity import tokens
from accounts.identity.base import Identity, Proof
from accounts.models import IdentityLink, Invitation, Membership, Role, User, Workspace
from accounts.services import invitations, members
from accounts.services.members import Refused
from accounts.tenancy import claims
from audit.models import Entry
from tests import doors
from tests.cast import ACME, ADA, ALICE, BOB, CHARLIE, VERA, Person, acting
from tests.waiting import PATIENCE

NEW = "nora@elsewhere.test"
SECRET = "seventeen unrelated herons"


def sent(by: Person = ALICE, email: str = NEW, role: Role = Role.MEMBER) -> tuple[Invitation, str]:
    """An invitation, and the token of its link."""
    with acting(by):
        made = invitations.send(actor=by.tenant, email=email, role=role)
        return made, invitations.token_of(made)


def proof(email: str = NEW, *, verified: bool = True, provider: str = "workos", subject: str = "user_01NORA") -> Proof:
    """What an identity system says of somebody; any of them may be asked."""
    return Proof(Identity(provider, subject, "", email, verified, "sso", None))


def refusal(token: str, given: Proof | None = None) -> str:
    with pytest.raises(Refused) as refused:
        invitations.accept(token, proof=given or proof(), name="Nora")
    return refused.value.why


def members_now() -> set[str]:
    with acting(ALICE):
        return set(Membership.objects.filter(status="active").values_list("email", flat=True))


@pytest.mark.django_db(databases=doors.DOORS)
class TestSending:
    def invite(self, person: Person, email: str = NEW, role: str = "member") -> Any:
        return doors.browser(person).post("/people/invite/", {"email": email, "role": role})

    def test_the_letter_carries_a_link_that_no_row_and_no_job_holds(self) -> None:
        assert self.invite(ALICE).headers["Location"] == "/people/"
        with acting(ALICE):
            made = Invitation.objects.get()
            token = invitations.token_of(made)
            letters.invitation(ALICE.tenant, invitation_id=str(made.pk))
            assert timedelta(hours=71) < made.expires_at - timezone.now() <= timedelta(hours=72)
            with connection.cursor() as cursor:
                cursor.execute("SELECT i::text FROM accounts_invitation i")
                assert token not in cursor.fetchone()[0]
        [message] = outbox.outbox
        assert message.to == [NEW]
        assert message.subject == "Alice invites you to Acme"
        assert f"{settings.PUBLIC_URL}/invitations/{token}/" in message.body
        assert made.token_hash == tokens.platform_hash(token)

    @pytest.mark.parametrize(("person", "status"), [(ADA, 422), (BOB, 403), (VERA, 403)])
    def test_nobody_invites_above_their_own_role(self, person: Person, status: int) -> None:
        """L50: whatever the form says; and in the function as well."""
        assert self.invite(person, role="owner").status_code == status
        with pytest.raises(Refused, match=r"above|role"):
            sent(person, role=Role.OWNER)
        with acting(ALICE):
            assert not Invitation.objects.exists()

    def test_an_admin_invites_up_to_an_admin(self) -> None:
        assert self.invite(ADA, role="admin").status_code == 302

    @pytest.mark.parametrize(
        ("email", "says"),
        [
            (BOB.email, b"is a member here already"),
            ("BOB@acme.test", b"is a member here already"),
            ("x", b"not an e-mail"),
        ],
    )
    def test_it_says_why_nobody_was_invited(self, email: str, says: bytes) -> None:
        response = self.invite(ALICE, email)
        assert response.status_code == 422
        assert says in response.content

    def test_one_address_waits_once_however_it_is_spelt(self) -> None:
        self.invite(ALICE)
        response = self.invite(ADA, "NORA@Elsewhere.test")
        assert b"is invited already" in response.content

    def test_members_see_no_invitations(self) -> None:
        """Neither on the page nor in raw SQL of theirs."""
        sent()
        assert NEW in doors.browser(ADA).get("/people/").content.decode()
        for person in (BOB, VERA, CHARLIE):
            assert NEW not in doors.browser(person).get("/people/").content.decode()
            with acting(person), connection.cursor() as cursor:
                cursor.execute("SELECT count(*) FROM accounts_invitation")
                assert cursor.fetchone() == (0,)

    def test_it_is_not_sent_again_at_once(self) -> None:
        """A button that is pressed a thousand times fills no stranger's mailbox."""
        made, token = sent()
        response = doors.browser(ADA).post(f"/people/invitations/{made.pk}/resend/", follow=True)
        assert b"within the last minute" in response.content
        assert invitations.accept(token, proof=proof(), name="Nora").role == Role.MEMBER

    def test_an_admin_does_not_send_an_owners_invitation_again(self) -> None:
        made, _ = sent(role=Role.OWNER)
        assert doors.browser(ADA).post(f"/people/invitations/{made.pk}/resend/").status_code == 403

    @pytest.mark.parametrize("verb", ["resend", "withdraw"])
    def test_another_workspaces_invitation_is_missing(self, verb: str) -> None:
        made, token = sent()
        assert doors.browser(CHARLIE).post(f"/people/invitations/{made.pk}/{verb}/").status_code == 404
        assert invitations.accept(token, proof=proof(), name="Nora").workspace_id == ACME.id


@pytest.mark.django_db(databases=doors.DOORS)
class TestAccepting:
    def test_whoever_the_address_is_proved_of_is_a_member(self) -> None:
        made, token = sent(role=Role.VIEWER)
        place = invitations.accept(token, proof=proof(), name="Nora")
        assert (place.workspace_id, place.role) == (ACME.id, Role.VIEWER)
        with acting(ALICE):
            member = Membership.objects.get(pk=place.membership_id)
            entry = Entry.objects.get(action="invitation.accepted")
        assert (member.display_name, member.email, member.status) == ("Nora", NEW, "active")
        assert (entry.target_id, entry.actor_name, entry.detail["role"]) == (str(made.pk), "Nora", "viewer")

    def test_it_is_good_for_one(self) -> None:
        """L50."""
        _, token = sent()
        invitations.accept(token, proof=proof(), name="Nora")
        assert refusal(token) == "used"
        assert refusal(token, proof(subject="user_02NORA")) == "used"

    @pytest.mark.parametrize("token", ["", "null", "None", "0" * 43, "x" * 5000, "\x00" * 43, "é" * 43, "%00"])
    def test_a_token_that_is_none_meets_nothing(self, token: str) -> None:
        """L43: an empty token matched rows without one."""
        sent()
        assert refusal(token) == "unknown"

    @pytest.mark.parametrize("token", [None, "", "0" * 43])
    def test_nor_does_it_in_the_function_itself(self, token: str | None) -> None:
        """L43."""
        sent()
        with connection.cursor() as cursor:
            cursor.execute("SELECT count(*) FROM fence.invitation_of(%s)", [token])
            assert cursor.fetchone() == (0,)

    @pytest.mark.parametrize(
        "email",
        [
            "bob@elsewhere.test",
            "nora+acme@elsewhere.test",
            "n.ora@elsewhere.test",
            "nοra@elsewhere.test",  # a Greek omicron
            "nora@elsewhere.test.evil.test",
            "ｎora@elsewhere.test",  # a full-width letter
            "nora@el\u017fewhere.test",  # a long s, which folds to an s
            "",
        ],
    )
    def test_another_address_does_not_get_in(self, email: str) -> None:
        """L32, L50: look-alikes are other people."""
        _, token = sent()
        assert refusal(token, proof(email)) == "other_address"
        assert NEW not in members_now()

    @pytest.mark.parametrize("email", ["Nora@Elsewhere.TEST", "NORA@ELSEWHERE.TEST"])
    def test_the_case_of_letters_makes_no_other_address(self, email: str) -> None:
        _, token = sent()
        assert invitations.accept(token, proof=proof(email), name="Nora").role == Role.MEMBER

    def test_an_address_that_nobody_verified_does_not_get_in(self) -> None:
        """L32: providers said verified of what was not."""
        _, token = sent()
        assert refusal(token, proof(verified=False)) == "unverified"

    def test_a_known_address_is_not_joined_to_another_account(self) -> None:
        """L32: matched by (provider, subject); the same address at another system is somebody else."""
        with acting(CHARLIE):
            made = invitations.send(actor=CHARLIE.tenant, email=BOB.email, role=Role.ADMIN)
            token = invitations.token_of(made)
        assert refusal(token, proof(BOB.email)) == "known_address"
        place = invitations.accept(token, proof=proof(BOB.email, provider="local", subject=BOB.subject), name="Mallory")
        assert (place.user_id, place.role) == (BOB.user_id, Role.ADMIN)
        with acting(CHARLIE):
            assert Membership.objects.get(pk=place.membership_id).display_name == "Bob"

    def test_a_withdrawn_one_lets_nobody_in(self) -> None:
        """L50."""
        made, token = sent()
        doors.browser(ADA).post(f"/people/invitations/{made.pk}/withdraw/")
        assert refusal(token) == "withdrawn"

    @pytest.mark.parametrize("act", ["suspend", "remove"])
    def test_one_whose_sender_went_lets_nobody_in(self, act: str) -> None:
        """L13, L50."""
        _, token = sent(ADA)
        with acting(ALICE):
            getattr(members, act)(actor=ALICE.tenant, member=Membership.objects.get(pk=ADA.membership_id))
        assert refusal(token) == "withdrawn"

    def test_one_whose_sender_was_demoted_lets_nobody_in(self) -> None:
        """L50."""
        _, token = sent(ADA)
        with acting(ALICE):
            ada = Membership.objects.get(pk=ADA.membership_id)
            members.change_role(actor=ALICE.tenant, member=ada, role=Role.MEMBER)
        assert refusal(token) == "withdrawn"

    def test_who_comes_back_is_the_same_member(self) -> None:
        with acting(ALICE):
            members.remove(actor=ALICE.tenant, member=Membership.objects.get(pk=BOB.membership_id))
        _, token = sent(email=BOB.email, role=Role.VIEWER)
        place = invitations.accept(token, proof=proof(BOB.email, provider="local", subject=BOB.subject), name="Bob")
        assert (place.membership_id, place.role) == (BOB.membership_id, Role.VIEWER)

    def test_a_suspended_member_does_not_come_back_by_an_invitation(self) -> None:
        _, token = sent(email="bobby@acme.test")
        with acting(ALICE):
            members.suspend(actor=ALICE.tenant, member=Membership.objects.get(pk=BOB.membership_id))
        given = proof("bobby@acme.test", provider="local", subject=BOB.subject)
        assert refusal(token, given) == "suspended"

    @pytest.mark.parametrize(
        "sealed",
        [
            "",
            "claims:e30=." + "0" * 64,
            claims.sealed("join", provider="workos", subject="x", email=NEW, email_key=NEW, name="Nora"),
            claims.sealed("invitation"),
            claims.sealed("invitation", provider="workos", subject=None, email=NEW, email_key=NEW, name="Nora"),
        ],
        ids=["empty", "forged", "for something else", "of nobody", "without a subject"],
    )
    def test_injected_sql_makes_no_claims(self, sealed: str) -> None:
        """L50: the token alone joins nobody; what proved the address cannot be made up."""
        _, token = sent()
        with pytest.raises(DatabaseError, match="claims"), transaction.atomic(), connection.cursor() as cursor:
            cursor.execute("SELECT fence.accept_invitation(%s, %s)", [token, sealed])
        assert NEW not in members_now()


# What only the owner of the tables, or time, can do to an invitation; each refused, and each possible without it.
LATER = [
    ("expired", "UPDATE accounts_invitation SET expires_at = now()"),
    ("workspace", "UPDATE accounts_workspace SET status = 'suspended' WHERE slug = 'acme'"),
    ("sender", "UPDATE accounts_membership SET role = 'member' WHERE email = 'alice@acme.test'"),
    ("sender", "UPDATE accounts_membership SET status = 'removed' WHERE email = 'alice@acme.test'"),
    ("sender", "UPDATE accounts_user SET is_active = false WHERE email = 'alice@acme.test'"),
]


def test_sent_again_the_older_link_is_void_and_the_new_one_is_good_for_72_hours(committed: None) -> None:
    made, old = sent()
    with connections["owner"].cursor() as cursor:
        cursor.execute("UPDATE accounts_invitation SET sent_at = now() - interval '2 hours', expires_at = now()")
    assert refusal(old) == "expired"
    assert doors.browser(ADA).post(f"/people/invitations/{made.pk}/resend/").status_code == 302
    with acting(ADA):
        again = Invitation.objects.get()
        token = invitations.token_of(again)
    assert again.expires_at - timezone.now() > timedelta(hours=71)
    assert again.invited_by_id == ADA.membership_id
    assert token != old
    assert refusal(old) == "unknown"
    assert invitations.accept(token, proof=proof(), name="Nora").role == Role.MEMBER


@pytest.mark.parametrize(("why", "sql"), LATER)
def test_what_happened_meanwhile_is_asked_when_it_is_accepted(why: str, sql: str, committed: None) -> None:
    """L50: expired, a closed workspace, a sender who lost the right in whatever way."""
    _, token = sent()
    with connections["owner"].cursor() as cursor:
        cursor.execute(sql)
    assert refusal(token) == why
    assert Client().get(f"/invitations/{token}/").status_code == 410


@pytest.mark.parametrize("subjects", [("user_1", "user_1"), ("user_1", "user_2")], ids=["one person", "two accounts"])
def test_of_two_who_accept_at_the_same_moment_one_joins(subjects: tuple[str, str], committed: None) -> None:
    """L50: the double-accept race."""
    _, token = sent()
    barrier, outcomes = threading.Barrier(2), []

    def go(subject: str) -> None:
        try:
            barrier.wait(10)
            invitations.accept(token, proof=proof(subject=subject), name="Nora")
            outcomes.append("joined")
        except Refused as refused:
            outcomes.append(refused.why)
        finally:
            connections.close_all()

    threads = [threading.Thread(target=go, args=[subject]) for subject in subjects]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join(PATIENCE)
    assert sorted(outcomes) == ["joined", "used"]
    with acting(ALICE):
        assert Membership.objects.filter(email=NEW).count() == 1


def test_the_tables_of_people_have_the_rows_they_had(committed: None) -> None:
    """A refused acceptance leaves nothing: no user, no link, no membership."""
    counts = [model.objects.using("owner").count() for model in (User, IdentityLink, Workspace)]
    _, token = sent()
    assert refusal(token, proof("other@elsewhere.test")) == "other_address"
    assert [model.objects.using("owner").count() for model in (User, IdentityLink, Workspace)] == counts
