"""How does every statement carry its workspace without a round trip of its own?

The context travels in the same simple-query message as the statement that it guards:

- autocommit:     `SET LOCAL fence.ctx = '…'; <statement>`, one implicit transaction; nothing outlives it;
- a transaction:  `BEGIN; SET LOCAL …; <statement>` for the first statement, `SET LOCAL …; <statement>` after it.

Through broken glass the transaction is begun read-only, without which the database believes no such context.

Nothing stays on the connection, so pools, PgBouncer in transaction mode, threads and savepoints are all safe.
"""

from __future__ import annotations

from collections.abc import Iterable
from typing import TYPE_CHECKING, Any

from django.conf import settings
from django.core.exceptions import ImproperlyConfigured
from django.db.backends.postgresql import base
from django.db.backends.postgresql.psycopg_any import sql
from psycopg import ClientCursor
from psycopg.pq import TransactionStatus

from accounts.tenancy.context import Binding, CrossWorkspaceTransaction, bound, seal
from accounts.tenancy.sql import CONTEXT_SETTING

if TYPE_CHECKING:
    _Cursor = ClientCursor[Any]
else:
    _Cursor = base.Cursor  # psycopg's ClientCursor with Django's callproc; the stubs do not know it


class SealedCursor(_Cursor):
    """A client-side binding cursor that puts the sealed context in front of each statement."""

    wrapper: DatabaseWrapper | None = None

    def execute(self, query: Any, params: Any = None, **kwargs: Any) -> SealedCursor:
        """Run the statement under the bound context, in one message."""
        prefix, statements = self._prefix()
        if statements:
            query = sql.SQL(prefix) + query if isinstance(query, sql.Composable) else prefix + _text(query)
        super().execute(query, params, **kwargs)
        for _ in range(statements):
            self.nextset()  # The prefix's own (empty) results stand before the statement's.
        return self

    def executemany(self, query: Any, params_seq: Iterable[Any], **kwargs: Any) -> None:
        """Run the statement once for each set of parameters, each under the bound context (no pipeline)."""
        for params in params_seq:
            self.execute(query, params, **kwargs)

    def copy(self, statement: Any, params: Any = None, **kwargs: Any) -> Any:
        """Bind the context in the open transaction, then COPY. Outside one there is nothing to bind it to: refuse."""
        prefix, statements = self._prefix()
        if statements:
            if self.wrapper is None or self.wrapper.autocommit:
                raise RuntimeError("COPY needs transaction.atomic(), so that the workspace is bound while it runs.")
            super().execute(prefix + "SELECT 1")
        return super().copy(statement, params, **kwargs)

    def _prefix(self) -> tuple[str, int]:
        """Return the statements to put before this one, and how many they are."""
        wrapper = self.wrapper
        if wrapper is None:
            return "", 0
        binding = bound()
        in_transaction = not wrapper.autocommit
        status = self._pgconn.transaction_status
        if in_transaction:
            if status == TransactionStatus.INERROR:
                # Only ROLLBACK is accepted now; a prefix would make even that fail.
                return "", 0
            wrapper.claim_transaction(binding, begins=status == TransactionStatus.IDLE)
        begin = _begin(binding, in_transaction=in_transaction, is_idle=status == TransactionStatus.IDLE)
        context = seal(binding, settings.FENCE_KEY) if binding else ""
        parts = [*begin, f"SET LOCAL {CONTEXT_SETTING} = '{context}'"]
        # The newline keeps the seal out of error messages, which quote the line that failed.
        return ";".join(parts) + ";\n", len(parts)


def _begin(binding: Binding | None, *, in_transaction: bool, is_idle: bool) -> list[str]:
    """Return what begins the statement's transaction, if it is the first: its own implicit one needs no BEGIN."""
    if binding is not None and binding.glass is not None:
        if not in_transaction:
            return ["SET LOCAL transaction_read_only = on"]
        return ["BEGIN READ ONLY"] if is_idle else []
    return ["BEGIN"] if in_transaction and is_idle else []


def _text(query: str | bytes) -> str:
    return query.decode() if isinstance(query, bytes) else query


class DatabaseWrapper(base.DatabaseWrapper):
    """Django's wrapper, with transactions begun by the prefix and each held to one workspace and member."""

    _claimed_by: Binding | None = None
    _claimed_in: object = None

    def get_connection_params(self) -> dict[str, Any]:
        """Return psycopg's parameters; refuse the options under which a prefix could not guard a statement."""
        if self.settings_dict["OPTIONS"].get("server_side_binding"):
            raise ImproperlyConfigured(
                "DATABASES: `server_side_binding` must stay off: the workspace context travels in the statement's own message."
            )
        params: dict[str, Any] = super().get_connection_params()
        params["cursor_factory"] = SealedCursor
        return params

    def create_cursor(self, name: str | None = None) -> Any:
        """Return a cursor of this connection that knows how to seal its statements."""
        cursor = super().create_cursor(None)
        cursor.wrapper = self
        return cursor

    def chunked_cursor(self) -> Any:
        """Return an ordinary cursor. A server-side one is evaluated at FETCH, under whatever is bound by then (measured)."""
        return self.cursor()

    def _set_autocommit(self, autocommit: bool) -> None:
        """Leave psycopg in autocommit always: BEGIN is the prefix's, so that it costs no round trip."""
        with self.wrap_database_errors:
            if not self.connection.autocommit:
                self.connection.autocommit = True

    def _close(self) -> None:
        self._claimed_by = self._claimed_in = None
        if (
            self.connection is not None
            and self.pool
            and self.connection.info.transaction_status != TransactionStatus.IDLE
        ):
            # A pooled connection must come back clean; the pool would warn and discard it.
            with self.wrap_database_errors:
                if not self.connection.closed:
                    self.connection.rollback()
        super()._close()  # type: ignore[misc]  # the stubs leave it out

    def claim_transaction(self, binding: Binding | None, *, begins: bool) -> None:
        """Hold the open transaction to one workspace and member; raise CrossWorkspaceTransaction on a second.

        The blocks around a test are not the application's: there, the first `atomic` block inside them counts.
        """
        scope: object = self
        if self.atomic_blocks and getattr(self.atomic_blocks[0], "_from_testcase", False):
            scope = next((block for block in self.atomic_blocks if not getattr(block, "_from_testcase", False)), None)
        if begins or scope is None or scope is not self._claimed_in:
            self._claimed_by, self._claimed_in = None, scope
        if binding is None or scope is None:
            return
        if self._claimed_by is not None and self._claimed_by != binding:
            raise CrossWorkspaceTransaction(
                f"This transaction belongs to {self._claimed_by}; the running code now acts for {binding}."
            )
        self._claimed_by = binding
