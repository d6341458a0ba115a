"""What operators did with whole workspaces and with jobs, and what is left of a workspace that ended: its trail."""

from typing import Any
from uuid import UUID

from django.db import connections, transaction
from django.dispatch import receiver

from accounts import signals as accounts
from accounts.operators import Operator
from audit import entries, services

# What stands beside the fence and names a channel of the workspace: messages, how it fares, and what is going on.
_ABOUT_CHANNELS = ("audit_message", "audit_channelstate", "audit_alarm")


@receiver(accounts.workspace_operated)
def workspace_operated(
    sender: object, *, operator: Operator, act: str, workspace_id: UUID, detail: dict[str, str], **kwargs: Any
) -> None:
    """An operator closed or opened a workspace: in its own trail, where its owners read why; or not done."""
    entry = entries.operator_act(
        f"workspace.{act}", operator_id=operator.user_id, name=operator.display_name, detail=detail
    )
    entry |= {"workspace_id": str(workspace_id), "target_type": "workspace", "target_id": str(workspace_id)}
    services.record_or_refuse(entry)


@receiver(accounts.job_operated)
def job_operated(sender: object, *, operator: Operator, act: str, job_id: int, **kwargs: Any) -> None:
    """An operator had a job run again, or dropped it: on record, or not done."""
    entry = entries.operator_act(f"job.{act}", operator_id=operator.user_id, name=operator.display_name, detail={})
    services.record_or_refuse(entry | {"target_type": "job", "target_id": str(job_id)})


@receiver(accounts.workspace_erasing)
def workspace_erasing(sender: object, *, workspace_id: UUID, **kwargs: Any) -> None:
    """What was told, or was still to be told, to the workspace's channels goes; nothing more is sent to them."""
    with transaction.atomic(using="owner"), connections["owner"].cursor() as cursor:
        # What was found of its trail, and who asked for it.
        cursor.execute("DELETE FROM audit_check WHERE about_id = %s", [workspace_id])
        for table in _ABOUT_CHANNELS:
            cursor.execute(
                f"DELETE FROM {table} WHERE channel_id IN (SELECT id FROM audit_channel WHERE workspace_id = %s)",  # noqa: S608 - constants only
                [workspace_id],
            )


@receiver(accounts.workspace_erased)
def workspace_erased(sender: object, *, workspace_id: UUID, rows: int, people: int, **kwargs: Any) -> None:
    """Nothing of the workspace is left: on record, or not done. The record stays as long as its retention says."""
    entry = entries.fact(
        "workspace.erased", actor=None, workspace_id=workspace_id, detail={"rows": rows, "people": people}
    )
    services.record_or_refuse(entry | {"target_type": "workspace", "target_id": str(workspace_id)})
