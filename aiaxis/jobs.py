"""Which work of the roof is done in the background? Writing exports of workspaces, telling of them, letting them go."""

from __future__ import annotations

from uuid import UUID

from django.urls import reverse

from accounts import mail
from accounts.http import Tenant
from accounts.jobs import RetryLater, enqueue, job
from accounts.rounds import every
from aiaxis.exports import services as exports
from aiaxis.exports.models import WorkspaceExport


def mark_failed(tenant: Tenant, export_id: str) -> None:
    """After the last failed attempt the export says so, instead of waiting for ever."""
    exports.fail(export_id=UUID(export_id))


@job("aiaxis.export", serial="export_id", gave_up=mark_failed)
def export(tenant: Tenant, export_id: str) -> None:
    """Write one export of a workspace, and have its owner told."""
    if exports.write(actor=tenant, export_id=UUID(export_id)):
        enqueue(tell, export_id=export_id)


@job("aiaxis.export_ready", serial="export_id")
def tell(tenant: Tenant, export_id: str) -> None:
    """Mail whoever ordered the export that it is ready. The mail holds no link that opens it: they sign in for that."""
    ready = WorkspaceExport.objects.filter(pk=UUID(export_id), status=WorkspaceExport.Status.READY).first()
    if ready is None:
        return
    values = {"workspace": tenant.workspace_name, "until": ready.created_at + exports.KEPT, "size": ready.size}
    try:
        mail.send("export_ready", to=tenant.email, context={**values, "link": mail.link(reverse("export:page"))})
    except mail.Undelivered as away:
        raise RetryLater(str(away)) from away


@every("aiaxis.exports_over", seconds=3600.0)
def let_go() -> None:
    """Delete exports whose week is over."""
    exports.let_go_over()
