"""Is the embedded server private, and does a new cluster hold what the fence stands on? (P5: RLS needs real roles.)"""

import json
import socket
import stat
import subprocess
from pathlib import Path
from urllib.parse import quote

import psycopg
import pytest

from aiaxis.postgres import EXTENSIONS, LEAKPROOF_FUNCTIONS, ROLES, EmbeddedServer, ServerError
from tests.aiaxis.clusters import as_root, ask

# What a new cluster is


def test_it_makes_every_role_with_its_own_attributes_and_no_membership(shared: EmbeddedServer) -> None:
    columns = "rolname, rolsuper, rolbypassrls, rolcreatedb, rolcreaterole, rolreplication, rolcanlogin"
    found = {row[0]: row[1:] for row in ask(shared, f"SELECT {columns} FROM pg_roles WHERE rolname LIKE 'aiaxis%'")}
    plain = (False, False, False, False, False, True)
    expected = dict.fromkeys(ROLES, plain)
    expected |= {
        "aiaxis_owner": (False, True, True, False, False, True),
        "aiaxis_ops": (False, True, False, False, False, True),
    }
    assert found == expected
    ours = "SELECT count(*) FROM pg_auth_members m JOIN pg_roles r ON r.oid IN (m.member, m.roleid) WHERE r.rolname LIKE 'aiaxis%'"
    assert ask(shared, ours) == [(0,)]


def test_it_hides_the_apps_statements_from_its_other_sessions(shared: EmbeddedServer) -> None:
    assert ask(shared, "SHOW track_activities", "aiaxis_app") == [("off",)]
    with (
        psycopg.connect(shared.url("aiaxis_app"), autocommit=True) as connection,
        pytest.raises(psycopg.errors.InsufficientPrivilege),
    ):
        connection.execute("SET track_activities = on")


def test_it_installs_the_extensions_and_marks_the_functions_leakproof(shared: EmbeddedServer) -> None:
    assert {row[0] for row in ask(shared, "SELECT extname FROM pg_extension")} >= set(EXTENSIONS)
    for signature in LEAKPROOF_FUNCTIONS:
        query = f"SELECT proleakproof FROM pg_proc WHERE oid = '{signature}'::regprocedure"
        assert ask(shared, query) == [(True,)], signature


def test_a_database_that_the_owner_makes_has_them_too(shared: EmbeddedServer) -> None:
    """Test databases are made by the owner, who could set neither."""
    with psycopg.connect(shared.url("aiaxis_owner"), autocommit=True) as connection:
        connection.execute("CREATE DATABASE another")
    query = "SELECT proleakproof, (SELECT count(*) FROM pg_extension) > 4 FROM pg_proc WHERE oid = 'upper(text)'::regprocedure"
    assert ask(shared, query, database="another") == [(True, True)]


@pytest.mark.parametrize("role", [role for role in ROLES if role != "aiaxis_identity"])
def test_the_identity_store_is_closed_to_the_platforms_roles(shared: EmbeddedServer, role: str) -> None:
    with pytest.raises(psycopg.OperationalError, match="permission denied for database"):
        ask(shared, "SELECT 1", role, "aiaxis_identity")


def test_the_platform_is_closed_to_the_identity_stores_role(shared: EmbeddedServer) -> None:
    assert ask(shared, "SELECT current_user", "aiaxis_identity", "aiaxis_identity") == [("aiaxis_identity",)]
    with pytest.raises(psycopg.OperationalError, match="permission denied for database"):
        ask(shared, "SELECT 1", "aiaxis_identity")


@pytest.mark.parametrize(
    "statement",
    [
        "CREATE TABLE public.mine (id int)",
        "CREATE TEMPORARY TABLE mine (id int)",
        "CREATE SCHEMA mine",
        "SET ROLE aiaxis_owner",
        "SELECT pg_read_file('/etc/passwd')",
        "COPY (SELECT 1) TO PROGRAM 'true'",
        "SELECT lo_import('/etc/passwd')",
        "SELECT lo_from_bytea(0, 'mine')",
        "SELECT n_live_tup FROM pg_stat_user_tables",
        "ALTER SYSTEM SET log_statement = 'all'",
    ],
)
def test_the_app_may_make_nothing_and_become_nobody(shared: EmbeddedServer, statement: str) -> None:
    with (
        psycopg.connect(shared.url("aiaxis_app"), autocommit=True) as connection,
        pytest.raises(psycopg.errors.InsufficientPrivilege),
    ):
        connection.execute(statement)


def test_it_is_durable_and_listens_on_no_port(shared: EmbeddedServer) -> None:
    for name, value in (
        ("fsync", "on"),
        ("synchronous_commit", "on"),
        ("full_page_writes", "on"),
        ("listen_addresses", ""),
    ):
        assert ask(shared, f"SHOW {name}") == [(value,)], name


# Who may come in


@pytest.mark.parametrize("password", ["", "wrong", None])
def test_it_really_asks_for_the_password(shared: EmbeddedServer, password: str | None) -> None:
    """The wheel's own layer trusts everybody who reaches the socket, which makes RLS void."""
    for role in (*ROLES, "postgres"):
        with pytest.raises(psycopg.OperationalError, match="password"):
            psycopg.connect(
                host=str(shared.places.socket_directory),
                user=role,
                dbname="postgres",
                password=password,
                passfile="/none",
            )


def test_every_rule_of_authentication_is_scram(shared: EmbeddedServer) -> None:
    with psycopg.connect(shared.superuser_url()) as connection:
        rules = connection.execute("SELECT DISTINCT type, auth_method FROM pg_hba_file_rules").fetchall()
        kinds = connection.execute("SELECT DISTINCT left(rolpassword, 14) FROM pg_authid WHERE rolcanlogin").fetchall()
    assert rules == [("local", "scram-sha-256")]
    assert kinds == [("SCRAM-SHA-256$",)]


def test_secrets_and_socket_are_private(shared: EmbeddedServer) -> None:
    def mode(path: Path) -> int:
        return stat.S_IMODE(path.stat().st_mode)

    assert mode(shared.places.credentials) == 0o600
    assert mode(shared.places.superuser) == 0o600
    assert mode(shared.places.socket_directory) == 0o700
    assert mode(shared.places.data) == 0o700
    assert mode(shared.places.server_log) == 0o600
    socket_file = shared.places.socket_directory / ".s.PGSQL.5432"
    assert stat.S_ISSOCK(socket_file.stat().st_mode)
    assert mode(socket_file) == 0o700


@as_root
def test_another_user_of_the_machine_cannot_reach_the_socket(shared: EmbeddedServer) -> None:
    attempt = "import socket, sys; socket.socket(socket.AF_UNIX).connect(sys.argv[1])"
    path = str(shared.places.socket_directory / ".s.PGSQL.5432")
    with socket.socket(socket.AF_UNIX) as line:
        line.connect(path)  # It is there, for us.
    answer = subprocess.run(
        ["/usr/bin/python3", "-c", attempt, path],
        check=False,
        user=65534,
        group=65534,
        extra_groups=[],
        cwd="/",
        capture_output=True,
    )
    assert b"PermissionError" in answer.stderr


def test_the_servers_log_holds_no_statement(shared: EmbeddedServer) -> None:
    """A failing statement would carry its sealed workspace into the log."""
    with psycopg.connect(shared.url("aiaxis_app"), autocommit=True) as connection, pytest.raises(psycopg.Error):
        connection.execute("SELECT 'canary-7f3a' FROM no_such_table")
    log = shared.places.server_log.read_text()
    assert "no_such_table" in log
    assert "canary-7f3a" not in log


# Credentials and URLs


def test_credentials_start_nothing_and_are_the_same_for_all(fresh: EmbeddedServer) -> None:
    first = fresh.credentials()
    assert set(first) == set(ROLES)
    assert len(set(first.values())) == len(ROLES)
    assert EmbeddedServer(fresh.places.home).credentials() == first
    assert not fresh.places.room.exists()


def test_credentials_that_others_could_read_are_closed_again(fresh: EmbeddedServer) -> None:
    fresh.credentials()
    fresh.places.credentials.chmod(0o644)
    fresh.credentials()
    assert stat.S_IMODE(fresh.places.credentials.stat().st_mode) == 0o600


def test_truncated_credentials_are_refused_in_one_sentence(fresh: EmbeddedServer) -> None:
    fresh.credentials()
    fresh.places.credentials.write_text(json.dumps({"roles": {"aiaxis_app": "x"}}))
    with pytest.raises(ServerError, match="does not hold the passwords"):
        fresh.credentials()
    fresh.places.credentials.write_text('{"cluster": "ab')
    with pytest.raises(ServerError, match="does not hold the passwords"):
        fresh.credentials()


def test_the_url_suits_django_environ_and_psycopg(shared: EmbeddedServer) -> None:
    import environ

    url = shared.url("aiaxis_app")
    assert url.endswith(f"@/aiaxis?host={quote(str(shared.places.socket_directory))}")
    parsed = environ.Env.db_url_config(url)
    assert (parsed["USER"], parsed["NAME"]) == ("aiaxis_app", "aiaxis")
    assert parsed["OPTIONS"]["host"] == str(shared.places.socket_directory)
