"""How is what a member, or a workspace, has of something counted right where two requests add to it at the same moment?

Each would count what the other has not committed yet, and both would be let in. Where a limit is per workspace and in bytes,
`files/quota.py` does the same by the workspace's row.
"""

from __future__ import annotations

from typing import Final
from uuid import UUID

from django.db import connection, transaction

from accounts.http import Tenant

_ALONE: Final = "SELECT pg_advisory_xact_lock(hashtextextended(%s || ' of ' || %s, 0))"


def count_alone(actor: Tenant, what: str) -> None:
    """Wait until nobody else adds to what this member has of `what`, and keep others out until the transaction ends.

    Raises `TransactionManagementError` outside of one, where the count would be over before the row is there.
    """
    _wait_for(what, actor.membership_id)


def count_together(actor: Tenant, what: str) -> None:
    """The same of what the members of this workspace have together."""
    _wait_for(what, actor.workspace_id)


def _wait_for(what: str, owner: UUID) -> None:
    if not connection.in_atomic_block:
        raise transaction.TransactionManagementError("What is counted is added in the same transaction.")
    with connection.cursor() as cursor:
        cursor.execute(_ALONE, [what, str(owner)])
