"""Which databases, and which people, does a test find?

The template (migrated, with the cast on stage) is made once per state of the schema; each test process clones it.
`django_db` tests run inside a transaction on `default` and `identity`. A test that needs second connections (other
roles, child processes, what survives a rollback) takes the `committed` fixture instead.
"""

from __future__ import annotations

from collections.abc import Iterator

import psycopg
import pytest
from django.core.management import call_command
from django.db import connections

from accounts.identity import hashing
from tests import cast, environment

# Real hashes, of a real argon2id, made cheap: a test of what follows a right password need not spend 46 MiB on it.
# tests/accounts/identity/test_hashing.py asks for the real parameters.
hashing.BoundedArgon2Hasher.memory_cost = 64
hashing.BoundedArgon2Hasher.time_cost = 1

# What a `committed` test leaves alone: the cast's own rows, and tables that migrations fill.
KEPT_TABLES = frozenset(
    {
        "accounts_user",
        "accounts_workspace",
        "accounts_membership",
        "accounts_identitylink",
        "identity_store_account",
        "django_migrations",
        "django_content_type",
        "auth_permission",
    }
)
ALIASES_OF_THE_CAST = ("owner", "identity")


def _databases_named(prefix: str) -> set[str]:
    with psycopg.connect(environment.server.superuser_url(), autocommit=True) as connection:
        rows = connection.execute("SELECT datname FROM pg_database WHERE starts_with(datname, %s)", [prefix]).fetchall()
    return {str(name) for (name,) in rows}


def _rename(old: str, new: str) -> None:
    with psycopg.connect(environment.server.superuser_url(), autocommit=True) as connection:
        connection.execute(f'ALTER DATABASE "{old}" RENAME TO "{new}"')


def _make_template(name: str) -> None:
    """Migrate empty databases, let the cast enter, and keep them as templates under a name that says they are whole."""
    for old in _databases_named("aiaxis_template_"):
        with psycopg.connect(environment.server.superuser_url(), autocommit=True) as connection:
            connection.execute(f'DROP DATABASE "{old}" WITH (FORCE)')
    environment.server.make_database(environment.platform_database, "aiaxis_owner")
    environment.server.make_database(environment.identity_database, "aiaxis_identity", "template0")
    call_command("migrate", database="owner", verbosity=0)
    call_command("migrate", database="identity", verbosity=0)
    cast.enter()
    for opened in connections.all(initialized_only=True):
        opened.close()
    _rename(environment.identity_database, f"{name}_identity")
    _rename(environment.platform_database, name)


@pytest.fixture(scope="session")
def django_db_setup(django_db_blocker: pytest.FixtureRequest) -> Iterator[None]:
    """Give this test process its own clone of the template, on an embedded server that all of them share."""
    template = f"aiaxis_template_{environment.schema_digest()}"
    with django_db_blocker.unblock():  # type: ignore[attr-defined]  # pytest-django's blocker
        with environment.one_at_a_time():
            if template not in _databases_named(template):
                _make_template(template)
            environment.server.make_database(environment.platform_database, "aiaxis_owner", template)
            environment.server.make_database(environment.identity_database, "aiaxis_identity", f"{template}_identity")
        yield
        for connection in connections.all(initialized_only=True):
            connection.close()


@pytest.fixture
def committed(django_db_setup: None, django_db_blocker: pytest.FixtureRequest) -> Iterator[None]:
    """Let the test commit on any role's connection; afterwards empty every table and put the cast back."""
    with django_db_blocker.unblock():  # type: ignore[attr-defined]  # pytest-django's blocker
        try:
            yield
        finally:
            for alias in connections:
                connections[alias].close()
            for alias in ALIASES_OF_THE_CAST:
                _empty(alias)
            cast.enter()


def _empty(alias: str) -> None:
    with connections[alias].cursor() as cursor:
        cursor.execute(
            "SELECT relname FROM pg_class WHERE relnamespace = 'public'::regnamespace AND relkind IN ('r', 'p') "
            "AND NOT relispartition"
        )
        tables = [name for (name,) in cursor.fetchall() if name not in KEPT_TABLES]
        if tables:
            cursor.execute("TRUNCATE " + ", ".join(f'"{table}"' for table in sorted(tables)))
        if alias == "owner":
            # Rows that a test added beside the cast's.
            cursor.execute("DELETE FROM accounts_membership WHERE NOT id = ANY(%s)", [_ids("membership_id")])
            cursor.execute("DELETE FROM accounts_identitylink WHERE NOT user_id = ANY(%s)", [_ids("user_id")])
            cursor.execute("DELETE FROM accounts_user WHERE NOT id = ANY(%s)", [_ids("user_id")])
            cursor.execute("DELETE FROM accounts_workspace WHERE NOT id = ANY(%s)", [[cast.ACME.id, cast.BIRCH.id]])


def _ids(attribute: str) -> list[object]:
    return [getattr(person, attribute) for person in cast.EVERYONE]
