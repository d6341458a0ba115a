"""Was anything given away beside the tables: in PostgreSQL's own catalogue, its settings, its other databases?

Whatever stands here is a way round everything else: `pg_statistic` holds samples of hidden rows, a parameter switches
triggers off, an extension opens lines to elsewhere. All of it is asked whole and compared, not searched for known evils.
"""

from __future__ import annotations

from collections.abc import Iterator
from typing import Final

from accounts.tenancy.proof.findings import Catalogue, Expectations, Finding
from accounts.tenancy.proof.leakproof import BUILT_IN
from accounts.tenancy.proof.server import LEAKPROOF, TELLING

_SYSTEM: Final = "('pg_catalog'::regnamespace, 'information_schema'::regnamespace)"

# PUBLIC's own rights in there are those of a new cluster; a role of ours has none of its own.
_ACLS: Final = f"""WITH acls (class, kind, object, sub, owner, acl, space) AS (
        SELECT 'pg_class'::regclass, 'r', oid, 0, relowner, relacl, relnamespace FROM pg_class WHERE relnamespace IN {_SYSTEM}
        UNION ALL SELECT 'pg_class'::regclass, 'c', t.attrelid, t.attnum, c.relowner, t.attacl, c.relnamespace
            FROM pg_attribute t JOIN pg_class c ON c.oid = t.attrelid WHERE c.relnamespace IN {_SYSTEM}
        UNION ALL SELECT 'pg_proc'::regclass, 'f', oid, 0, proowner, proacl, pronamespace FROM pg_proc
            WHERE pronamespace IN {_SYSTEM}
        UNION ALL SELECT 'pg_namespace'::regclass, 'n', oid, 0, nspowner, nspacl, oid FROM pg_namespace WHERE oid IN {_SYSTEM}
        UNION ALL SELECT 'pg_language'::regclass, 'l', oid, 0, lanowner, lanacl, 0 FROM pg_language)
    SELECT pg_describe_object(class, object, sub), coalesce(r.rolname::text, 'PUBLIC'), a.privilege_type
    FROM acls, aclexplode(acl) a LEFT JOIN pg_roles r ON r.oid = a.grantee
    WHERE r.rolname = ANY(%s) OR (
        a.grantee = 0 AND NOT (space = 'information_schema'::regnamespace AND a.privilege_type IN ('SELECT', 'USAGE'))
        AND NOT EXISTS (SELECT 1 FROM aclexplode(coalesce(
            (SELECT i.initprivs FROM pg_init_privs i WHERE (i.classoid, i.objoid, i.objsubid) = (class, object, sub)),
            acldefault(kind::"char", owner))) d WHERE d.grantee = 0 AND d.privilege_type = a.privilege_type))"""  # noqa: S608 - our own words

_PARAMETERS: Final = """SELECT p.parname, coalesce(r.rolname::text, 'PUBLIC'), a.privilege_type
    FROM pg_parameter_acl p, aclexplode(p.paracl) a LEFT JOIN pg_roles r ON r.oid = a.grantee
    WHERE a.grantee = 0 OR r.rolname = ANY(%s)"""

_SETTINGS: Final = """SELECT coalesce(r.rolname::text, 'every role'), s.setdatabase <> 0, unnest(s.setconfig)
    FROM pg_db_role_setting s LEFT JOIN pg_roles r ON r.oid = s.setrole
    WHERE (s.setrole = 0 OR r.rolname = ANY(%s))
    AND (s.setdatabase = 0 OR s.setdatabase = (SELECT oid FROM pg_database WHERE datname = current_database()))"""

# What only bounds time and memory tells nobody anything and opens nothing.
_HARMLESS: Final = frozenset(
    {"statement_timeout", "lock_timeout", "idle_in_transaction_session_timeout", "work_mem", "maintenance_work_mem"}
)

_EXTRAS: Final = """SELECT 'extension', extname::text FROM pg_extension
    UNION ALL SELECT 'foreign data wrapper', fdwname::text FROM pg_foreign_data_wrapper
    UNION ALL SELECT 'foreign server', srvname::text FROM pg_foreign_server
    UNION ALL SELECT 'publication', pubname::text FROM pg_publication
    UNION ALL SELECT 'subscription', subname::text FROM pg_subscription
    UNION ALL SELECT 'event trigger', evtname::text FROM pg_event_trigger
    UNION ALL SELECT 'large object', oid::text FROM pg_largeobject_metadata ORDER BY 1, 2"""
_WHY: Final = {
    "extension": "whose functions nobody here has read",
    "foreign data wrapper": "through which a statement reaches elsewhere",
    "foreign server": "through which a statement reaches elsewhere",
    "publication": "which hands rows on past every policy",
    "subscription": "which writes rows past every policy",
    "event trigger": "which runs inside other people's statements",
    "large object": "which no policy guards",
}

_PUBLIC_MAY: Final = """SELECT CASE WHEN proname LIKE 'lo%' THEN 'large objects' ELSE 'counters' END,
        oid::regprocedure::text FROM pg_proc WHERE pronamespace = 'pg_catalog'::regnamespace
    AND (proname ~ '^lo_|^loread$|^lowrite$' OR (proname LIKE 'pg\\_stat\\_get\\_%' AND oidvectortypes(proargtypes) = 'oid'))
    AND has_function_privilege('public', oid, 'EXECUTE') ORDER BY 2"""
_CLOSED: Final = {
    "large objects": "keeps what no policy guards, shared by every workspace",
    "counters": "tells how many rows all workspaces together have written",
}


def findings(catalogue: Catalogue, expected: Expectations) -> Iterator[Finding]:
    """Ask for rights in the catalogue, on parameters and on other databases, for settings, flags and additions."""
    roles = sorted({expected.owner, *expected.logins.values()})
    for thing, role, right in catalogue.rows(_ACLS, [roles]):
        yield Finding(thing, f"{role} has {right} on this part of PostgreSQL's own catalogue")
    for parameter, role, right in catalogue.rows(_PARAMETERS, [roles]):
        yield Finding(f"parameter {parameter}", f"{role} has {right} on it, and so may change how the server obeys")
    yield from _settings(catalogue, expected, roles)
    yield from _flags(catalogue)
    for kind, name in catalogue.rows(_EXTRAS):
        if kind != "extension" or name not in expected.extensions:
            yield Finding(f"{kind} {name}", f"is not on the list of what may be there: {_WHY[kind]}")
    open_to_all: dict[str, list[str]] = {}
    for kind, name in catalogue.rows(_PUBLIC_MAY):
        open_to_all.setdefault(kind, []).append(name)
    for kind, names in open_to_all.items():
        yield Finding(kind, f"PUBLIC may call {', '.join(names)}, which {_CLOSED[kind]}; see docs/deploy.md")
    yield from _other_databases(catalogue, expected, roles)


def _settings(catalogue: Catalogue, expected: Expectations, roles: list[str]) -> Iterator[Finding]:
    """Compare what roles and this database set for their sessions: each is a switch that nobody sees in a statement."""
    found = set()
    for role, is_of_database, setting in catalogue.rows(_SETTINGS, [roles]):
        if (role, setting) in expected.settings and not is_of_database:
            found.add((role, setting))
        elif setting.partition("=")[0] not in _HARMLESS:
            place = " in this database" if is_of_database else ""
            yield Finding(f"role {role}", f"sets {setting}{place}, which the list of settings does not say")
    for role, setting in sorted(expected.settings - found):
        yield Finding(f"role {role}", f"does not set {setting}, and must")


def _flags(catalogue: Catalogue) -> Iterator[Finding]:
    """Ask for functions that run before the policies: those of a new cluster, and those of our list."""
    allowed = [*BUILT_IN, *LEAKPROOF, *TELLING]  # the last are reported by their own check
    query = """SELECT oid::regprocedure::text FROM pg_proc
        WHERE proleakproof AND NOT oid::regprocedure::text = ANY(%s) ORDER BY 1"""
    for (name,) in catalogue.rows(query, [allowed]):
        yield Finding(name, "is LEAKPROOF and not on the list: it runs on rows that the policies hide")


def _other_databases(catalogue: Catalogue, expected: Expectations, roles: list[str]) -> Iterator[Finding]:
    query = """SELECT d.datname::text, r.rolname::text FROM pg_database d, pg_roles r
        WHERE d.datname = ANY(%s) AND r.rolname = ANY(%s) AND has_database_privilege(r.oid, d.oid, 'CONNECT')"""
    for database, role in catalogue.rows(query, [sorted(expected.other_databases), roles]):
        yield Finding(f"database {database}", f"{role} may connect to it, which is another system's")
