"""How is a database asked exactly once, and what happens when it does not answer?

A server that restarted leaves dead connections behind. A health check before every statement would double the round
trips, unseen; so the question is simply asked again, once, on a fresh connection, and a second silence is an outage.
"""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from typing import Any, Final, TypeVar

from django.db import DatabaseError, InterfaceError, OperationalError, connections
from django.db.backends.base.base import BaseDatabaseWrapper
from psycopg import ClientCursor

from accounts.identity.base import Unavailable
from accounts.identity.store.models import IDENTITY_DATABASE

STORE: Final = "identity store"

Answer = TypeVar("Answer")
Row = tuple[Any, ...]
Parameters = Sequence[Any] | Mapping[str, Any]


def one_row(alias: str, sql: str, parameters: Parameters, *, system: str) -> Row | None:
    """The first row that the statement returns, or None: one round trip. Raises ``Unavailable`` naming ``system``."""
    connection = connections[alias]
    # Inside a transaction a fresh connection would be another conversation; the caller's transaction is lost anyway.
    attempts = 1 if connection.in_atomic_block else 2
    for attempt in range(1, attempts + 1):
        try:
            return _first_row(connection, sql, parameters)
        except (OperationalError, InterfaceError) as error:
            _forget_dead(connection)
            if attempt == attempts:
                raise Unavailable(system) from error
        except DatabaseError as error:
            # Anything else (a missing function, a refused grant) will not heal by asking again, and must not let in.
            raise Unavailable(system) from error
    raise Unavailable(system)


def _first_row(connection: BaseDatabaseWrapper, sql: str, parameters: Parameters) -> Row | None:
    """Ask through the driver's own cursor: on the way of every request, Django's wrapping of it costs as much as the answer.

    Nothing of the fence is left out: these questions are asked before a workspace is bound, so there is no seal to send.
    Where queries are being logged, Django's cursor is used, so that each is seen.
    """
    row: Row | None
    if connection.queries_logged:
        with connection.cursor() as cursor:
            cursor.execute(sql, parameters)
            row = cursor.fetchone()
            return row
    with connection.wrap_database_errors:
        connection.ensure_connection()
        with ClientCursor(connection.connection) as plain:
            plain.execute(sql.encode(), parameters)
            row = plain.fetchone()
            return row


def asked(alias: str, question: Callable[[], Answer], *, system: str) -> Answer:
    """Ask through the ORM, and turn silence into ``Unavailable``. For what is not on the way of every request."""
    try:
        return question()
    except (OperationalError, InterfaceError) as error:
        _forget_dead(connections[alias])
        raise Unavailable(system) from error


def store_asked(question: Callable[[], Answer]) -> Answer:
    """Ask the identity database, which keeps the local store and what WorkOS gave us."""
    return asked(IDENTITY_DATABASE, question, system=STORE)


def _forget_dead(connection: BaseDatabaseWrapper) -> None:
    pool = getattr(connection, "pool", None)
    connection.close()
    if pool is not None:
        # The others in the pool died with it: test them now, once, or the next question meets the next dead one.
        pool.check()
