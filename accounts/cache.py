"""Where do the counters of throttling live, so that limits hold exactly, on every process at once?

Django's DatabaseCache reads, then writes: of 320 parallel requests at ten a minute it let 97 through (measured). Here
``add`` and ``incr`` are one statement each, on an UNLOGGED table and on a connection of its own in autocommit, so that a
rolled-back request still counts. Values are JSON: a pickle in a table is code for whoever can write that table.

A cache that cannot be asked counts nothing and admits nothing: ``add`` says False and ``incr`` raises ValueError, which
django-ratelimit takes for "over the limit". Nobody gets an error page for it, and no limit opens.
"""

from __future__ import annotations

import json
import logging
import random
from collections.abc import Iterable, Sequence
from typing import Any

from django.core.cache.backends.base import DEFAULT_TIMEOUT
from django.core.cache.backends.db import BaseDatabaseCache
from django.db import DatabaseError, InterfaceError, connections

from accounts.pseudonyms import pseudonym

ALIAS = "cache"


def hashed_key(key: str, key_prefix: str, version: int) -> str:
    """Return the key as it is stored, in whichever cache: no row of a table that all workspaces share names anybody."""
    return pseudonym("cache", json.dumps([key_prefix, version, key]))


# One write in so many also drops what is over, so that the table stays as large as what it counts.
_SWEEP_ONE_IN = 200

logger = logging.getLogger(__name__)

# Written out rather than put together, so that it can be read, and seen to hold no word of a caller's. The database's
# clock decides, for all processes alike; a NULL never ends; a row that is over counts as absent.
_SQL = {
    "get": "SELECT cache_key, value::text FROM accounts_cache "
    "WHERE cache_key = ANY(%s) AND (expires IS NULL OR expires > now())",
    "set": "INSERT INTO accounts_cache (cache_key, value, expires) "
    "VALUES (%s, %s::jsonb, now() + %s * interval '1 second') "
    "ON CONFLICT (cache_key) DO UPDATE SET value = excluded.value, expires = excluded.expires RETURNING 1",
    # The row's lock decides between two who come at once.
    "add": "INSERT INTO accounts_cache AS c (cache_key, value, expires) "
    "VALUES (%s, %s::jsonb, now() + %s * interval '1 second') "
    "ON CONFLICT (cache_key) DO UPDATE SET value = excluded.value, expires = excluded.expires "
    "WHERE c.expires <= now() RETURNING 1",
    "incr": "UPDATE accounts_cache SET value = to_jsonb((value #>> '{}')::bigint + %s) "
    "WHERE cache_key = %s AND (expires IS NULL OR expires > now()) RETURNING (value #>> '{}')::bigint",
    "touch": "UPDATE accounts_cache SET expires = now() + %s * interval '1 second' "
    "WHERE cache_key = %s AND (expires IS NULL OR expires > now()) RETURNING 1",
    "delete": "DELETE FROM accounts_cache WHERE cache_key = ANY(%s) RETURNING 1",
    "clear": "DELETE FROM accounts_cache",
    "sweep": "DELETE FROM accounts_cache WHERE cache_key IN "
    "(SELECT cache_key FROM accounts_cache WHERE expires <= now() LIMIT 2000)",
}


class CounterCache(BaseDatabaseCache):
    """A cache over one UNLOGGED table, atomic in every operation, for counters and small JSON values."""

    def get(self, key: str, default: Any = None, version: int | None = None) -> Any:
        """The value of the key, or the default if it is absent, over, or cannot be asked for."""
        return self.get_many([key], version).get(key, default)

    def get_many(self, keys: Iterable[str], version: int | None = None) -> dict[str, Any]:
        """Those of the keys that have a value."""
        names = {self.make_and_validate_key(key, version=version): key for key in keys}
        rows = self._run("get", [list(names)]) if names else []
        return {names[key]: json.loads(value) for key, value in rows or []}

    def set(self, key: str, value: Any, timeout: float | None = DEFAULT_TIMEOUT, version: int | None = None) -> None:
        """Store a JSON value for ``timeout`` seconds."""
        self._run("set", [self.make_and_validate_key(key, version=version), json.dumps(value), self._end(timeout)])
        self._sweep_sometimes()

    def add(self, key: str, value: Any, timeout: float | None = DEFAULT_TIMEOUT, version: int | None = None) -> bool:
        """Store the value if the key has none; exactly one of any number of callers gets True."""
        row = [self.make_and_validate_key(key, version=version), json.dumps(value), self._end(timeout)]
        added = bool(self._run("add", row))
        self._sweep_sometimes()
        return added

    def incr(self, key: str, delta: int = 1, version: int | None = None) -> int:
        """Add to a counter and return what it is now. Raises ValueError if there is none, or if it cannot be asked."""
        rows = self._run("incr", [delta, self.make_and_validate_key(key, version=version)])
        if not rows:
            raise ValueError(f"There is no counter {key!r}.")
        return int(rows[0][0])

    def touch(self, key: str, timeout: float | None = DEFAULT_TIMEOUT, version: int | None = None) -> bool:
        """Let a value live for ``timeout`` seconds from now; False if there is none."""
        return bool(self._run("touch", [self._end(timeout), self.make_and_validate_key(key, version=version)]))

    def delete(self, key: str, version: int | None = None) -> bool:
        """Drop a value; False if there was none."""
        return bool(self._run("delete", [[self.make_and_validate_key(key, version=version)]]))

    def delete_many(self, keys: Iterable[str], version: int | None = None) -> None:
        """Drop several values."""
        self._run("delete", [[self.make_and_validate_key(key, version=version) for key in keys]])

    def has_key(self, key: str, version: int | None = None) -> bool:
        """Has the key a value?"""
        return key in self.get_many([key], version)

    def clear(self) -> None:
        """Drop everything."""
        self._run("clear", [])

    def _end(self, timeout: Any) -> float | None:
        """Seconds from now, for the statement; zero or less means over at once, None means never."""
        seconds = self.default_timeout if timeout is DEFAULT_TIMEOUT else timeout
        return None if seconds is None else float(seconds)

    def _sweep_sometimes(self) -> None:
        if random.randrange(_SWEEP_ONE_IN) == 0:  # noqa: S311 - chance spreads the work, it protects nothing
            self._run("sweep", [])

    def _run(self, name: str, parameters: Sequence[Any]) -> list[tuple[Any, ...]] | None:
        """The rows of the statement; None if the database could not be asked, which is logged and told to nobody."""
        connection = connections[ALIAS]
        try:
            with connection.cursor() as cursor:
                cursor.execute(_SQL[name], parameters)
                return cursor.fetchall() if cursor.description else []
        except (DatabaseError, InterfaceError):
            # The next caller starts on a fresh connection: a dead one would keep every limit shut for ever.
            connection.close()
            logger.exception("The cache could not be asked (%s).", name)
            return None
