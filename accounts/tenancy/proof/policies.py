"""Does every policy say, word for word, what its model says?

PostgreSQL prints a policy in its own words, which differ from those it was written in. So the same statements are run
on empty temporary twins of the tables, in a transaction that is rolled back, and print is compared with print.
"""

from __future__ import annotations

from collections.abc import Callable, Iterator
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


Written = tuple[dict[str, list[Policy]], dict[str, dict[str, str]]]
"""Policies and check constraints by table, as PostgreSQL prints them."""


def findings(catalogue: Catalogue, found: list[Relation], expected: Expectations) -> Iterator[Finding]:
    """Compare each table's policies and check constraints with those that its model would make."""
    there = _read(catalogue, _PUBLIC)
    wanted = [_written_anew(catalogue, found, expected)]
    differing = list(_compared(there, wanted, found))
    if differing:
        # A dump holds what PostgreSQL printed, and a database that was made from it prints that in its own words once more.
        wanted.append(_written_anew(catalogue, found, expected, twice=True))
        differing = list(_compared(there, wanted, found))
    yield from differing


def _compared(there: Written, wanted: list[Written], found: list[Relation]) -> Iterator[Finding]:
    """What stands there must be one of the printed forms of what is wanted."""
    policies, checks = there
    for table in (relation.name for relation in found if relation.is_table and relation.schema == "public"):
        yield from _differences(table, policies.get(table, []), [one.get(table, []) for one, _ in wanted])
        for name, text in wanted[0][1].get(table, {}).items():
            stands = checks.get(table, {}).get(name)
            if stands is None or stands not in [one[table][name] for _, one in wanted]:
                yield Finding(table, f"the check {name} is {stands or 'missing'}, not {text}")


def _differences(table: str, policies: list[Policy], wanted: list[list[Policy]]) -> Iterator[Finding]:
    allowed = [policy for form in wanted for policy in form]
    for policy in policies:
        if policy not in allowed:
            yield Finding(table, f"has a policy that its model does not write: {policy}")
    held = {policy.name for policy in policies if policy in allowed}
    for policy in wanted[0]:
        if policy.name not in held:
            yield Finding(table, f"lacks the policy {policy}")


def _read(catalogue: Catalogue, schema: str) -> Written:
    policies: dict[str, list[Policy]] = {}
    for table, name, command, permissive, roles, using, check in catalogue.rows(_POLICIES.format(schema=schema)):
        policies.setdefault(table, []).append(Policy(name, command, permissive, tuple(roles), using, check))
    checks: dict[str, dict[str, str]] = {}
    for table, name, text in catalogue.rows(_CHECKS.format(schema=schema)):
        checks.setdefault(table, {})[name] = text
    return policies, checks


def _written_anew(
    catalogue: Catalogue, found: list[Relation], expected: Expectations, *, twice: bool = False
) -> Written:
    """Return what the models' statements print as; ``twice``: what that print prints as, when it is run in its turn.

    Temporary tables stand first in the search path, so they are hit.
    """
    present = {relation.name for relation in found}
    models = {table: model for table, model in fenced_models().items() if table in present}
    by_hand = {table: lines for table, lines in expected.policies.items() if table in present}
    connection = catalogue.connection
    with transaction.atomic(using=connection.alias):
        editor = connection.schema_editor()
        twins = map(editor.quote_name, (*models, *by_hand))
        statements = [f"CREATE TEMPORARY TABLE {table} (LIKE public.{table})" for table in twins]
        for model in models.values():
            statements += [rule.rule_sql(model, editor) for rule in policies_of(model)]
            statements += [str(check.create_sql(model, editor)) for check in checks_of(model)]
        statements += [line for lines in by_hand.values() for line in lines]
        # All at once: hundreds of them, and each would be a round trip.
        catalogue.run("; ".join(statements))
        written = _read(catalogue, _TEMPORARY)
        if twice:
            catalogue.run("; ".join(_reprinted(written, editor.quote_name)))
            written = _read(catalogue, _TEMPORARY)
        transaction.set_rollback(True, using=connection.alias)
    return written


def _reprinted(written: Written, quoted: Callable[[str], str]) -> Iterator[str]:
    """Statements that put in the place of each policy and check what PostgreSQL printed of it, as a dump does."""
    policies, checks = written
    verbs = {"*": "ALL", "r": "SELECT", "a": "INSERT", "w": "UPDATE", "d": "DELETE"}
    for table, of_table in policies.items():
        for one in of_table:
            yield f"DROP POLICY {quoted(one.name)} ON {quoted(table)}"
            kind = "PERMISSIVE" if one.permissive else "RESTRICTIVE"
            roles = ", ".join("PUBLIC" if role == "PUBLIC" else quoted(role) for role in one.roles)
            rules = f" USING ({one.using})" if one.using else ""
            rules += f" WITH CHECK ({one.check})" if one.check else ""
            yield f"CREATE POLICY {quoted(one.name)} ON {quoted(table)} AS {kind} FOR {verbs[one.command]} TO {roles}{rules}"
    for table, by_name in checks.items():
        for name, text in by_name.items():
            yield f"ALTER TABLE {quoted(table)} DROP CONSTRAINT {quoted(name)}"
            yield f"ALTER TABLE {quoted(table)} ADD CONSTRAINT {quoted(name)} {text}"
