"""Which operations attach files to a conversation? `/api/v1/conversations/{id}/files`."""

from datetime import datetime
from typing import Any
from uuid import UUID

from django.http import HttpResponse
from ninja import Router, Schema, Status
from pydantic import Field

from accounts.access import scope_required
from accounts.http import TenantRequest
from accounts.schemas import Body, Listing, Refused
from conversations import access
from conversations.attachments import queries, services
from conversations.services import Refusal
from files.access import get_file_or_refuse

router = Router(tags=["conversations"])


class AttachmentIn(Body):
    """The file to attach: one that the key's member may read."""

    file_id: UUID


class AttachmentOut(Schema):
    """A file that is attached to a conversation.

    `status` is the file's own, or says why it answers nothing any more: `deleted` (then `file_id` is null), or `hidden`, when
    whoever it belongs to shares it no longer. `refusal` says why a file could not be read.
    """

    file_id: UUID | None
    name: str = Field(validation_alias="file_name")
    status: str = Field(validation_alias="state")
    refusal: str
    attached_at: datetime = Field(validation_alias="created_at")


@router.get(
    "/conversations/{uuid:conversation_id}/files", response=Listing[AttachmentOut], summary="List attached files"
)
@scope_required("conversations:read")
def list_attached(request: TenantRequest, conversation_id: UUID) -> Any:
    """The files that are attached to a conversation, in the order in which they were; all of them at once."""
    return {"items": queries.attached(access.get_own_conversation_or_refuse(conversation_id)).rows, "next": None}


@router.post(
    "/conversations/{uuid:conversation_id}/files",
    response={201: AttachmentOut, 200: AttachmentOut},
    summary="Attach a file",
)
@scope_required("conversations:write")
def attach_file(request: TenantRequest, conversation_id: UUID, body: AttachmentIn) -> Any:
    """Attach a file, so that the conversation's answers are found in it as well as in the agent's files.

    201 when it is attached now, 200 when it was already. 409 where the conversation is archived or holds as many as it may.
    """
    conversation = access.get_own_conversation_or_refuse(conversation_id)
    file = get_file_or_refuse(body.file_id)
    try:
        fresh = services.attach(conversation, actor=request.tenant, files=[file])
    except Refusal as refusal:
        raise Refused(409, str(refusal)) from refusal
    return Status(201 if fresh else 200, access.get_attachment_or_refuse(conversation, file.pk))


@router.delete(
    "/conversations/{uuid:conversation_id}/files/{uuid:file_id}",
    response={204: None},
    summary="Remove an attached file",
)
@scope_required("conversations:write")
def detach_file(request: TenantRequest, conversation_id: UUID, file_id: UUID) -> HttpResponse:
    """Take a file away from a conversation. The file stays, and so does what was answered from it."""
    conversation = access.get_own_conversation_or_refuse(conversation_id)
    access.get_attachment_or_refuse(conversation, file_id)
    services.detach(conversation, actor=request.tenant, file_id=file_id)
    return HttpResponse(status=204)
