"""Does WorkOS verify a password, and does each thing that it asks besides come out as what it is?"""

from __future__ import annotations

import pyotp
import pytest
from django.test import Client
from pytest_django import Settings

from accounts.identity import providers, resolution
from accounts.identity.base import (
    BadCredentials,
    EmailUnverified,
    FollowUp,
    MfaRequired,
    OrganizationChoice,
    Revoked,
    SsoRequired,
    Unavailable,
)
from accounts.services import sign_ins
from audit.models import Entry
from tests.cast import ACME, ALICE, BIRCH, BOB, acting
from tests.doors import BROWSER
from tests.workos.faults import AWAY, TOO_MANY, Fault
from tests.workos.stage import Stage

PASSWORD = "password at the double"


def prove(email: str = BOB.email, password: str = PASSWORD) -> object:
    return providers.workos().authenticate_password(email=email, password=password, client=BROWSER)


def test_a_right_password_opens_a_session(workos: Stage, settings: Settings) -> None:
    settings.PASSWORDS = "workos"
    proof = sign_ins.prove(email=BOB.email, password=PASSWORD, client=BROWSER, reserve=lambda: None)
    assert (proof.identity.subject, proof.identity.method) == (workos.people[BOB].id, "password")
    opened = sign_ins.open_at(sign_ins.places(proof.identity)[0], proof=proof, client=BROWSER)
    assert resolution.resolve_session(opened.token).membership_id == BOB.membership_id
    there = workos.world.sessions_of(workos.people[BOB].id)[0]
    assert (there.ip_address, there.user_agent) == (BROWSER.address, BROWSER.user_agent)


@pytest.mark.parametrize(("email", "password"), [(BOB.email, "wrong"), ("nobody@acme.test", PASSWORD), (BOB.email, "")])
def test_it_refuses_alike_whatever_is_wrong(workos: Stage, email: str, password: str) -> None:
    with pytest.raises(BadCredentials) as refusal:
        prove(email, password)
    assert refusal.value.__cause__ is None
    assert refusal.value.__suppress_context__, "what WorkOS answered goes into no log"


def test_a_400_is_a_wrong_password_as_well(workos: Stage) -> None:
    body = b'{"code": "invalid_credentials", "message": "Invalid credentials."}'
    with workos.world.faults.during("authenticate", Fault(status=400, body=body)), pytest.raises(BadCredentials):
        prove()


def test_an_attempt_is_counted_before_anybody_is_asked(workos: Stage) -> None:
    class Full(Exception):
        pass

    def refuse() -> None:
        raise Full

    with pytest.raises(Full):
        providers.workos().authenticate_password(email=BOB.email, password=PASSWORD, client=BROWSER, reserve=refuse)
    assert workos.double.asked == 0


def test_an_unverified_address_is_verified_by_the_code_that_was_mailed(workos: Stage) -> None:
    workos.people[BOB].email_verified = False
    with pytest.raises(EmailUnverified) as asked:
        prove()
    assert asked.value.email == BOB.email
    with pytest.raises(BadCredentials):
        providers.workos().verify_email(pending=asked.value.pending, code="000000", client=BROWSER)
    proof = providers.workos().verify_email(pending=asked.value.pending, code="424242", client=BROWSER)
    assert proof.identity.email_verified


def test_a_second_factor_is_challenged(workos: Stage) -> None:
    factor = workos.world.factor_of(workos.people[BOB])
    with pytest.raises(MfaRequired) as asked:
        prove()
    assert (asked.value.factors, asked.value.must_enrol) == ((factor.id,), False)
    provider, challenge_id = providers.workos(), providers.workos().challenge(factor.id)
    with pytest.raises(BadCredentials):
        provider.answer_challenge(pending=asked.value.pending, challenge_id=challenge_id, code="000000", client=BROWSER)
    code = pyotp.TOTP(factor.secret).now()
    proof = provider.answer_challenge(pending=asked.value.pending, challenge_id=challenge_id, code=code, client=BROWSER)
    assert proof.identity.subject == workos.people[BOB].id


def test_a_second_factor_is_set_up_where_there_is_none(workos: Stage) -> None:
    workos.people[BOB].must_enrol = True
    with pytest.raises(MfaRequired) as asked:
        prove()
    assert asked.value.must_enrol
    provider = providers.workos()
    enrolment = provider.enrol(subject=asked.value.subject, email=asked.value.email)
    assert enrolment.secret not in repr(enrolment)
    assert enrolment.secret in enrolment.uri
    code = pyotp.TOTP(enrolment.secret).now()
    proof = provider.answer_challenge(
        pending=asked.value.pending, challenge_id=enrolment.challenge_id, code=code, client=BROWSER
    )
    assert proof.identity.subject == workos.people[BOB].id


def test_a_challenge_without_a_factor_is_no_invitation_to_set_one_up(workos: Stage) -> None:
    """An answer that forgot the factors would otherwise let whoever has the password add their own."""
    body = b'{"code": "mfa_challenge", "message": "mfa", "pending_authentication_token": "p", "user": {"id": "user_1"}}'
    with workos.world.faults.during("authenticate", Fault(status=403, body=body)), pytest.raises(Unavailable):
        prove()


def test_several_organisations_are_a_choice(workos: Stage) -> None:
    workos.world.join(workos.people[BOB], workos.organizations[BIRCH])
    with pytest.raises(OrganizationChoice) as asked:
        prove()
    assert set(asked.value.organizations) == {workos.organizations[place].id for place in (ACME, BIRCH)}
    proof = providers.workos().choose_organization(
        pending=asked.value.pending, organization_id=workos.organizations[BIRCH].id, client=BROWSER
    )
    assert proof.identity.organization_id == workos.organizations[BIRCH].id


def test_a_foreign_organisation_cannot_be_chosen(workos: Stage) -> None:
    workos.world.join(workos.people[BOB], workos.world.organization("Second"))
    with pytest.raises(OrganizationChoice) as asked:
        prove()
    with pytest.raises(BadCredentials):
        providers.workos().choose_organization(
            pending=asked.value.pending, organization_id=workos.organizations[BIRCH].id, client=BROWSER
        )


def test_a_company_that_takes_no_passwords_says_so(workos: Stage) -> None:
    workos.people[BOB].needs_sso = True
    with pytest.raises(SsoRequired) as asked:
        prove()
    assert asked.value.email == BOB.email


def test_no_follow_up_shows_what_it_carries(workos: Stage) -> None:
    """The pending token and the rest open a session together: it stands in no log and on no page by accident."""
    workos.world.factor_of(workos.people[BOB])
    with pytest.raises(FollowUp) as asked:
        prove()
    assert asked.value.pending.startswith("pending_")
    assert asked.value.pending not in f"{asked.value!r}{asked.value}"


def test_a_step_that_this_product_does_not_know_opens_nothing(workos: Stage) -> None:
    body = b'{"code": "radar_challenge", "message": "x", "pending_authentication_token": "p"}'
    with workos.world.faults.during("authenticate", Fault(status=403, body=body)), pytest.raises(BadCredentials):
        prove()


@pytest.mark.parametrize("fault", [AWAY, TOO_MANY], ids=["503", "429"])
def test_an_outage_is_no_wrong_password(workos: Stage, fault: Fault) -> None:
    with workos.world.faults.during("authenticate", fault), pytest.raises(Unavailable):
        prove()


def test_a_server_key_that_workos_does_not_accept_is_an_outage(workos: Stage, settings: Settings) -> None:
    """Our own wrong setting must not tell every person that their password is wrong."""
    settings.WORKOS_API_KEY = "sk_test_another"
    with pytest.raises(Unavailable):
        prove()


def test_a_new_password_ends_every_session(workos: Stage) -> None:
    """L33."""
    token = workos.session(BOB).token
    subject, provider = workos.people[BOB].id, providers.workos()
    with pytest.raises(BadCredentials):
        provider.change_password(subject=subject, current="wrong", new="a new one")
    with pytest.raises(BadCredentials):
        provider.change_password(subject=workos.people[BOB].id, current="", new="a new one")
    assert resolution.resolve_session(token).membership_id == BOB.membership_id
    provider.change_password(subject=subject, current=PASSWORD, new="a new one")
    with pytest.raises(Revoked):
        resolution.resolve_session(token)
    assert workos.people[BOB].password == "a new one"


def test_the_page_that_asks_for_more_lets_in_and_leaves_an_entry(workos: Stage, settings: Settings) -> None:
    """L37."""
    settings.PASSWORDS = "workos"
    factor, client = workos.world.factor_of(workos.people[BOB]), Client()
    answer = client.post("/sign-in/", {"email": BOB.email, "password": PASSWORD, "next": "/files/"})
    assert answer.headers["Location"] == "/sign-in/more/"
    answer = client.post("/sign-in/more/", {"code": pyotp.TOTP(factor.secret).now()})
    assert answer.headers["Location"] == "/files/"
    with acting(ALICE):
        assert Entry.objects.filter(action="member.signed_in", actor_id=BOB.membership_id).count() == 1
