"""Does whoever was kept out, and is let in again, find nothing open that was open before? (L13)"""

from __future__ import annotations

import pytest

from accounts import queries, recurring
from accounts.identity import resolution, tokens
from accounts.identity.store.models import StoreKey, StoreSession
from accounts.models import ApiKey, Role
from accounts.services import invitations, members
from tests import doors
from tests.accounts.test_directory import is_refused, member
from tests.cast import ADA, ALICE, BOB, acting
from tests.workos.stage import Stage


def come_back() -> None:
    """Let Bob in again as people do: restored where he is suspended, by an invitation where he was removed."""
    if member(BOB).status == "suspended":
        with acting(ALICE):
            members.restore(actor=ALICE.tenant, member=member(BOB))
        return
    with acting(ALICE):
        token = invitations.token_of(invitations.send(actor=ALICE.tenant, email=BOB.email, role=Role.MEMBER))
    invitations.accept(token, proof=doors.proof_of(BOB), name="Bob")


@pytest.mark.parametrize("change", [{"status": "inactive"}, {}], ids=["suspended", "removed"])
def test_who_comes_back_finds_nothing_open_from_before(workos: Stage, change: dict[str, str]) -> None:
    """L13: sessions and keys that the directory knows nothing of end with the membership, and not for a while."""
    token, value = doors.session(BOB).token, doors.key(BOB).value
    assert resolution.resolve_session(token).membership_id == resolution.resolve_key(value).membership_id
    if change:
        workos.world.change(workos.memberships[BOB], **change)
    else:
        workos.world.leave(workos.memberships[BOB])
    recurring.follow_workos()
    assert not StoreSession.objects.live().filter(account_id=BOB.subject).exists(), "the other system's halves as well"
    assert not StoreKey.objects.live().filter(account_id=BOB.subject).exists()
    come_back()
    assert member(BOB).status == "active"
    assert (is_refused(resolution.resolve_session, token), is_refused(resolution.resolve_key, value)) == (True, True)
    assert not is_refused(resolution.resolve_session, doors.session(BOB).token)


def test_who_comes_back_has_no_invitation_open_from_before(workos: Stage) -> None:
    with acting(ADA):
        sent = invitations.send(actor=ADA.tenant, email="nina@elsewhere.test", role=Role.VIEWER)
        link = invitations.token_of(sent)
    workos.world.change(workos.memberships[ADA], status="inactive")
    recurring.follow_workos()
    with acting(ALICE):
        members.restore(actor=ALICE.tenant, member=member(ADA))
    shown = queries.invitation_of(link)
    assert shown is not None
    assert shown.refusal == "withdrawn"


@pytest.mark.parametrize("status", ["suspended", "removed"])
def test_what_was_on_its_way_when_they_went_is_over_when_they_come_back(workos: Stage, status: str) -> None:
    """A sign-in and a key that were begun before, and stored after everything else had ended."""
    with acting(ALICE):
        (members.suspend if status == "suspended" else members.remove)(actor=ALICE.tenant, member=member(BOB))
    token = doors.session(BOB).token
    late = ApiKey(
        membership_id=BOB.membership_id,
        name="Late",
        prefix="aiaxis_",
        key_hash=tokens.platform_hash(value := tokens.new_key()),
        provider="local",
        subject=BOB.subject,
        identity_key=str(
            StoreKey.objects.create(account_id=BOB.subject, key_hash=tokens.identity_hash(value)).pk,
        ),
        scopes=["files:read"],
    )
    with acting(BOB):
        late.save(force_insert=True)
    come_back()
    assert member(BOB).status == "active"
    assert (is_refused(resolution.resolve_session, token), is_refused(resolution.resolve_key, value)) == (True, True)
