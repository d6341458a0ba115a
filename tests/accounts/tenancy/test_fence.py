"""Does the fence hold in the plain cases that everything else stands on? The attack matrix goes further."""

from __future__ import annotations

import uuid

import pytest
from django.db import ProgrammingError, connection, transaction

from accounts.tenancy.context import CrossWorkspaceTransaction, NoWorkspace
from accounts.tenancy.models import ForeignRow
from files.models import File, Passage, Visibility
from tests.cast import ALICE, BOB, CHARLIE, Person, acting

pytestmark = pytest.mark.django_db(databases=["default"])


def a_file(owner: Person, visibility: str = Visibility.PRIVATE) -> File:
    with acting(owner):
        file: File = File.objects.create(
            owner_id=owner.membership_id,
            name=f"{owner.name}.pdf",
            media_type="application/pdf",
            size=1,
            sha256=uuid.uuid4().hex * 2,
            storage_key=uuid.uuid4().hex,
            visibility=visibility,
        )
        Passage.objects.create(file=file, position=0, text="Refunds take ten days.", start=0, end=22)
    return file


def test_it_shows_a_member_his_own_and_the_workspaces_rows() -> None:
    a_file(ALICE)
    shared = a_file(ALICE, Visibility.WORKSPACE)
    own = a_file(BOB)
    with acting(BOB):
        assert set(File.objects.values_list("id", flat=True)) == {shared.id, own.id}
        assert Passage.objects.filter(file__name="Alice.pdf").count() == 1


def test_it_hides_every_row_from_a_stranger() -> None:
    """P5: with twin rows on both sides, neither ORM nor raw SQL reads across."""
    a_file(ALICE, Visibility.WORKSPACE)
    twin = a_file(CHARLIE, Visibility.WORKSPACE)
    with acting(CHARLIE), connection.cursor() as cursor:
        assert list(File.objects.values_list("id", flat=True)) == [twin.id]
        cursor.execute("SELECT id FROM files_file")
        assert cursor.fetchall() == [(twin.id,)]
        cursor.execute("SELECT count(*) FROM files_passage")
        assert cursor.fetchone() == (1,)


def test_it_hides_a_private_row_from_a_colleague_even_in_raw_sql() -> None:
    """P5, "and user ID where applicable"; L6."""
    a_file(ALICE)
    with acting(BOB), connection.cursor() as cursor:
        cursor.execute("SELECT (SELECT count(*) FROM files_file), (SELECT count(*) FROM files_passage)")
        assert cursor.fetchone() == (0, 0)


def test_it_raises_when_nothing_is_bound() -> None:
    """L45: no default workspace, in the ORM or in SQL."""
    a_file(ALICE)
    with pytest.raises(NoWorkspace):
        File.objects.exists()
    with pytest.raises(ProgrammingError, match="no workspace is bound"), transaction.atomic():
        connection.cursor().execute("SELECT 1 FROM files_file")


def test_it_refuses_a_forged_seal() -> None:
    a_file(ALICE)
    with acting(CHARLIE), connection.cursor() as cursor:
        cursor.execute("SELECT current_setting('fence.ctx')")
        seal = cursor.fetchone()[0]
        forged = seal.replace(CHARLIE.tenant.workspace_id.hex, ALICE.tenant.workspace_id.hex)
        with pytest.raises(ProgrammingError, match="not sealed"), transaction.atomic():
            cursor.execute(f"SET LOCAL fence.ctx = '{forged}'; SELECT * FROM files_file")


def test_it_refuses_two_workspaces_in_one_transaction() -> None:
    with transaction.atomic():
        with acting(ALICE):
            File.objects.count()
        with acting(CHARLIE), pytest.raises(CrossWorkspaceTransaction):
            File.objects.count()


def test_it_refuses_to_write_a_row_of_another_workspace() -> None:
    file = a_file(ALICE, Visibility.WORKSPACE)
    with acting(CHARLIE):
        for act in (file.save, file.delete):
            with pytest.raises(ForeignRow):
                act()


def test_it_keeps_the_seal_out_of_error_messages() -> None:
    with acting(ALICE), pytest.raises(ProgrammingError) as caught, transaction.atomic():
        connection.cursor().execute("SELECT nonsense")
    assert "fence.ctx" not in str(caught.value)
    assert ALICE.tenant.workspace_id.hex not in str(caught.value)
