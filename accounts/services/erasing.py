"""How does a workspace whose day has come leave nothing behind but its trail?

In the order in which an interruption loses nothing: first the point of no return (a state), then bytes and whatever else
stands outside the fence, then what the identity store knows of people who belonged nowhere else, then, in one transaction
as the owner of the tables, every row. Each step may be taken again; the next round begins where one was broken off. The
audit trail stays as long as its retention says: what was done here must not be undone by closing the account.
"""

from __future__ import annotations

import logging
from collections.abc import Iterable
from typing import Any, Final
from uuid import UUID

from django.apps import apps
from django.db import connections, transaction
from django.utils import timezone

from accounts.identity import forgetting
from accounts.models import Workspace
from accounts.signals import workspace_erased, workspace_erasing
from accounts.tenancy.context import whole_workspace
from accounts.tenancy.models import WorkspaceForeignKey, WorkspaceModel

log = logging.getLogger("aiaxis.erasing")

OWNER: Final = "owner"  # the database role that owns the tables, and whom no policy holds

# Whoever calls it off meanwhile holds the row; the day is asked for once more when it is free.
_NO_RETURN: Final = (
    "UPDATE accounts_workspace SET status = 'erasing' "
    "WHERE id = %s AND status IN ('closing', 'erasing') AND erase_after <= clock_timestamp()"
)
# An operator is a person of the installation as well. Locked, so that none of them joins elsewhere while they go; in an order
# of its own, or two who lock some of the same might wait for each other.
_ONLY_HERE: Final = (
    "SELECT u.id FROM accounts_user u WHERE NOT u.is_operator AND EXISTS (SELECT 1 FROM accounts_membership m "
    "WHERE m.user_id = u.id AND m.workspace_id = %s) AND NOT EXISTS (SELECT 1 FROM accounts_membership m "
    "WHERE m.user_id = u.id AND m.workspace_id <> %s) ORDER BY u.id FOR UPDATE OF u"
)
_SUBJECTS: Final = "SELECT provider, subject FROM accounts_identitylink WHERE user_id = ANY(%s)"
_SESSIONS: Final = "SELECT identity_session FROM accounts_session WHERE workspace_id = %s"
_KEYS: Final = "SELECT identity_key FROM accounts_apikey WHERE workspace_id = %s"
# What a job says is text under a seal; the workspace stands in it as one word that nobody typed.
_JOBS: Final = "DELETE FROM procrastinate_jobs WHERE strpos(args->>'message', %s) > 0"


def erase_due() -> int:
    """Erase every workspace whose day has come; returns how many. One that fails is tried again with the next round."""
    due = Workspace.objects.using(OWNER).filter(status__in=["closing", "erasing"], erase_after__lte=timezone.now())
    erased = 0
    for workspace_id in due.order_by("erase_after").values_list("id", flat=True):
        try:
            erased += erase(workspace_id)
        except Exception:
            # One that cannot be erased now must not keep the others, to whom it was promised as well.
            log.exception("The workspace %s could not be erased. It is tried again.", workspace_id)
    return erased


def erase(workspace_id: UUID) -> bool:
    """Erase it for good; False if its day has not come or was called off. Raises whatever kept it from being whole."""
    with connections[OWNER].cursor() as cursor:
        cursor.execute(_NO_RETURN, [workspace_id])
        if not cursor.rowcount:
            return False
    with whole_workspace(workspace_id):
        workspace_erasing.send(sender=Workspace, workspace_id=workspace_id)
    with transaction.atomic(using=OWNER), connections[OWNER].cursor() as cursor:
        # Asked again once they are locked: who joined elsewhere while it was first asked is none of them.
        _column(cursor, _ONLY_HERE, [workspace_id, workspace_id])
        people = _column(cursor, _ONLY_HERE, [workspace_id, workspace_id])
        _forget_identities(cursor, workspace_id, people)
        rows = _delete_rows(cursor, workspace_id, people)
        workspace_erased.send(sender=Workspace, workspace_id=workspace_id, rows=rows, people=len(people))
    return True


def tables() -> list[str]:
    """Every table of the fence, those that point at others before these."""
    found: list[str] = []

    def add(model: type[WorkspaceModel]) -> None:
        if model._meta.db_table in found:
            return
        for other in _fenced():
            if other is not model and any(field.related_model is model for field in _links(other)):
                add(other)
        found.append(model._meta.db_table)

    for model in _fenced():
        add(model)
    return found


def _fenced() -> list[type[WorkspaceModel]]:
    return [model for model in apps.get_models() if issubclass(model, WorkspaceModel)]


def _links(model: type[WorkspaceModel]) -> Iterable[WorkspaceForeignKey]:
    return (field for field in model._meta.local_fields if isinstance(field, WorkspaceForeignKey))


def _forget_identities(cursor: Any, workspace_id: UUID, people: list[UUID]) -> None:
    """In the identity store's own database: people who belonged here alone, and everybody's sessions and keys of here."""
    cursor.execute(_SUBJECTS, [people])
    subjects = cursor.fetchall()
    forgetting.forget(
        subjects,
        sessions=_column(cursor, _SESSIONS, [workspace_id]),
        keys=_column(cursor, _KEYS, [workspace_id]),
    )


def _delete_rows(cursor: Any, workspace_id: UUID, people: list[UUID]) -> int:
    rows = 0
    # What is deleted later is pointed at by what was deleted before; whether all is whole is asked at the end.
    cursor.execute("SET CONSTRAINTS ALL DEFERRED")
    for table in tables():
        cursor.execute(f'DELETE FROM "{table}" WHERE workspace_id = %s', [workspace_id])  # noqa: S608 - a model's own table
        rows += cursor.rowcount
    cursor.execute(_JOBS, [workspace_id.hex])
    for statement in (
        "DELETE FROM accounts_identitylink WHERE user_id = ANY(%s)",
        "DELETE FROM accounts_operatorsession WHERE user_id = ANY(%s)",
        "DELETE FROM accounts_user WHERE id = ANY(%s)",
    ):
        cursor.execute(statement, [people])
    cursor.execute("DELETE FROM accounts_workspace WHERE id = %s", [workspace_id])
    return rows


def _column(cursor: Any, statement: str, values: list[Any]) -> list[Any]:
    cursor.execute(statement, values)
    return [value for (value,) in cursor.fetchall()]
