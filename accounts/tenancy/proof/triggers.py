"""Does every trigger that guards a row stand and fire, and does no other?

A trigger runs inside everybody's writes: one that was dropped or switched off lets the trail be changed, and one that
was added may copy a row to where no policy looks.
"""

from __future__ import annotations

from collections.abc import Iterator
from typing import Final

from django.db import transaction

from accounts.tenancy import written
from accounts.tenancy.proof.findings import Catalogue, Finding

# A row trigger of a partitioned table is cloned to its partitions; a clone is its parent's matter, unless switched off.
_TRIGGERS = """SELECT c.relname::text, coalesce(pg_partition_root(c.oid), c.oid)::regclass::text, g.tgname::text,
    regexp_replace(pg_get_triggerdef(g.oid), ' ON (public|pg_temp|pg_temp_[0-9]+)\\.[a-z0-9_]+ ', ' ON '),
    g.tgparentid <> 0, g.tgenabled::text IN ('O', 'A')
    FROM pg_trigger g JOIN pg_class c ON c.oid = g.tgrelid
    WHERE NOT g.tgisinternal AND c.relnamespace = {schema} ORDER BY 1, 3"""

_PARTITIONS = "SELECT c.relname::text FROM pg_class c WHERE c.relispartition AND c.relkind IN ('r', 'p') AND relnamespace = 'public'::regnamespace"

RUNNERS: Final = "procrastinate_"
"""Begins the job runner's tables and triggers: those come with its package, and hold no workspace's content."""


def findings(catalogue: Catalogue) -> Iterator[Finding]:
    """Compare the triggers of every table with those that the migrations made."""
    wanted = _written_anew(catalogue)
    partitions = {name for (name,) in catalogue.rows(_PARTITIONS)}
    standing = set()
    for table, root, name, text, is_clone, is_on in catalogue.rows(_TRIGGERS.format(schema="'public'::regnamespace")):
        standing.add((table, name))
        if not is_on:
            yield Finding(table, f"the trigger {name} is switched off")
        if is_clone or name.startswith(RUNNERS):
            continue
        if (root, name) not in wanted:
            yield Finding(table, f"has a trigger that no migration made: {name}")
        elif wanted[root, name] != text:
            yield Finding(table, f"the trigger {name} is {text!r}, not {wanted[root, name]!r}")
    for root, name in sorted(set(wanted) - standing):
        yield Finding(root, f"lacks the trigger {name}")
    # TRUNCATE of a partition asks the partition's own triggers only.
    emptied = {(root, name) for (root, name), text in wanted.items() if " TRUNCATE " in text}
    for table in sorted(partitions):
        for root, name in sorted(emptied):
            if table.startswith(f"{root}_") and (table, name) not in standing:
                yield Finding(table, f"lacks the trigger {name}")


def _written_anew(catalogue: Catalogue) -> dict[tuple[str, str], str]:
    """Put the migrations' triggers on empty temporary twins of their tables, and read how they print."""
    present = {
        name
        for (name,) in catalogue.rows("SELECT relname::text FROM pg_class WHERE relnamespace = 'public'::regnamespace")
    }
    triggers = [
        trigger for trigger in written.triggers() if trigger.table in present and not trigger.name.startswith(RUNNERS)
    ]
    quote = catalogue.connection.ops.quote_name
    with transaction.atomic(using=catalogue.connection.alias):
        for table in {trigger.table for trigger in triggers}:
            catalogue.run(f"CREATE TEMPORARY TABLE {quote(table)} (LIKE public.{quote(table)})")
        for trigger in triggers:
            catalogue.run(trigger.statement)
        rows = catalogue.rows(_TRIGGERS.format(schema="pg_my_temp_schema()"))
        transaction.set_rollback(True, using=catalogue.connection.alias)
    return {(table, name): text for table, _, name, text, _, _ in rows}
