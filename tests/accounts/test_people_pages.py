"""Who sees the workspace's people, how fast is a long list, and what does each role find on it?"""

from __future__ import annotations

import json
import re
from datetime import timedelta

import pytest
from django.db import connection, connections
from django.test.utils import CaptureQueriesContext
from django.utils import timezone

from accounts.models import Membership, Role, Session, User
from accounts.services import invitations
from accounts.tenancy.context import whole_workspace
from tests import doors
from tests.cast import ACME, ADA, ALICE, BOB, CHARLIE, VERA, Person, acting


def crowd(numbers: range) -> None:
    """Put so many more members into Acme, as the owner of the tables."""
    users = User.objects.using("owner").bulk_create(
        User(email=f"person{number:04}@acme.test", display_name=f"Person {number:04}") for number in numbers
    )
    with whole_workspace(ACME.id):
        Membership.objects.using("owner").bulk_create(
            [
                Membership(user=user, role=Role.MEMBER, display_name=user.display_name, email=user.email)
                for user in users
            ]
        )


def names(page: str) -> list[str]:
    return re.findall(r"Person \d{4}(?=</bdi>)", page)


@pytest.mark.django_db(databases=doors.DOORS)
class TestList:
    @pytest.mark.parametrize("person", [BOB, VERA])
    def test_members_read_it_and_find_nothing_to_change(self, person: Person) -> None:
        page = doors.browser(person).get("/people/").content.decode()
        for colleague in (ALICE, ADA, BOB, VERA):
            assert colleague.email in page
        assert "/people/invite/" not in page
        assert f"/people/{ADA.membership_id}/" not in page
        assert "Last seen" not in page

    def test_owners_and_admins_find_each_member_and_the_invitations(self) -> None:
        with acting(ALICE):
            invitations.send(actor=ALICE.tenant, email="nora@elsewhere.test", role=Role.MEMBER)
        for person in (ALICE, ADA):
            page = doors.browser(person).get("/people/").content.decode()
            assert f"/people/{BOB.membership_id}/" in page
            assert "nora@elsewhere.test" in page

    def test_a_stranger_sees_their_own_people_only(self) -> None:
        """L51."""
        page = doors.browser(CHARLIE).get("/people/").content.decode()
        assert CHARLIE.email in page
        assert "acme.test" not in page

    @pytest.mark.parametrize("person", [BOB, VERA])
    def test_one_members_page_is_for_those_who_keep_the_list(self, person: Person) -> None:
        assert doors.browser(person).get(f"/people/{ADA.membership_id}/").status_code == 403
        assert doors.browser(person).get("/people/invite/").status_code == 403

    def test_another_workspaces_member_has_no_page_here(self) -> None:
        assert doors.browser(CHARLIE).get(f"/people/{BOB.membership_id}/").status_code == 404

    def test_the_search_looks_in_names_and_addresses(self) -> None:
        page = doors.browser(ALICE).get("/people/?q=VERA").content.decode()
        assert VERA.email in page
        assert BOB.email not in page
        assert "Nobody matches" in doors.browser(ALICE).get("/people/?q=zzz").content.decode()

    @pytest.mark.parametrize("query", ["?q=" + "x" * 500, "?status=nonsense", "?q=%25_%27", "?q=%EF%BF%BE"])
    def test_a_search_that_makes_no_sense_is_no_error(self, query: str) -> None:
        """L42."""
        assert doors.browser(ALICE).get(f"/people/{query}").status_code == 200

    def test_removed_members_are_there_when_asked_for(self) -> None:
        owner = doors.browser(ALICE)
        owner.post(f"/people/{BOB.membership_id}/remove/")
        owner.get("/people/")  # reads the message that names him
        assert BOB.email not in owner.get("/people/").content.decode()
        assert BOB.email in owner.get("/people/?status=removed").content.decode()

    def test_it_says_when_somebody_was_last_here(self) -> None:
        doors.session(BOB)
        with acting(BOB):
            Session.objects.update(last_seen_at=timezone.now() - timedelta(hours=3))
        assert "3 hours ago" in doors.browser(ALICE).get("/people/").content.decode()

    def test_the_dialogs_name_the_person_and_what_ends(self) -> None:
        doors.session(BOB)
        doors.key(BOB)
        page = doors.browser(ALICE).get(f"/people/{BOB.membership_id}/").content.decode()
        assert "Remove “Bob” from Acme?" in page
        assert "2 sessions and 1 API key of theirs end at once." in page

    def test_owners_are_out_of_an_admins_reach_and_oneself_is_too(self) -> None:
        client = doors.browser(ADA)
        assert "Only an owner can change" in client.get(f"/people/{ALICE.membership_id}/").content.decode()
        assert "This is you" in client.get(f"/people/{ADA.membership_id}/").content.decode()

    def test_an_admin_is_not_offered_what_an_admin_may_not_give(self) -> None:
        client = doors.browser(ADA)
        for path in (f"/people/{BOB.membership_id}/", "/people/invite/"):
            page = client.get(path).content.decode()
            assert '<option value="admin"' in page
            assert '<option value="owner"' not in page

    def test_the_letter_waits_in_the_same_transaction_and_holds_an_id_alone(self) -> None:
        doors.browser(ALICE).post("/people/invite/", {"email": "nora@elsewhere.test", "role": "member"})
        with acting(ALICE), connection.cursor() as cursor:
            cursor.execute("SELECT id FROM procrastinate_jobs")
            assert len(cursor.fetchall()) == 1


def test_a_thousand_people_cost_as_many_queries_as_one(committed: None) -> None:
    """And the cursor shows each of them once."""
    client = doors.browser(ALICE)
    counts = []
    for more in (range(0), range(1), range(1, 1000)):
        crowd(more)
        client.get("/people/")
        with CaptureQueriesContext(connections["default"]) as log:
            assert client.get("/people/").status_code == 200
        counts.append(len(log))
    assert len(set(counts)) == 1, counts
    seen: list[str] = []
    path = "/people/"
    while path:
        page = client.get(path).content.decode()
        seen += names(page)
        following = re.search(r'rel="next" href="([^"]+)"', page)
        path = f"/people/{following.group(1)}" if following else ""
    assert len(seen) == len(set(seen)) == 1000


@pytest.mark.django_db(databases=doors.DOORS)
class TestApi:
    def test_a_program_reads_the_members_of_its_workspace(self) -> None:
        answer = doors.program(BOB, ["members:read"]).get("/api/v1/members").json()
        assert {item["email"] for item in answer["items"]} == {one.email for one in (ALICE, ADA, BOB, VERA)}
        assert set(answer["items"][0]) == {"id", "name", "email", "role", "status", "created_at"}

    def test_it_needs_the_scope(self) -> None:
        assert doors.program(BOB, ["files:read"]).get("/api/v1/members").status_code == 403

    def test_the_cursor_goes_on(self) -> None:
        client = doors.program(BOB, ["members:read"])
        first = client.get("/api/v1/members?limit=3").json()
        rest = client.get(f"/api/v1/members?limit=3&cursor={first['next']}").json()
        assert len({item["id"] for item in first["items"] + rest["items"]}) == 4
        assert rest["next"] is None
        assert json.dumps(first).count("acme.test") == 3
