"""What smuggled SQL may not do at all, in whoever's name: become somebody, change the rules, leave the database."""

from __future__ import annotations

import json
import secrets
import uuid
from collections.abc import Callable
from typing import Any, Final

import psycopg
from django.db import DatabaseError, connection, connections, transaction

from accounts import jobs
from accounts.attacks.filling import filled
from accounts.attacks.judging import sql_state
from accounts.attacks.matrix import Scene, answer, attack, children_of
from accounts.tenancy.models import new_id

FORBIDDEN: Final = {
    # Becoming somebody else
    "set role owner": "SET ROLE aiaxis_owner",
    "set local role ops": "SET LOCAL ROLE aiaxis_ops",
    "set role to superuser": "SET ROLE postgres",
    "set role through config": "SELECT set_config('role', 'aiaxis_owner', true)",
    "set session authorization": "SET SESSION AUTHORIZATION aiaxis_owner",
    "alter own role": "ALTER ROLE aiaxis_app BYPASSRLS",
    "make itself superuser": "ALTER ROLE aiaxis_app SUPERUSER",
    "grant itself the owner": "GRANT aiaxis_owner TO aiaxis_app",
    "make a role": "CREATE ROLE mallory LOGIN",
    "change the owners password": "ALTER ROLE aiaxis_owner PASSWORD 'known'",
    "show its statements": "SET track_activities = on",
    # Changing the rules
    "disable row security": "ALTER TABLE files_file DISABLE ROW LEVEL SECURITY",
    "no longer forced": "ALTER TABLE files_file NO FORCE ROW LEVEL SECURITY",
    "drop policy": "DROP POLICY workspace ON files_file",
    "alter policy": "ALTER POLICY workspace ON files_file USING (true)",
    "add policy": "CREATE POLICY mine ON files_file USING (true)",
    "drop foreign key": "ALTER TABLE agents_agentfile DROP CONSTRAINT agents_agentfile_file_id_fk",
    "disable triggers": "ALTER TABLE agents_agentfile DISABLE TRIGGER ALL",
    "replica role": "SET session_replication_role = replica",
    "truncate": "TRUNCATE files_file CASCADE",
    "take ownership": "ALTER TABLE files_file OWNER TO aiaxis_app",
    "grant itself a table": "GRANT ALL ON accounts_identitylink TO aiaxis_app",
    "default privileges": "ALTER DEFAULT PRIVILEGES FOR ROLE aiaxis_owner GRANT ALL ON TABLES TO aiaxis_app",
    "trigger": "CREATE TRIGGER spy AFTER INSERT ON files_file EXECUTE FUNCTION suppress_redundant_updates_trigger()",
    "rule": "CREATE RULE spy AS ON INSERT TO files_file DO ALSO NOTHING",
    "event trigger": "CREATE EVENT TRIGGER spy ON ddl_command_end EXECUTE FUNCTION fence.current_workspace()",
    "replace a built-in function": "ALTER FUNCTION textlike(text, text) LEAKPROOF",
    # Making something
    "view": "CREATE VIEW mine AS SELECT * FROM files_file",
    "table from theirs": "CREATE TABLE mine AS SELECT * FROM files_file",
    "select into": "SELECT * INTO mine FROM files_file",
    "temporary table": "CREATE TEMPORARY TABLE files_file (id int)",
    "temporary view": "CREATE TEMPORARY VIEW files_file AS SELECT 1",
    "materialised view": "CREATE MATERIALIZED VIEW mine AS SELECT * FROM files_file",
    "schema": "CREATE SCHEMA mine",
    "function": "CREATE FUNCTION public.leak(text) RETURNS boolean LANGUAGE sql COST 1 AS 'SELECT true'",
    "temporary function": "CREATE FUNCTION pg_temp.leak(text) RETURNS boolean LANGUAGE sql COST 1 AS 'SELECT true'",
    "operator": "CREATE OPERATOR public.<<< (LEFTARG = text, RIGHTARG = text, PROCEDURE = texteq)",
    "extension": "CREATE EXTENSION dblink",
    "foreign data wrapper": "CREATE FOREIGN DATA WRAPPER out",
    "publication": "CREATE PUBLICATION everything FOR ALL TABLES",
    "subscription": "CREATE SUBSCRIPTION mine CONNECTION 'host=out' PUBLICATION everything WITH (connect = false)",
    "index": "CREATE INDEX mine ON files_file ((1 / (length(name) - 6)))",
    "extended statistics": "CREATE STATISTICS mine ON name, status FROM files_file",
    "comment": "COMMENT ON TABLE files_file IS 'mine'",
    # Leaving the database
    "read a file": "SELECT pg_read_file('/etc/passwd')",
    "list a directory": "SELECT pg_ls_dir('/')",
    "copy to a program": "COPY (SELECT 1) TO PROGRAM 'true'",
    "copy from a program": "COPY files_file FROM PROGRAM 'true'",
    "copy to a file": "COPY (SELECT 1) TO '/loot'",
    "import a large object": "SELECT lo_import('/etc/passwd')",
    "make a large object": "SELECT lo_from_bytea(0, 'mine')",
    "export a large object": "SELECT lo_export(1, '/loot')",
    "alter system": "ALTER SYSTEM SET log_statement = 'all'",
    "load a library": "LOAD 'plpgsql_check'",
    "reload the server": "SELECT pg_reload_conf()",
    "passwords": "SELECT rolpassword FROM pg_authid",
    "raw statistics": "SELECT stavalues1 FROM pg_statistic",
    "raw large objects": "SELECT data FROM pg_largeobject",
    "count what everybody wrote": "SELECT relname, n_tup_ins FROM pg_stat_user_tables",
    "count what everybody has": "SELECT pg_stat_get_live_tuples('files_file'::regclass)",
    "settings of the server": "SELECT * FROM pg_hba_file_rules",
    # What belongs to nobody who serves requests
    "identity links": "SELECT * FROM accounts_identitylink",
    "operators sessions": "SELECT * FROM accounts_operatorsession",
    "others jobs": "SELECT args FROM procrastinate_jobs",
    "change a job": "UPDATE procrastinate_jobs SET args = '{}'",
    "drop jobs": "DELETE FROM procrastinate_jobs",
    "a job that holds a lock": "INSERT INTO procrastinate_jobs (queue_name, task_name, lock, status) "
    "VALUES ('default', 'x', 'theirs', 'doing')",
    "a job of a chosen number": "INSERT INTO procrastinate_jobs (id, queue_name, task_name) VALUES (1, 'default', 'x')",
    "a job begun too often": "INSERT INTO procrastinate_jobs (queue_name, task_name, attempts) VALUES ('default', 'x', 9)",
    "a worker": "INSERT INTO procrastinate_workers DEFAULT VALUES",
    "finish a job": "SELECT procrastinate_finish_job_v1(1, 'failed', true)",
    "change the trail": "UPDATE audit_entry SET actor_name = 'nobody'",
    "empty the trail": "DELETE FROM audit_entry",
    "count of jobs": "SELECT last_value FROM procrastinate_jobs_id_seq",
    "make an operator": "UPDATE accounts_user SET is_operator = true",
    "make a user": "INSERT INTO accounts_user (id) VALUES (gen_random_uuid())",
    "make a workspace": "INSERT INTO accounts_workspace (id) VALUES (gen_random_uuid())",
    "revive a membership": "UPDATE accounts_membership SET status = 'active', role = 'owner'",
}
"""Name → statement. Each needs a right that the role has not: the only good answer is "permission denied"."""


def _forbidden(name: str, statement: str) -> Callable[[Scene], object]:
    def strike(scene: Scene) -> object:
        answer(statement)
        return f"was let through: {statement}"

    strike.__name__, strike.__module__, strike.__doc__ = name.replace(" ", "_"), __name__, statement
    return strike


for _name, _statement in FORBIDDEN.items():
    # ALTER SYSTEM runs in no transaction, and the context in front of every statement makes one: refused before asked.
    attack(each_model=False, fronts=("workspace",), rehearsed=False, also_refused=("25001",))(
        _forbidden(_name, _statement)
    )


@attack(each_model=False, fronts=("workspace",), rehearsed=False)
def reset_role(scene: Scene) -> object:
    """RESET ROLE, RESET SESSION AUTHORIZATION: nobody to fall back to"""
    answer("RESET ROLE; RESET SESSION AUTHORIZATION")
    role = answer("SELECT current_user")[0][0]
    return role != answer("SELECT session_user")[0][0] or scene.loot(answer("SELECT t::text FROM files_file t"))


@attack(each_model=False, rehearsed=False)
def row_security_off(scene: Scene) -> object:
    """SET row_security = off, which makes policies an error and not an opening"""
    answer("SET LOCAL row_security = off")
    return answer("SELECT * FROM files_file")


@attack(each_model=False, fronts=("workspace",), rehearsed=False)
def partitions_read(scene: Scene) -> object:
    """Every partition of the trail, read directly, past its parent's policies"""
    return _each_partition("SELECT p::text FROM {} p", scene)


@attack(each_model=False, fronts=("workspace",), rehearsed=False)
def partitions_changed(scene: Scene) -> object:
    """Every partition of the trail, changed directly"""
    return _each_partition("UPDATE {} SET actor_name = 'nobody' RETURNING id", scene)


@attack(each_model=False, fronts=("workspace",), rehearsed=False)
def partitions_written(scene: Scene) -> object:
    """Every partition of the trail, written to directly"""
    return _each_partition("INSERT INTO {} DEFAULT VALUES RETURNING id", scene)


def _each_partition(statement: str, scene: Scene) -> list[object]:
    names = answer("SELECT oid::regclass::text FROM pg_class WHERE relispartition AND relkind IN ('r', 'p')")
    if not names:
        raise LookupError("There is no partition to attack.")
    loot: list[Any] = []
    for (name,) in names:
        try:
            with transaction.atomic():
                loot.append(answer(statement.format(name)) or f"{name} let it through")
        except DatabaseError as error:
            if sql_state(error) != "42501":
                raise
    return loot


@attack(each_model=False, fronts=("workspace",), rehearsed=False, writes=True, also_refused=("23505",))
def set_constraints_deferred(scene: Scene) -> object:
    """SET CONSTRAINTS ALL DEFERRED, a key to a foreign row, and COMMIT: is it asked in the end?"""
    for model in scene.models():
        for child, key in children_of(model):
            answer("SET CONSTRAINTS ALL DEFERRED")
            row = filled(child, scene.attacker, scene.stage.rows)
            row.pk = new_id()
            setattr(row, key.attname, scene.target(model))
            row.save(force_insert=True)
    # The transaction commits after this; what was let through is seen in the owner's picture, and undone.
    return None


@attack(each_model=False, rehearsed=False)
def forged_job(scene: Scene) -> object:
    """A row in the queue that names the victim, with a seal of one's own making; then the worker takes it"""
    message = json.dumps(
        {
            "job": _some_job(),
            "workspace": scene.victim.workspace_id.hex,
            "member": scene.victim.membership_id.hex,
            "arguments": {},
        }
    )
    return _run_forged({"message": message, "seal": secrets.token_hex(32)})


@attack(each_model=False, rehearsed=False)
def unsealed_job(scene: Scene) -> object:
    """A row in the queue without a seal, in the form that another library would believe"""
    return _run_forged({"workspace": str(scene.victim.workspace_id), "member": str(scene.victim.membership_id)})


@attack(each_model=False, rehearsed=False)
def rewritten_job(scene: Scene) -> object:
    """One's own genuine job with the workspace and the member rewritten under its seal"""
    genuine = jobs.sealed(_some_job(), scene.attacker.workspace_id, scene.attacker.membership_id, {})
    message = genuine["message"].replace(scene.attacker.workspace_id.hex, scene.victim.workspace_id.hex)
    message = message.replace(scene.attacker.membership_id.hex, scene.victim.membership_id.hex)
    return _run_forged({"message": message, "seal": genuine["seal"]})


@attack(each_model=False, rehearsed=False)
def transplanted_job(scene: Scene) -> object:
    """One's own genuine job under the name of another job"""
    genuine = jobs.sealed("nothing.of.ours", scene.attacker.workspace_id, scene.attacker.membership_id, {})
    return _run_forged(dict(genuine))


def _some_job() -> str:
    return next(iter(jobs.REGISTRY), "files.extract")


def _run_forged(arguments: dict[str, Any]) -> object:
    """Insert the row, which the role may do, and hand it to the worker's own door; leave no row for a real worker."""
    name = _some_job()
    with transaction.atomic():
        answer(
            "INSERT INTO procrastinate_jobs (queue_name, task_name, priority, args) "
            "VALUES ('default', %s, 0, %s::jsonb) RETURNING id",
            [name, json.dumps(arguments)],
        )
        transaction.set_rollback(True)
    try:
        # No row has this number: in the log and in the trail, job 0 is a drill.
        jobs.run(0, name, arguments, attempt=0)
    except jobs.JobRefused:
        return None
    return f"the worker ran {arguments}"


@attack(each_model=False, rehearsed=False, writes=True)
def forged_membership(scene: Scene) -> object:
    """INSERT INTO accounts_membership: oneself, as an owner of the victim's workspace"""
    return answer(
        "INSERT INTO accounts_membership (id, workspace_id, user_id, role, status, display_name, email, created_at) "
        "VALUES (%s, %s, %s, 'owner', 'active', 'x', 'x@drill.invalid', now()) RETURNING id",
        [new_id(), scene.victim.workspace_id, scene.attacker.user_id],
    )


@attack(each_model=False, rehearsed=False, writes=True, also_refused=("23502",))
def forged_session(scene: Scene) -> object:
    """INSERT INTO accounts_session: a cookie of one's own choice, in the victim's name"""
    return _credential("accounts_session", "token_hash", scene)


@attack(each_model=False, rehearsed=False, writes=True, also_refused=("23502",))
def forged_key(scene: Scene) -> object:
    """INSERT INTO accounts_apikey: a key of one's own choice, in the victim's name"""
    return _credential("accounts_apikey", "key_hash", scene)


def _credential(table: str, column: str, scene: Scene) -> object:
    """Copy one's own row with another hash, workspace and member."""
    names = [
        name
        for (name,) in answer(
            f"SELECT attname::text FROM pg_attribute WHERE attrelid = '{table}'::regclass AND attnum > 0 AND NOT attisdropped"
        )
    ]
    forged: dict[str, object] = {
        "id": new_id(),
        column: secrets.token_bytes(32),
        "workspace_id": scene.victim.workspace_id,
        "membership_id": scene.victim.membership_id,
    }
    chosen = ["%s" if name in forged else f'"{name}"' for name in names]
    columns = ", ".join(f'"{name}"' for name in names)
    query = f"INSERT INTO {table} ({columns}) SELECT {', '.join(chosen)} FROM {table} LIMIT 1 RETURNING id"
    return answer(query, [forged[name] for name in names if name in forged])


@attack(each_model=False, rehearsed=False)
def guess_a_session(scene: Scene) -> object:
    """fence.resolve_session() with guessed hashes"""
    return _guesses("resolve_session", scene)


@attack(each_model=False, rehearsed=False)
def guess_a_key(scene: Scene) -> object:
    """fence.resolve_key() with guessed hashes"""
    return _guesses("resolve_key", scene)


@attack(each_model=False, rehearsed=False)
def guess_an_operator(scene: Scene) -> object:
    """fence.resolve_operator() with guessed hashes"""
    return _guesses("resolve_operator", scene)


def _guesses(function: str, scene: Scene) -> list[object]:
    guesses = ["NULL::bytea", "''::bytea", "'%%'::bytea", r"'\x00'::bytea", "decode(repeat('00', 32), 'hex')"]
    guesses += [f"sha256('{scene.victim.membership_id.hex}')", f"sha256('{scene.victim.mark}')"]
    loot: list[object] = []
    for guess in guesses:
        loot += answer(f"SELECT * FROM fence.{function}({guess})")
    return loot


@attack(each_model=False, rehearsed=False)
def guess_an_account(scene: Scene) -> object:
    """fence.memberships_of() with guessed subjects (L43: empty and NULL among them)"""
    loot: list[object] = []
    for provider in ("local", "workos", "", None):
        for subject in ("", "%", None, str(scene.victim.user_id), str(scene.victim.membership_id), str(uuid.uuid4())):
            loot += answer("SELECT * FROM fence.memberships_of(%s, %s)", [provider, subject])
            loot += answer("SELECT * FROM fence.operator_of(%s, %s)", [provider, subject])
    return loot


@attack(each_model=False, fronts=("workspace",), rehearsed=False)
def other_database(scene: Scene) -> object:
    """The same login on the identity store's database"""
    settings = connections["identity"].settings_dict
    return _connects(dbname=settings["NAME"], host=settings["HOST"] or settings["OPTIONS"].get("host"))


@attack(each_model=False, fronts=("workspace",), rehearsed=False)
def maintenance_database(scene: Scene) -> object:
    """The same login on `postgres` and `template1`, which every server has"""
    return _connects(dbname="postgres") or _connects(dbname="template1")


@attack(each_model=False, fronts=("workspace",), rehearsed=False)
def other_login_without_password(scene: Scene) -> object:
    """Another login over the same socket or address, without a password"""
    return any(_connects(user=user, password="") for user in ("postgres", "aiaxis_owner", "aiaxis_ops"))


def _connects(**changes: Any) -> bool:
    parameters = {**connection.get_connection_params(), **changes}
    for name in ("cursor_factory", "context", "prepare_threshold", "pool"):
        parameters.pop(name, None)
    try:
        psycopg.connect(**parameters, passfile="/nonexistent").close()
    except psycopg.OperationalError:
        return False
    return True
