"""How is an export ordered to come in, brought in by a job, and, where anything is wrong with it, refused as a whole?

All or nothing: everything is checked before the first row, all rows are written in one transaction, and bytes that were
kept before their rows are named beforehand, so that they go again with whatever stopped the import.
"""

from __future__ import annotations

import logging
from collections.abc import Iterator
from datetime import timedelta
from typing import Any, BinaryIO, Final
from uuid import UUID

from django.core.files.base import File as Content
from django.db import DataError, IntegrityError, OperationalError, transaction
from django.utils import timezone

from accounts.access import has_role
from accounts.http import NotVisible, Tenant
from accounts.jobs import enqueue
from accounts.models import Role
from accounts.tenancy.context import current_workspace_id, whole_workspace, workspace
from agents.models import Agent
from aiaxis.exports.writing import TRAIL
from aiaxis.imports import checking, package, people
from aiaxis.imports.keys import Keys
from aiaxis.imports.models import MOVING, WorkspaceImport
from aiaxis.imports.refusals import ImportRefused
from aiaxis.imports.writing import Rows
from audit import entries, ledger
from conversations.keeping import services as keeping
from conversations.models import Conversation
from files import quota, storage
from files import services as file_services
from files.models import File
from files.uploads import ReceivedFile

log = logging.getLogger("aiaxis.imports")

LATEST: Final = timedelta(hours=24)  # one that moves for longer than this was given up with its worker
UNFINISHED: Final = "This import could not be finished, so nothing of it was kept. Start it again."
TOO_MUCH: Final = "54000"  # PostgreSQL's code for what is beyond its own limits
Status = WorkspaceImport.Status


class NotNow(Exception):
    """No import can be begun at this moment. The message is a sentence for people."""


def begin(*, actor: Tenant, content: ReceivedFile, fingerprint: str) -> WorkspaceImport:
    """Take an export in; a job checks it and brings it in. Raises ``NotNow`` and ``storage.StorageUnavailable``."""
    from aiaxis import jobs  # it registers the job with these services, and is loaded after them

    if not is_empty(actor.workspace_id):
        raise NotNow("This workspace holds files, agents or conversations already. An import fills an empty one.")
    key = storage.new_key()
    file_services.keep(key, content)
    try:
        with transaction.atomic():
            started = WorkspaceImport(membership_id=actor.membership_id, fingerprint=fingerprint, storage_key=key)
            started.save(force_insert=True)
            ledger.post_fact(entries.fact("workspace.import_ordered", actor=actor, target=started))
            enqueue(jobs.bring_in, import_id=str(started.pk))
    except IntegrityError as error:
        file_services.drop(key)
        raise NotNow("An export is being brought in already. Wait until that has ended.") from error
    except BaseException:
        file_services.drop(key)
        raise
    return started


def is_empty(workspace_id: UUID) -> bool:
    """Does the workspace hold nothing that an import brings? Others' private things count, and nobody is told of which kind."""
    with whole_workspace(workspace_id):
        return not _holds_something()


def _holds_something() -> bool:
    # What is temporary, a try of an agent for one, goes by itself.
    kept = (File.objects, Agent.objects, Conversation.objects.filter(erased_after=None))
    return any(found.exists() for found in kept)


def bring_in(*, actor: Tenant, import_id: UUID) -> None:
    """Check an export and write it, or refuse it. Run again after a crash, it comes to the same end."""
    # The whole workspace: it holds what others brought with it, and must end even if its owner is none any more.
    with whole_workspace(actor.workspace_id):
        started: WorkspaceImport | None = WorkspaceImport.objects.filter(pk=import_id).first()
        if started is not None and started.is_moving:
            _tried(started, actor)
    if started is not None and started.status == Status.DONE and started.stored:
        _hand_in(started)


def fail(*, actor: Tenant, import_id: UUID) -> None:
    """Say that an import will not be finished, and keep nothing of it."""
    with whole_workspace(actor.workspace_id):
        started = WorkspaceImport.objects.filter(pk=import_id, status__in=MOVING).first()
        if started is not None:
            _end(started, Status.FAILED, refusal=UNFINISHED)


def give_up_old(workspace_id: UUID) -> None:
    """One that has moved for a day was given up with its worker, and must not keep others out, whoever's it is. They are told."""
    from aiaxis import jobs  # as above

    with whole_workspace(workspace_id):
        given_up = list(WorkspaceImport.objects.filter(status__in=MOVING, created_at__lt=timezone.now() - LATEST))
        for old in given_up:
            _end(old, Status.FAILED, refusal=UNFINISHED)
    for old in given_up:
        # A job is a member's, and a transaction of the whole workspace is not.
        with workspace(workspace_id, old.membership_id):
            enqueue(jobs.tell_of_import, import_id=str(old.pk))


def get_import_or_refuse(import_id: UUID) -> WorkspaceImport:
    """An import of the workspace, for its owners."""
    found: WorkspaceImport | None = WorkspaceImport.objects.filter(pk=import_id).first()
    if found is None:
        raise NotVisible([import_id])
    return found


def note_trail_download(*, actor: Tenant, brought: WorkspaceImport) -> None:
    """Record that the other workspace's trail is being given out. Called before the first byte leaves."""
    with transaction.atomic():
        ledger.post_fact(entries.fact("workspace.import_trail_downloaded", actor=actor, target=brought))


def _tried(started: WorkspaceImport, actor: Tenant) -> None:
    try:
        _forget_bytes(started)
        _bring_in(started, actor)
    except ImportRefused as refused:
        _refuse(started, actor, refused)
    except (IntegrityError, DataError, OperationalError) as error:
        if isinstance(error, OperationalError) and getattr(error.__cause__, "sqlstate", "") != TOO_MUCH:
            raise
        # What only the database can compare: two rows where one may be, a text whose words no index holds. No row was written.
        told = getattr(error.__cause__, "diag", None)
        log.warning(
            "An import was refused by the database: %s %s %s",
            type(error).__name__,
            getattr(told, "table_name", ""),
            getattr(told, "constraint_name", "") or getattr(told, "column_name", ""),
        )
        _refuse(started, actor, ImportRefused("rows"))


def _bring_in(started: WorkspaceImport, actor: Tenant) -> None:
    if not has_role(actor, Role.OWNER):
        # Whoever lost the role after asking brings nothing in.
        raise ImportRefused("role")
    limits = quota.storage()
    with storage.local_copy(started.storage_key) as stream:
        found = _opened(stream, started, limits)
        _note(started, status=Status.CHECKING, total=_files_size(found) * 2, done=0)
        contents = checking.checked(found, lambda size: _advance(started, size))
        _note(started, status=Status.WRITING)
        places = _keep_bytes(started, found, contents)
        # Before the rows: what is older than this workspace keeps it would go with the next round, unseen.
        keeping.put_off(actor.workspace_id)
        with transaction.atomic():
            _write(started, actor, found, contents, places)


def _opened(stream: BinaryIO, started: WorkspaceImport, limits: quota.Storage) -> package.Package:
    room = limits.most_bytes - limits.bytes
    found = package.opened(stream, expected=started.fingerprint, room=room, most_files=limits.most_files)
    _note(started, source_name=found.said.workspace.name, made_at=found.made_at)
    return found


def _files_size(found: package.Package) -> int:
    return sum(part.bytes for name, part in found.parts.items() if name.startswith("files/"))


def _keep_bytes(started: WorkspaceImport, found: package.Package, contents: checking.Contents) -> dict[UUID, str]:
    """Keep the bytes of each file, and the trail, under new keys that are written down first."""
    places = {key: storage.new_key() for key in sorted(contents.keys[checking.FILES])}
    trail = storage.new_key()
    _note(started, stored=[*(places[key] for key in contents.with_bytes), trail])
    for key in contents.with_bytes:
        _keep(places[key], found.read(f"files/{key}", lambda size: _advance(started, size)))
    _keep(trail, found.read(TRAIL))
    started.trail_key = trail
    return places


def _keep(key: str, pieces: Iterator[bytes]) -> None:
    with storage.new_temporary() as arrived:
        for piece in pieces:
            arrived.write(piece)
        arrived.seek(0)
        storage.save(key, Content(arrived))


def _write(
    started: WorkspaceImport,
    actor: Tenant,
    found: package.Package,
    contents: checking.Contents,
    places: dict[UUID, str],
) -> None:
    """Every row, and that it came in, in one transaction."""
    if WorkspaceImport.objects.select_for_update().filter(pk=started.pk, status=Status.WRITING).first() is None:
        raise ImportRefused("role")
    if _holds_something():
        # Somebody began to work here while it was checked.
        raise ImportRefused("not_empty")
    limits = quota.held()
    size, count = contents.bytes, len(contents.keys[checking.FILES])
    if limits.bytes + size > limits.most_bytes or limits.files + count > limits.most_files:
        raise ImportRefused("no_room")
    keys = Keys(made_for=found.said.made_for, importer=actor.membership_id)
    counts = {"members": people.bring_in(found, keys, importer=actor.membership_id)}
    counts |= Rows(found, contents, keys, places).write()
    key = started.storage_key
    stored = [one for one in started.stored if one != started.trail_key]
    values = {"stored": stored, "trail_key": started.trail_key, "counts": counts, "storage_key": ""}
    _note(started, status=Status.DONE, finished_at=timezone.now(), **values)
    ledger.post_fact(entries.fact("workspace.imported", actor=actor, target=started, detail=counts))
    transaction.on_commit(lambda: _drop(key, actor))


def _hand_in(started: WorkspaceImport) -> None:
    """Have every file read, as after an upload. What a worker that died here had handed in already is read once all the same."""
    from aiaxis import jobs  # as above

    with whole_workspace(current_workspace_id()):
        waiting = File.objects.filter(storage_key__in=started.stored, status=File.Status.RECEIVED)
        keys = list(waiting.order_by("pk").values_list("pk", flat=True))
    with transaction.atomic():
        for key in keys:
            enqueue(jobs.read_imported, file_id=str(key))
    with whole_workspace(current_workspace_id()):
        _note(started, stored=[])


def _refuse(started: WorkspaceImport, actor: Tenant, refused: ImportRefused) -> None:
    with transaction.atomic():
        detail = {"why": refused.why, "part": refused.part}
        ledger.post_fact(entries.fact("workspace.import_refused", actor=actor, target=started, detail=detail))
        _end(started, Status.REFUSED, refusal=str(refused))


def _drop(key: str, actor: Tenant) -> None:
    # A job, if one is needed, is a member's.
    with workspace(actor.workspace_id, actor.membership_id):
        file_services.drop(key)


def _end(started: WorkspaceImport, status: str, *, refusal: str) -> None:
    """Nothing of it came in, so nothing of it stays: first the bytes, then the word that they are gone."""
    started.refresh_from_db()
    _forget_bytes(started)
    storage.delete(started.storage_key)
    _note(started, status=status, storage_key="", trail_key="", refusal=refusal, finished_at=timezone.now())


def _forget_bytes(started: WorkspaceImport) -> None:
    for key in started.stored:
        storage.delete(key)
    if started.stored:
        _note(started, stored=[])


def _advance(started: WorkspaceImport, size: int) -> None:
    _note(started, done=started.done + size)


def _note(started: WorkspaceImport, **values: Any) -> None:
    for name, value in values.items():
        setattr(started, name, value)
    WorkspaceImport.objects.filter(pk=started.pk).update(**values)
