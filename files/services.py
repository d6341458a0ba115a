"""What can be done with a file: take it in, read it, share it, read it anew, give it out, delete it.

Every verb changes rows in one transaction and sends its fact inside it. Bytes come first and go last: a row never
names bytes that are not there yet, and bytes whose row did not come about are removed.
"""

import logging
from collections import Counter
from collections.abc import Iterable
from dataclasses import dataclass
from functools import partial
from uuid import UUID

from django.db import IntegrityError, connection, transaction
from django.http import Http404
from django.utils import timezone

from accounts.http import Tenant
from accounts.tenancy.context import current_workspace_id
from files import embedding, extraction, names, passages, quota, scanning, signals, storage, types
from files.models import Embedding, File, Passage, Visibility
from files.refusals import SENTENCES, WORTH_ANOTHER_READING, DocumentRefused, Reason
from files.uploads import ReceivedFile, from_bytes

logger = logging.getLogger(__name__)

# Passages whose vectors are committed together: what a killed worker has done so far is kept.
INDEXED_AT_ONCE = 32


# Files of one member that may wait to be read, so that nobody fills the workers with documents.
MOST_UNREAD = 100


class TooManyUnread(Exception):
    """The member waits for as many files as one may. The message is a sentence for people."""


class FileGone(Exception):
    """The file was deleted while it was being read. Nothing is left to do."""


@dataclass(frozen=True, slots=True)
class Upload:
    """What became of an upload: the file, and whether it is new or one that the member could see already."""

    file: File
    is_new: bool


def upload(*, actor: Tenant, content: ReceivedFile, name: str, visibility: str = Visibility.PRIVATE) -> Upload:
    """Take a complete upload in as the actor's file; its reading starts when the transaction commits.

    The same bytes again are the same file, as far as the actor can see one: nobody learns what others hold. Raises
    `DocumentRefused` for a type that is not on the list, `storage.StorageUnavailable` when bytes can't be written,
    `TooManyUnread` when too many of the actor's files wait to be read, `quota.QuotaReached` when the workspace has no room.
    """
    name = names.display_name(name)
    kind = types.by_name(name)
    known = _known(actor, content.sha256)
    if known is not None:
        return Upload(known, is_new=False)
    file = File(
        owner_id=actor.membership_id,
        name=name,
        media_type=kind.media_type,
        size=content.size or 0,
        sha256=content.sha256,
        storage_key=storage.new_key(),
        visibility=visibility,
    )
    # Before any byte is kept. Who came at the same moment is told apart below, where the row is written.
    quota.storage().check(file.size)
    if not file.size:
        # There are no bytes to keep, and the sentence is certain already.
        return Upload(_store_refused(actor, file), is_new=True)
    _check_unread(actor)
    keep(file.storage_key, content)
    try:
        with transaction.atomic():
            _forget_refused(actor, file.sha256)
            quota.claim(file.size)
            # Once more, now that uploads come one by one.
            _check_unread(actor)
            file.save()
            signals.file_uploaded.send(sender=File, actor=actor, target=file)
    except IntegrityError:
        # The same submit arrived twice at once and the other was first.
        drop(file.storage_key)
        if (known := _known(actor, content.sha256)) is None:
            raise
        return Upload(known, is_new=False)
    except BaseException:
        drop(file.storage_key)
        raise
    return Upload(file, is_new=True)


def ingest(*, actor: Tenant, content: bytes, name: str, visibility: str = Visibility.PRIVATE) -> File:
    """Take bytes in and read them at once, in this process: for the demo and for tests. Same checks as an upload."""
    with from_bytes(name, content) as received:
        taken = upload(actor=actor, content=received, name=name, visibility=visibility)
    read(actor=actor, file_id=taken.file.pk)
    taken.file.refresh_from_db()
    return taken.file


def read(*, actor: Tenant, file_id: UUID) -> None:
    """Check, extract and index one file; it ends ready or refused. Run again after a crash, it goes on where it was.

    Raises `storage.StorageUnavailable` and `scanning.ScannerUnavailable` while one of these is away, and
    `extraction.ReadingInterrupted` when the reader was told to end, as in a restart: the file waits unharmed.
    """
    file = File.objects.filter(pk=file_id).first()
    if file is None or file.is_settled:
        return
    try:
        if file.status != File.Status.INDEXING:
            _extract(file)
        _index(actor, file)
    except DocumentRefused as refused:
        refuse(actor=actor, file_id=file_id, reason=refused.reason, sentence=str(refused))
    except storage.BytesMissing:
        refuse(actor=actor, file_id=file_id, reason=Reason.LOST, sentence=SENTENCES[Reason.LOST])
    except FileGone:
        logger.info("A file was deleted while it was being read.")


def refuse(*, actor: Tenant, file_id: UUID, reason: Reason, sentence: str) -> None:
    """Mark a file as refused and keep nothing of its content: no passages, and no bytes unless it may be read again."""
    with transaction.atomic():
        file = File.objects.select_for_update().filter(pk=file_id).first()
        if file is None:
            return
        Passage.objects.filter(file=file).delete()
        file.status, file.refusal, file.pages = File.Status.REFUSED, sentence, None
        file.save(update_fields=["status", "refusal", "pages", "updated_at"])
        signals.file_refused.send(sender=File, actor=actor, target=file, reason=reason.value)
        if reason not in WORTH_ANOTHER_READING:
            transaction.on_commit(partial(drop, file.storage_key))


def requeue(*, actor: Tenant, file: File) -> None:
    """Read a file anew, from its stored bytes; raises `storage.BytesMissing` when a refusal has removed them."""
    if not storage.exists(file.storage_key):
        raise storage.BytesMissing(SENTENCES[Reason.LOST])
    with transaction.atomic():
        _move(file, File.Status.RECEIVED)
        signals.file_requeued.send(sender=File, actor=actor, target=file)


def share(*, actor: Tenant, file: File, visibility: str) -> None:
    """Let the whole workspace read a file, or only its owner again."""
    before = file.visibility
    if before == visibility:
        return
    with transaction.atomic():
        file.visibility = visibility
        file.save(update_fields=["visibility", "updated_at"])
        signals.file_shared.send(sender=File, actor=actor, target=file, before=before, after=visibility)


def hand_over(*, actor: Tenant | None, leaver_id: UUID) -> None:
    """Give the shared files of somebody who is no longer a member to an owner or admin, in the caller's transaction: whoever else could
    close or delete them? ``actor`` is None where nobody of the workspace did it, but their company's directory.

    A function of the fence does it, and decides who: the policies let nobody write a colleague's file.
    """
    with transaction.atomic():
        with connection.cursor() as cursor:
            cursor.execute("SELECT file, heir FROM fence.hand_over_files(%s)", [leaver_id])
            heirs = dict(cursor.fetchall())
        for key, heir in sorted(heirs.items()):
            file = File(pk=key, workspace_id=current_workspace_id(), owner_id=heir)
            signals.file_handed_over.send(sender=File, actor=actor, target=file, heir=heir)


def delete(*, actor: Tenant, file: File) -> None:
    """Delete a file with its bytes, passages and vectors. What cited it says that its source was deleted.

    Raises `Http404` when somebody was faster: what did not happen leaves no fact behind.
    """
    with transaction.atomic():
        try:
            _lock(file)
        except FileGone as gone:
            raise Http404 from gone
        signals.file_deleted.send(sender=File, actor=actor, target=file)
        transaction.on_commit(partial(drop, file.storage_key))
        File.objects.filter(pk=file.pk).delete()


def delete_each(*, actor: Tenant, files: list[File]) -> list[UUID]:
    """Delete several files, each with its own record; returns the ids of those that were there to delete. What is done stays done."""
    done = []
    for file in files:
        try:
            delete(actor=actor, file=file)
            done.append(file.pk)
        except Http404:
            # Somebody was faster with this one.
            continue
    return done


def requeue_each(*, actor: Tenant, files: list[File]) -> int:
    """Read several files anew, each with its own record; returns how many wait now. Those without bytes stay as they are."""
    done = 0
    for file in files:
        if not (file.is_settled or file.is_overdue):
            # It is being read; another reading beside that one would only take its place in the queue.
            continue
        try:
            requeue(actor=actor, file=file)
            done += 1
        except (storage.BytesMissing, storage.StorageUnavailable, IntegrityError, FileGone):
            # Its bytes went with a refusal or are out of reach, it was uploaded again since, or it was deleted meanwhile.
            continue
    return done


def forget_bytes(*, key: str) -> None:
    """Remove bytes that no row names any more. Raises `storage.StorageUnavailable`."""
    storage.delete(key)


def keep(key: str, content: ReceivedFile) -> None:
    """Write bytes of which there is no row yet. What may be left of a try that failed is removed by a job of the bound member's.

    Raises `storage.StorageUnavailable`.
    """
    try:
        storage.save(key, content)
    except storage.StorageUnavailable as failed:
        if failed.may_be_left:
            signals.bytes_left.send(sender=File, key=key)
        raise


def drop(key: str) -> None:
    """Remove bytes whose row is gone, or never came; what cannot be removed now is removed by a job of the bound member's."""
    try:
        storage.delete(key)
    except storage.StorageUnavailable:
        signals.bytes_left.send(sender=File, key=key)


def note_download(*, actor: Tenant, file: File, partial_content: bool) -> None:
    """Record that the bytes are being given out. Called before the first byte leaves."""
    with transaction.atomic():
        signals.file_downloaded.send(sender=File, actor=actor, target=file, partial=partial_content)


def note_reading(*, actor: Tenant, file: File, purpose: str, count: int) -> None:
    """Record that a person was shown `count` passages of a file."""
    with transaction.atomic():
        signals.passages_read.send(sender=Passage, actor=actor, target=file, purpose=purpose, passages=count)


def note_search(*, actor: Tenant, found: Iterable[UUID]) -> None:
    """Record that a person's search showed excerpts; ``found`` names the file of each."""
    shown = [(File(pk=file_id), passages) for file_id, passages in Counter(found).items()]
    with transaction.atomic():
        signals.passages_searched.send(sender=Passage, actor=actor, target=None, found=shown)


def _check_unread(actor: Tenant) -> None:
    settled = (File.Status.READY, File.Status.REFUSED)
    if File.objects.filter(owner_id=actor.membership_id).exclude(status__in=settled).count() >= MOST_UNREAD:
        raise TooManyUnread(
            f"{MOST_UNREAD} of your files are still being read. Wait until some of them are ready, then upload this one."
        )


def _known(actor: Tenant, sha256: str) -> File | None:
    same = File.objects.filter(sha256=sha256).exclude(status=File.Status.REFUSED)
    # Their own first: a colleague may stop sharing theirs.
    known: File | None = same.filter(owner_id=actor.membership_id).first() or same.first()
    return known


def _forget_refused(actor: Tenant, sha256: str) -> None:
    # The same bytes again replace the earlier refusal, instead of standing beside it.
    refused = File.objects.filter(owner_id=actor.membership_id, sha256=sha256, status=File.Status.REFUSED)
    for key in refused.values_list("storage_key", flat=True):
        transaction.on_commit(partial(drop, key))
    refused.delete()


def _store_refused(actor: Tenant, file: File) -> File:
    file.status, file.refusal = File.Status.REFUSED, SENTENCES[Reason.EMPTY]
    with transaction.atomic():
        _forget_refused(actor, file.sha256)
        quota.claim(file.size)
        file.save()
        signals.file_refused.send(sender=File, actor=actor, target=file, reason=Reason.EMPTY.value)
    return file


def _extract(file: File) -> None:
    """Bytes to passages. The passages of an earlier attempt are replaced in the same transaction."""
    _move(file, File.Status.CHECKING)
    kind = types.by_name(file.name)
    with storage.local_copy(file.storage_key) as stream:
        # Before any parser sees it.
        scanning.check(stream)
        _move(file, File.Status.EXTRACTING)
        pages = extraction.extract(stream, kind)
    rows = [
        Passage(
            file=file, position=piece.position, page=piece.page, label=piece.label, text=piece.text, start=piece.start,
            end=piece.end,
        )
        for piece in passages.cut(pages)
    ]  # fmt: skip
    with transaction.atomic():
        _lock(file)
        Passage.objects.filter(file=file).delete()
        Passage.objects.bulk_create(rows, batch_size=500)
        file.pages = len(pages)
        _move(file, File.Status.INDEXING, "pages")


def _index(actor: Tenant, file: File) -> None:
    """Passages to vectors, a batch at a time; batches that are there already are left as they are."""
    waiting = Passage.objects.filter(file=file, embeddings__isnull=True).order_by("position")
    while batch := list(waiting[:INDEXED_AT_ONCE]):
        vectors = embedding.embed([passage.text for passage in batch])
        with transaction.atomic():
            # Also the sign of life by which `File.is_overdue` tells slow work from work that nobody does any more.
            _move(file, File.Status.INDEXING)
            Embedding.objects.bulk_create(
                [
                    Embedding(passage=passage, file=file, vector=vector)
                    for passage, vector in zip(batch, vectors, strict=True)
                ]
            )
    with transaction.atomic():
        _move(file, File.Status.READY)
        count = Passage.objects.filter(file=file).count()
        signals.file_ready.send(sender=File, actor=actor, target=file, pages=file.pages, passages=count)


def _move(file: File, status: File.Status, *fields: str) -> None:
    """Bring a file to the next status; raises `FileGone` when it was deleted meanwhile."""
    with transaction.atomic():
        _lock(file)
        file.status, file.refusal, file.updated_at = status, "", timezone.now()
        file.save(update_fields=["status", "refusal", "updated_at", *fields])


def _lock(file: File) -> None:
    # A delete waits for this transaction, or this one finds the row gone: never a vector without its file.
    if not File.objects.select_for_update().filter(pk=file.pk).exists():
        raise FileGone
