"""Is every token refused that is not WorkOS's, for us, for this session, now?"""

from __future__ import annotations

import pytest
from django.conf import settings as django_settings
from django.test import Client

from accounts.identity import resolution, vault
from accounts.identity.base import Revoked, Unavailable
from accounts.identity.store.models import VendorSession
from accounts.identity.workos import connection as link
from accounts.identity.workos import verification
from accounts.signals import access_denied
from tests.cast import ALICE, BOB
from tests.workos.faults import AWAY, MALFORMED, SILENT
from tests.workos.stage import Stage
from tests.workos.tokens import FORGERIES, Forger


@pytest.fixture(autouse=True)
def _no_pause(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(verification, "_PAUSE_SECONDS", 0.0)


def put(stage: Stage, token: str) -> None:
    """Put a token into the only session's row, as somebody would who could write there under our key."""
    row = stage.row()
    row.access_token = vault.sealed(token, field="access", row=str(row.pk))
    row.save(update_fields=["access_token"])


@pytest.mark.parametrize("forger", FORGERIES.values(), ids=FORGERIES)
def test_it_refuses_a_token_that_is(workos: Stage, forger: Forger) -> None:
    """L31, L33: refused, told as news, and answered without asking WorkOS for more than its public keys."""
    opened = workos.session(BOB)
    row = workos.row()
    good = vault.opened(row.access_token, field="access", row=str(row.pk))
    claims = workos.double.authenticator.claims(workos.world.sessions[row.vendor_session])
    put(workos, forger(workos.double.signer, claims))
    before = workos.world.faults.asked["authenticate"]
    with pytest.raises(Revoked, match="identity") as refusal:
        resolution.resolve_session(opened.token)
    assert refusal.value.known
    assert workos.world.faults.asked["authenticate"] == before
    put(workos, good)
    assert resolution.resolve_session(opened.token) == opened.tenant, "it was the token, and nothing else"


def test_a_page_refuses_it_and_the_trail_hears_why(workos: Stage) -> None:
    browser = workos.browser(BOB)
    claims = workos.double.authenticator.claims(workos.world.sessions[workos.row().vendor_session])
    put(workos, FORGERIES["alg none"](workos.double.signer, claims))
    heard = []
    access_denied.connect(receiver := lambda **facts: heard.append(facts["refusal"]), weak=False)
    response = browser.get("/account/")
    access_denied.disconnect(receiver)
    assert response.headers["Location"].startswith("/sign-in/")
    assert [(one.severity, one.detail["by"], one.detail["why"]) for one in heard] == [
        ("critical", "identity", "token_InvalidAlgorithmError")
    ]


def test_it_refuses_another_sessions_good_token(workos: Stage) -> None:
    """Replayed: rightly signed, in time, for us, and for the same person's other browser."""
    other = workos.session(ALICE)
    theirs = VendorSession.objects.get()
    replayed = vault.opened(theirs.access_token, field="access", row=str(theirs.pk))
    mine = workos.session(BOB)
    row = VendorSession.objects.get(subject=workos.people[BOB].id)
    row.access_token = vault.sealed(replayed, field="access", row=str(row.pk))
    row.save()
    with pytest.raises(Revoked, match="token_of_another"):
        resolution.resolve_session(mine.token)
    assert resolution.resolve_session(other.token) == other.tenant


def test_it_verifies_with_a_new_key_at_once(workos: Stage) -> None:
    """Rotation: the first token under a key that is not known yet fetches the keys once more, and is good."""
    resolution.resolve_session(workos.session(BOB).token)
    before = workos.world.faults.asked["jwks"]
    workos.double.signer.rotate()
    token = workos.session(ALICE).token
    assert resolution.resolve_session(token).membership_id == ALICE.membership_id
    assert workos.world.faults.asked["jwks"] == before + 1


@pytest.mark.parametrize("fault", [AWAY, MALFORMED, SILENT], ids=["503", "malformed", "black hole"])
def test_keys_that_cannot_be_fetched_are_an_outage(
    workos: Stage, fault: object, monkeypatch: pytest.MonkeyPatch
) -> None:
    """No key, no yes, and no no either: nobody is signed out for it. Whoever was verified before goes on."""
    from tests.workos.faults import Fault

    assert isinstance(fault, Fault)
    seen, unseen = workos.session(BOB).token, workos.session(ALICE).token
    # Another process: it has verified Bob's token, and its keys are over.
    link.current().verifier._verified.clear()
    resolution.resolve_session(seen)
    jwks = link.current().verifier._jwks
    monkeypatch.setattr(jwks, "timeout", 0.5)
    assert jwks.jwk_set_cache is not None
    jwks.jwk_set_cache.jwk_set_with_timestamp = None
    with workos.world.faults.during("jwks", fault):
        with pytest.raises(Unavailable):
            resolution.resolve_session(unseen)
        assert resolution.resolve_session(seen).membership_id == BOB.membership_id
        browser = Client()
        browser.cookies[django_settings.SESSION_COOKIE_NAME] = unseen
        response = browser.get("/account/")
        assert response.status_code == 503
        assert int(response.headers["Retry-After"]) > 0
    assert resolution.resolve_session(unseen).membership_id == ALICE.membership_id


@pytest.mark.parametrize("skew", [-3, 3])
def test_clocks_may_differ_by_a_few_seconds(workos: Stage, skew: int) -> None:
    workos.world.clock_skew = skew
    assert resolution.resolve_session(workos.session(BOB).token).membership_id == BOB.membership_id


@pytest.mark.parametrize("skew", [3600, -3600])
def test_a_clock_that_is_an_hour_off_lets_nobody_in_and_is_an_outage(workos: Stage, skew: int) -> None:
    workos.world.clock_skew = skew
    with pytest.raises(Unavailable):
        workos.session(BOB)
