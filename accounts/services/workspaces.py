"""What may an operator do with a whole workspace, without seeing what is in it?

Close its doors for a time, open them again, set the day on which it is erased, which can be called off until then, and how
much it may keep. Who asks is said in sealed claims, and the database believes them of an operator whose session is alive;
each act is recorded in its transaction, in the trail of the workspace too, and is not done if nobody can record it. Its owners
are written to when its doors close or open: while they are closed, nobody can read that trail.
"""

from __future__ import annotations

from typing import Final
from uuid import UUID

from django.db import connections, transaction

from accounts.models import Membership, Role, Workspace
from accounts.operators import Operator
from accounts.signals import workspace_operated
from accounts.tenancy import claims
from accounts.tenancy.context import whole_workspace

PURPOSE: Final = "operator.workspace"
QUOTA_PURPOSE: Final = "operator.quota"
MEGABYTE: Final = 1024 * 1024
GRACE_DAYS: Final = 30
"""How long after it was closed a workspace can be taken back."""


class CameTooLate(Exception):
    """The act changed nothing: the workspace is not in a state for it any more."""


def suspend(operator: Operator, *, workspace_id: UUID, reason: str) -> None:
    """Close its doors: every session, key, stream and job of it is refused from this moment. Raises ``CameTooLate``."""
    _act(operator, "suspended", workspace_id, reason=reason)


def restore(operator: Operator, *, workspace_id: UUID) -> None:
    """Open the doors of a suspended workspace. Raises ``CameTooLate``."""
    _act(operator, "restored", workspace_id)


def close(operator: Operator, *, workspace_id: UUID, reason: str) -> None:
    """Close its doors, and have it erased when the grace is over. Raises ``CameTooLate``."""
    _act(operator, "closing", workspace_id, reason=reason, days=str(GRACE_DAYS))


def reopen(operator: Operator, *, workspace_id: UUID) -> None:
    """Call the erasure off and open the doors. Raises ``CameTooLate`` where the day has come."""
    _act(operator, "reopened", workspace_id)


def limit(
    operator: Operator, *, workspace_id: UUID, most_megabytes: int | None, most_files: int | None, reason: str
) -> None:
    """Set how much it may keep; None: as much as the installation's settings say. Raises ``CameTooLate`` where it is so already."""
    most = None if most_megabytes is None else most_megabytes * MEGABYTE
    wanted = {"bytes": _text(most), "files": _text(most_files)}
    where = {"session": str(operator.session_id), "workspace": str(workspace_id)}
    sealed = claims.sealed(QUOTA_PURPOSE, **where, **wanted)
    with transaction.atomic(), connections["default"].cursor() as cursor:
        cursor.execute("SELECT * FROM fence.limit_workspace(%s)", [sealed])
        before = cursor.fetchone()
        if before is None:
            raise CameTooLate
        detail = {"before": _in_words(*before), "after": _in_words(most, most_files), "reason": reason}
        workspace_operated.send(
            sender=Workspace, operator=operator, act="limited", workspace_id=workspace_id, detail=detail
        )


def _text(number: int | None) -> str | None:
    return None if number is None else str(number)


def _in_words(most_bytes: int | None, most_files: int | None) -> str:
    size = "MB as the installation says" if most_bytes is None else f"{most_bytes // MEGABYTE} MB"
    return f"{size}, {'files as the installation says' if most_files is None else f'{most_files} files'}"


def _act(operator: Operator, act: str, workspace_id: UUID, **words: str) -> None:
    sealed = claims.sealed(PURPOSE, act=act, session=str(operator.session_id), workspace=str(workspace_id), **words)
    owners = _owners(workspace_id)
    with transaction.atomic(), connections["default"].cursor() as cursor:
        cursor.execute("SELECT fence.operate_workspace(%s)", [sealed])
        if cursor.fetchone() == (0,):
            raise CameTooLate
        workspace_operated.send(
            sender=Workspace, operator=operator, act=act, workspace_id=workspace_id, detail=dict(words), owners=owners
        )


def _owners(workspace_id: UUID) -> list[UUID]:
    """Before the act's transaction, which belongs to one member."""
    # For the whole workspace, since no member of it acts here; who owns it hides from nobody in it.
    with whole_workspace(workspace_id):
        owners = Membership.objects.filter(role=Role.OWNER, status=Membership.Status.ACTIVE)
        return list(owners.order_by("created_at", "id").values_list("pk", flat=True))
