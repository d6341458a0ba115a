"""Does what happens at WorkOS take effect here within a round, once, and never more than it should?"""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

import pytest
from django.db import DatabaseError, connection, connections, transaction
from pytest_django import Settings

from accounts import recurring
from accounts.identity import providers, resolution
from accounts.identity.base import Revoked
from accounts.identity.store.models import VendorCursor, VendorEvent, VendorKey, VendorSession
from accounts.identity.workos import events
from accounts.models import Membership, Workspace
from accounts.services import directory, keys
from accounts.tenancy import claims
from accounts.tenancy.context import whole_workspace
from tests import doors
from tests.cast import ACME, ADA, ALICE, BIRCH, BOB, CHARLIE, VERA, Person, acting
from tests.workos.faults import AWAY
from tests.workos.stage import Stage


def member(person: Person) -> Membership:
    assert person.company is not None
    with whole_workspace(person.company.id):
        row: Membership = Membership.objects.using("owner").get(pk=person.membership_id)
    return row


def trail() -> list[tuple[str, str, str]]:
    """What stands in all trails about directories: action, workspace, target."""
    with connections["owner"].cursor() as cursor:
        cursor.execute(
            "SELECT action, workspace_id::text, target_id FROM audit_entry WHERE action LIKE 'directory.%' ORDER BY id"
        )
        return [(str(action), str(place), str(target)) for action, place, target in cursor.fetchall()]


def is_refused(resolve: Callable[[str], Any], credential: str) -> bool:
    try:
        resolve(credential)
    except Revoked:
        return True
    return False


@pytest.fixture
def bobs(workos: Stage) -> tuple[str, str]:
    """A session and a key of Bob's, of WorkOS's."""
    opened = workos.session(BOB)
    with acting(BOB):
        minted = keys.mint(actor=opened.tenant, name="Test", scopes=["files:read"], days=30, once="x" * 16)
    return opened.token, minted.value


def test_a_revoked_session_is_over_here(workos: Stage) -> None:
    token, other = workos.session(BOB).token, workos.session(ALICE).token
    workos.world.end_session(VendorSession.objects.get(subject=workos.people[BOB].id).vendor_session)
    assert not is_refused(resolution.resolve_session, token), "not heard of yet"
    recurring.follow_workos()
    assert is_refused(resolution.resolve_session, token)
    assert not is_refused(resolution.resolve_session, other)
    assert [(action, place) for action, place, _ in trail()] == [("directory.session_ended", str(ACME.id))]


def test_a_withdrawn_key_is_over_here(workos: Stage, bobs: tuple[str, str]) -> None:
    _, value = bobs
    workos.world.end_key(workos.world.keys[VendorKey.objects.get().pk])
    recurring.follow_workos()
    before = workos.world.faults.asked["validations"]
    assert is_refused(resolution.resolve_key, value)
    assert workos.world.faults.asked["validations"] == before
    assert [action for action, _, _ in trail()] == ["directory.key_withdrawn"]


def test_a_changed_key_is_asked_for_anew(workos: Stage, bobs: tuple[str, str]) -> None:
    _, value = bobs
    key = workos.world.keys[VendorKey.objects.get().pk]
    before = workos.world.faults.asked["validations"]
    resolution.resolve_key(value)
    assert workos.world.faults.asked["validations"] == before
    workos.world._tell("api_key.updated", key.id)
    recurring.follow_workos()
    resolution.resolve_key(value)
    assert workos.world.faults.asked["validations"] == before + 1


@pytest.mark.parametrize("ends_by", ["leaving", "deactivation", "deletion of the person"])
def test_who_leaves_the_organisation_is_out_everywhere(workos: Stage, bobs: tuple[str, str], ends_by: str) -> None:
    """L13: session, key and membership, so that the password at this door is of no use either."""
    token, value = bobs
    by_password = doors.session(BOB).token
    if ends_by == "leaving":
        workos.world.leave(workos.memberships[BOB])
    elif ends_by == "deactivation":
        workos.world.change(workos.memberships[BOB], status="inactive")
    else:
        workos.world.delete_person(workos.people[BOB])
    recurring.follow_workos()
    assert is_refused(resolution.resolve_session, token)
    assert is_refused(resolution.resolve_key, value)
    assert is_refused(resolution.resolve_session, by_password)
    expected = "suspended" if ends_by == "deactivation" else "removed"
    assert member(BOB).status == expected
    assert (f"directory.{expected}", str(ACME.id), str(BOB.membership_id)) in trail()
    assert not VendorSession.objects.live().exists()
    assert not VendorKey.objects.live().exists()
    assert member(ALICE).status == "active"


def test_an_owner_who_leaves_is_out_as_well(workos: Stage) -> None:
    """Even the last one: their company says that they are gone. An operator can name another, and the trail says why it is needed."""
    token = workos.session(ALICE).token
    workos.world.leave(workos.memberships[ALICE])
    recurring.follow_workos()
    assert is_refused(resolution.resolve_session, token)
    assert (member(ALICE).status, member(ALICE).role) == ("removed", "owner")
    assert [action for action, _, _ in trail()] == ["directory.removed"]


def test_its_entry_names_the_system_and_stands_in_that_workspaces_trail(workos: Stage) -> None:
    workos.world.leave(workos.memberships[BOB])
    recurring.follow_workos()
    with connections["owner"].cursor() as cursor:
        cursor.execute(
            "SELECT actor_type, outcome, workspace_id, detail FROM audit_entry WHERE action = 'directory.removed'"
        )
        rows = cursor.fetchall()
    assert [(row[0], row[1], row[2]) for row in rows] == [("system", "allowed", ACME.id)]
    assert "active" in str(rows[0][3])


@pytest.mark.parametrize(
    ("person", "slug", "becomes"),
    [
        (BOB, "viewer", "viewer"),
        (VERA, "admin", "admin"),
        (ADA, "member", "member"),
        (BOB, "owner", "member"),
        (BOB, "org-billing", "member"),
        (BOB, "", "member"),
        (ALICE, "viewer", "owner"),
    ],
    ids=["down", "up", "an admin", "never to owner", "an unknown slug", "an empty slug", "never from owner"],
)
def test_a_role_follows(workos: Stage, person: Person, slug: str, becomes: str) -> None:
    before = member(person).role
    workos.world.change(workos.memberships[person], role=slug)
    recurring.follow_workos()
    assert member(person).role == becomes
    changed = [entry for entry in trail() if entry[0] == "directory.role_changed"]
    assert len(changed) == (1 if becomes != before else 0)


def test_it_concerns_the_workspace_of_that_organisation_only(workos: Stage) -> None:
    """Bob is in Birch as well: Birch's directory takes him out of Birch, and Acme goes on."""
    with whole_workspace(BIRCH.id):
        there = Membership.objects.using("owner").create(
            user_id=BOB.user_id, role="viewer", display_name="Bob", email=BOB.email
        )
    place = workos.world.join(workos.people[BOB], workos.organizations[BIRCH])
    acme = workos.session_in(BOB, ACME)
    workos.world.leave(place)
    recurring.follow_workos()
    with whole_workspace(BIRCH.id):
        assert Membership.objects.using("owner").get(pk=there.pk).status == "removed"
    assert member(BOB).status == "active"
    assert not is_refused(resolution.resolve_session, acme)


def test_a_workspace_without_an_organisation_is_no_directorys_business(workos: Stage) -> None:
    Workspace.objects.using("owner").filter(pk=ACME.id).update(organization_id=None)
    workos.world.leave(workos.memberships[BOB])
    workos.world.delete_person(workos.people[VERA])
    recurring.follow_workos()
    assert (member(BOB).status, member(VERA).status) == ("active", "active")


def test_joining_there_makes_nobody_a_member_here(workos: Stage) -> None:
    newcomer = workos.world.person("nina@acme.test")
    place = workos.world.join(newcomer, workos.organizations[ACME])
    workos.world.change(place, role="admin")
    recurring.follow_workos()
    with whole_workspace(ACME.id):
        assert Membership.objects.using("owner").count() == 4


def test_nobody_is_let_back_by_a_directory(workos: Stage) -> None:
    """Whoever was suspended here, or removed, is let back by a person: the directory does not know why it was done."""
    with whole_workspace(ACME.id):
        Membership.objects.using("owner").filter(pk=BOB.membership_id).update(status="suspended")
        Membership.objects.using("owner").filter(pk=VERA.membership_id).update(status="removed")
    for person in (BOB, VERA):
        workos.world.change(workos.memberships[person], role="admin")
    recurring.follow_workos()
    assert (member(BOB).status, member(VERA).status) == ("suspended", "removed")
    assert (member(BOB).role, member(VERA).role) == ("member", "viewer")


# ── order, replays, failures ────────────────────────────────────────────────────────────────────────────────────────


def test_each_event_is_acted_upon_once(workos: Stage) -> None:
    workos.world.change(workos.memberships[BOB], role="viewer")
    recurring.follow_workos()
    assert member(BOB).role == "viewer"
    with whole_workspace(ACME.id):
        Membership.objects.using("owner").filter(pk=BOB.membership_id).update(role="admin")
    VendorCursor.objects.all().delete()
    recurring.follow_workos()
    assert member(BOB).role == "admin", "told again, it is left alone"
    assert VendorEvent.objects.count() == 1


def test_a_lost_cursor_replays_everything_without_harm(workos: Stage) -> None:
    """Bob left and came back. Both the cursor and the record of what was done are lost: he is not thrown out again."""
    workos.world.leave(workos.memberships[BOB])
    recurring.follow_workos()
    assert member(BOB).status == "removed"
    workos.memberships[BOB] = workos.world.join(workos.people[BOB], workos.organizations[ACME])
    with whole_workspace(ACME.id):
        Membership.objects.using("owner").filter(pk=BOB.membership_id).update(status="active")
    token = workos.session(BOB).token
    VendorCursor.objects.all().delete()
    VendorEvent.objects.all().delete()
    recurring.follow_workos()
    assert member(BOB).status == "active"
    assert not is_refused(resolution.resolve_session, token)
    assert [action for action, _, _ in trail()].count("directory.removed") == 1


def test_a_cursor_that_workos_no_longer_knows_begins_anew(workos: Stage) -> None:
    VendorCursor.objects.create(name="workos", after="event_of_last_year")
    workos.world.leave(workos.memberships[BOB])
    recurring.follow_workos()
    assert member(BOB).status == "removed"


def test_it_reads_more_than_a_page(workos: Stage, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(events, "PAGE", 3)
    for _ in range(4):
        workos.world.change(workos.memberships[BOB], role="viewer")
        workos.world.change(workos.memberships[BOB], role="member")
    workos.world.leave(workos.memberships[VERA])
    recurring.follow_workos()
    assert VendorEvent.objects.count() == 9
    assert member(VERA).status == "removed"
    assert VendorCursor.objects.get().after == workos.world.events[-1]["id"]


def test_what_fails_is_tried_again_and_stops_nothing_else(workos: Stage, monkeypatch: pytest.MonkeyPatch) -> None:
    workos.world.leave(workos.memberships[BOB])
    workos.world.leave(workos.memberships[VERA])
    bobs = workos.people[BOB].id
    real = directory._EFFECTS[events.MEMBERSHIP_DELETED]

    def breaks_for_bob(subject: str, organization_id: str, reference: str) -> None:
        if subject == bobs:
            raise RuntimeError("a fault of ours")
        real(subject, organization_id, reference)

    monkeypatch.setitem(directory._EFFECTS, events.MEMBERSHIP_DELETED, breaks_for_bob)
    recurring.follow_workos()
    assert (member(BOB).status, member(VERA).status) == ("active", "removed")
    monkeypatch.setitem(directory._EFFECTS, events.MEMBERSHIP_DELETED, real)
    recurring.follow_workos()
    assert member(BOB).status == "removed"
    assert len(trail()) == 2


def test_an_outage_is_waited_out(workos: Stage) -> None:
    workos.world.leave(workos.memberships[BOB])
    for endpoint in ("events", "memberships"):
        with workos.world.faults.during(endpoint, AWAY):
            recurring.follow_workos()
        assert member(BOB).status == "active", "nothing is done on a guess"
    recurring.follow_workos()
    assert member(BOB).status == "removed"


def test_neither_direction_waits_for_the_other(workos: Stage, bobs: tuple[str, str]) -> None:
    """What ended here cannot be told, and what happened there is acted upon all the same; and the other way round."""
    providers.workos().revoke_sessions(workos.people[BOB].id)
    there = workos.world.sessions_of(workos.people[BOB].id)[0]
    workos.world.leave(workos.memberships[VERA])
    with workos.world.faults.during("revoke", AWAY):
        recurring.follow_workos()
    assert (member(VERA).status, there.status) == ("removed", "active")
    with workos.world.faults.during("events", AWAY):
        recurring.follow_workos()
    assert there.status == "revoked"


@pytest.mark.parametrize(
    "row",
    [
        {"id": "event_x", "event": "user.deleted", "data": None},
        {"id": "event_x", "event": "user.deleted", "data": {}},
        {"id": "event_x", "event": "session.revoked", "data": {"id": 7}},
        {"id": "event_x", "event": "organization_membership.deleted", "data": {"user_id": None}},
        {"id": "event_x", "event": "api_key.revoked", "data": {"id": "k", "owner": "nobody"}},
    ],
    ids=["no data", "empty", "numbers", "null", "an odd owner"],
)
def test_an_event_of_an_odd_form_is_passed_over(workos: Stage, row: dict[str, Any]) -> None:
    """One event that nobody understands must not keep the next one from being read."""
    workos.world.events.append({"object": "event", "created_at": "2026-01-01T00:00:00Z", **row})
    workos.world.leave(workos.memberships[BOB])
    recurring.follow_workos()
    assert member(BOB).status == "removed"
    assert (member(ALICE).status, member(CHARLIE).status) == ("active", "active")


def test_other_products_people_cost_one_event_and_no_question(workos: Stage) -> None:
    stranger = workos.world.person("stranger@elsewhere.test")
    elsewhere = workos.world.organization("Elsewhere")
    workos.world.change(workos.world.join(stranger, elsewhere), role="admin")
    recurring.follow_workos()
    assert workos.world.faults.asked["memberships"] == 0


def test_without_workos_nothing_is_asked(workos: Stage, settings: Settings) -> None:
    settings.WORKOS_CLIENT_ID = ""
    before = workos.double.asked
    recurring.follow_workos()
    assert workos.double.asked == before


# ── what the database itself refuses ────────────────────────────────────────────────────────────────────────────────


def follow(sealed: str, person: Person) -> None:
    with acting(person), transaction.atomic(), connection.cursor() as cursor:
        cursor.execute("SELECT * FROM fence.follow_directory(%s)", [sealed])


def about(stage: Stage, person: Person, **changes: str) -> str:
    assert person.company is not None
    said = {
        "provider": providers.WORKOS,
        "subject": stage.people[person].id,
        "about": "organization",
        "reference": stage.organizations[person.company].id,
        "status": "removed",
        "role": "",
        **changes,
    }
    return claims.sealed("directory", **said)


def test_injected_sql_cannot_speak_for_a_directory(workos: Stage) -> None:
    """The function believes sealed claims only: neither plain text, nor claims for another purpose, nor a forged seal."""
    good = about(workos, BOB)
    for sealed in ("", "removed", good[:-1] + ("0" if good[-1] != "0" else "1"), claims.sealed("join", about="person")):
        with pytest.raises(DatabaseError):
            follow(sealed, BOB)
        with pytest.raises(DatabaseError), connection.cursor() as cursor:
            cursor.execute("SELECT * FROM fence.directory_places(%s)", [sealed])
    assert member(BOB).status == "active"


def test_claims_about_one_person_do_not_reach_another(workos: Stage) -> None:
    """Right claims, and a context of somebody else's: refused, not applied to whoever is bound."""
    with pytest.raises(DatabaseError, match="says nothing about this member"):
        follow(about(workos, BOB), VERA)
    with pytest.raises(DatabaseError, match="says nothing about this member"):
        follow(about(workos, CHARLIE, reference=workos.organizations[ACME].id), CHARLIE)
    with pytest.raises(DatabaseError, match="says nothing about this member"):
        follow(about(workos, BOB, provider="local"), BOB)
    assert {member(person).status for person in (BOB, VERA, CHARLIE)} == {"active"}


@pytest.mark.parametrize("role", ["owner", "superuser", "OWNER", "null", ""])
def test_no_claim_makes_an_owner(workos: Stage, role: str) -> None:
    follow(about(workos, BOB, status="active", role=role), BOB)
    assert member(BOB).role == "member"
