"""Files and search for programs: `/api/v1/files` and `/api/v1/search`."""

from typing import Annotated
from uuid import UUID

from annotated_types import MaxLen, MinLen
from django.db import IntegrityError
from django.http.response import HttpResponseBase
from ninja import File as FileParameter
from ninja import Form, Router, Status, UploadedFile

from accounts.access import scope_required
from accounts.http import NotVisible, TenantRequest, note_reached
from accounts.pagination import paginate
from accounts.schemas import Limit, Listing, Refused
from accounts.waiting import NoPlace
from files import access, delivery, queries, quota, services, storage, uploads
from files.embedding import ModelMissing
from files.forms import LONGEST_SEARCH
from files.models import Visibility
from files.refusals import DocumentRefused
from files.schemas import ChosenIn, DeletionOut, FileChange, FileOut, HitOut, StorageOut
from files.tags import services as tags

router = Router(tags=["files"])
# Seconds after which a client may try again when a limit of ours was reached.
RETRY_AFTER = 5


@router.post("/files", response={201: FileOut, 200: FileOut}, summary="Upload a file")
@scope_required("files:write")
def upload_file(
    request: TenantRequest,
    # Not required here, so that a stopped upload is answered with its own sentence; `received` requires it.
    file: Annotated[UploadedFile | None, FileParameter(description="The document, at most 50 MB. Required.")] = None,
    visibility: Annotated[Visibility, Form()] = Visibility.PRIVATE,
) -> Status[FileOut]:
    """Take a file in. It is read in the background: ask again until `status` is `ready` or `refused`.

    201 for a new file, 409 where the workspace's quota has no room for it (`GET /storage` says how much there is). 200 with the known one when the same bytes are here already, as far as this member can see.
    """
    try:
        one = uploads.received_one(request)
        taken = services.upload(actor=request.tenant, content=one, name=one.name or "", visibility=visibility.value)
    except uploads.UploadStopped as stopped:
        raise Refused(stopped.status, str(stopped)) from stopped
    except quota.QuotaReached as full:
        raise Refused(409, str(full)) from full
    except services.TooManyUnread as many:
        raise Refused(429, str(many), retry_after=RETRY_AFTER) from many
    except DocumentRefused as refused:
        raise Refused(415, str(refused)) from refused
    except storage.StorageUnavailable as unavailable:
        raise Refused(unavailable.status, str(unavailable), retry_after=RETRY_AFTER) from unavailable
    return Status(201 if taken.is_new else 200, FileOut.of(taken.file))


@router.get("/files", response=Listing[FileOut], summary="List files")
@scope_required("files:read")
def list_files(
    request: TenantRequest, cursor: str = "", limit: Limit = 50, tag: Annotated[str, MaxLen(LONGEST_SEARCH)] = ""
) -> Listing[FileOut]:
    """The files that this member may see, newest first; with `tag`, those that have it, in capitals or not."""
    page = paginate(queries.with_tags(queries.listing(tag=tag)), cursor, limit)
    return Listing(items=[FileOut.of(file) for file in page.items], next=page.next)


@router.get("/storage", response=StorageOut, summary="How much room is left?")
@scope_required("files:read")
def get_storage(request: TenantRequest) -> StorageOut:
    """What the workspace keeps and the most it may, over every member's files. A file that has no room is refused with 409."""
    return StorageOut.of(quota.storage())


@router.get("/files/{uuid:file_id}", response=FileOut, summary="One file")
@scope_required("files:read")
def get_file(request: TenantRequest, file_id: UUID) -> FileOut:
    """One file, with its status."""
    return FileOut.of(access.get_file_or_refuse(file_id))


@router.api_operation(["GET", "HEAD"], "/files/{uuid:file_id}/content", response=None, summary="Download a file")
@scope_required("files:read")
def get_content(request: TenantRequest, file_id: UUID) -> HttpResponseBase:
    """The file's bytes, always as an attachment; `Range` with one range of bytes is understood."""
    file = access.get_file_or_refuse(file_id)
    try:
        return delivery.give_out(request, file, actor=request.tenant)
    except storage.BytesMissing as missing:
        raise Refused(404, str(missing)) from missing
    except storage.StorageUnavailable as unavailable:
        raise Refused(503, str(unavailable), retry_after=RETRY_AFTER) from unavailable
    except NoPlace as none:
        raise Refused(503 if none.is_ours else 429, str(none), retry_after=RETRY_AFTER) from none


@router.post("/files/{uuid:file_id}/read", response={202: FileOut}, summary="Read a file again")
@scope_required("files:write")
def read_file_again(request: TenantRequest, file_id: UUID) -> Status[FileOut]:
    """Extract the text of a file of one's own anew, from its stored bytes. 409 where they are gone, or it is being read."""
    file = access.get_own_file_or_refuse(file_id, request.tenant)
    if not (file.is_settled or file.is_overdue):
        raise Refused(
            409, "This file is being read at this moment. Ask for its status, and try again when it is settled."
        )
    try:
        services.requeue(actor=request.tenant, file=file)
    except (storage.BytesMissing, IntegrityError) as error:
        raise Refused(
            409, "The bytes of this file are gone, or it was uploaded again since. Upload it again."
        ) from error
    except storage.StorageUnavailable as unavailable:
        raise Refused(503, str(unavailable), retry_after=RETRY_AFTER) from unavailable
    return Status(202, FileOut.of(file))


@router.patch("/files/{uuid:file_id}", response=FileOut, summary="Change a file's tags")
@scope_required("files:write")
def change_file(request: TenantRequest, file_id: UUID, body: FileChange) -> FileOut:
    """Give a file of one's own exactly these tags; an empty list takes all of them away."""
    file = access.get_own_file_or_refuse(file_id, request.tenant)
    tags.replace(actor=request.tenant, file=file, names=body.tags)
    return FileOut.of(file)


@router.delete("/files/{uuid:file_id}", response={204: None}, summary="Delete a file")
@scope_required("files:write")
def delete_file(request: TenantRequest, file_id: UUID) -> Status[None]:
    """Delete a file of one's own, with its bytes, passages and vectors."""
    services.delete(actor=request.tenant, file=access.get_own_file_or_refuse(file_id, request.tenant))
    return Status(204, None)


@router.post("/files/delete", response=Listing[DeletionOut], summary="Delete several files")
@scope_required("files:write")
def delete_files(request: TenantRequest, body: ChosenIn) -> Listing[DeletionOut]:
    """Delete up to 100 files of one's own, each with its bytes, passages and vectors, and say of each what became of it.

    Each by itself, as `DELETE /files/{file_id}` does: one that cannot be deleted keeps no other from going.
    """
    chosen = access.chosen_files(body.file_ids, request.tenant)
    if chosen.missing:
        # The same word for what is gone and what is somebody else's; the record learns which ids it was (L5, L6).
        note_reached(request, NotVisible(chosen.missing))
    deleted = set(services.delete_each(actor=request.tenant, files=chosen.own))
    others = {file.pk for file in chosen.others}
    outcomes = [DeletionOut.of(one, deleted=deleted, others=others) for one in dict.fromkeys(body.file_ids)]
    return Listing(items=outcomes, next=None)


@router.get("/search", response=Listing[HitOut], summary="Search in files")
@scope_required("search:read")
def search(request: TenantRequest, q: Annotated[str, MinLen(1), MaxLen(LONGEST_SEARCH)]) -> Listing[HitOut]:
    """The passages that best answer `q`, by words and by meaning, among the files that this member may see."""
    try:
        hits = queries.search(q)
    except ModelMissing as missing:
        raise Refused(503, str(missing)) from missing
    services.note_search(actor=request.tenant, found=[hit.file_id for hit in hits])
    return Listing(items=[HitOut.of(hit) for hit in hits], next=None)
