"""Which functions run with somebody else's rights, who may call them, and do they do what the migrations wrote?"""

from __future__ import annotations

from collections.abc import Iterator
from typing import Final

from django.db import transaction

from accounts.tenancy import written
from accounts.tenancy.proof.findings import Catalogue, Expectations, Finding

_DEFINERS = """SELECT p.oid::regprocedure::text, pg_get_userbyid(p.proowner)::text, coalesce(p.proconfig, '{}'),
    ARRAY(SELECT coalesce(r.rolname::text, 'PUBLIC')
          FROM aclexplode(coalesce(p.proacl, acldefault('f', p.proowner))) a LEFT JOIN pg_roles r ON r.oid = a.grantee
          WHERE a.grantee <> p.proowner ORDER BY 1)
    FROM pg_proc p JOIN pg_namespace n ON n.oid = p.pronamespace
    WHERE p.prosecdef AND n.nspname NOT IN ('pg_catalog', 'information_schema') AND NOT EXISTS (
        SELECT 1 FROM pg_depend d WHERE d.classid = 'pg_proc'::regclass AND d.objid = p.oid AND d.deptype = 'e')"""

# A schema in the path that others may write to would let them put their own function or table in the way.
_SAFE_PATHS: Final = {"search_path=pg_catalog", "search_path=pg_catalog, pg_temp", 'search_path=""'}

# As PostgreSQL prints it: arguments, result, language, volatility, whose rights, settings and body, but not the name.
_PRINTED = """SELECT p.proname::text, oidvectortypes(p.proargtypes),
    regexp_replace(pg_get_functiondef(p.oid), '^CREATE OR REPLACE FUNCTION [^(]+', ''), p.proleakproof
    FROM pg_proc p WHERE p.pronamespace = {schema} AND p.prokind = 'f' ORDER BY p.proname"""

Printed = dict[tuple[str, str], tuple[str, bool]]


def findings(catalogue: Catalogue, expected: Expectations) -> Iterator[Finding]:
    """Compare definer functions with the allow-list, and every function of the fence with its migration."""
    found = set()
    for name, owner, settings, callers in catalogue.rows(_DEFINERS):
        found.add(name)
        if name not in expected.definers:
            yield Finding(name, f"runs with the rights of {owner} and is not on the list of such functions")
            continue
        if owner != expected.owner:
            yield Finding(name, f"runs with the rights of {owner}, not of {expected.owner}")
        if not _SAFE_PATHS & set(settings):
            yield Finding(name, "runs with its owner's rights under a search_path that its caller chooses")
        for caller in sorted(set(callers) ^ set(expected.definers[name])):
            verb = "may call it, and the list does not say so" if caller in callers else "may not call it, and should"
            yield Finding(name, f"{caller} {verb}")
    for name in sorted(set(expected.definers) - found):
        yield Finding(name, "does not exist, or does not run with its owner's rights")
    yield from _differences(catalogue)


def _differences(catalogue: Catalogue) -> Iterator[Finding]:
    """Compare print with print: PostgreSQL prints a function in words of its own."""
    wanted = _written_anew(catalogue)
    printed = catalogue.rows(_PRINTED.format(schema="'fence'::regnamespace"))
    for name, arguments, text, is_leakproof in printed:
        signature = f"fence.{name}({arguments.replace(', ', ',')})"
        if (name, arguments) not in wanted:
            yield Finding(signature, "was made by no migration")
        elif wanted[name, arguments] != (text, is_leakproof):
            yield Finding(signature, "does something else than the code that the migration wrote")


def _written_anew(catalogue: Catalogue) -> Printed:
    """Run what the migrations ran, into the temporary schema, and read how it prints; of a signature the last counts."""
    definitions = written.functions()
    with transaction.atomic(using=catalogue.connection.alias):
        # A body is asked for its words here, not for the tables that it names.
        catalogue.run("SET LOCAL check_function_bodies = off")
        for number, function in enumerate(definitions):
            catalogue.run(function.made_as(f"pg_temp.written_{number:05}"))
        rows = catalogue.rows(_PRINTED.format(schema="pg_my_temp_schema()"))
        transaction.set_rollback(True, using=catalogue.connection.alias)
    return {
        (definitions[int(name.rpartition("_")[2])].name, arguments): (text, is_leakproof)
        for name, arguments, text, is_leakproof in rows
    }
