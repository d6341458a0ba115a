"""Who may add to the trail, who may read it, and can anybody change it?"""

import itertools
import json
import uuid
from collections.abc import Iterator
from contextlib import contextmanager, suppress
from datetime import UTC, date, datetime

import psycopg
import pytest
from django.db import Error as DatabaseError
from django.db import ProgrammingError, connections, transaction
from django.db.backends.utils import CursorWrapper
from django.db.transaction import TransactionManagementError

from accounts.tenancy.context import NoWorkspace
from audit import entries, ledger, partitions
from audit.models import EntriesAreFinal, Entry
from tests import cast

pytestmark = pytest.mark.usefixtures("committed")


def fact_of(person: cast.Person, action: str = "file.deleted") -> entries.Entry:
    return entries.fact(action, actor=person.tenant, detail={"bytes": 3})


def rows(alias: str = "ops") -> int:
    with connections[alias].cursor() as cursor:
        cursor.execute("SELECT count(*) FROM audit_entry")
        return int(cursor.fetchone()[0])


@contextmanager
def writable(alias: str) -> Iterator[CursorWrapper]:
    """A cursor of a role past its read-only default, which any SQL can switch off: the grants are the wall."""
    with connections[alias].cursor() as cursor:
        cursor.execute("SET default_transaction_read_only = off")
        yield cursor


def test_the_shipper_stores_a_batch_and_never_twice() -> None:
    lines = [entries.encode(fact_of(person)) for person in (cast.ALICE, cast.BOB, cast.CHARLIE)]
    assert ledger.post(lines) == 3
    assert ledger.post(lines) == 0
    assert rows() == 3


def test_a_row_says_what_the_entry_said() -> None:
    entry = fact_of(cast.ALICE)
    ledger.post([entries.encode(entry)])
    with cast.acting(cast.ALICE):
        row = Entry.objects.get()
    assert str(row.id) == entry["id"]
    assert (row.action, row.outcome, row.actor_name) == ("file.deleted", "allowed", "Alice")
    assert row.detail == {"bytes": 3}
    assert row.actor_id == cast.ALICE.membership_id
    assert abs((row.received_at - row.occurred_at).total_seconds()) < 60


def test_a_fact_and_its_entry_are_one_transaction() -> None:
    """L38: both or neither."""
    with cast.acting(cast.ALICE):
        with suppress(ZeroDivisionError), transaction.atomic():
            ledger.post_fact(fact_of(cast.ALICE))
            raise ZeroDivisionError
        assert rows() == 0
        with transaction.atomic():
            ledger.post_fact(fact_of(cast.ALICE))
        assert rows() == 1


def test_a_fact_outside_a_transaction_is_refused() -> None:
    with cast.acting(cast.ALICE), pytest.raises(TransactionManagementError):
        ledger.post_fact(fact_of(cast.ALICE))


def test_the_app_cannot_write_into_another_trail() -> None:
    with cast.acting(cast.ALICE), pytest.raises(ProgrammingError, match="row-level security"), transaction.atomic():
        ledger.post_fact(fact_of(cast.CHARLIE))
    assert rows() == 0


def test_how_long_an_entry_is_kept_is_no_word_of_whoever_writes_it() -> None:
    """In raw SQL: one that leaves early, or one that stands under another's id, which is unique in its class only."""
    entry = fact_of(cast.BOB)
    lines = ledger._array([entries.encode(entry)])
    chosen = ledger._INSERT.replace("fence.retention_of(workspace_id, id)", "%s")

    def store(retention: str) -> None:
        with cast.acting(cast.BOB), transaction.atomic(), connections["default"].cursor() as cursor:
            cursor.execute(chosen, [retention, lines])

    for retention in ("d30", "d90", "y7"):
        with pytest.raises(ProgrammingError, match="row-level security"):
            store(retention)
    store("d365")
    with pytest.raises(ProgrammingError, match="row-level security"):
        store("d30")
    assert rows() == 1


def test_a_workspace_reads_its_own_trail_only() -> None:
    nobody = entries.denial(None, status=401, refusal=None, actor=None)
    ledger.post([entries.encode(entry) for entry in (fact_of(cast.ALICE), fact_of(cast.CHARLIE), nobody)])
    assert rows() == 3
    with cast.acting(cast.ALICE):
        assert [row.actor_name for row in Entry.objects.all()] == ["Alice"]
        with connections["default"].cursor() as cursor:
            cursor.execute("SELECT actor_name FROM audit_entry")
            assert cursor.fetchall() == [("Alice",)]


@pytest.mark.parametrize("person", [cast.BOB, cast.VERA], ids=lambda person: person.name)
def test_who_does_not_keep_the_trail_does_not_read_it_in_raw_sql_either(person: cast.Person) -> None:
    """P5, "and user ID where applicable": the trail tells what every colleague did."""
    ledger.post([entries.encode(fact_of(cast.ALICE)), entries.encode(fact_of(person))])
    with cast.acting(person), connections["default"].cursor() as cursor:
        cursor.execute("SELECT count(*) FROM audit_entry")
        assert cursor.fetchone() == (0,)
    with cast.acting(cast.ADA):
        assert Entry.objects.count() == 2


def test_without_a_workspace_there_is_no_trail() -> None:
    with pytest.raises(NoWorkspace):
        list(Entry.objects.all())
    with pytest.raises(ProgrammingError, match="no workspace is bound"), connections["default"].cursor() as cursor:
        cursor.execute("SELECT count(*) FROM audit_entry")


PIECES = ["audit_entry", "audit_entry_d365", "audit_entry_d365_default", f"audit_entry_d365_{datetime.now(UTC):%Y_%m}"]


ROLES = ("default", "audit", "ops", "seal", "queue")
CHANGES = ("UPDATE {} SET action = 'x'", "DELETE FROM {}", "TRUNCATE {}")
DIRECT = ("SELECT 1 FROM {}", "INSERT INTO {} (id) VALUES (gen_random_uuid())")


@pytest.mark.parametrize("alias", ROLES)
def test_nobody_at_run_time_changes_or_removes_an_entry(alias: str) -> None:
    with cast.acting(cast.ALICE), writable(alias) as cursor:
        for table, verb in itertools.product(PIECES, CHANGES):
            with pytest.raises(ProgrammingError, match="permission denied"):
                cursor.execute(verb.format(table))


@pytest.mark.parametrize("alias", ROLES)
def test_no_role_reads_or_fills_a_partition_directly(alias: str) -> None:
    with cast.acting(cast.ALICE), writable(alias) as cursor:
        for table, statement in itertools.product(PIECES[1:], DIRECT):
            with pytest.raises(ProgrammingError, match="permission denied"):
                cursor.execute(statement.format(table))


@pytest.mark.parametrize("verb", ["UPDATE audit_entry SET action = 'x'", "DELETE FROM audit_entry"])
def test_not_even_the_owner_changes_an_entry(verb: str) -> None:
    """A careless grant would meet this trigger; the sealer's chain shows what a careless owner did with the table."""
    ledger.post([entries.encode(fact_of(cast.ALICE))])
    with pytest.raises(ProgrammingError, match="audit entries are final"), connections["owner"].cursor() as cursor:
        cursor.execute(verb)


def test_a_careless_grant_does_not_open_the_trail() -> None:
    ledger.post([entries.encode(fact_of(cast.ALICE))])
    with connections["owner"].cursor() as cursor:
        cursor.execute("GRANT UPDATE, DELETE, TRUNCATE ON audit_entry TO aiaxis_ops")
    try:
        for verb in ("UPDATE audit_entry SET action = 'x'", "DELETE FROM audit_entry", "TRUNCATE audit_entry"):
            with writable("ops") as cursor, pytest.raises(ProgrammingError, match="audit entries are final"):
                cursor.execute(verb)
    finally:
        with connections["owner"].cursor() as cursor:
            cursor.execute("REVOKE UPDATE, DELETE, TRUNCATE ON audit_entry FROM aiaxis_ops")
    assert rows() == 1


def test_the_shipper_sees_ids_and_nothing_else() -> None:
    with connections["audit"].cursor() as cursor:
        cursor.execute("SELECT id, retention FROM audit_entry")
        with pytest.raises(ProgrammingError, match="permission denied"):
            cursor.execute("SELECT actor_name FROM audit_entry")


def test_the_model_neither_saves_nor_deletes() -> None:
    for act in (Entry().save, Entry().delete):
        with pytest.raises(EntriesAreFinal):
            act()


def test_an_entry_falls_into_its_month_and_a_far_one_into_the_default() -> None:
    early = {**fact_of(cast.ALICE), "id": str(uuid.UUID(int=(7 << 76) | (2 << 62)))}
    ledger.post([entries.encode(fact_of(cast.ALICE)), entries.encode(early)])
    with connections["ops"].cursor() as cursor:
        cursor.execute("SELECT tableoid::regclass::text FROM audit_entry ORDER BY id")
        assert [name for (name,) in cursor.fetchall()] == ["audit_entry_d365_default", PIECES[3]]


def test_the_months_ahead_exist_and_are_made_once() -> None:
    assert partitions.ensure("owner", datetime.now(UTC).date()) == []
    made = partitions.ensure("owner", date(2031, 11, 30))
    assert made == ["audit_entry_d365_2031_11", "audit_entry_d365_2031_12", "audit_entry_d365_2032_01"]
    with connections["owner"].cursor() as cursor:
        for name in made:
            cursor.execute(f"DROP TABLE {name}")


def test_a_month_that_began_without_its_piece_stays_in_the_default() -> None:
    late = {
        **fact_of(cast.ALICE),
        "id": str(uuid.UUID(int=partitions.first_id(date(2033, 3, 15)).int | (7 << 76) | (2 << 62))),
    }
    ledger.post([entries.encode(late)])
    made = partitions.ensure("owner", date(2033, 3, 20))
    try:
        assert made == ["audit_entry_d365_2033_04", "audit_entry_d365_2033_05"]
        assert rows() == 1
    finally:
        with connections["owner"].cursor() as cursor:
            for name in made:
                cursor.execute(f"DROP TABLE {name}")


def test_a_line_that_is_no_entry_is_the_databases_no() -> None:
    with pytest.raises((DatabaseError, psycopg.Error)):
        ledger.post([json.dumps({"id": "not a uuid"}).encode()])
