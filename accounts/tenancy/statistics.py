"""What may PostgreSQL's planner remember of rows that a policy hides?

ANALYZE keeps samples of every workspace's values in one place, and EXPLAIN estimates from them for whoever asks: under
Birch's seal, `name < '…'` bisected the names of Acme's files, and `tsv @@ 'falcon'` told whether Acme's texts hold the
word (both done). Policies filter rows, never estimates. So nothing is kept of a column that holds what people wrote: its
statistics target is 0, set anew after each migration, for columns and for the expressions of indexes alike.

Ids, times, numbers, truth values and the short words that a model lists as choices keep theirs, without which joins and
lists would be planned blindly.
"""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass
from typing import Final

from django.apps import apps
from django.db import transaction
from django.db.backends.base.base import BaseDatabaseWrapper

# Whatever is not of these types may hold a person's words: a type that nobody thought of is kept quiet too.
_TELLING_NOTHING: Final = "'uuid', 'bool', 'int2', 'int4', 'int8', 'float4', 'float8', 'numeric', 'date', 'timestamp', 'timestamptz', 'interval'"

COLUMNS: Final = f"""SELECT c.relname::text, a.attname::text, a.attnum, c.relkind IN ('i', 'I'),
        coalesce(pg_partition_root(t.oid), t.oid)::regclass::text, coalesce(a.attstattarget, -1) <> 0,
        ARRAY(SELECT s.inherited FROM pg_stats s
              WHERE s.schemaname = 'public' AND s.tablename = c.relname AND s.attname = a.attname)
    FROM pg_attribute a JOIN pg_class c ON c.oid = a.attrelid LEFT JOIN pg_index x ON x.indexrelid = c.oid
    JOIN pg_class t ON t.oid = coalesce(x.indrelid, c.oid) JOIN pg_type y ON y.oid = a.atttypid
    WHERE t.relnamespace = 'public'::regnamespace AND t.relrowsecurity AND t.relkind IN ('r', 'p')
    AND a.attnum > 0 AND NOT a.attisdropped AND y.typtype <> 'e' AND y.typname NOT IN ({_TELLING_NOTHING})
    AND (x.indexrelid IS NULL OR x.indkey[a.attnum - 1] = 0) ORDER BY 1, 3"""  # noqa: S608 - our own words
"""Every column of a table under row security, and every expression of its indexes, of which nothing may be remembered."""

EXTENDED: Final = """SELECT t.relname::text, s.stxname::text FROM pg_statistic_ext s JOIN pg_class t ON t.oid = s.stxrelid
    WHERE t.relrowsecurity ORDER BY 1, 2"""

# PostgreSQL 18 lets an owner forget; before it only a superuser can (docs/deploy.md).
_CAN_FORGET: Final = "SELECT to_regprocedure('pg_clear_attribute_stats(text, text, text, boolean)') IS NOT NULL"
_FORGET: Final = "SELECT pg_clear_attribute_stats('public', %s, %s, %s)"


@dataclass(frozen=True, slots=True)
class Column:
    """A column, or an index's expression, that must be kept quiet."""

    relation: str
    name: str
    number: int
    is_of_index: bool
    table: str
    """The table that a model or a migration knows; of a partition, the whole."""
    is_sampled: bool
    """Whether ANALYZE would take samples of it."""
    remembered: tuple[bool, ...]
    """For each set of samples that is still kept: whether it is that of all partitions together."""


def columns(connection: BaseDatabaseWrapper) -> Iterator[Column]:
    """Yield what must be kept quiet, and how it is kept now."""
    chosen = _choices()
    with connection.cursor() as cursor:
        cursor.execute(COLUMNS)
        rows = cursor.fetchall()
    for relation, name, number, is_of_index, table, is_sampled, remembered in rows:
        if is_of_index or (table, name) not in chosen:
            yield Column(relation, name, number, is_of_index, table, is_sampled, tuple(remembered))


def apply(connection: BaseDatabaseWrapper) -> None:
    """Keep every such column quiet, in one transaction, and forget what ANALYZE kept of it before."""
    quote = connection.ops.quote_name
    with transaction.atomic(using=connection.alias), connection.cursor() as cursor:
        found = list(columns(connection))
        for column in found:
            if column.is_sampled:
                kind, place = ("INDEX", str(column.number)) if column.is_of_index else ("TABLE", quote(column.name))
                # One by one: a statement on a partitioned table reaches its partitions, and is harmless twice.
                cursor.execute(f"ALTER {kind} {quote(column.relation)} ALTER COLUMN {place} SET STATISTICS 0")
        cursor.execute(_CAN_FORGET)
        if cursor.fetchone() == (True,):
            for column in found:
                for is_inherited in column.remembered:
                    cursor.execute(_FORGET, [column.relation, column.name, is_inherited])


def _choices() -> set[tuple[str, str]]:
    """Return the columns whose few possible values stand in the source for all to read."""
    return {
        (model._meta.db_table, str(field.column))
        for model in apps.get_models(include_auto_created=True)
        for field in model._meta.local_concrete_fields
        if field.choices
    }
