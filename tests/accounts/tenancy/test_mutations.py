"""Does the proof see each way of opening the fence? Every sabotage here is real, and rolled back.

Roles belong to the whole cluster, but a change of a role that is never committed is seen by no other session: so the
superuser's connection, inside one transaction, is cluster enough. P1 to P5 stand on what is asked here; L2, L3, L9, L45.
"""

from __future__ import annotations

import json
from dataclasses import dataclass

import pytest
from django.core.exceptions import ImproperlyConfigured
from django.core.management import CommandError, call_command
from django.db.backends.base.base import BaseDatabaseWrapper

from accounts import isolation
from accounts.tenancy.proof import Catalogue, catalogue_findings

ALIASES = ["default", "owner", "ops", "queue", "audit", "seal", "cache"]
pytestmark = pytest.mark.django_db(databases=ALIASES)


@dataclass(frozen=True)
class Sabotage:
    """One change that opens the fence, and the words in which the proof must report it."""

    name: str
    sql: str
    where: str
    what: str


SABOTAGES = (
    # Row security
    Sabotage(
        "row security off", "ALTER TABLE files_file DISABLE ROW LEVEL SECURITY", "files_file", "row security is off"
    ),
    Sabotage("not forced", "ALTER TABLE files_file NO FORCE ROW LEVEL SECURITY", "files_file", "not forced"),
    Sabotage("policy dropped", "DROP POLICY workspace ON agents_agent", "agents_agent", "lacks the policy workspace"),
    Sabotage("policy opened", "ALTER POLICY workspace ON files_file USING (true)", "files_file", "using true"),
    Sabotage(
        "policy with OR",
        "ALTER POLICY workspace ON files_file USING (workspace_id = (SELECT fence.current_workspace()) OR "
        "current_setting('fence.admin', true) = 'on')",
        "files_file",
        "does not write",
    ),
    Sabotage(
        "policy tolerates NULL",
        "ALTER POLICY workspace ON files_file USING (workspace_id IS NOT DISTINCT FROM (SELECT fence.current_workspace()))",
        "files_file",
        "does not write",
    ),
    Sabotage(
        "check opened",
        "ALTER POLICY workspace ON conversations_message WITH CHECK (true)",
        "conversations_message",
        "check true",
    ),
    Sabotage(
        "second policy",
        "CREATE POLICY support ON files_passage FOR SELECT TO aiaxis_app USING (true)",
        "files_passage",
        "does not write: support",
    ),
    Sabotage(
        "member policy dropped",
        "DROP POLICY member_read ON conversations_conversation",
        "conversations_conversation",
        "lacks the policy member_read",
    ),
    Sabotage(
        "member policy permissive",
        "DROP POLICY member_read ON files_file; CREATE POLICY member_read ON files_file FOR SELECT "
        "USING (visibility = 'workspace' OR owner_id = (SELECT fence.current_member()) OR (SELECT fence.is_whole()))",
        "files_file",
        "permissive, select",
    ),
    Sabotage(
        "member may write a colleague's",
        "ALTER POLICY member_update ON agents_agent USING (visibility = 'workspace')",
        "agents_agent",
        "member_update",
    ),
    Sabotage(
        "policy for one role only",
        "ALTER POLICY workspace ON files_file TO aiaxis_ops",
        "files_file",
        "to aiaxis_ops",
    ),
    Sabotage(
        "trail readable by everybody",
        "ALTER POLICY workspace_read ON audit_entry USING (workspace_id IS NULL OR true)",
        "audit_entry",
        "does not write: workspace_read",
    ),
    # Tables and columns
    Sabotage("table without a fence", "CREATE TABLE notes (id uuid, text text)", "notes", "no fenced model's table"),
    Sabotage(
        "nullable workspace",
        "ALTER TABLE files_passage ALTER workspace_id DROP NOT NULL",
        "files_passage",
        "may be NULL",
    ),
    Sabotage(
        "inherited table",
        "CREATE TABLE files_copy () INHERITS (files_file)",
        "files_copy",
        "inherits from another table",
    ),
    Sabotage(
        "hidden schema",
        "CREATE SCHEMA backup; CREATE TABLE backup.files AS SELECT * FROM files_file",
        "backup.files",
        "nobody watches",
    ),
    Sabotage("app owns a table", "ALTER TABLE files_file OWNER TO aiaxis_app", "files_file", "belongs to aiaxis_app"),
    Sabotage(
        "rewrite rule",
        "CREATE RULE copy AS ON INSERT TO files_file DO ALSO DELETE FROM agents_agent",
        "files_file",
        "rewrite rule",
    ),
    Sabotage("table dropped", "DROP TABLE conversations_citation", "conversations_citation", "does not exist"),
    Sabotage(
        "check dropped",
        "ALTER TABLE accounts_user DROP CONSTRAINT accounts_user_email_lower",
        "accounts_user",
        "check accounts_user_email_lower is missing",
    ),
    # Keys
    Sabotage(
        "single-column foreign key",
        "ALTER TABLE agents_agentfile ADD CONSTRAINT loose FOREIGN KEY (file_id) REFERENCES files_file (id)",
        "agents_agentfile",
        "loose to files_file does not carry the workspace",
    ),
    Sabotage(
        "composite foreign key dropped",
        "ALTER TABLE agents_agentfile DROP CONSTRAINT agents_agentfile_file_id_fk",
        "agents_agentfile",
        "lacks the foreign key",
    ),
    Sabotage(
        "foreign key not validated",
        "ALTER TABLE agents_agentfile DROP CONSTRAINT agents_agentfile_file_id_fk, ADD CONSTRAINT agents_agentfile_file_id_fk "
        "FOREIGN KEY (workspace_id, file_id) REFERENCES files_file (workspace_id, id) NOT VALID",
        "agents_agentfile",
        "not enforced on every row",
    ),
    Sabotage(
        "foreign key that takes the workspace away",
        "ALTER TABLE conversations_conversation DROP CONSTRAINT conversations_conversation_agent_id_fk, "
        "ADD CONSTRAINT conversations_conversation_agent_id_fk FOREIGN KEY (workspace_id, agent_id) "
        "REFERENCES agents_agent (workspace_id, id) ON DELETE SET NULL",
        "conversations_conversation",
        "takes the workspace away",
    ),
    Sabotage(
        "unique without the workspace",
        "CREATE UNIQUE INDEX names ON agents_agent (slug)",
        "agents_agent",
        "names does not begin with the workspace",
    ),
    Sabotage(
        "text index over private rows",
        "CREATE INDEX quick ON files_file USING gin (workspace_id, name gin_trgm_ops)",
        "files_file",
        "index quick holds private rows",
    ),
    # Views and functions
    Sabotage(
        "view of the owner's",
        "CREATE VIEW all_files AS SELECT * FROM files_file",
        "all_files",
        "without security_invoker",
    ),
    Sabotage(
        "materialised view",
        "CREATE MATERIALIZED VIEW all_files AS SELECT * FROM files_file",
        "all_files",
        "materialised view",
    ),
    Sabotage(
        "another definer function",
        "CREATE FUNCTION everything() RETURNS SETOF files_file LANGUAGE sql SECURITY DEFINER AS 'SELECT * FROM files_file'",
        "everything()",
        "not on the list",
    ),
    Sabotage(
        "definer function with a free path",
        "ALTER FUNCTION fence.resolve_session(bytea) RESET search_path",
        "fence.resolve_session(bytea)",
        "search_path that its caller chooses",
    ),
    Sabotage(
        "definer function for everybody",
        "GRANT EXECUTE ON FUNCTION fence.resolve_key(bytea) TO PUBLIC",
        "fence.resolve_key(bytea)",
        "PUBLIC may call it",
    ),
    Sabotage(
        "seals believed unread",
        "CREATE OR REPLACE FUNCTION fence.verified_payload() RETURNS text LANGUAGE plpgsql STABLE SECURITY DEFINER "
        "SET search_path = pg_catalog AS 'BEGIN RETURN left(current_setting(''fence.ctx'', true), -65); END'",
        "fence.verified_payload()",
        "does something else",
    ),
    # Grants
    Sabotage("extra grant", "GRANT TRUNCATE ON files_file TO aiaxis_app", "files_file", "aiaxis_app has TRUNCATE"),
    Sabotage(
        "grant on a column",
        "GRANT SELECT (name) ON files_file TO aiaxis_ops",
        "files_file",
        "SELECT on the column name",
    ),
    Sabotage(
        "grant to everybody",
        "GRANT SELECT ON accounts_identitylink TO PUBLIC",
        "accounts_identitylink",
        "PUBLIC has SELECT",
    ),
    Sabotage(
        "membership writable",
        "GRANT INSERT ON accounts_membership TO aiaxis_app",
        "accounts_membership",
        "aiaxis_app has INSERT",
    ),
    Sabotage(
        "key readable", "GRANT SELECT ON fence.context_key TO aiaxis_app", "fence.context_key", "aiaxis_app has SELECT"
    ),
    Sabotage("grant missing", "REVOKE INSERT ON files_file FROM aiaxis_app", "files_file", "aiaxis_app lacks INSERT"),
    Sabotage(
        "trail changeable", "GRANT UPDATE ON audit_entry TO aiaxis_audit", "audit_entry", "aiaxis_audit has UPDATE"
    ),
    Sabotage(
        "grant on a partition",
        "GRANT SELECT ON audit_entry_d365_default TO aiaxis_app",
        "audit_entry_d365_default",
        "on this partition itself",
    ),
    Sabotage(
        "open partition",
        "ALTER TABLE audit_entry_d365_default DISABLE ROW LEVEL SECURITY",
        "audit_entry_d365_default",
        "row security is off",
    ),
    Sabotage(
        "schema writable", "GRANT CREATE ON SCHEMA public TO aiaxis_app", "schema public", "aiaxis_app has CREATE"
    ),
    Sabotage(
        "default privileges",
        "ALTER DEFAULT PRIVILEGES FOR ROLE aiaxis_owner GRANT SELECT ON TABLES TO aiaxis_app",
        "role aiaxis_owner",
        "default privileges",
    ),
    # Roles, the database and the server
    Sabotage("app bypasses policies", "ALTER ROLE aiaxis_app BYPASSRLS", "role aiaxis_app", "has BYPASSRLS"),
    Sabotage("queue is a superuser", "ALTER ROLE aiaxis_queue SUPERUSER", "role aiaxis_queue", "is a superuser"),
    Sabotage("ops makes roles", "ALTER ROLE aiaxis_ops CREATEROLE", "role aiaxis_ops", "may make roles"),
    Sabotage(
        "app is a member of the owner", "GRANT aiaxis_owner TO aiaxis_app", "role aiaxis_app", "member of aiaxis_owner"
    ),
    Sabotage(
        "app reads all data", "GRANT pg_read_all_data TO aiaxis_app", "role aiaxis_app", "member of pg_read_all_data"
    ),
    Sabotage(
        "app shows its statements",
        "ALTER ROLE aiaxis_app RESET track_activities",
        "role aiaxis_app",
        "track_activities must be off",
    ),
    Sabotage(
        "app owns a function",
        "CREATE FUNCTION mine() RETURNS int LANGUAGE sql AS 'SELECT 1'; ALTER FUNCTION mine() OWNER TO aiaxis_app",
        "role aiaxis_app",
        "owns function mine()",
    ),
    Sabotage(
        "database for everybody", "GRANT CONNECT ON DATABASE {database} TO PUBLIC", "database", "PUBLIC has CONNECT"
    ),
    Sabotage(
        "identity store's role let in",
        "GRANT CONNECT ON DATABASE {database} TO aiaxis_identity",
        "database",
        "aiaxis_identity",
    ),
    Sabotage(
        "temporary tables",
        "GRANT TEMPORARY ON DATABASE {database} TO aiaxis_app",
        "database",
        "aiaxis_app has TEMPORARY",
    ),
    Sabotage(
        "no longer leakproof",
        "ALTER FUNCTION ts_match_vq(tsvector, tsquery) NOT LEAKPROOF",
        "ts_match_vq(tsvector,tsquery)",
        "not LEAKPROOF",
    ),
)


def found(connection: BaseDatabaseWrapper) -> set[tuple[str, str]]:
    return {
        (finding.where, finding.what) for finding in catalogue_findings(Catalogue(connection), isolation.expectations())
    }


def test_it_finds_nothing_in_a_sound_database() -> None:
    """P5: what is migrated is what is written, on every table and for every role."""
    proof = isolation.prove()
    assert proof.findings == ()
    assert proof.tables > 30
    assert isolation.findings_at_start() == ()
    assert {number for _, number in proof.sections} == {0}
    isolation.refuse_unless_isolated()


@pytest.mark.parametrize("sabotage", SABOTAGES, ids=lambda sabotage: sabotage.name)
def test_it_catches_each_sabotage(superuser: BaseDatabaseWrapper, sabotage: Sabotage) -> None:
    """P5, L2, L45: a fence with a hole must be reported, with the place and the hole."""
    with superuser.cursor() as cursor:
        cursor.execute(sabotage.sql.format(database=superuser.settings_dict["NAME"]))
    findings = found(superuser)
    assert any(sabotage.where == where and sabotage.what in what for where, what in findings), findings


def test_it_reports_the_superusers_login_and_nothing_else(superuser: BaseDatabaseWrapper) -> None:
    """So what the sabotages show is theirs; and a URL that names a superuser is itself a way around every policy."""
    assert found(superuser) == {
        ("connection owner", "logs in as postgres and acts as postgres; it must be aiaxis_owner")
    }


def test_a_server_refuses_to_start_and_says_why(superuser: BaseDatabaseWrapper) -> None:
    """P5, L45: no finding is only a warning."""
    with pytest.raises(ImproperlyConfigured, match="keep workspaces apart") as caught:
        isolation.refuse_unless_isolated()
    assert "logs in as postgres" in str(caught.value)


def test_the_command_reports_a_sound_database(capsys: pytest.CaptureFixture[str]) -> None:
    call_command("prove_isolation", "--json")
    report = json.loads(capsys.readouterr().out)
    assert (report["findings"], report["attacks"], report["leaks"]) == ([], 0, 0)
    assert report["tables"] > 30
    assert report["server_version"].split(".")[0].isdigit()


@pytest.mark.parametrize("switches", [["--json"], []])
def test_the_command_fails_on_a_finding(
    superuser: BaseDatabaseWrapper, capsys: pytest.CaptureFixture[str], switches: list[str]
) -> None:
    """A deployment stands on its exit code."""
    with superuser.cursor() as cursor:
        cursor.execute("ALTER TABLE files_file NO FORCE ROW LEVEL SECURITY")
    with pytest.raises(SystemExit) as caught:
        call_command("prove_isolation", *switches)
    assert caught.value.code == 1
    assert "not forced" in capsys.readouterr().out


def test_the_worker_does_not_start_over_a_hole(superuser: BaseDatabaseWrapper) -> None:
    with pytest.raises(CommandError, match="nothing is served"):
        call_command("work", "--once")
