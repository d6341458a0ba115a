"""Which functions run with somebody else's rights, and who may call them?"""

from __future__ import annotations

import re
from collections.abc import Iterator, Mapping
from typing import Final

from accounts.tenancy.proof.findings import Catalogue, Expectations, Finding
from accounts.tenancy.sql import SCHEMA

_DEFINERS = """SELECT p.oid::regprocedure::text, pg_get_userbyid(p.proowner)::text, coalesce(p.proconfig, '{}'), p.prosrc,
    ARRAY(SELECT coalesce(r.rolname::text, 'PUBLIC')
          FROM aclexplode(coalesce(p.proacl, acldefault('f', p.proowner))) a LEFT JOIN pg_roles r ON r.oid = a.grantee
          WHERE a.grantee <> p.proowner ORDER BY 1)
    FROM pg_proc p JOIN pg_namespace n ON n.oid = p.pronamespace
    WHERE p.prosecdef AND n.nspname NOT IN ('pg_catalog', 'information_schema') AND NOT EXISTS (
        SELECT 1 FROM pg_depend d WHERE d.classid = 'pg_proc'::regclass AND d.objid = p.oid AND d.deptype = 'e')"""

# A schema in the path that others may write to would let them put their own function or table in the way.
_SAFE_PATHS: Final = {"search_path=pg_catalog", "search_path=pg_catalog, pg_temp", 'search_path=""'}


def findings(catalogue: Catalogue, expected: Expectations) -> Iterator[Finding]:
    """Compare definer functions with the allow-list: which, whose, with which path, callable by whom."""
    bodies = _bodies_of_the_fence()
    found = set()
    for name, owner, settings, body, callers in catalogue.rows(_DEFINERS):
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
        if bodies.get(name, body).strip() != body.strip():
            yield Finding(name, "does something else than the code that the migration wrote")
    for name in sorted(set(expected.definers) - found):
        yield Finding(name, "does not exist, or does not run with its owner's rights")


def _bodies_of_the_fence() -> Mapping[str, str]:
    """Return the text of the functions that verify a seal, which everything else stands on."""
    pieces = re.findall(r"CREATE FUNCTION (fence\.\w+\(\)).*?AS \$fence\$(.*?)\$fence\$", SCHEMA, flags=re.DOTALL)
    return dict(pieces)
