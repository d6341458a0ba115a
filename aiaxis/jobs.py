"""Which work of the roof is done in the background? Writing exports of workspaces, telling of them, letting them go, bringing them in."""

from __future__ import annotations

from uuid import UUID

from django.urls import reverse

from accounts import mail
from accounts.http import Tenant
from accounts.jobs import RetryLater, enqueue, job
from accounts.rounds import every
from aiaxis.exports import services as exports
from aiaxis.exports.models import WorkspaceExport
from aiaxis.imports import reading
from aiaxis.imports import services as imports
from aiaxis.imports.models import MOVING, WorkspaceImport
from files.jobs import read_or_put_off, wait_for_storage
from files.storage import StorageUnavailable


def mark_failed(tenant: Tenant, export_id: str) -> None:
    """After the last failed attempt the export says so, instead of waiting for ever."""
    exports.fail(export_id=UUID(export_id))


# Exports and imports of a workspace are long, so one goes on at a time: with its files, all but one of a worker's usual places.
@job("aiaxis.export", serial="export_id", lanes=1, rows="moving", gave_up=mark_failed)
def export(tenant: Tenant, export_id: str) -> None:
    """Write one export of a workspace, and have its owner told."""
    try:
        if exports.write(actor=tenant, export_id=UUID(export_id)):
            enqueue(tell, export_id=export_id)
    except StorageUnavailable as away:
        wait_for_storage(away, export, export_id=export_id)


@job("aiaxis.export_ready", serial="export_id")
def tell(tenant: Tenant, export_id: str) -> None:
    """Mail whoever ordered the export that it is ready. The mail holds no link that opens it: they sign in for that."""
    ready = WorkspaceExport.objects.filter(pk=UUID(export_id), status=WorkspaceExport.Status.READY).first()
    if ready is None:
        return
    values = {"until": ready.created_at + exports.KEPT, "size": ready.size, "link": mail.link(reverse("export:page"))}
    _mail("export_ready", tenant, **values)


@every("aiaxis.exports_over", seconds=3600.0)
def let_go() -> None:
    """Delete exports whose week is over."""
    exports.let_go_over()


def mark_import_failed(tenant: Tenant, import_id: str) -> None:
    """After the last failed attempt nothing of the import stays, and it says so."""
    imports.fail(actor=tenant, import_id=UUID(import_id))
    enqueue(tell_of_import, import_id=import_id)


@job("aiaxis.import", serial="import_id", lanes=1, rows="moving", gave_up=mark_import_failed)
def bring_in(tenant: Tenant, import_id: str) -> None:
    """Check an export that an owner brought, bring it in or refuse it, and have its owner told."""
    try:
        imports.bring_in(actor=tenant, import_id=UUID(import_id))
    except StorageUnavailable as away:
        wait_for_storage(away, bring_in, import_id=import_id)
        return
    enqueue(tell_of_import, import_id=import_id)


@job("aiaxis.import_over", serial="import_id")
def tell_of_import(tenant: Tenant, import_id: str) -> None:
    """Mail whoever brought an export what became of it. Who keeps the workspace no longer is told nothing of it."""
    over = WorkspaceImport.objects.filter(pk=UUID(import_id)).exclude(status__in=MOVING).first()
    if over is not None:
        # A worker that died after the import's end has it told once more, under the same id.
        once = f"import-{over.pk}"
        _mail("import_over", tenant, brought=over, link=mail.link(reverse("import:page")), message_id=once)


def mark_imported_unreadable(tenant: Tenant, file_id: str) -> None:
    """After the last failed attempt the file says so, instead of waiting for ever."""
    reading.give_up(actor=tenant, file_id=UUID(file_id))


@job("aiaxis.read_imported", serial="file_id", lanes=2, rows="files.read", gave_up=mark_imported_unreadable)
def read_imported(tenant: Tenant, file_id: str) -> None:
    """Check, extract and index one imported file, whoever it belongs to."""
    with read_or_put_off(read_imported, file_id=file_id):
        reading.read(actor=tenant, file_id=UUID(file_id))


def _mail(event: str, tenant: Tenant, *, message_id: str = "", **values: object) -> None:
    try:
        mail.send(event, to=tenant.email, context={**values, "workspace": tenant.workspace_name}, message_id=message_id)
    except mail.Undelivered as away:
        raise RetryLater(str(away)) from away
