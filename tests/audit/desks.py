"""In which state is a desk for the address that is asked for it?"""

from __future__ import annotations

from copy import deepcopy
from typing import Final

from django.core.files.base import ContentFile
from django.utils import timezone

from accounts.models import Membership
from accounts.services import members
from aiaxis.exports.models import WorkspaceExport
from audit.exports.models import Export
from audit.notices import services as notices
from conversations.archiving import services as archiving
from conversations.feedback import services as feedback
from conversations.models import ConversationFile, Message
from files import storage
from tests.cast import ACME, ALICE, BOB, acting
from tests.factories import Desk, MessageFactory
from tests.tools.stage import done_before, unfinished_under

ANSWERED: Final = {
    "stop": Message.Status.QUEUED,
    "retry": Message.Status.FAILED,
    "retry_message": Message.Status.DONE,
}


def desk_for(name: str, made: Desk) -> Desk:
    """One of everything of Alice's, brought into the state in which the address has something to do."""
    desk = deepcopy(made)
    action = name.partition(":")[2]
    with acting(ALICE):
        put(desk.rows["file_id"].storage_key, b"Refunds take ten days.")
        _done_before(name, desk)
        if action in ANSWERED or name == "conversations:edit":
            above = {"conversation": desk.rows["conversation_id"], "parent": desk.rows["message_id"]}
            asked = desk.rows["message_id"] = MessageFactory(**above, role=Message.Role.USER)
            if action in ANSWERED:
                desk.rows["message_id"] = MessageFactory(**unfinished_under(asked, ANSWERED[action]))
        if action == "trial_stop":
            tried = Message.objects.filter(conversation=desk.rows["trial_id"].conversation_id, role="assistant")
            tried.update(status=Message.Status.QUEUED, finished_at=None)
        if action == "restore":
            desk.rows["agent_id"].archived_at = timezone.now()
            desk.rows["agent_id"].save()
        if action in ("export", "export_content"):
            # One that waits keeps its member from beginning another, and holds nothing to fetch.
            Export.objects.update(status=Export.Status.READY)
        if name in ("export:begin", "export:content"):
            _a_written_export(desk)
        if action == "channel_resume":
            notices.pause(actor=ALICE.tenant, channel=desk.rows["channel_id"].pk)
        if action.startswith("member_"):
            # Nobody changes themselves by these pages.
            desk.rows["member_id"] = Membership.objects.get(pk=BOB.membership_id)
            if action == "member_restore":
                members.suspend(actor=ALICE.tenant, member=desk.rows["member_id"])
    return desk


def put(key: str, content: bytes) -> None:
    """Bytes under a key, in place of what an address that was walked before left there."""
    storage.delete(key)
    storage.save(key, ContentFile(content))


def _a_written_export(desk: Desk) -> None:
    """The same of the workspace's own export."""
    row = desk.rows["workspace_export_id"]
    key = f"{ACME.id.hex}/{row.pk.hex}"
    put(key, b"PK")
    WorkspaceExport.objects.exclude(pk=row.pk).delete()
    WorkspaceExport.objects.filter(pk=row.pk).update(status=WorkspaceExport.Status.READY, storage_key=key)


def _done_before(name: str, desk: Desk) -> None:
    """What these addresses take back."""
    conversation, message = desk.rows["conversation_id"], desk.rows["message_id"]
    done_before(name, desk)
    if name == "conversations:restore":
        archiving.archive(conversation, actor=ALICE.tenant)
    if name in ("conversations:attach", "api:attach_file"):
        ConversationFile.objects.all().delete()
    if name in ("conversations:withdraw", "api:withdraw_feedback"):
        feedback.rate(conversation, message, actor=ALICE.tenant, is_helpful=True)


def ids_of(desk: Desk) -> dict[str, str]:
    """The desk's ids, as addresses call them: an agent's may be its id or its short name."""
    return {**desk.ids, "key": desk.ids["agent_id"]}
