"""How does this test process's pair of databases become again what every test expects to find?"""

from __future__ import annotations

from typing import Any

from django.db import OperationalError, connections, transaction
from psycopg.errors import DeadlockDetected

from audit.notices.models import Rule
from tests import cast
from tests.workos import insisting

# What stays: the cast's own rows, and tables that migrations fill.
KEPT_TABLES = frozenset(
    {
        "accounts_user",
        "accounts_workspace",
        "accounts_membership",
        "accounts_identitylink",
        "identity_store_account",
        "django_migrations",
        "django_content_type",
        "auth_permission",
        "audit_rule",
    }
)
ALIASES_OF_THE_CAST = ("owner", "identity")
MOST_DEADLOCKS = 4
_rules: list[Rule] = []


def remember() -> None:
    """Keep the rules that the migrations made, for `put_back`: a test of an operator's may change or remove them."""
    _rules[:] = Rule.objects.using("owner").order_by("pk")


def put_back() -> None:
    """Empty every table and let the cast enter anew. Whatever commits past a test's own transaction ends with this.

    A fixture of a whole module that commits (a stage of attacks, a served installation) must call it too: what it left in
    the trail would be counted by the next test that looks there.
    """
    for alias in connections:
        connections[alias].close()
    for alias in ALIASES_OF_THE_CAST:
        _empty_in_peace(alias)
    _put_back_rules()
    cast.enter()
    if insisting.is_on():
        insisting.insist()


def _empty_in_peace(alias: str) -> None:
    """Empty the tables, again where a served installation that still runs held some of them in another order."""
    for _ in range(MOST_DEADLOCKS):
        try:
            return _empty(alias)
        except OperationalError as error:
            if not isinstance(error.__cause__, DeadlockDetected):
                raise
    return _empty(alias)


def _put_back_rules() -> None:
    rules, names = Rule.objects.using("owner"), [field.attname for field in Rule._meta.concrete_fields]
    before = [tuple(getattr(rule, name) for name in names) for rule in _rules]
    if list(rules.order_by("pk").values_list(*names)) != before:
        rules.all().delete()
        rules.bulk_create(_rules)


# Of a partitioned table the pieces: emptying the whole takes a tenth of a second, and one piece holds what a test made.
_TABLES = "relnamespace = 'public'::regnamespace AND relkind = 'r'"
_POINTING = (
    "SELECT DISTINCT k.confrelid::regclass::text, k.conrelid::regclass::text FROM pg_constraint k "
    "JOIN pg_class c ON c.oid = k.conrelid WHERE k.contype = 'f' AND NOT c.relispartition"
)
# Bit 3 of a trigger's type: it hears of deletions, and forbids them or does something then.
_GUARDED = "SELECT DISTINCT tgrelid::regclass::text FROM pg_trigger WHERE NOT tgisinternal AND tgtype & 8 > 0"


def _empty(alias: str) -> None:
    with transaction.atomic(using=alias), connections[alias].cursor() as cursor:
        tables = _filled(cursor)
        emptied = _emptied_whole(cursor, tables)
        if emptied:
            cursor.execute("TRUNCATE " + ", ".join(f'"{table}"' for table in sorted(emptied)))
        # Some rows are gone in a fraction of the time that new files for a table and its indexes take.
        cursor.execute("SET CONSTRAINTS ALL DEFERRED")
        for table in sorted(tables - emptied):
            cursor.execute(f'DELETE FROM "{table}"')
        if alias == "identity":
            cursor.execute("DELETE FROM identity_store_account WHERE NOT id = ANY(%s::uuid[])", [_ids("subject")])
        if alias == "owner":
            # Rows that a test added beside the cast's.
            cursor.execute("DELETE FROM accounts_membership WHERE NOT id = ANY(%s)", [_ids("membership_id")])
            cursor.execute(
                "DELETE FROM accounts_identitylink WHERE provider <> %s OR NOT user_id = ANY(%s)",
                [cast.PROVIDER, _ids("user_id")],
            )
            cursor.execute("DELETE FROM accounts_user WHERE NOT id = ANY(%s)", [_ids("user_id")])
            cursor.execute("DELETE FROM accounts_workspace WHERE NOT id = ANY(%s)", [[cast.ACME.id, cast.BIRCH.id]])


def _filled(cursor: Any) -> set[str]:
    """The tables with rows, of those to empty."""
    cursor.execute(f"SELECT relname FROM pg_class WHERE {_TABLES}")
    tables = sorted({name for (name,) in cursor.fetchall()} - KEPT_TABLES)
    if not tables:
        return set()
    cursor.execute(" UNION ALL ".join(f"SELECT '{table}' WHERE EXISTS (SELECT 1 FROM \"{table}\")" for table in tables))
    return {name for (name,) in cursor.fetchall()}


def _emptied_whole(cursor: Any, tables: set[str]) -> set[str]:
    """Those of which no row can be deleted, and those that point at them, which PostgreSQL wants emptied in the same breath."""
    cursor.execute(_GUARDED)
    found = {name for (name,) in cursor.fetchall()} & tables
    cursor.execute(_POINTING)
    pointing = cursor.fetchall()
    while more := {by for to, by in pointing if to in found} - found:
        found |= more
    return found


def _ids(attribute: str) -> list[object]:
    return [getattr(person, attribute) for person in cast.EVERYONE]
