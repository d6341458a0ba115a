"""How does this test process's pair of databases become again what every test expects to find?"""

from __future__ import annotations

from collections.abc import Callable, Sequence
from typing import Any, cast

import psycopg
from django.db import connections
from django.db.backends.base.base import BaseDatabaseWrapper
from django.db.backends.postgresql.base import DatabaseWrapper
from psycopg import IsolationLevel
from psycopg.errors import DeadlockDetected, SerializationFailure

from tests import environment

# What stays: the cast's own rows, and tables that migrations fill.
CAST_TABLES = {
    environment.platform_database: (
        "accounts_user",
        "accounts_workspace",
        "accounts_membership",
        "accounts_identitylink",
        "audit_rule",
    ),
    environment.identity_database: ("identity_store_account",),
}
FILLED_BY_MIGRATIONS = frozenset({"django_migrations", "django_content_type", "auth_permission"})
MOST_COLLISIONS = 4
_cast: dict[str, dict[str, list[str]]] = {}
_lines: dict[str, psycopg.Connection] = {}


def remember() -> None:
    """Keep what the template holds, for `put_back`: the cast, and the rules, which a test of an operator's may change."""
    _cast.update({database: _cast_of(database) for database in CAST_TABLES})


def pool() -> None:
    """Keep opened connections from here on, as the served product does: what gives its connection back while it waits gets
    one again for next to nothing. Half of what PostgreSQL did for the tests was opening ten thousand sessions.

    Only in this process: a command that a test starts asks little, and ends.
    """
    leave()
    # As `manage.py serve` has it (aiaxis/settings.py), but that none is opened before it is asked for, and that none keeps what
    # a test has set for its session: attacks do.
    kept = {"min_size": 0, "max_size": 24, "timeout": 5, "num_workers": 1, "reset": _forget_settings}
    for connection in connections.all():
        connection.settings_dict["OPTIONS"]["pool"] = kept


def _forget_settings(connection: psycopg.Connection[Any]) -> None:
    connection.execute("RESET ALL")
    connection.commit()


def options_without_pool(alias: str) -> dict[str, Any]:
    """For a test that leads this alias elsewhere, or leaves a setting on its connection: what a pool keeps would outlive it."""
    return {name: value for name, value in connections.settings[alias]["OPTIONS"].items() if name != "pool"}


def leave() -> None:
    """Close every connection of this process, also those that a pool keeps, and those by which it is tidied."""
    for database in CAST_TABLES:
        _close(database)
    for connection in connections.all(initialized_only=True):
        if connection.connection is not None:
            # Given back, it would wait for a pool that ends.
            connection.connection.close()
        connection.close()
        # Only PostgreSQL's wrapper has one.
        cast("DatabaseWrapper", connection).close_pool()


def put_back() -> None:
    """Empty every table and put the cast's rows back as they were. Whatever commits past a test's own transaction ends with this.

    A fixture of a whole module that commits (a stage of attacks, a served installation) must call it too: what it left in
    the trail would be counted by the next test that looks there.
    """
    for connection in connections.all(initialized_only=True):
        if connection.in_atomic_block or not _as_opened(connection):
            connection.close()
    for database in CAST_TABLES:
        _in_peace(_empty, database)
        _in_peace(_recast, database)


def _as_opened(connection: BaseDatabaseWrapper) -> bool:
    """Whether it can be kept for the next test: it answers, and has no setting any more that a test made for its session."""
    if connection.connection is None:
        return False
    try:
        connection.connection.execute("RESET ALL")
    except psycopg.Error:
        return False
    return True


def _opened(database: str) -> psycopg.Connection:
    """A connection that outlives the tests: opening one for each costs more than the tidying.

    No row hides from it, and no trigger hears it: neither those that check links, which all lead to rows that go as well,
    nor those that let nobody remove an entry of the trail.
    """
    if database not in _lines or _lines[database].broken:
        _close(database)
        _lines[database] = psycopg.connect(
            environment.server.superuser_url(database), autocommit=True, options="-c session_replication_role=replica"
        )
        # One picture of all tables: what a served installation adds meanwhile stays whole or goes whole. Of an entry whose
        # place in the list of unsealed ones went alone, a check says that it was added past the sealer.
        _lines[database].isolation_level = IsolationLevel.REPEATABLE_READ
    return _lines[database]


def _close(database: str) -> None:
    if database in _lines:
        _lines.pop(database).close()


def _asked(database: str, query: str, values: Sequence[object] = ()) -> list[tuple[Any, ...]]:
    """What a query answers; over a new connection where a test has killed the server under the former one."""
    try:
        return _opened(database).execute(query, values or None).fetchall()
    except psycopg.OperationalError:
        if not _lines[database].broken:
            raise
        _empty_pools()
        return _opened(database).execute(query, values or None).fetchall()


def _empty_pools() -> None:
    """What they keep has died with the server, and would fail the next test that is given it."""
    for connection in connections.all(initialized_only=True):
        cast("DatabaseWrapper", connection).close_pool()


def _in_peace(act: Callable[[str], None], database: str) -> None:
    """Act again where a served installation that still runs held the tables in another order, or changed a row meanwhile."""
    for _ in range(MOST_COLLISIONS):
        try:
            return _at_once(act, database)
        except (DeadlockDetected, SerializationFailure):
            continue
    return _at_once(act, database)


def _at_once(act: Callable[[str], None], database: str) -> None:
    _asked(database, "SELECT 1")  # A transaction needs a connection that lives.
    with _opened(database).transaction():
        act(database)


def _cast_of(database: str) -> dict[str, list[str]]:
    """Every row of the cast's tables, as PostgreSQL writes and reads a row."""
    return {
        table: [text for (text,) in _asked(database, f'SELECT row.*::text FROM "{table}" row ORDER BY row.id')]
        for table in CAST_TABLES[database]
    }


# Of a partitioned table the pieces: emptying the whole takes a tenth of a second, and one piece holds what a test made.
# One that holds no page holds no row, and need not be asked.
_TABLES = (
    "SELECT relname FROM pg_class WHERE relnamespace = 'public'::regnamespace AND relkind = 'r' "
    "AND pg_relation_size(oid) > 0 ORDER BY relname"
)


def _empty(database: str) -> None:
    # Row by row: some rows are gone in a fraction of the time that new files for a table and its indexes take.
    if tables := _filled(database):
        _opened(database).execute("; ".join(f'DELETE FROM "{table}"' for table in tables))


def _recast(database: str) -> None:
    """Put those of the cast's tables back that a test changed."""
    now = _cast_of(database)
    for table, rows in _cast[database].items():
        if now[table] != rows:
            _opened(database).execute(f'DELETE FROM "{table}"')
            _opened(database).execute(
                f'INSERT INTO "{table}" SELECT (text::"{table}").* FROM unnest(%s::text[]) text', [rows]
            )


def _filled(database: str) -> list[str]:
    """The tables with rows, of those to empty."""
    sized = {name for (name,) in _asked(database, _TABLES)} - FILLED_BY_MIGRATIONS - {*CAST_TABLES[database]}
    questions = [f"SELECT '{table}' WHERE EXISTS (SELECT 1 FROM \"{table}\")" for table in sorted(sized)]
    return [name for (name,) in _asked(database, " UNION ALL ".join(questions))] if questions else []
