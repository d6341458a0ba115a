"""Who may change who belongs to a workspace, and is it in force with the next request?"""

from __future__ import annotations

import json
import threading
from collections.abc import Callable
from datetime import timedelta
from typing import Any

import pytest
from django.core import mail as outbox
from django.db import connection, connections, transaction
from django.test import Client
from django.utils import timezone

from accounts import jobs, letters
from accounts.models import ApiKey, Membership, Role, Session
from accounts.services import members
from agents.models import Agent
from audit.models import Entry
from tests import doors
from tests.cast import ADA, ALICE, BOB, CHARLIE, VERA, Person, acting
from tests.factories import AgentFactory, FileFactory
from tests.waiting import PATIENCE

ME = "/api/v1/me"
VERBS = ("role", "suspend", "restore", "remove", "transfer")


def post(client: Client, person: Person, verb: str, role: str = "viewer") -> Any:
    """Send the form of this verb; the role stands in one of them alone, and would be spoofing in the others."""
    return client.post(f"/people/{person.membership_id}/{verb}/", {"role": role} if verb == "role" else {})


def row(person: Person) -> Membership:
    with acting(person):
        found: Membership = Membership.objects.get(pk=person.membership_id)
        return found


def asked(person: Person, sql: str, *parameters: Any) -> dict[str, Any]:
    """What a function of the fence answers to SQL injected into a request of this person's."""
    with acting(person), transaction.atomic(), connection.cursor() as cursor:
        cursor.execute(sql, parameters)
        answer: dict[str, Any] = json.loads(cursor.fetchone()[0])
        return answer


CHANGE = "SELECT fence.change_member_role(%s, %s)"
STATUS = "SELECT fence.set_member_status(%s, %s)"
TRANSFER = "SELECT fence.transfer_ownership(%s)"
LEAVE = "SELECT fence.leave_workspace()"


@pytest.mark.django_db(databases=doors.DOORS)
class TestRoles:
    def test_an_owner_changes_a_role_and_it_counts_from_the_next_request(self) -> None:
        program, owner = doors.program(BOB), doors.browser(ALICE)
        assert post(owner, BOB, "role", role="viewer").headers["Location"] == "/people/"
        answer = program.get(ME).json()
        assert answer["role"] == "viewer"
        assert not [scope for scope in answer["scopes"] if scope.endswith(":write")]

    def test_the_trail_says_from_what_to_what(self) -> None:
        post(doors.browser(ALICE), BOB, "role", role="admin")
        with acting(ALICE):
            entry = Entry.objects.get(action="member.role_changed")
        assert (entry.detail["before"], entry.detail["after"]) == ("member", "admin")
        assert (entry.actor_name, entry.target_id) == ("Alice", str(BOB.membership_id))

    def test_an_admin_makes_no_owner(self) -> None:
        """L50: nobody raises anybody above their own role, whatever the form says."""
        response = post(doors.browser(ADA), BOB, "role", role="owner")
        assert response.status_code == 422
        assert row(BOB).role == Role.MEMBER
        with acting(ADA), pytest.raises(members.Refused, match="above"):
            members.change_role(actor=ADA.tenant, member=row(BOB), role=Role.OWNER)

    @pytest.mark.parametrize("verb", ["role", "suspend", "remove"])
    def test_an_admin_does_not_touch_an_owner(self, verb: str) -> None:
        """L50: an equal-rank or lower admin evicted the owner."""
        response = post(doors.browser(ADA), ALICE, verb, "member")
        assert response.status_code == 403
        assert b"Only an owner can change" in response.content
        assert (row(ALICE).role, row(ALICE).status) == (Role.OWNER, "active")

    @pytest.mark.parametrize("person", [BOB, VERA])
    @pytest.mark.parametrize("verb", VERBS)
    def test_lower_roles_change_nobody(self, person: Person, verb: str) -> None:
        response = post(doors.browser(person), ADA, verb)
        assert response.status_code == 403
        assert (row(ADA).role, row(ADA).status) == (Role.ADMIN, "active")

    def test_an_admin_hands_over_nothing(self) -> None:
        assert post(doors.browser(ADA), BOB, "transfer").status_code == 403

    @pytest.mark.parametrize("verb", VERBS)
    def test_another_workspaces_member_is_missing(self, verb: str) -> None:
        """L51: an owner elsewhere, with a real id of this workspace."""
        assert post(doors.browser(CHARLIE), BOB, verb).status_code == 404
        assert (row(BOB).role, row(BOB).status) == (Role.MEMBER, "active")

    @pytest.mark.parametrize("verb", VERBS)
    def test_it_needs_a_recent_sign_in(self, verb: str) -> None:
        client = doors.browser(ALICE)
        with acting(ALICE):
            Session.objects.update(signed_in_at=timezone.now() - timedelta(minutes=16))
        assert "/sign-in/again/" in post(client, BOB, verb).headers["Location"]
        assert (row(BOB).role, row(BOB).status) == (Role.MEMBER, "active")

    def test_what_was_so_already_is_said_and_is_no_refusal(self) -> None:
        response = doors.browser(ALICE).post(f"/people/{BOB.membership_id}/role/", {"role": "member"}, follow=True)
        assert b"It was like this already" in response.content


@pytest.mark.django_db(databases=doors.DOORS)
class TestLastOwner:
    @pytest.mark.parametrize(
        "ask", [(CHANGE, "admin"), (STATUS, "removed"), (STATUS, "suspended")], ids=lambda ask: str(ask[1])
    )
    def test_they_cannot_be_demoted_removed_or_suspended(self, ask: tuple[str, str]) -> None:
        """L50: not even by themselves, in SQL."""
        answer = asked(ALICE, ask[0], ALICE.membership_id, ask[1])
        assert answer["refusal"] in ("last_owner", "self")
        assert (row(ALICE).role, row(ALICE).status) == (Role.OWNER, "active")

    def test_they_cannot_leave(self) -> None:
        response = doors.browser(ALICE).post("/people/leave/")
        assert response.status_code == 403
        assert b"Make somebody else an owner first" in response.content
        assert row(ALICE).status == "active"

    def test_a_suspended_owner_is_no_other_owner(self) -> None:
        post(doors.browser(ALICE), ADA, "role", role="owner")
        post(doors.browser(ALICE), ADA, "suspend")
        assert asked(ALICE, LEAVE)["refusal"] == "last_owner"

    def test_with_another_owner_they_can_leave(self) -> None:
        client = doors.browser(ALICE)
        post(client, ADA, "role", role="owner")
        assert client.post("/people/leave/").headers["Location"] == "/sign-in/"
        assert client.get("/account/").status_code == 302
        with acting(ADA):
            assert Membership.objects.get(pk=ALICE.membership_id).status == "removed"


def _both(works: list[Callable[[], None]]) -> None:
    threads = [threading.Thread(target=_alone, args=[work]) for work in works]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join(PATIENCE)


def _alone(work: Callable[[], None]) -> None:
    try:
        work()
    finally:
        connections.close_all()


@pytest.mark.parametrize("try_", range(5))
def test_two_owners_who_go_at_the_same_moment_leave_one(try_: int, committed: None) -> None:
    """L50: both find the other one still there, unless one waits for the other."""
    with acting(ALICE):
        members.change_role(actor=ALICE.tenant, member=Membership.objects.get(pk=ADA.membership_id), role=Role.OWNER)
    barrier, outcomes = threading.Barrier(2), []

    def go(person: Person) -> None:
        with acting(person), transaction.atomic(), connection.cursor() as cursor:
            cursor.execute("SELECT 1")
            barrier.wait(10)
            cursor.execute(LEAVE)
            outcomes.append(json.loads(cursor.fetchone()[0]).get("refusal", "left"))

    _both([lambda: go(ALICE), lambda: go(ADA)])
    assert sorted(outcomes) == ["last_owner", "left"]


def test_an_older_snapshot_decides_nothing(committed: None) -> None:
    """Under REPEATABLE READ the function would count owners who are gone by now."""
    with acting(ALICE), transaction.atomic(), connection.cursor() as cursor:
        cursor.execute("SET TRANSACTION ISOLATION LEVEL REPEATABLE READ")
        with pytest.raises(Exception, match="one after another"):
            cursor.execute(LEAVE)


@pytest.mark.django_db(databases=doors.DOORS)
class TestTransfer:
    def test_the_giver_becomes_an_admin_and_both_are_told(self) -> None:
        client = doors.browser(ALICE)
        assert post(client, BOB, "transfer").headers["Location"] == "/people/"
        assert (row(BOB).role, row(ALICE).role) == (Role.OWNER, Role.ADMIN)
        with acting(ALICE):
            for reader in (ALICE, BOB):
                letters.ownership(ALICE.tenant, member_id=str(reader.membership_id), owner_id=str(BOB.membership_id))
        assert [message.to for message in outbox.outbox] == [[ALICE.email], [BOB.email]]
        assert "Bob is now an owner of Acme" in outbox.outbox[0].subject

    def test_it_goes_to_active_members_only(self) -> None:
        client = doors.browser(ALICE)
        post(client, BOB, "suspend")
        response = post(client, BOB, "transfer")
        assert response.status_code == 403
        assert b"active members only" in response.content
        assert row(ALICE).role == Role.OWNER

    def test_it_goes_to_nobody_elsewhere_and_not_to_oneself(self) -> None:
        assert asked(ALICE, TRANSFER, CHARLIE.membership_id)["refusal"] == "missing"
        assert asked(ALICE, TRANSFER, ALICE.membership_id)["refusal"] == "self"
        assert asked(ADA, TRANSFER, BOB.membership_id)["refusal"] == "role"


@pytest.mark.django_db(databases=doors.DOORS)
class TestRemoval:
    @pytest.mark.parametrize("verb", ["suspend", "remove"])
    def test_sessions_and_keys_end_at_once_in_both_systems(self, verb: str) -> None:
        """L13: one act, every credential, on the platform and at the identity system."""
        from accounts.identity.store.models import StoreKey, StoreSession

        credentials = [doors.browser(BOB), doors.program(BOB)]
        assert [credentials[0].get("/account/").status_code, credentials[1].get(ME).status_code] == [200, 200]
        post(doors.browser(ALICE), BOB, verb)
        assert [credentials[0].get("/account/").status_code, credentials[1].get(ME).status_code] == [302, 401]
        with acting(BOB):
            assert not Session.objects.filter(revoked_at__isnull=True).exists()
            assert not ApiKey.objects.filter(revoked_at__isnull=True).exists()
        for half in (StoreSession, StoreKey):
            assert not half.objects.live().filter(account_id=BOB.subject).exists()

    def test_a_restored_member_needs_new_credentials(self) -> None:
        owner, old = doors.browser(ALICE), doors.program(BOB)
        post(owner, BOB, "suspend")
        post(owner, BOB, "restore")
        assert old.get(ME).status_code == 401
        assert doors.program(BOB).get(ME).status_code == 200

    def test_a_removed_member_is_not_restored(self) -> None:
        owner = doors.browser(ALICE)
        post(owner, BOB, "remove")
        assert post(owner, BOB, "restore").status_code == 404
        assert row(BOB).status == "removed"

    def test_colleagues_and_other_workspaces_keep_theirs(self) -> None:
        others = [doors.program(ADA), doors.program(CHARLIE)]
        post(doors.browser(ALICE), BOB, "remove")
        assert [other.get(ME).status_code for other in others] == [200, 200]

    def test_shared_agents_pass_to_the_one_who_removes(self) -> None:
        with acting(BOB):
            shared = AgentFactory(visibility="workspace", name="Returns")
            private = AgentFactory(visibility="private", name="Mine")
            file = FileFactory(visibility="private")
        page = doors.browser(ADA).get(f"/people/{BOB.membership_id}/").content.decode()
        assert "1 shared agent passes to you: “Returns”." in page
        assert "“Mine”" not in page
        post(doors.browser(ADA), BOB, "remove")
        with acting(ADA):
            assert Agent.objects.get(pk=shared.pk).owner_id == ADA.membership_id
            assert not Agent.objects.filter(pk=private.pk).exists()
            assert not type(file).objects.filter(pk=file.pk).exists()
            assert Entry.objects.filter(action="agent.handed_over", target_id=str(shared.pk)).count() == 1
        with acting(BOB):
            assert Agent.objects.get(pk=private.pk).owner_id == BOB.membership_id

    def test_what_somebody_shared_who_leaves_passes_to_an_owner(self) -> None:
        with acting(BOB):
            shared, file = AgentFactory(visibility="workspace"), FileFactory(visibility="workspace")
        doors.browser(BOB).post("/people/leave/")
        with acting(ALICE):
            assert Agent.objects.get(pk=shared.pk).owner_id == ALICE.membership_id
            assert type(file).objects.get(pk=file.pk).owner_id == ALICE.membership_id

    def test_nobody_takes_the_agents_of_somebody_who_is_there(self) -> None:
        """The function that hands over, called by injected SQL."""
        with acting(BOB):
            shared = AgentFactory(visibility="workspace")
        with acting(ADA), connection.cursor() as cursor:
            cursor.execute("SELECT agent FROM fence.hand_over_agents(%s)", [BOB.membership_id])
            assert cursor.fetchall() == []
            assert Agent.objects.get(pk=shared.pk).owner_id == BOB.membership_id

    def test_nobody_removes_themselves_by_the_back_door(self) -> None:
        post(doors.browser(ALICE), BOB, "role", role="admin")
        assert asked(BOB, STATUS, BOB.membership_id, "removed")["refusal"] == "self"

    def test_the_person_is_told(self) -> None:
        post(doors.browser(ALICE), BOB, "remove")
        with acting(ALICE):
            letters.removed(ALICE.tenant, member_id=str(BOB.membership_id))
        [message] = outbox.outbox
        assert message.to == [BOB.email]
        assert "no longer a member of Acme" in message.subject

    def test_a_listener_that_fails_leaves_the_member_where_they_were(self) -> None:
        """No unlogged change: the fact is sent inside the transaction that makes it true."""
        from accounts.signals import member_removed

        def fail(**facts: object) -> None:
            raise ZeroDivisionError

        credential = doors.program(BOB)
        member_removed.connect(fail, weak=False)
        try:
            with acting(ALICE), pytest.raises(ZeroDivisionError):
                members.remove(actor=ALICE.tenant, member=Membership.objects.get(pk=BOB.membership_id))
        finally:
            member_removed.disconnect(fail)
        assert credential.get(ME).status_code == 200


FORBIDDEN = (
    "UPDATE accounts_membership SET role = 'owner'",
    "INSERT INTO accounts_membership SELECT * FROM accounts_membership",
    "DELETE FROM accounts_membership",
    "UPDATE accounts_invitation SET role = 'owner'",
    "INSERT INTO accounts_invitation SELECT * FROM accounts_invitation",
    "SELECT fence.end_access('00000000-0000-0000-0000-000000000000')",
    "SELECT fence.acting_member()",
    "SELECT fence.keeps_people()",
)


@pytest.mark.django_db(databases=doors.DOORS)
class TestInjectedSql:
    """L50: whoever gets SQL into somebody's request gets what that somebody may do, and no membership."""

    @pytest.mark.parametrize("sql", FORBIDDEN)
    def test_it_writes_no_membership_and_no_invitation(self, sql: str) -> None:
        with acting(ALICE), pytest.raises(Exception, match="permission denied"), transaction.atomic():
            connection.cursor().execute(sql)

    @pytest.mark.parametrize("wanted", ["owner", "admin", "viewer"])
    def test_an_admin_demotes_no_owner(self, wanted: str) -> None:
        assert asked(ADA, CHANGE, ALICE.membership_id, wanted)["refusal"] in ("owner_protected", "unchanged")

    @pytest.mark.parametrize("wanted", ["owner", "superuser", "", None])
    def test_an_admin_raises_nobody_above_themselves(self, wanted: str | None) -> None:
        assert asked(ADA, CHANGE, BOB.membership_id, wanted)["refusal"] == "above"
        assert asked(ADA, CHANGE, ADA.membership_id, wanted)["refusal"] == "above"

    @pytest.mark.parametrize("person", [BOB, VERA])
    def test_a_member_changes_nobody(self, person: Person) -> None:
        for target in (ALICE, BOB, VERA):
            assert asked(person, CHANGE, target.membership_id, "admin")["refusal"] == "role"
            assert asked(person, STATUS, target.membership_id, "removed")["refusal"] == "role"
            assert asked(person, TRANSFER, target.membership_id)["refusal"] == "role"

    def test_another_workspaces_owner_finds_nobody(self) -> None:
        """L51."""
        for target in (ALICE, BOB):
            assert asked(CHARLIE, CHANGE, target.membership_id, "viewer")["refusal"] == "missing"
            assert asked(CHARLIE, STATUS, target.membership_id, "removed")["refusal"] == "missing"

    def test_a_suspended_admin_does_nothing_in_a_request_that_is_still_running(self) -> None:
        with acting(ALICE):
            members.suspend(actor=ALICE.tenant, member=Membership.objects.get(pk=ADA.membership_id))
        assert asked(ADA, STATUS, BOB.membership_id, "removed")["refusal"] == "role"
        assert asked(ADA, LEAVE)["refusal"] == "role"

    def test_without_a_seal_nothing_is_done(self) -> None:
        with pytest.raises(Exception, match="no workspace is bound"), transaction.atomic():
            connection.cursor().execute(LEAVE)

    @pytest.mark.parametrize("person", [BOB, VERA, CHARLIE])
    def test_who_keeps_no_list_learns_nothing_of_others_sessions(self, person: Person) -> None:
        doors.session(ALICE)
        with acting(person), connection.cursor() as cursor:
            cursor.execute("SELECT * FROM fence.member_ties(%s)", [ALICE.membership_id])
            ties = cursor.fetchall()
            cursor.execute("SELECT * FROM fence.last_seen_of(%s)", [[ALICE.membership_id]])
            assert cursor.fetchall() == []
        assert ties in ([], [(0, 0, 0)])


def test_a_removed_members_job_is_refused(committed: None) -> None:
    """L13: what was asked for before is not done after."""
    with acting(BOB):
        message = jobs.sealed("accounts.letters.role", BOB.tenant.workspace_id, BOB.membership_id, {"member_id": "x"})
    with acting(ALICE):
        members.remove(actor=ALICE.tenant, member=Membership.objects.get(pk=BOB.membership_id))
    with pytest.raises(jobs.JobRefused, match="member"):
        jobs.run(1, "accounts.letters.role", dict(message), 0)
