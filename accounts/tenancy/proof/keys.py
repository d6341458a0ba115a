"""Does every foreign key and every unique carry the workspace?

Row security does not apply to the checks that a foreign key or a unique makes: one without the workspace accepts a
reference to another workspace's row, or tells by its error that such a row exists.
"""

from __future__ import annotations

from collections.abc import Iterator
from typing import NamedTuple

from accounts.tenancy.proof.findings import Catalogue, Finding
from accounts.tenancy.proof.models import composite_keys_of, fenced_models

# Columns in the order of the key: the workspace must stand opposite the workspace.
_FOREIGN_KEYS = """SELECT f.relname::text, k.conname::text, t.relname::text, k.convalidated, k.confdeltype::text,
    ARRAY(SELECT a.attname::text FROM unnest(k.conkey) WITH ORDINALITY AS c(number, place)
          JOIN pg_attribute a ON a.attrelid = k.conrelid AND a.attnum = c.number ORDER BY c.place),
    ARRAY(SELECT a.attname::text FROM unnest(k.confkey) WITH ORDINALITY AS c(number, place)
          JOIN pg_attribute a ON a.attrelid = k.confrelid AND a.attnum = c.number ORDER BY c.place),
    ARRAY(SELECT a.attname::text FROM unnest(k.confdelsetcols) AS c(number)
          JOIN pg_attribute a ON a.attrelid = k.conrelid AND a.attnum = c.number),
    EXISTS (SELECT 1 FROM pg_attribute a WHERE a.attrelid = k.confrelid AND a.attname = 'workspace_id'),
    EXISTS (SELECT 1 FROM pg_attribute a WHERE a.attrelid = k.conrelid AND a.attname = 'workspace_id'),
    (SELECT count(*) FROM pg_trigger g WHERE g.tgconstraint = k.oid AND g.tgenabled NOT IN ('O', 'A'))
    FROM pg_constraint k JOIN pg_class f ON f.oid = k.conrelid JOIN pg_class t ON t.oid = k.confrelid
    WHERE k.contype = 'f' AND f.relnamespace = 'public'::regnamespace"""

_UNIQUES = """SELECT t.relname::text, i.relname::text, x.indisprimary,
    (SELECT a.attname::text FROM pg_attribute a WHERE a.attrelid = x.indrelid AND a.attnum = x.indkey[0])
    FROM pg_index x JOIN pg_class i ON i.oid = x.indexrelid JOIN pg_class t ON t.oid = x.indrelid
    WHERE (x.indisunique OR x.indisexclusion) AND t.relnamespace = 'public'::regnamespace AND NOT t.relispartition
    AND EXISTS (SELECT 1 FROM pg_attribute a
                WHERE a.attrelid = x.indrelid AND a.attname = 'workspace_id' AND NOT a.attisdropped)"""

# An index answers LIKE only roughly, so every row that it finds is asked again, before any policy but the workspace's.
_TRIGRAMS = """SELECT DISTINCT t.relname::text, i.relname::text
    FROM pg_index x JOIN pg_class i ON i.oid = x.indexrelid JOIN pg_class t ON t.oid = x.indrelid
    JOIN pg_policy p ON p.polrelid = t.oid AND NOT p.polpermissive, unnest(x.indclass) AS class
    JOIN pg_opclass o ON o.oid = class
    WHERE o.opcname IN ('gin_trgm_ops', 'gist_trgm_ops') AND x.indpred IS NULL"""


class ForeignKey(NamedTuple):
    """One foreign key; `nulled` are the columns that its ON DELETE SET NULL names, if it names any."""

    table: str
    name: str
    target: str
    is_valid: bool
    on_delete: str
    columns: list[str]
    targets: list[str]
    nulled: list[str]
    is_target_fenced: bool
    is_table_fenced: bool
    disabled_triggers: int

    @property
    def carries_workspace(self) -> bool:
        """Say whether the workspace stands opposite the workspace."""
        return ("workspace_id", "workspace_id") in zip(self.columns, self.targets, strict=True)

    @property
    def is_enforced(self) -> bool:
        """Say whether it was checked on every row that is there, and is on every row that comes."""
        return self.is_valid and not self.disabled_triggers


def findings(catalogue: Catalogue) -> Iterator[Finding]:
    """Ask for foreign keys that lack the workspace, those that a model promised, and uniques."""
    keys = [ForeignKey(*row) for row in catalogue.rows(_FOREIGN_KEYS)]
    for key in keys:
        yield from _faults(key)
    whole = {(key.table, key.name) for key in keys if key.is_enforced and key.carries_workspace}
    for table, model in fenced_models().items():
        for rule in composite_keys_of(model):
            if (table, rule.name) not in whole:
                yield Finding(
                    table, f"lacks the foreign key {rule.name}, which holds {rule.column} to its own workspace"
                )
    for table, name, is_primary, first in catalogue.rows(_UNIQUES):
        # A primary key is a UUID that the server makes: there is nothing to guess, hence nothing to learn from it.
        if not is_primary and first != "workspace_id":
            yield Finding(
                table, f"the unique {name} does not begin with the workspace, so its error tells who else has it"
            )
    for table, name in catalogue.rows(_TRIGRAMS):
        yield Finding(
            table,
            f"the index {name} holds private rows' text too, and LIKE asks them before the member's policy does; "
            "it must be partial, over shared rows only",
        )


def _faults(key: ForeignKey) -> Iterator[Finding]:
    if not key.is_enforced:
        yield Finding(key.table, f"the foreign key {key.name} is not enforced on every row")
    if key.is_target_fenced and key.is_table_fenced and not key.carries_workspace:
        yield Finding(key.table, f"the foreign key {key.name} to {key.target} does not carry the workspace")
    if key.on_delete in {"n", "d"} and "workspace_id" in (key.nulled or key.columns):
        yield Finding(key.table, f"the foreign key {key.name} takes the workspace away when its target goes")
