"""Is a key of WorkOS's recognised, and for how long is a yes believed?"""

from __future__ import annotations

import time
from datetime import timedelta
from typing import Any

import pytest
from django.db import connection, connections
from django.db.models import F
from django.test import Client
from django.test.utils import CaptureQueriesContext
from pytest_django import Settings

from accounts.identity import providers, resolution, tokens
from accounts.identity.base import NoOrganization, Revoked, Unavailable
from accounts.identity.store.models import VendorKey
from accounts.identity.workos import outbox
from accounts.models import ApiKey, Workspace
from accounts.services import keys
from accounts.signals import access_denied
from tests import doors
from tests.cast import ACME, ALICE, BOB, acting
from tests.workos import world
from tests.workos.faults import AWAY, MALFORMED, TOO_MANY, UNEXPECTED, Fault
from tests.workos.stage import Stage


@pytest.fixture(autouse=True)
def _no_pause(monkeypatch: pytest.MonkeyPatch) -> None:
    from accounts.identity.workos import connection as link

    monkeypatch.setattr(link, "PAUSE_SECONDS", 0.0)


@pytest.fixture
def minted(workos: Stage) -> keys.Minted:
    """A key of Bob's, minted by WorkOS, used once so that "last used" is written."""
    opened = workos.session(BOB)
    with acting(BOB):
        made = keys.mint(actor=opened.tenant, name="Test", scopes=["files:read"], days=30, once="x" * 16)
    resolution.resolve_key(made.value)
    return made


def let_yes_be_old(seconds: float = 31) -> None:
    VendorKey.objects.update(confirmed_at=F("confirmed_at") - timedelta(seconds=seconds))


def test_it_turns_a_key_into_its_tenant(workos: Stage, minted: keys.Minted) -> None:
    assert minted.value.startswith("sk_")
    tenant = resolution.resolve_key(minted.value)
    assert (tenant.membership_id, tenant.method) == (BOB.membership_id, "key")
    assert tenant.scopes == {"files:read"}
    client = Client(headers={"Authorization": f"Bearer {minted.value}"})
    assert client.get("/api/v1/me").json()["email"] == BOB.email


def test_it_asks_each_database_once_and_workos_never_while_the_yes_is_fresh(workos: Stage, minted: keys.Minted) -> None:
    before = workos.double.asked
    with CaptureQueriesContext(connection) as platform, CaptureQueriesContext(connections["identity"]) as identity:
        for _ in range(3):
            resolution.resolve_key(minted.value)
    assert (len(platform), len(identity), workos.double.asked) == (3, 3, before)


def test_a_yes_is_believed_for_half_a_minute(workos: Stage, minted: keys.Minted) -> None:
    let_yes_be_old(28)
    before = workos.world.faults.asked["validations"]
    resolution.resolve_key(minted.value)
    assert workos.world.faults.asked["validations"] == before
    let_yes_be_old(3)
    resolution.resolve_key(minted.value)
    resolution.resolve_key(minted.value)
    assert workos.world.faults.asked["validations"] == before + 1


def test_a_key_that_was_withdrawn_there_is_refused_when_it_is_asked_for(workos: Stage, minted: keys.Minted) -> None:
    workos.world.end_key(workos.world.keys[minted.key.identity_key])
    assert resolution.resolve_key(minted.value).membership_id == BOB.membership_id, "not heard of yet"
    let_yes_be_old()
    for _ in range(2):
        with pytest.raises(Revoked, match="identity") as refusal:
            resolution.resolve_key(minted.value)
        assert refusal.value.known


@pytest.mark.parametrize(
    "fault", [TOO_MANY, AWAY, MALFORMED, UNEXPECTED], ids=["429", "503", "malformed", "unexpected"]
)
def test_it_fails_closed_when_workos_is_silent(workos: Stage, minted: keys.Minted, fault: Fault) -> None:
    let_yes_be_old()
    with workos.world.faults.during("validations", fault):
        with pytest.raises(Unavailable):
            resolution.resolve_key(minted.value)
        response = Client(headers={"Authorization": f"Bearer {minted.value}"}).get("/api/v1/me")
        assert response.status_code == 503
    assert resolution.resolve_key(minted.value).membership_id == BOB.membership_id


def test_a_slow_yes_counts_from_when_it_was_asked_for(workos: Stage, minted: keys.Minted) -> None:
    let_yes_be_old()
    workos.world.faults.set("validations", Fault(wait=0.4))
    begun = time.time()
    resolution.resolve_key(minted.value)
    confirmed = VendorKey.objects.get().confirmed_at
    assert confirmed is not None
    assert confirmed.timestamp() < begun + 0.2


def test_withdrawing_it_here_ends_it_at_once_and_there_soon(workos: Stage, minted: keys.Minted) -> None:
    with acting(BOB):
        keys.revoke(actor=BOB.tenant, key_id=minted.key.pk)
    with pytest.raises(Revoked):
        resolution.resolve_key(minted.value)
    there = workos.world.keys[minted.key.identity_key]
    assert there.is_live
    assert outbox.tell() == 1
    assert not there.is_live


def test_what_was_withdrawn_here_is_not_brought_back_by_a_yes(workos: Stage, minted: keys.Minted) -> None:
    """The platform's half restored by somebody's SQL, and WorkOS not told yet: ours stays withdrawn."""
    assert providers.workos().revoke_key(minted.key.identity_key)
    with pytest.raises(Revoked, match="identity"):
        resolution.resolve_key(minted.value)


def test_our_own_server_key_opens_nothing_and_asks_nobody(workos: Stage) -> None:
    """It has the form of a customer's key. Whoever presents it has stolen it: nobody is asked, and the trail is told."""
    heard = []
    access_denied.connect(receiver := lambda **facts: heard.append(facts["refusal"]), weak=False)
    with CaptureQueriesContext(connection) as platform, CaptureQueriesContext(connections["identity"]) as identity:
        response = Client(headers={"Authorization": f"Bearer {world.SERVER_KEY}"}).get("/api/v1/me")
    access_denied.disconnect(receiver)
    assert response.status_code == 401
    assert (len(platform), len(identity), workos.double.asked) == (0, 0, 0)
    assert [(one.severity, one.detail["why"]) for one in heard] == [("critical", "server_key")]
    with pytest.raises(Revoked, match="server_key"):
        providers.workos().verify_key(world.SERVER_KEY)


def test_our_own_server_key_opens_nothing_even_with_a_row_of_its_own(workos: Stage, minted: keys.Minted) -> None:
    """Somebody's SQL gives a platform row its hash, and WorkOS would say yes to it."""
    with acting(BOB):
        ApiKey.objects.filter(pk=minted.key.pk).update(key_hash=tokens.platform_hash(world.SERVER_KEY))
    with pytest.raises(Revoked, match="server_key"):
        resolution.resolve_key(world.SERVER_KEY)


@pytest.mark.parametrize("value", ["sk_", "sk_short", "sk_" + "x" * 400, "sk_live_with space here", "pk_" + "x" * 40])
def test_what_has_neither_form_costs_no_query(workos: Stage, value: str) -> None:
    with CaptureQueriesContext(connection) as platform, pytest.raises(Revoked, match="form"):
        resolution.resolve_key(value)
    assert len(platform) == 0


def test_a_workos_key_has_no_form_where_workos_is_not_configured(settings: Settings) -> None:
    settings.WORKOS_API_KEY = ""
    with pytest.raises(Revoked, match="form"):
        resolution.resolve_key("sk_test_" + "a" * 40)


def test_an_unknown_key_is_refused_by_our_own_half_alone(workos: Stage) -> None:
    """WorkOS may know it (another product's key of the same environment); here nobody was given it."""
    stray = workos.world.key_of(workos.people[BOB], workos.organizations[ACME])
    with pytest.raises(Revoked, match="platform"):
        resolution.resolve_key(stray.value)
    assert workos.double.asked == 0


def test_an_organisations_key_has_nobody_behind_it(workos: Stage, minted: keys.Minted) -> None:
    key = workos.world.keys[minted.key.identity_key]
    key.owner, key.user_id = "organization", None
    let_yes_be_old()
    with pytest.raises(Revoked, match="identity"):
        resolution.resolve_key(minted.value)


def test_somebody_elses_key_under_our_row_is_a_disagreement(workos: Stage, minted: keys.Minted) -> None:
    theirs = workos.world.key_of(workos.people[ALICE], workos.organizations[ACME])
    with acting(BOB):
        ApiKey.objects.filter(pk=minted.key.pk).update(key_hash=tokens.platform_hash(theirs.value))
    with pytest.raises(Revoked, match="disagreement"):
        resolution.resolve_key(theirs.value)


def test_a_key_takes_an_organisation(workos: Stage) -> None:
    opened = workos.session(BOB)
    Workspace.objects.using("owner").filter(pk=ACME.id).update(organization_id=None)
    with acting(BOB), pytest.raises(NoOrganization):
        keys.mint(actor=opened.tenant, name="Test", scopes=["files:read"], days=30, once="y" * 16)
    assert VendorKey.objects.count() == 0


def test_no_value_of_a_key_is_kept(workos: Stage, minted: keys.Minted) -> None:
    """Not even its plain hash: a dump cannot be compared with a list of leaked keys."""
    row = VendorKey.objects.get()
    assert bytes(row.value_mac) not in (tokens.identity_hash(minted.value), tokens.platform_hash(minted.value))
    assert minted.value not in repr(minted)


# ── what the pages say when none is made ────────────────────────────────────────────────────────────────────────────


def make(client: Client, once: str = "a-form-that-is-sent-again") -> Any:
    form = {"name": "Nightly import", "scopes": ["files:read"], "lasts": "30", "once": once}
    return client.post("/keys/new/", form)


def test_a_form_of_which_nothing_came_can_be_sent_again(workos: Stage) -> None:
    """It is not answered that its key was made already: nobody was ever shown one."""
    client = workos.browser(BOB)
    with workos.world.faults.during("keys", AWAY):
        assert make(client).status_code == 503
    assert make(client).status_code == 201
    assert make(client).headers["Location"] == "/keys/"


def test_a_form_that_was_refused_can_be_sent_again(workos: Stage) -> None:
    client = workos.browser(BOB)
    workos.world.change(workos.memberships[BOB], status="inactive")
    assert b"Your sign-in makes no keys for this workspace" in make(client).content
    workos.world.change(workos.memberships[BOB], status="active")
    assert make(client).status_code == 201


@pytest.mark.parametrize("why", ["no organisation", "no place in it"])
def test_a_key_that_cannot_be_replaced_stays_and_the_page_says_why(workos: Stage, why: str) -> None:
    """Made after a password, and replaced by somebody who came in through their company: the new one would be of its making."""
    client, old = workos.browser(BOB), doors.key(BOB)
    if why == "no organisation":
        Workspace.objects.using("owner").filter(pk=ACME.id).update(organization_id=None)
    else:
        workos.world.change(workos.memberships[BOB], status="inactive")
    answer = client.post(f"/keys/{old.key.pk}/rotate/", {"hours": "0", "once": "z" * 16})
    assert (answer.status_code, b"Your sign-in makes no keys for this workspace" in answer.content) == (422, True)
    assert resolution.resolve_key(old.value).membership_id == BOB.membership_id
