"""Does WorkOS's word count on every request, without being asked for it, and only as long as it is given?"""

from __future__ import annotations

import threading
from collections.abc import Callable

import pytest
from django.db import connection, connections
from django.test.utils import CaptureQueriesContext

from accounts.identity import providers, resolution, vault
from accounts.identity.base import BadCredentials, Revoked, SsoRequired, Unavailable
from accounts.identity.store.models import VendorSession
from accounts.identity.workos import outbox
from accounts.services import sessions
from tests.cast import ACME, ALICE, BIRCH, BOB, acting
from tests.doors import BROWSER
from tests.workos.faults import AWAY, MALFORMED, SILENT, TOO_MANY, UNEXPECTED, Fault
from tests.workos.stage import Stage

FAULTS = {"429": TOO_MANY, "503": AWAY, "black hole": SILENT, "malformed": MALFORMED, "unexpected": UNEXPECTED}


@pytest.fixture(autouse=True)
def _no_patience(monkeypatch: pytest.MonkeyPatch) -> None:
    """A black hole is given up after a second, and asked again at once."""
    from accounts.identity.workos import connection as link
    from accounts.identity.workos import verification

    monkeypatch.setattr(link, "TIMEOUT", 1)
    monkeypatch.setattr(link, "PAUSE_SECONDS", 0.0)
    monkeypatch.setattr(verification, "_PAUSE_SECONDS", 0.0)


def test_it_turns_a_session_into_its_tenant(workos: Stage) -> None:
    opened = workos.session(BOB)
    tenant = resolution.resolve_session(opened.token)
    assert tenant == opened.tenant
    assert (tenant.workspace_id, tenant.membership_id, tenant.method) == (ACME.id, BOB.membership_id, "sso")


def test_it_asks_each_database_once_and_workos_never(workos: Stage) -> None:
    token = workos.session(BOB).token
    resolution.resolve_session(token)
    before = workos.double.asked
    with CaptureQueriesContext(connection) as platform, CaptureQueriesContext(connections["identity"]) as identity:
        for _ in range(5):
            resolution.resolve_session(token)
    assert (len(platform), len(identity)) == (5, 5)
    assert workos.double.asked == before


def test_it_keeps_no_token_in_clear(workos: Stage) -> None:
    proof = workos.proof(BOB)
    token = workos.session(BOB).token
    row = workos.row()
    kept = b"".join(bytes(part) for part in (row.access_token, row.refresh_token, row.token_hash))
    assert token.encode() not in kept
    assert b"eyJ" not in kept
    assert proof.kept["access"] not in repr(proof)
    assert vault.opened(row.access_token, field="access", row=str(row.pk)).startswith("eyJ")


def test_an_expired_token_is_renewed_once(workos: Stage) -> None:
    token = workos.session(BOB).token
    workos.let_expire()
    before = workos.world.faults.asked["authenticate"]
    for _ in range(3):
        assert resolution.resolve_session(token).membership_id == BOB.membership_id
    assert workos.world.faults.asked["authenticate"] == before + 1


def test_many_tabs_at_once_renew_it_once(workos: Stage) -> None:
    """A refresh token is good once: tabs that each spent it would sign each other out."""
    token = workos.session(BOB).token
    workos.let_expire()
    workos.world.faults.set("authenticate", Fault(wait=0.3))
    before = workos.world.faults.asked["authenticate"]
    outcomes = at_once(8, lambda: str(resolution.resolve_session(token).membership_id))
    assert outcomes == [str(BOB.membership_id)] * 8
    assert workos.world.faults.asked["authenticate"] == before + 1


def test_a_session_that_workos_ended_is_over_at_its_next_renewal(workos: Stage) -> None:
    """L13: and stays over, whatever is asked with it."""
    token = workos.session(BOB).token
    workos.world.sessions[workos.row().vendor_session].status = "revoked"
    workos.let_expire()
    for _ in range(2):
        with pytest.raises(Revoked) as refusal:
            resolution.resolve_session(token)
        assert refusal.value.known
    assert VendorSession.objects.get().reason == "refused by WorkOS"


def test_a_person_who_lost_the_organisation_gets_no_new_token(workos: Stage) -> None:
    token = workos.session(BOB).token
    workos.memberships[BOB].status = "inactive"
    workos.let_expire()
    with pytest.raises(Revoked):
        resolution.resolve_session(token)


@pytest.mark.parametrize("fault", FAULTS.values(), ids=FAULTS)
def test_an_outage_signs_nobody_out_and_lets_nobody_in(workos: Stage, fault: Fault) -> None:
    """While the token is good nothing is asked; then it is 503; and when WorkOS is back, so is the person."""
    token = workos.session(BOB).token
    with workos.world.faults.during("*", fault):
        assert resolution.resolve_session(token).membership_id == BOB.membership_id
        workos.let_expire()
        with pytest.raises(Unavailable):
            resolution.resolve_session(token)
        with pytest.raises(Unavailable):
            providers.workos().authenticate_password(email=BOB.email, password="x", client=BROWSER)
    assert VendorSession.objects.get().revoked_at is None
    assert resolution.resolve_session(token).membership_id == BOB.membership_id


def test_a_silence_is_not_waited_for_by_everybody(workos: Stage, monkeypatch: pytest.MonkeyPatch) -> None:
    """Each request that waited out its own time-out would hold a thread, until there were none."""
    from accounts.identity.workos import connection as link

    monkeypatch.setattr(link, "PAUSE_SECONDS", 30.0)
    token = workos.session(BOB).token
    workos.let_expire()
    with workos.world.faults.during("authenticate", AWAY):
        before = workos.world.faults.asked["authenticate"]
        for _ in range(5):
            with pytest.raises(Unavailable):
                resolution.resolve_session(token)
        assert workos.world.faults.asked["authenticate"] == before + 1


def test_signing_out_here_is_told_there_by_the_worker(workos: Stage) -> None:
    """L34: and the old cookie is dead before anybody was told."""
    opened = workos.session(BOB)
    there = workos.world.sessions[workos.row().vendor_session]
    before = workos.double.asked
    with acting(BOB):
        sessions.sign_out(actor=opened.tenant)
    assert workos.double.asked == before, "a sign-out waits for nobody else's server"
    with pytest.raises(Revoked):
        resolution.resolve_session(opened.token)
    assert there.status == "active"
    with workos.world.faults.during("revoke", AWAY), pytest.raises(Unavailable):
        outbox.tell()
    assert outbox.tell() == 1
    assert there.status == "revoked"
    assert outbox.tell() == 0


def test_it_ends_every_session_of_the_person(workos: Stage) -> None:
    tokens, other = [workos.session(BOB).token for _ in range(2)], workos.session(ALICE).token
    subject = workos.people[BOB].id
    assert len(providers.workos().live_sessions(subject)) == 2
    assert providers.workos().revoke_sessions(subject) == 2
    for token in tokens:
        with pytest.raises(Revoked):
            resolution.resolve_session(token)
    assert resolution.resolve_session(other).membership_id == ALICE.membership_id


def test_a_row_cannot_borrow_anothers_tokens(workos: Stage) -> None:
    """Ciphertext that was moved to another row does not open: it is bound to its own."""
    theirs = workos.session(ALICE)
    mine = workos.session(BOB)
    alices = VendorSession.objects.get(subject=workos.people[ALICE].id)
    VendorSession.objects.filter(subject=workos.people[BOB].id).update(
        access_token=alices.access_token, refresh_token=alices.refresh_token
    )
    with pytest.raises(Revoked, match="ciphertext") as refusal:
        resolution.resolve_session(mine.token)
    assert refusal.value.known
    assert resolution.resolve_session(theirs.token) == theirs.tenant


def test_an_unknown_key_of_ours_is_an_outage(workos: Stage) -> None:
    """Who starts AiAxis with another IDENTITY_KEY has not signed everybody out: the right one opens everything again."""
    token = workos.session(BOB).token
    from django.test import override_settings

    with override_settings(IDENTITY_KEYS=[b"another key of thirty-two bytes.."]):
        VendorSession.objects.update(organization_id="")  # so that nothing remembered answers
        with pytest.raises((Unavailable, Revoked)):
            resolution.resolve_session(token)


def test_it_moves_to_another_organisation_and_to_no_foreign_one(workos: Stage) -> None:
    token = workos.session(BOB, method="Password").token
    provider = providers.workos()
    with pytest.raises(BadCredentials):
        provider.move_session(token, organization_id=workos.organizations[BIRCH].id)
    workos.world.join(workos.people[BOB], workos.organizations[BIRCH])
    workos.let_expire()
    proof = provider.move_session(token, organization_id=workos.organizations[BIRCH].id)
    assert proof.identity.organization_id == workos.organizations[BIRCH].id
    with pytest.raises(Revoked):
        resolution.resolve_session(token)


def test_one_companys_sign_in_moves_nobody_into_another(workos: Stage) -> None:
    """L32: what Acme's own identity provider said about Bob is no word of Birch's, though Bob belongs to both."""
    token = workos.session(BOB).token
    workos.world.join(workos.people[BOB], workos.organizations[BIRCH])
    with pytest.raises(SsoRequired):
        providers.workos().move_session(token, organization_id=workos.organizations[BIRCH].id)
    assert resolution.resolve_session(token).workspace_id == ACME.id


def test_without_settings_nobody_can_vouch(workos: Stage, settings: object) -> None:
    token = workos.session(BOB).token
    settings.WORKOS_ISSUER = ""  # type: ignore[attr-defined]  # pytest-django's
    with pytest.raises(Unavailable, match="workos"):
        resolution.resolve_session(token)


def at_once(count: int, ask: Callable[[], str]) -> list[str]:
    """The answers, or the names of the failures, of so many threads that begin together."""
    barrier, answers = threading.Barrier(count), []

    def run() -> None:
        barrier.wait()
        try:
            answers.append(ask())
        except Exception as error:
            answers.append(type(error).__name__)
        finally:
            connections.close_all()

    threads = [threading.Thread(target=run) for _ in range(count)]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    return answers
