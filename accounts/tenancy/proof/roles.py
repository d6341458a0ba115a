"""Is each login what it must be, and nothing more?"""

from __future__ import annotations

from collections.abc import Iterator
from typing import Final

from django.db import connections

from accounts.tenancy.proof.findings import Catalogue, Expectations, Finding

_ATTRIBUTES: Final = {
    "rolsuper": "is a superuser, whom no policy stops",
    "rolcreaterole": "may make roles, and so give itself another",
    "rolreplication": "may read the whole cluster by replication",
}


def findings(catalogue: Catalogue, expected: Expectations) -> Iterator[Finding]:
    """Ask for logins, attributes, memberships, possessions and who may enter the database."""
    yield from _logins(expected)
    roles = sorted({expected.owner, *expected.logins.values()})
    yield from _attributes(catalogue, expected, roles)
    yield from _memberships(catalogue, roles)
    yield from _possessions(catalogue, [role for role in roles if role != expected.owner])
    yield from _entrances(catalogue, expected)


def _logins(expected: Expectations) -> Iterator[Finding]:
    """Ask each connection who it is: a setting may name another role than the one that everything is granted to."""
    for alias, role in expected.logins.items():
        with connections[alias].cursor() as cursor:
            cursor.execute("SELECT session_user::text, current_user::text")
            session, current = cursor.fetchone()
        if (session, current) != (role, role):
            yield Finding(f"connection {alias}", f"logs in as {session} and acts as {current}; it must be {role}")


def _attributes(catalogue: Catalogue, expected: Expectations, roles: list[str]) -> Iterator[Finding]:
    columns = ", ".join(_ATTRIBUTES)
    query = (
        f"SELECT rolname::text, rolbypassrls, rolcreatedb, rolconfig, {columns} FROM pg_roles WHERE rolname = ANY(%s)"  # noqa: S608 - our own column names
    )
    found = {row[0]: row[1:] for row in catalogue.rows(query, [roles])}
    for role in roles:
        if role not in found:
            yield Finding(f"role {role}", "does not exist")
            continue
        bypasses, makes_databases, settings, *attributes = found[role]
        for fault, present in zip(_ATTRIBUTES.values(), attributes, strict=True):
            if present:
                yield Finding(f"role {role}", fault)
        if bypasses and role not in expected.bypassing:
            yield Finding(f"role {role}", "has BYPASSRLS, so it sees every workspace")
        if makes_databases and role != expected.owner:
            yield Finding(f"role {role}", "may make databases, which stand outside every policy")
        if role == expected.logins["default"] and "track_activities=off" not in (settings or []):
            yield Finding(
                f"role {role}",
                "shows its statements, sealed contexts included, to its other sessions: track_activities must be off",
            )


def _memberships(catalogue: Catalogue, roles: list[str]) -> Iterator[Finding]:
    query = """SELECT member.rolname::text, granted.rolname::text FROM pg_auth_members m
        JOIN pg_roles member ON member.oid = m.member JOIN pg_roles granted ON granted.oid = m.roleid
        WHERE member.rolname = ANY(%s) OR (granted.rolname = ANY(%s) AND NOT member.rolsuper)"""
    for member, granted in catalogue.rows(query, [roles, roles]):
        yield Finding(f"role {member}", f"is a member of {granted}, and so may act with its rights")


def _possessions(catalogue: Catalogue, roles: list[str]) -> Iterator[Finding]:
    """An owner may switch its table's row security off, whatever the policies say."""
    query = """SELECT r.rolname::text, pg_describe_object(d.classid, d.objid, d.objsubid) FROM pg_shdepend d
        JOIN pg_roles r ON r.oid = d.refobjid AND d.refclassid = 'pg_authid'::regclass
        WHERE d.deptype = 'o' AND r.rolname = ANY(%s)
        AND d.dbid IN (0, (SELECT oid FROM pg_database WHERE datname = current_database()))
        AND d.classid <> 'pg_largeobject'::regclass"""
    for role, possession in catalogue.rows(query, [roles]):
        yield Finding(f"role {role}", f"owns {possession}; a role that serves requests may own nothing")


def _entrances(catalogue: Catalogue, expected: Expectations) -> Iterator[Finding]:
    query = """SELECT coalesce(r.rolname::text, 'PUBLIC'), a.privilege_type, a.is_grantable
        FROM pg_database d, aclexplode(coalesce(d.datacl, acldefault('d', d.datdba))) a
        LEFT JOIN pg_roles r ON r.oid = a.grantee WHERE d.datname = current_database() AND a.grantee <> d.datdba"""
    allowed = set(expected.logins.values())
    for role, right, grantable in catalogue.rows(query):
        if role not in allowed or right != "CONNECT" or grantable:
            yield Finding("database", f"{role} has {right} on it{' with grant option' if grantable else ''}")
    for role in sorted(expected.strangers):
        query = "SELECT has_database_privilege(oid, current_database(), 'CONNECT') FROM pg_roles WHERE rolname = %s"
        if catalogue.rows(query, [role]) == [(True,)]:
            yield Finding("database", f"{role}, the role of another system, may connect to it")
