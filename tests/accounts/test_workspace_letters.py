"""Are a workspace's owners, and nobody else, told by mail when an operator closes or opens it?"""

from __future__ import annotations

from datetime import UTC, datetime, timedelta

import pytest
from django.db import connections

from accounts import jobs
from accounts.jobs import enqueue
from accounts.services import workspaces
from files import jobs as reading
from tests.accounts.glass.test_letters import delivered, two_owners, words
from tests.accounts.operating import olga
from tests.cast import ACME, ADA, ALICE, acting

__all__ = ["two_owners"]
pytestmark = pytest.mark.usefixtures("committed")


def test_owners_are_told_why_while_nobody_gets_in_and_when_it_is_open_again(two_owners: None) -> None:
    operator = olga()
    workspaces.suspend(operator, workspace_id=ACME.id, reason="The invoice of May is open.")
    told = delivered()
    assert sorted(mail.to[0] for mail in told) == sorted([ALICE.email, ADA.email])
    for mail in told:
        assert mail.subject == "Acme is suspended"
        for text in words(mail):
            assert "Nothing was deleted." in text
            assert "Why: The invoice of May is open." in text
    workspaces.restore(operator, workspace_id=ACME.id)
    told = delivered()
    assert sorted(mail.to[0] for mail in told) == sorted([ALICE.email, ADA.email])
    assert {mail.subject for mail in told} == {"Acme is open again"}


def test_of_a_closing_they_are_told_the_day() -> None:
    operator = olga()
    workspaces.close(operator, workspace_id=ACME.id, reason="The contract ended.")
    day = f"{datetime.now(UTC) + timedelta(days=workspaces.GRACE_DAYS):%-d %b %Y}"
    [mail] = delivered()
    assert mail.subject == f"Acme is closed, and will be erased on {day}"
    assert all(f"On {day} everything in it is erased." in text for text in words(mail))
    workspaces.reopen(operator, workspace_id=ACME.id)
    [mail] = delivered()
    assert all("nothing will be erased" in text for text in words(mail))


def test_what_was_undone_meanwhile_is_not_told(two_owners: None) -> None:
    operator = olga()
    workspaces.suspend(operator, workspace_id=ACME.id, reason="By mistake.")
    workspaces.restore(operator, workspace_id=ACME.id)
    with connections["owner"].cursor() as cursor:
        cursor.execute("UPDATE accounts_membership SET role = 'admin' WHERE id = %s", [ADA.membership_id])
    assert [(mail.to, mail.subject) for mail in delivered()] == [([ALICE.email], "Acme is open again")]


def test_an_act_that_comes_too_late_is_no_mail() -> None:
    with pytest.raises(workspaces.CameTooLate):
        workspaces.restore(olga(), workspace_id=ACME.id)
    assert delivered() == []


def test_no_other_job_of_a_closed_workspace_runs() -> None:
    """L13: the letters alone do, as members that nobody lets in."""
    with acting(ALICE):
        enqueue(reading.read, file_id=str(ACME.id))
    workspaces.suspend(olga(), workspace_id=ACME.id, reason="The invoice of May is open.")
    letters = {f"accounts.letters.{letter}" for letter in ("workspace_closed", "glass_opened", "glass_closed")}
    assert {one.name for one in jobs.REGISTRY.values() if one.of_closed} == letters
    with pytest.raises(jobs.JobRefused):
        delivered()
