"""Does each letter leave by a job that holds no secret, reach the right person, and not tell what was undone meanwhile?"""

from __future__ import annotations

import json
from typing import Any

import pytest
from django.core import mail as outbox
from django.db import connections
from pytest_django import Settings

from accounts import jobs, letters
from accounts.models import Invitation, Membership, Role
from accounts.services import invitations, members
from tests import doors
from tests.cast import ADA, ALICE, BOB, acting

NEW = "nora@elsewhere.test"


def waiting() -> list[tuple[int, str, dict[str, Any]]]:
    """The jobs that wait, as the worker finds them."""
    with connections["queue"].cursor() as cursor:
        cursor.execute("SELECT id, task_name, args FROM procrastinate_jobs ORDER BY id")
        return [(key, name, json.loads(row) if isinstance(row, str) else row) for key, name, row in cursor.fetchall()]


def member(who: Any) -> Membership:
    found: Membership = Membership.objects.get(pk=who.membership_id)
    return found


def test_an_invitation_leaves_with_its_transaction_and_the_queue_holds_an_id(committed: None) -> None:
    doors.browser(ALICE).post("/people/invite/", {"email": NEW, "role": "member"})
    [(key, name, row)] = waiting()
    with acting(ALICE):
        made = Invitation.objects.get()
        token = invitations.token_of(made)
    assert json.loads(row["message"])["arguments"] == {"invitation_id": str(made.pk)}
    assert token not in str(row)
    assert NEW not in str(row)
    jobs.run(key, name, row, 0)
    [message] = outbox.outbox
    assert message.to == [NEW]
    assert f"/invitations/{token}/" in message.body
    assert f"/invitations/{token}/" in message.message().as_string().replace("=\n", "")


def test_a_withdrawn_invitation_is_not_mailed_any_more(committed: None) -> None:
    with acting(ALICE):
        invitations.withdraw(
            actor=ALICE.tenant, invitation=invitations.send(actor=ALICE.tenant, email=NEW, role=Role.MEMBER)
        )
    [(key, name, row)] = waiting()
    jobs.run(key, name, row, 0)
    assert not outbox.outbox


def test_an_invitation_of_somebody_who_was_demoted_is_not_mailed(committed: None) -> None:
    """L50: what was asked for in a role is not done without it."""
    with acting(ADA):
        invitations.send(actor=ADA.tenant, email=NEW, role=Role.MEMBER)
    with acting(ALICE):
        members.change_role(actor=ALICE.tenant, member=member(ADA), role=Role.MEMBER)
    key, name, row = next(job for job in waiting() if job[1] == "accounts.letters.invitation")
    jobs.run(key, name, row, 0)
    assert not outbox.outbox


def test_each_change_tells_the_person_whom_it_concerns(committed: None) -> None:
    with acting(ALICE):
        members.change_role(actor=ALICE.tenant, member=member(BOB), role=Role.ADMIN)
        members.transfer_ownership(actor=ALICE.tenant, member=member(BOB))
    with acting(BOB):
        members.remove(actor=BOB.tenant, member=member(ADA))
    for key, name, row in waiting():
        jobs.run(key, name, row, 0)
    told = [(message.to[0], message.subject) for message in outbox.outbox]
    assert told == [
        (BOB.email, "Your role in Acme is now owner"),
        (ALICE.email, "Bob is now an owner of Acme"),
        (BOB.email, "Bob is now an owner of Acme"),
        (ADA.email, "You are no longer a member of Acme"),
    ]
    for message in outbox.outbox:
        assert "<p>" in message.message().as_string()


def test_a_mail_server_that_is_away_is_tried_again(settings: Settings, committed: None) -> None:
    settings.EMAIL_BACKEND = "django.core.mail.backends.smtp.EmailBackend"
    settings.EMAIL_HOST, settings.EMAIL_PORT = "127.0.0.1", 9
    with acting(ALICE):
        made = invitations.send(actor=ALICE.tenant, email=NEW, role=Role.MEMBER)
        with pytest.raises(jobs.RetryLater):
            letters.invitation(ALICE.tenant, invitation_id=str(made.pk))


def test_a_refused_act_writes_to_nobody(committed: None) -> None:
    with acting(ADA), pytest.raises(members.Refused):
        members.remove(actor=ADA.tenant, member=member(ALICE))
    assert waiting() == []
