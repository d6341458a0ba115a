"""Does the proof see what was changed beside tables and policies: bodies, triggers, PostgreSQL's own catalogue, settings?

Each of these opened the fence, or let the trail be rewritten, while `prove_isolation` said that all was well. As in
`test_mutations.py`, every sabotage is real and rolled back. P5, L38.
"""

from __future__ import annotations

import pytest
from django.db import connections
from django.db.backends.base.base import BaseDatabaseWrapper

from accounts.tenancy import written
from tests.accounts.tenancy.test_mutations import ALIASES, Sabotage, found

pytestmark = pytest.mark.django_db(databases=ALIASES)

SPY = "CREATE FUNCTION spy() RETURNS trigger LANGUAGE plpgsql AS 'BEGIN RETURN NEW; END'; CREATE TRIGGER spy "

SABOTAGES = (
    # What functions do
    Sabotage(
        "everybody's memberships",
        "CREATE OR REPLACE FUNCTION fence.memberships_of(identity_provider text, identity_subject text) RETURNS TABLE "
        "(user_id uuid, membership_id uuid, workspace_id uuid, workspace_name text, role text, organization_id text, "
        "requires_sso boolean) LANGUAGE sql STABLE SECURITY DEFINER SET search_path = pg_catalog, pg_temp AS $$ "
        "SELECT m.user_id, m.id, w.id, w.name, m.role, w.organization_id, w.requires_sso "
        "FROM public.accounts_membership m JOIN public.accounts_workspace w ON w.id = m.workspace_id $$",
        "fence.memberships_of(text,text)",
        "does something else",
    ),
    Sabotage(
        "claims believed for ever",
        "ALTER FUNCTION fence.verified_claims(text, text) IMMUTABLE",
        "fence.verified_claims(text,text)",
        "does something else",
    ),
    Sabotage(
        "whole workspace for anybody",
        "CREATE OR REPLACE FUNCTION fence.is_whole() RETURNS boolean LANGUAGE sql STABLE SECURITY DEFINER "
        "SET search_path = pg_catalog AS 'SELECT true'",
        "fence.is_whole()",
        "does something else",
    ),
    Sabotage(
        "every visit open",
        "CREATE OR REPLACE FUNCTION fence.visit_is_open(of_visit uuid, in_session uuid, to_workspace uuid) RETURNS boolean "
        "LANGUAGE sql STABLE PARALLEL SAFE SECURITY DEFINER SET search_path = pg_catalog, pg_temp AS 'SELECT true'",
        "fence.visit_is_open(uuid,uuid,uuid)",
        "does something else",
    ),
    Sabotage(
        "everybody a visit",
        "CREATE OR REPLACE FUNCTION fence.is_glass() RETURNS boolean LANGUAGE plpgsql STABLE PARALLEL SAFE "
        "SECURITY DEFINER SET search_path = pg_catalog AS 'BEGIN RETURN true; END'",
        "fence.is_glass()",
        "does something else",
    ),
    Sabotage(
        "visits that the application writes",
        "GRANT INSERT, UPDATE ON accounts_visit TO aiaxis_app",
        "accounts_visit",
        "aiaxis_app has",
    ),
    Sabotage(
        "a visit into sessions",
        "DROP POLICY member_read ON accounts_session; CREATE POLICY member_read ON accounts_session AS RESTRICTIVE "
        "FOR SELECT USING ((membership_id = (SELECT fence.current_member())) OR (SELECT fence.is_glass()))",
        "accounts_session",
        "does not write",
    ),
    Sabotage(
        "operators sessions never closed",
        "CREATE OR REPLACE FUNCTION fence.close_operator_session(hash bytea) RETURNS void LANGUAGE sql VOLATILE "
        "SECURITY DEFINER SET search_path = pg_catalog, pg_temp AS 'SELECT'",
        "fence.close_operator_session(bytea)",
        "does something else",
    ),
    Sabotage(
        "a function that no migration made",
        "CREATE FUNCTION fence.more() RETURNS int LANGUAGE sql AS 'SELECT 1'",
        "fence.more()",
        "made by no migration",
    ),
    Sabotage(
        "leakproof function of the fence",
        "ALTER FUNCTION fence.is_whole() LEAKPROOF",
        "fence.is_whole()",
        "does something else",
    ),
    # Triggers
    Sabotage(
        "trail's guard dropped",
        "DROP TRIGGER audit_not_changed ON audit_entry",
        "audit_entry",
        "lacks the trigger audit_not_changed",
    ),
    Sabotage(
        "trail's guard off",
        "ALTER TABLE audit_entry DISABLE TRIGGER audit_not_changed",
        "audit_entry",
        "audit_not_changed is switched off",
    ),
    Sabotage(
        "trail's guard off on one partition",
        "ALTER TABLE audit_entry_d365_default DISABLE TRIGGER ALL",
        "audit_entry_d365_default",
        "audit_not_changed is switched off",
    ),
    Sabotage(
        "partition can be emptied",
        "DROP TRIGGER audit_not_emptied ON audit_entry_d365_default",
        "audit_entry_d365_default",
        "lacks the trigger audit_not_emptied",
    ),
    Sabotage(
        "trail's guard says yes",
        "CREATE OR REPLACE FUNCTION fence.audit_is_final() RETURNS trigger LANGUAGE plpgsql SET search_path = pg_catalog "
        "AS 'BEGIN RETURN OLD; END'",
        "fence.audit_is_final()",
        "does something else",
    ),
    Sabotage(
        "seals no longer awaited",
        "DROP TRIGGER audit_sealed_later ON audit_entry",
        "audit_entry",
        "lacks the trigger audit_sealed_later",
    ),
    Sabotage(
        "guard of fewer verbs",
        "DROP TRIGGER audit_not_changed ON audit_entry; CREATE TRIGGER audit_not_changed BEFORE UPDATE ON audit_entry "
        "FOR EACH ROW EXECUTE FUNCTION fence.audit_is_final()",
        "audit_entry",
        "the trigger audit_not_changed is",
    ),
    Sabotage(
        "a trigger of somebody's",
        f"{SPY} BEFORE INSERT ON files_file FOR EACH ROW EXECUTE FUNCTION spy()",
        "files_file",
        "no migration made: spy",
    ),
    Sabotage(
        "a trigger on jobs",
        f"{SPY} BEFORE INSERT ON procrastinate_jobs FOR EACH ROW EXECUTE FUNCTION spy()",
        "procrastinate_jobs",
        "no migration made: spy",
    ),
    # PostgreSQL's own catalogue
    Sabotage(
        "samples readable", "GRANT SELECT ON pg_statistic TO aiaxis_app", "table pg_statistic", "aiaxis_app has SELECT"
    ),
    Sabotage(
        "one column of passwords readable",
        "GRANT SELECT (rolpassword) ON pg_authid TO aiaxis_ops",
        "column rolpassword of table pg_authid",
        "aiaxis_ops has SELECT",
    ),
    Sabotage(
        "large objects readable",
        "GRANT SELECT ON pg_largeobject TO PUBLIC",
        "table pg_largeobject",
        "PUBLIC has SELECT",
    ),
    Sabotage(
        "files readable",
        "GRANT EXECUTE ON FUNCTION pg_read_file(text) TO aiaxis_app",
        "function pg_read_file(text)",
        "aiaxis_app has EXECUTE",
    ),
    Sabotage(
        "files readable by everybody",
        "GRANT EXECUTE ON FUNCTION pg_read_file(text) TO PUBLIC",
        "function pg_read_file(text)",
        "PUBLIC has EXECUTE",
    ),
    Sabotage(
        "files importable",
        "GRANT EXECUTE ON FUNCTION lo_import(text) TO aiaxis_queue",
        "function lo_import(text)",
        "aiaxis_queue has EXECUTE",
    ),
    Sabotage(
        "large objects for everybody",
        "GRANT EXECUTE ON FUNCTION lo_from_bytea(oid, bytea) TO PUBLIC",
        "large objects",
        "PUBLIC may call lo_from_bytea(oid,bytea)",
    ),
    Sabotage(
        "counters for everybody",
        "GRANT EXECUTE ON FUNCTION pg_stat_get_live_tuples(oid) TO PUBLIC",
        "counters",
        "pg_stat_get_live_tuples(oid)",
    ),
    # Settings
    Sabotage(
        "triggers can be switched off",
        "GRANT SET ON PARAMETER session_replication_role TO aiaxis_app",
        "parameter session_replication_role",
        "aiaxis_app has SET",
    ),
    Sabotage(
        "statements shown again",
        "ALTER ROLE aiaxis_app SET track_activities = on",
        "role aiaxis_app",
        "sets track_activities=on",
    ),
    Sabotage(
        "statements shown in one database",
        "ALTER ROLE aiaxis_app IN DATABASE {database} SET track_activities = on",
        "role aiaxis_app",
        "sets track_activities=on in this database",
    ),
    Sabotage(
        "triggers off in the whole database",
        "ALTER DATABASE {database} SET session_replication_role = 'replica'",
        "role every role",
        "sets session_replication_role=replica",
    ),
    Sabotage(
        "statements logged", "ALTER ROLE aiaxis_app SET log_statement = 'all'", "role aiaxis_app", "log_statement=all"
    ),
    Sabotage(
        "failing statements logged",
        "ALTER ROLE aiaxis_app SET log_min_error_statement = 'error'",
        "role aiaxis_app",
        "log_min_error_statement=error",
    ),
    Sabotage(
        "another search path",
        "CREATE SCHEMA evil; ALTER ROLE aiaxis_app SET search_path = evil, public",
        "role aiaxis_app",
        "sets search_path",
    ),
    Sabotage(
        "a context from nowhere", "ALTER ROLE aiaxis_app SET fence.ctx = 'x'", "role aiaxis_app", "sets fence.ctx"
    ),
    Sabotage(
        "operators may write",
        "ALTER ROLE aiaxis_ops RESET default_transaction_read_only",
        "role aiaxis_ops",
        "does not set default_transaction_read_only=on",
    ),
    Sabotage(
        "row security off for all", "ALTER ROLE ALL SET row_security = off", "role every role", "sets row_security=off"
    ),
    # Other databases
    Sabotage(
        "the app in the identity store",
        "GRANT CONNECT ON DATABASE {identity} TO aiaxis_app",
        "database {identity}",
        "aiaxis_app may connect",
    ),
    Sabotage(
        "everybody in the identity store",
        "GRANT CONNECT ON DATABASE {identity} TO PUBLIC",
        "database {identity}",
        "aiaxis_ops may connect",
    ),
    # Flags
    Sabotage(
        "leakproof regular expressions",
        "ALTER FUNCTION textregexeq(text, text) LEAKPROOF",
        "textregexeq(text,text)",
        "is LEAKPROOF",
    ),
    Sabotage(
        "leakproof division", "ALTER FUNCTION int4div(int, int) LEAKPROOF", "int4div(integer,integer)", "is LEAKPROOF"
    ),
    Sabotage("leakproof input", "ALTER FUNCTION int4in(cstring) LEAKPROOF", "int4in(cstring)", "is LEAKPROOF"),
    # Additions
    Sabotage("lines to elsewhere", "CREATE EXTENSION dblink", "extension dblink", "not on the list"),
    Sabotage(
        "foreign server",
        "CREATE FOREIGN DATA WRAPPER out; CREATE SERVER elsewhere FOREIGN DATA WRAPPER out",
        "foreign server elsewhere",
        "not on the list",
    ),
    Sabotage("foreign data wrapper", "CREATE FOREIGN DATA WRAPPER out", "foreign data wrapper out", "not on the list"),
    Sabotage(
        "publication", "CREATE PUBLICATION everything FOR ALL TABLES", "publication everything", "not on the list"
    ),
    Sabotage(
        "subscription",
        "CREATE SUBSCRIPTION mine CONNECTION 'host=nowhere' PUBLICATION everything WITH (connect = false)",
        "subscription mine",
        "not on the list",
    ),
    Sabotage(
        "event trigger",
        "CREATE FUNCTION spy() RETURNS event_trigger LANGUAGE plpgsql AS 'BEGIN END'; "
        "CREATE EVENT TRIGGER spy ON ddl_command_end EXECUTE FUNCTION spy()",
        "event trigger spy",
        "not on the list",
    ),
    Sabotage("large object", "SELECT lo_create(4711)", "large object 4711", "no policy guards"),
    # What the planner remembers
    Sabotage(
        "samples taken", "ALTER TABLE files_file ALTER name SET STATISTICS 100", "files_file", "takes samples of name"
    ),
    Sabotage(
        "samples taken of an expression",
        "CREATE INDEX spoken ON files_file (workspace_id, (lower(name)))",
        "spoken",
        "takes samples of lower",
    ),
    Sabotage(
        "samples of two columns",
        "CREATE STATISTICS pair ON name, status FROM files_file",
        "files_file",
        "extended statistics pair",
    ),
)


@pytest.mark.parametrize("sabotage", SABOTAGES, ids=lambda sabotage: sabotage.name)
def test_it_catches_each_sabotage(superuser: BaseDatabaseWrapper, sabotage: Sabotage) -> None:
    """P5: each of these went unseen once."""
    names = {
        "database": str(superuser.settings_dict["NAME"]),
        "identity": str(connections["identity"].settings_dict["NAME"]),
    }
    with superuser.cursor() as cursor:
        cursor.execute(sabotage.sql.replace("{database}", names["database"]).replace("{identity}", names["identity"]))
    findings = found(superuser)
    where = sabotage.where.format(**names)
    assert any(where == place and sabotage.what in what for place, what in findings), findings


def test_the_migrations_are_read_whole() -> None:
    """What the comparison stands on: every function and trigger of today is found in them."""
    names = {function.name for function in written.functions()}
    assert {"verified_payload", "current_member", "resolve_session", "verified_claims", "audit_is_final"} <= names
    guards = {(trigger.table, trigger.name) for trigger in written.triggers()}
    assert {("audit_entry", "audit_not_changed"), ("audit_entry", "audit_sealed_later")} <= guards
    assert {("audit_seal", "audit_not_changed"), ("audit_seal", "audit_not_emptied")} <= guards


def test_bounds_of_time_are_nobodys_hole(superuser: BaseDatabaseWrapper) -> None:
    """An administrator may limit how long a statement runs without being told that the fence is open."""
    before = found(superuser)
    with superuser.cursor() as cursor:
        cursor.execute("ALTER ROLE aiaxis_app SET statement_timeout = '30s'")
    assert found(superuser) == before
