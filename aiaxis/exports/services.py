"""How is an export of a workspace ordered, written in the background, given out, and let go?"""

from __future__ import annotations

import logging
from datetime import timedelta
from typing import Final
from uuid import UUID

from django.core.files.base import File
from django.db import connections, transaction
from django.utils import timezone

from accounts.access import has_role
from accounts.counting import count_alone
from accounts.http import NotVisible, Tenant
from accounts.jobs import enqueue
from accounts.models import Role
from accounts.tenancy.context import current_workspace_id, whole_workspace
from aiaxis.exports import writing
from aiaxis.exports.models import LATEST, WorkspaceExport
from audit import entries, ledger
from files import services as file_services
from files import storage

log = logging.getLogger("aiaxis.exports")

KEPT: Final = timedelta(days=7)
OWNER: Final = "owner"  # the database role that sees whose time is over
_OVER: Final = "SELECT workspace_id, id FROM aiaxis_workspaceexport WHERE created_at < %s ORDER BY workspace_id, id"


class StillWriting(Exception):
    """The member has an export under way."""


def begin(*, actor: Tenant) -> WorkspaceExport:
    """Order an export; a job writes it. An earlier one of the actor's goes. Raises ``StillWriting``."""
    from aiaxis import jobs  # it registers the job with these services, and is loaded after them

    with transaction.atomic():
        count_alone(actor, "exports of the workspace")
        own = WorkspaceExport.objects.filter(membership_id=actor.membership_id)
        moving = [WorkspaceExport.Status.WAITING, WorkspaceExport.Status.WRITING]
        if own.filter(status__in=moving, created_at__gte=timezone.now() - LATEST).exists():
            raise StillWriting
        for earlier in own:
            _let_go(earlier)
        export = WorkspaceExport(membership_id=actor.membership_id)
        export.save(force_insert=True)
        ledger.post_fact(entries.fact("workspace.exported", actor=actor, target=export))
        enqueue(jobs.export, export_id=str(export.pk))
    return export


def write(*, actor: Tenant, export_id: UUID) -> bool:
    """Write an export from its beginning, however often it was begun; returns whether it is ready now, and was not before.

    Raises ``storage.StorageUnavailable``.
    """
    export: WorkspaceExport | None = WorkspaceExport.objects.filter(pk=export_id).first()
    if export is None or not export.is_unfinished:
        return False
    if not has_role(actor, Role.OWNER):
        # Whoever lost the role after asking gets nothing.
        fail(export_id=export_id)
        return False
    if storage.is_away():
        # It would read the whole workspace, to find that out at the first file.
        raise storage.StorageUnavailable(storage.OUT_OF_REACH)
    own = WorkspaceExport.objects.filter(pk=export_id)
    own.update(status=WorkspaceExport.Status.WRITING, done=0)
    key = _key(export)
    with storage.new_temporary() as target:
        writing.write(
            target,
            actor=actor,
            total=lambda size: _note(export_id, total=size),
            progress=lambda size: _note(export_id, done=size),
        )
        size = target.tell()
        target.seek(0)
        # What a killed worker left under the same name.
        storage.delete(key)
        storage.save(key, File(target))
    with transaction.atomic():
        ready = own.update(status=WorkspaceExport.Status.READY, storage_key=key, size=size, finished_at=timezone.now())
        if not ready:
            # Another was ordered, or the workspace closed, meanwhile.
            transaction.on_commit(lambda: file_services.drop(key))
    return bool(ready)


def fail(*, export_id: UUID) -> None:
    """Say that an export will not be written."""
    WorkspaceExport.objects.filter(pk=export_id).update(status=WorkspaceExport.Status.FAILED)


def get_export_or_refuse(export_id: UUID) -> WorkspaceExport:
    """The bound member's own export; any other is as missing as one that never was."""
    found: WorkspaceExport | None = WorkspaceExport.objects.filter(pk=export_id).first()
    if found is None:
        raise NotVisible([export_id])
    return found


def note_download(*, actor: Tenant, export: WorkspaceExport) -> None:
    """Record that the file is being given out. Called before the first byte leaves."""
    with transaction.atomic():
        fact = entries.fact("workspace.export_downloaded", actor=actor, target=export, detail={"bytes": export.size})
        ledger.post_fact(fact)


def let_go_over() -> int:
    """Delete every export whose week is over, whoever's it is; returns how many.

    Raises ``storage.StorageUnavailable`` where bytes could not be removed, after all others were.
    """
    with connections[OWNER].cursor() as cursor:
        cursor.execute(_OVER, [timezone.now() - KEPT])
        over = cursor.fetchall()
    left: storage.StorageUnavailable | None = None
    for workspace_id, export_id in over:
        try:
            with whole_workspace(workspace_id):
                # The bytes first: where they are out of reach the row stays, and names them to the next round.
                storage.delete(f"{workspace_id.hex}/{export_id.hex}")
                WorkspaceExport.objects.filter(pk=export_id).delete()
        except storage.StorageUnavailable as why:
            # Bytes that this one cannot lose must not keep the others'.
            left = why
    if left is not None:
        raise left
    return len(over)


def _let_go(export: WorkspaceExport) -> None:
    key = _key(export)
    transaction.on_commit(lambda: file_services.drop(key))
    WorkspaceExport.objects.filter(pk=export.pk).delete()


def _key(export: WorkspaceExport) -> str:
    """Where its file lies: always the same place, so that whoever writes it again leaves no second one behind."""
    return f"{current_workspace_id().hex}/{export.pk.hex}"


def _note(export_id: UUID, **fields: int) -> None:
    WorkspaceExport.objects.filter(pk=export_id).update(**fields)
