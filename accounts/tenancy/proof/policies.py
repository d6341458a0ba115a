"""Does every policy say, word for word, what its model says?

PostgreSQL prints a policy in its own words, which differ from those it was written in. So the same statements are run
on empty temporary twins of the tables, in a transaction that is rolled back, and print is compared with print.
"""

from __future__ import annotations

from collections.abc import Iterator
from typing import NamedTuple

from django.db import transaction

from accounts.tenancy.proof.findings import Catalogue, Expectations, Finding
from accounts.tenancy.proof.models import checks_of, fenced_models, policies_of
from accounts.tenancy.proof.tables import Relation

_POLICIES = """SELECT c.relname::text, p.polname::text, p.polcmd::text, p.polpermissive,
    ARRAY(SELECT coalesce(r.rolname::text, 'PUBLIC') FROM unnest(p.polroles) AS one
          LEFT JOIN pg_roles r ON r.oid = one ORDER BY 1),
    pg_get_expr(p.polqual, p.polrelid), pg_get_expr(p.polwithcheck, p.polrelid)
    FROM pg_policy p JOIN pg_class c ON c.oid = p.polrelid WHERE c.relnamespace = {schema} ORDER BY 1, 2"""

_CHECKS = """SELECT c.relname::text, k.conname::text, pg_get_constraintdef(k.oid)
    FROM pg_constraint k JOIN pg_class c ON c.oid = k.conrelid
    WHERE k.contype = 'c' AND c.relnamespace = {schema} ORDER BY 1, 2"""

_TEMPORARY = "pg_my_temp_schema()"
_PUBLIC = "'public'::regnamespace"


class Policy(NamedTuple):
    """One policy as PostgreSQL prints it."""

    name: str
    command: str
    permissive: bool
    roles: tuple[str, ...]
    using: str | None
    check: str | None

    def __str__(self) -> str:
        kind = "permissive" if self.permissive else "restrictive"
        verb = {"*": "all", "r": "select", "a": "insert", "w": "update", "d": "delete"}[self.command]
        return f"{self.name} ({kind}, {verb}, to {', '.join(self.roles)}, using {self.using}, check {self.check})"


def findings(catalogue: Catalogue, found: list[Relation], expected: Expectations) -> Iterator[Finding]:
    """Compare each table's policies and check constraints with those that its model would make."""
    policies, checks = _read(catalogue, _PUBLIC)
    wanted_policies, wanted_checks = _written_anew(catalogue, found, expected)
    for table in (relation.name for relation in found if relation.is_table and relation.schema == "public"):
        yield from _differences(table, policies.get(table, []), wanted_policies.get(table, []))
        for name, text in wanted_checks.get(table, {}).items():
            if checks.get(table, {}).get(name) != text:
                yield Finding(table, f"the check {name} is {checks.get(table, {}).get(name, 'missing')}, not {text}")


def _differences(table: str, policies: list[Policy], wanted: list[Policy]) -> Iterator[Finding]:
    for policy in policies:
        if policy not in wanted:
            yield Finding(table, f"has a policy that its model does not write: {policy}")
    for policy in wanted:
        if policy not in policies:
            yield Finding(table, f"lacks the policy {policy}")


def _read(catalogue: Catalogue, schema: str) -> tuple[dict[str, list[Policy]], dict[str, dict[str, str]]]:
    policies: dict[str, list[Policy]] = {}
    for table, name, command, permissive, roles, using, check in catalogue.rows(_POLICIES.format(schema=schema)):
        policies.setdefault(table, []).append(Policy(name, command, permissive, tuple(roles), using, check))
    checks: dict[str, dict[str, str]] = {}
    for table, name, text in catalogue.rows(_CHECKS.format(schema=schema)):
        checks.setdefault(table, {})[name] = text
    return policies, checks


def _written_anew(
    catalogue: Catalogue, found: list[Relation], expected: Expectations
) -> tuple[dict[str, list[Policy]], dict[str, dict[str, str]]]:
    """Return what the models' statements print as. Temporary tables stand first in the search path, so they are hit."""
    present = {relation.name for relation in found}
    models = {table: model for table, model in fenced_models().items() if table in present}
    by_hand = {table: lines for table, lines in expected.policies.items() if table in present}
    connection = catalogue.connection
    with transaction.atomic(using=connection.alias):
        editor = connection.schema_editor()
        for table in (*models, *by_hand):
            catalogue.run(f"CREATE TEMPORARY TABLE {editor.quote_name(table)} (LIKE public.{editor.quote_name(table)})")
        for model in models.values():
            for rule in policies_of(model):
                catalogue.run(rule.rule_sql(model, editor))
            for check in checks_of(model):
                catalogue.run(str(check.create_sql(model, editor)))
        for statements in by_hand.values():
            catalogue.run("; ".join(statements))
        written = _read(catalogue, _TEMPORARY)
        transaction.set_rollback(True, using=connection.alias)
    return written
