"""Does the database itself show nothing but what an open visit is for, whatever the pages in front of it forget?

P9: operators see no content, and when they must, the customer sees it. Each negative here has rows that could leak: the same
statement under the same visit reads them while it is open.
"""

from __future__ import annotations

from collections.abc import Callable
from contextlib import nullcontext
from uuid import UUID, uuid4

import pytest
from django.db import DatabaseError, connection, connections, transaction

from accounts.attacks.judging import sql_state
from accounts.glass import services
from accounts.glass.models import Visit
from accounts.models import ApiKey, Invitation, Membership, Session
from accounts.tenancy.context import CrossWorkspaceTransaction, through_glass
from agents.models import Agent
from conversations.models import Citation, Conversation, Message
from files.models import File, FileTag, Passage
from tests.accounts.glass import stage
from tests.cast import ACME, ALICE, BIRCH, CHARLIE, OLGA, acting
from tests.factories import Desk, a_full_desk

CONTENT = (File, FileTag, Passage, Agent, Conversation, Message, Citation)


@pytest.fixture
def desk() -> Desk:
    """Private rows of Alice's, and Charlie's twins of them in another workspace."""
    a_full_desk(CHARLIE, visibility="workspace")
    return a_full_desk(ALICE)


def texts(visit: UUID, session: UUID, place: UUID = ACME.id) -> set[str]:
    """What the ORM and raw SQL read of passages through this glass."""
    with through_glass(place, visit=visit, session=session):
        with connection.cursor() as cursor:
            cursor.execute("SELECT text FROM files_passage")
            raw = {text for (text,) in cursor.fetchall()}
        assert raw == set(Passage.objects.values_list("text", flat=True))
        return raw


def refused(act: Callable[[], object]) -> bool:
    """Does the database, and not something in front of it, refuse this for want of a right?"""
    try:
        act()
    except DatabaseError as error:
        return sql_state(error) == "42501"
    return False


def an_open_visit() -> Visit:
    visit = stage.asked(stage.console())
    assert visit.is_open
    return visit


def test_an_open_visit_reads_private_content_of_one_workspace(desk: Desk) -> None:
    visit = an_open_visit()
    with through_glass(ACME.id, visit=visit.pk, session=visit.session_id):
        for model in CONTENT:
            found = set(model.objects.values_list("workspace_id", flat=True))
            assert found == {ACME.id}, model
        assert str(File.objects.get().pk) == desk.ids["file_id"]


def test_without_a_visit_an_operators_roles_read_no_content(desk: Desk) -> None:
    with pytest.raises(DatabaseError, match="permission denied"), connections["ops"].cursor() as cursor:
        cursor.execute("SELECT text FROM files_passage")
    operator = stage.operator_in(stage.console())
    assert refused(lambda: texts(uuid4(), operator.session_id))


def test_a_visit_that_waits_reads_nothing_and_reads_when_it_is_approved(desk: Desk) -> None:
    otto = stage.operator_in(stage.console(stage.second_operator()))
    visit = stage.asked(stage.console())
    assert visit.is_waiting
    assert refused(lambda: texts(visit.pk, visit.session_id))
    services.approve(otto, visit_id=visit.pk)
    assert texts(visit.pk, visit.session_id) == {"Refunds take ten days."}


def test_it_ends_at_its_minute_by_the_databases_clock(desk: Desk) -> None:
    """Nobody marks the row: the time alone closes it, on an open connection, between two statements."""
    visit = an_open_visit()
    assert texts(visit.pk, visit.session_id)
    stage.time_passes(visit, 14)
    assert texts(visit.pk, visit.session_id)
    stage.time_passes(visit, 1)
    assert stage.row(visit).closed_at is None
    assert refused(lambda: texts(visit.pk, visit.session_id))


def test_it_ends_with_the_operators_session(desk: Desk) -> None:
    browser = stage.console()
    visit = stage.asked(browser)
    assert texts(visit.pk, visit.session_id)
    browser.post("/operator/sign-out/")
    assert refused(lambda: texts(visit.pk, visit.session_id))


def test_a_session_that_runs_out_ends_it_and_it_never_promises_more(desk: Desk) -> None:
    browser = stage.console()
    with connections["owner"].cursor() as cursor:
        cursor.execute("UPDATE accounts_operatorsession SET expires_at = now() + interval '5 minutes'")
    visit = stage.asked(browser, minutes=60)
    assert visit.opened_at is not None
    assert (visit.until - visit.opened_at).total_seconds() < 301
    with connections["owner"].cursor() as cursor:
        cursor.execute("UPDATE accounts_operatorsession SET expires_at = now()")
    assert refused(lambda: texts(visit.pk, visit.session_id))


@pytest.mark.parametrize("change", ["is_operator = false", "is_active = false"])
def test_it_ends_when_its_operator_is_none_any_more(desk: Desk, change: str) -> None:
    visit = an_open_visit()
    with connections["owner"].cursor() as cursor:
        cursor.execute(f"UPDATE accounts_user SET {change} WHERE id = %s", [OLGA.user_id])
    assert refused(lambda: texts(visit.pk, visit.session_id))


def test_a_closed_one_reads_nothing(desk: Desk) -> None:
    browser = stage.console()
    visit = stage.asked(browser)
    services.close(stage.operator_in(browser), visit_id=visit.pk)
    assert refused(lambda: texts(visit.pk, visit.session_id))


def test_it_serves_no_other_session_not_even_of_the_same_operator(desk: Desk) -> None:
    visit = an_open_visit()
    other = stage.operator_in(stage.console())
    otto = stage.operator_in(stage.console(stage.second_operator()))
    for session in (other.session_id, otto.session_id):
        assert refused(lambda session=session: texts(visit.pk, session))  # type: ignore[misc]  # bound at once


def test_it_serves_no_other_workspace(desk: Desk) -> None:
    visit = an_open_visit()
    assert refused(lambda: texts(visit.pk, visit.session_id, place=BIRCH.id))


def test_it_writes_nothing(desk: Desk) -> None:
    """By the ORM, by SQL, by a function with the owner's rights: read-only is the transaction's, which cannot be taken back."""
    visit = an_open_visit()
    with acting(ALICE):
        messages = Message.objects.count()
    assert messages
    statements = [
        "UPDATE files_file SET name = 'gone'",
        "DELETE FROM conversations_message",
        "INSERT INTO conversations_delta SELECT * FROM conversations_delta",
        "UPDATE accounts_session SET revoked_at = now()",
        "SELECT fence.leave_workspace()",
        "DELETE FROM accounts_cache",
    ]
    for statement in statements:
        with through_glass(ACME.id, visit=visit.pk, session=visit.session_id), pytest.raises(DatabaseError) as error:
            _run(statement)
        assert sql_state(error.value) in {"25006", "42501"}, statement
    with acting(ALICE):
        assert File.objects.get().name != "gone"
        assert Message.objects.count() == messages


def test_a_transaction_that_was_made_to_write_reads_nothing_either(desk: Desk) -> None:
    """Injected SQL can ask for another transaction. The context is worth nothing in it."""
    visit = an_open_visit()
    for way in ("SET TRANSACTION READ WRITE", "COMMIT; BEGIN READ WRITE", "SET LOCAL transaction_read_only = off"):
        with pytest.raises(DatabaseError) as error:
            _in_a_transaction(visit, f"{way}; UPDATE files_file SET name = 'gone'")
        assert sql_state(error.value) == "42501", way
        connection.close()
    with pytest.raises(DatabaseError, match="must be set before any query"):
        _in_a_transaction(visit, "SELECT count(*) FROM files_file", "SET TRANSACTION READ WRITE")
    with acting(ALICE):
        assert File.objects.get().name != "gone"


def test_it_opens_no_credential_no_invitation_and_no_trail(desk: Desk) -> None:
    visit = an_open_visit()
    with through_glass(ACME.id, visit=visit.pk, session=visit.session_id):
        for model in (Session, ApiKey, Invitation, Visit):
            assert model.objects.count() == 0, model
        assert Membership.objects.count() == 4
        with connection.cursor() as cursor:
            cursor.execute("SELECT count(*) FROM audit_entry")
            assert cursor.fetchone() == (0,)
    with acting(ALICE):
        assert (Session.objects.count() > 0, Invitation.objects.count() > 0) == (True, True)


def test_one_transaction_never_serves_a_visit_and_a_member(desk: Desk) -> None:
    visit = an_open_visit()
    with transaction.atomic():
        with acting(ALICE):
            File.objects.count()
        with through_glass(ACME.id, visit=visit.pk, session=visit.session_id), pytest.raises(CrossWorkspaceTransaction):
            File.objects.count()


def test_nothing_of_it_stays_on_the_connection(desk: Desk) -> None:
    visit = an_open_visit()
    for block in (transaction.atomic, nullcontext):
        with through_glass(ACME.id, visit=visit.pk, session=visit.session_id), block():
            assert File.objects.count() == 1
        with connection.cursor() as cursor:
            cursor.execute("SELECT current_setting('fence.ctx', true), current_setting('transaction_read_only')")
            assert cursor.fetchone() == ("", "off")
        with acting(ALICE):
            File.objects.update(pages=2)


def test_the_application_makes_and_changes_no_visit_by_itself(desk: Desk) -> None:
    """Injected SQL of the application's login: no row, no claims."""
    visit = an_open_visit()
    for statement in (
        "INSERT INTO accounts_visit SELECT * FROM accounts_visit",
        "UPDATE accounts_visit SET until = now() + interval '1 hour'",
        "DELETE FROM accounts_visit",
        f"SELECT fence.glass_act('claims:e30=.{'0' * 64}')",
        f"SELECT fence.visit_is_open('{visit.pk}', '{visit.session_id}', '{ACME.id}')",
    ):
        with acting(ALICE):
            assert refused(lambda statement=statement: _run(statement)), statement  # type: ignore[misc]  # bound at once


def test_no_row_can_be_open_for_longer_than_an_hour() -> None:
    """Not even the owner of the tables writes one."""
    visit = an_open_visit()
    with pytest.raises(DatabaseError, match="accounts_visit_an_hour"), connections["owner"].cursor() as cursor:
        cursor.execute("UPDATE accounts_visit SET until = opened_at + interval '61 minutes' WHERE id = %s", [visit.pk])


def _in_a_transaction(visit: Visit, *statements: str) -> None:
    with through_glass(ACME.id, visit=visit.pk, session=visit.session_id), transaction.atomic():
        for statement in statements:
            _run(statement)


def _run(statement: str) -> None:
    with connection.cursor() as cursor:
        cursor.execute(statement)
