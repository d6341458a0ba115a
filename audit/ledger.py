"""How do entries become rows?

By one INSERT that takes a JSON array, whichever role runs it: the shipper's batches as ``aiaxis_audit``, a fact's one
entry as ``aiaxis_app`` inside the transaction that did what it tells of. Nobody may change a row afterwards. How long it is
kept is no word of the entry's: the database says it, from what the entry's workspace had chosen when the entry was made.
"""

from collections.abc import Sequence
from datetime import UTC, datetime
from typing import Final

from django.db import connections, transaction

from audit import entries
from audit.rules import Retention

_COLUMNS: Final = {
    "id": "uuid",
    "occurred_at": "timestamptz",
    "action": "text",
    "vocabulary": "text",
    "outcome": "text",
    "reason": "text",
    "severity": "text",
    "status": "smallint",
    "workspace_id": "uuid",
    "asked_workspace_id": "uuid",
    "actor_type": "text",
    "actor_id": "uuid",
    "actor_name": "text",
    "actor": "jsonb",
    "target_type": "text",
    "target_id": "text",
    "request_id": "uuid",
    "client_address": "inet",
    "http": "jsonb",
    "net": "jsonb",
    "trace": "jsonb",
    "refused_by": "text",
    "detail": "jsonb",
    "fingerprint": "text",
}
_NAMES: Final = ", ".join(f'"{name}"' for name in _COLUMNS)
_TYPED: Final = ", ".join(f'"{name}" {kind}' for name, kind in _COLUMNS.items())
# Both lists are constants of this file; what the entries hold travels as one parameter.
_INSERT: Final = (
    f"INSERT INTO audit_entry ({_NAMES}, retention) SELECT {_NAMES}, fence.retention_of(workspace_id, id) "  # noqa: S608 - constants only
    f"FROM jsonb_to_recordset(%s::jsonb) AS line ({_TYPED})"
)

_CLASSES: Final = (
    "SELECT fence.retention_of((line.entry->>'workspace_id')::uuid, (line.entry->>'id')::uuid) "
    "FROM jsonb_array_elements(%s::jsonb) WITH ORDINALITY AS line (entry, number) ORDER BY line.number"
)


def post(lines: Sequence[bytes], *, using: str = "audit") -> int:
    """Store encoded entries and return how many were new; one whose id is stored already is left alone.

    Runs as the role of the connection ``using``, in a transaction of its own. Raises ``django.db.Error``: a
    ``DataError`` or ``IntegrityError`` blames an entry, anything else the database.
    """
    with transaction.atomic(using=using), connections[using].cursor() as cursor:
        cursor.execute(f"{_INSERT} ON CONFLICT DO NOTHING", [_array(lines)])
        return int(cursor.rowcount)


def by_retention(lines: Sequence[bytes], *, using: str = "audit") -> dict[Retention, list[bytes]]:
    """Encoded entries by the class in which each would be stored, in their order. Raises ``django.db.Error``."""
    found: dict[Retention, list[bytes]] = {}
    with connections[using].cursor() as cursor:
        cursor.execute(_CLASSES, [_array(lines)])
        for line, (retention,) in zip(lines, cursor.fetchall(), strict=True):
            found.setdefault(Retention(retention), []).append(line)
    return found


def post_fact(*facts: entries.Entry) -> None:
    """Store the entries of a fact on ``default``, in the transaction that is open there: both happen or neither does.

    Raises ``django.db.Error``, which then undoes the fact as well: there is no change without its record. Raises
    ``TransactionManagementError`` outside a transaction, where the two could come apart.
    """
    connection = connections["default"]
    if not connection.in_atomic_block:
        raise transaction.TransactionManagementError("A fact is recorded inside the transaction that makes it true.")
    with connection.cursor() as cursor:
        cursor.execute(_INSERT, [_array([entries.encode(entry) for entry in facts])])


def earliest_now(*, using: str = "audit") -> datetime:
    """This moment by this machine's clock or the database's, whichever is behind: by one that is ahead, nothing was kept long enough.

    Raises ``django.db.Error``.
    """
    with connections[using].cursor() as cursor:
        cursor.execute("SELECT clock_timestamp()")
        there: datetime = cursor.fetchone()[0]
    return min(datetime.now(UTC), there)


def _array(lines: Sequence[bytes]) -> str:
    return f"[{b','.join(lines).decode('ascii')}]"
