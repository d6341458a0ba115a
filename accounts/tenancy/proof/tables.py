"""Is every relation fenced, or on the list of those that need no fence?"""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass

from accounts.tenancy.proof.findings import Catalogue, Expectations, Finding
from accounts.tenancy.proof.models import fenced_models

# Extensions bring relations of their own; what they hold is no workspace's, and nobody is granted anything on them.
RELATIONS = """SELECT c.oid, n.nspname::text, c.relname::text, c.relkind::text, c.relispartition, c.relrowsecurity,
    c.relforcerowsecurity, pg_get_userbyid(c.relowner)::text, coalesce(c.reloptions, '{}'),
    (SELECT a.attnotnull FROM pg_attribute a
     WHERE a.attrelid = c.oid AND a.attname = 'workspace_id' AND NOT a.attisdropped),
    EXISTS (SELECT 1 FROM pg_inherits i WHERE i.inhrelid = c.oid),
    EXISTS (SELECT 1 FROM pg_rewrite w WHERE w.ev_class = c.oid AND w.rulename <> '_RETURN')
    FROM pg_class c JOIN pg_namespace n ON n.oid = c.relnamespace
    WHERE c.relkind IN ('r', 'p', 'f', 'v', 'm') AND n.nspname NOT IN ('pg_catalog', 'information_schema')
    AND n.nspname NOT LIKE 'pg\\_t%' AND NOT EXISTS (SELECT 1 FROM pg_depend d
        WHERE d.classid = 'pg_class'::regclass AND d.objid = c.oid AND d.deptype = 'e')
    ORDER BY 2, 3"""

OWNERS_SCHEMA = "fence"
"""Holds the key and the functions; of its tables nobody may read any."""


@dataclass(frozen=True, slots=True)
class Relation:
    """One table, partition, view or the like, as the catalogue describes it."""

    oid: int
    schema: str
    name: str
    kind: str
    is_partition: bool
    is_secured: bool
    is_forced: bool
    owner: str
    options: list[str]
    workspace_not_null: bool | None
    """None if it has no column `workspace_id`."""
    inherits: bool
    has_rules: bool

    @property
    def is_table(self) -> bool:
        """Say whether it holds rows that row security can guard."""
        return self.kind in {"r", "p"}


def relations(catalogue: Catalogue) -> list[Relation]:
    """List what is in the database besides PostgreSQL's own and extensions' relations."""
    return [Relation(*row) for row in catalogue.rows(RELATIONS)]


def findings(found: list[Relation], expected: Expectations) -> Iterator[Finding]:
    """Judge each relation by its kind."""
    fenced = fenced_models()
    for relation in found:
        if relation.schema not in {"public", OWNERS_SCHEMA}:
            yield Finding(f"{relation.schema}.{relation.name}", "stands in a schema that nobody watches")
        if relation.owner != expected.owner:
            yield Finding(relation.name, f"belongs to {relation.owner}, who may switch its row security off")
        if relation.has_rules:
            yield Finding(relation.name, "has a rewrite rule, whose queries run with the owner's rights")
        if relation.is_table:
            if relation.schema == "public":
                yield from _table(relation, expected, is_model=relation.name in fenced)
        else:
            yield from _other(relation)
    for name in sorted(set(fenced) - {relation.name for relation in found}):
        yield Finding(name, "does not exist; run `manage.py migrate --database owner`")


def _table(table: Relation, expected: Expectations, *, is_model: bool) -> Iterator[Finding]:
    if table.inherits and not table.is_partition:
        yield Finding(table.name, "inherits from another table, through which its own policies do not count")
    if table.name in expected.unfenced:
        if table.workspace_not_null is not None:
            yield Finding(table.name, "has a workspace_id, and is on the list of tables without a fence")
        return
    if not is_model and not table.is_partition and table.name not in expected.policies:
        yield Finding(table.name, "is no fenced model's table, nor on the list of tables without a fence")
    if not (table.is_secured and table.is_forced):
        state = "not forced, so its owner is not held by it" if table.is_secured else "off"
        yield Finding(table.name, f"row security is {state}")
    if table.workspace_not_null is False and not _may_lack_workspace(table, expected):
        yield Finding(table.name, "workspace_id may be NULL, and a row without a workspace is in nobody's fence")


def _may_lack_workspace(table: Relation, expected: Expectations) -> bool:
    return any(
        table.name == name or (table.is_partition and table.name.startswith(f"{name}_"))
        for name in expected.nullable_workspace
    )


def _other(relation: Relation) -> Iterator[Finding]:
    if relation.kind == "m":
        yield Finding(relation.name, "is a materialised view, whose rows were read with the owner's rights")
    elif relation.kind == "f":
        yield Finding(relation.name, "is a foreign table, whose server knows no policy")
    elif not {"security_invoker=true", "security_invoker=on", "security_invoker=1"} & set(relation.options):
        yield Finding(relation.name, "is a view without security_invoker: it reads with its owner's rights")
