"""How do temporary conversations go when their time is over?

Everything of them goes, in whatever workspace, closed ones too: that was said when they were begun. What a program's killed call or
a closed tab left goes the same way (`conversations/passing.py`). Each leaves an entry without a word of it. From its minute on nobody opens it (`access.py`), so a round that comes late shows nothing to anybody.
"""

from __future__ import annotations

import logging
from typing import Final
from uuid import UUID

from django.db import connections, transaction
from django.utils import timezone

from accounts.tenancy.context import whole_workspace
from conversations import answering, signals
from conversations.keeping.services import OWNER, PART
from conversations.models import Conversation

log = logging.getLogger("aiaxis.keeping")

_DUE: Final = "SELECT DISTINCT workspace_id FROM conversations_conversation WHERE erased_after <= now()"


def erase_due() -> int:
    """Erase those whose time is over; returns how many. What fails is tried again with the next round."""
    with connections[OWNER].cursor() as cursor:
        cursor.execute(_DUE)
        due = [workspace_id for (workspace_id,) in cursor.fetchall()]
    erased = 0
    for workspace_id in due:
        try:
            while part := _erase_part(workspace_id):
                erased += part
        except Exception:
            # One workspace's trouble must not keep the others' promises.
            log.exception(
                "Temporary conversations of the workspace %s could not be erased. It is tried again.", workspace_id
            )
    return erased


def _erase_part(workspace_id: UUID) -> int:
    with whole_workspace(workspace_id), transaction.atomic():
        over = Conversation.objects.filter(erased_after__lte=timezone.now())
        # One that its owner erases at this moment is theirs to erase.
        keys = list(over.select_for_update(skip_locked=True).order_by("pk").values_list("pk", flat=True)[:PART])
        Conversation.objects.filter(pk__in=keys).delete()
        for key in keys:
            gone = Conversation(pk=key, workspace_id=workspace_id)
            signals.conversation_erased.send(Conversation, target=gone)
            answering.announce(key)
    return len(keys)
