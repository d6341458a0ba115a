"""How does a workspace choose what is kept, and how does what nobody used for so long go?

Once a day, in parts: each part is one transaction with its entry in the trail, and asks anew what is chosen, so that whoever
is interrupted loses nothing and an owner who calls it off stops the next part.

Everybody has a week to see what of theirs is to go, and to use it. Where that cannot have been so the week begins anew: after days
without a run the workspace was closed, the installation was off, or its database was brought back from a copy, and what stood in
it is unused because nobody could use it; and what an import has just brought was used elsewhere.
"""

from __future__ import annotations

import logging
from datetime import datetime, timedelta
from typing import Final
from uuid import UUID

from django.db import connections, transaction
from django.utils import timezone

from accounts.http import Tenant
from accounts.services.members import Refused, asked
from accounts.tenancy.context import whole_workspace
from accounts.tenancy.models import new_id
from conversations import signals
from conversations.keeping import queries
from conversations.keeping.models import KeepingChoice
from conversations.models import Conversation
from files import keeping

__all__ = ["SENTENCES", "Refused", "choose", "let_go_due"]

log = logging.getLogger("aiaxis.keeping")

OWNER: Final = (
    "owner"  # the database role that sees whose day has come; what goes is chosen in that workspace's own fence
)
PART: Final = 200
SENTENCES: Final = {
    "role": "Only an owner of the workspace can change what is kept, so nothing was changed.",
    "unknown": "Unused things can be kept for 7 days to 10 years, or for ever. Choose one of the times in the list.",
    "unchanged": "It is like this already, so nothing was changed.",
}
# Nobody can object in a workspace that is closed, so nothing goes there.
_DUE: Final = (
    "SELECT c.workspace_id FROM conversations_keepingchoice c JOIN accounts_workspace w ON w.id = c.workspace_id "
    "AND w.status = 'active' WHERE c.begins_at <= now() AND (c.conversations IS NOT NULL OR c.files IS NOT NULL) "
    "AND (c.ran_at IS NULL OR c.ran_at < now() - interval '23 hours') ORDER BY c.ran_at NULLS FIRST, c.workspace_id"
)
_RAN: Final = "UPDATE conversations_keepingchoice SET ran_at = now() WHERE workspace_id = %s"
# As long as everybody is warned beforehand.
_PUT_OFF: Final = (
    "UPDATE conversations_keepingchoice c SET begins_at = greatest(c.begins_at, now() + interval '7 days')"
)
# A run comes every day. One day that was missed is no absence: what goes was shown for six.
_AFTER_ABSENCE: Final = (
    f"{_PUT_OFF} FROM accounts_workspace w WHERE w.id = c.workspace_id AND w.status = 'active' "
    "AND (c.conversations IS NOT NULL OR c.files IS NOT NULL) "
    "AND greatest(c.begins_at, c.ran_at) < now() - interval '2 days' RETURNING c.workspace_id"
)


def choose(*, actor: Tenant, conversations: int | None, files: int | None) -> datetime:
    """Keep what nobody uses for so many days, or for ever; return from when on it goes. Raises ``Refused``."""
    with transaction.atomic():
        before = asked("SELECT fence.choose_keeping(%s, %s, %s)", [new_id(), conversations, files])
        chosen: KeepingChoice = KeepingChoice.objects.get(pk=before["id"])
        signals.keeping_chosen.send(
            KeepingChoice,
            actor=actor,
            target=chosen,
            conversations=(before["conversations"], conversations),
            files=(before["files"], files),
        )
    return chosen.begins_at


def let_go_due() -> int:
    """Let go in every workspace whose day it is; returns in how many. One that fails is tried again with the next round."""
    with connections[OWNER].cursor() as cursor:
        cursor.execute(_AFTER_ABSENCE)
        for (workspace_id,) in cursor.fetchall():
            log.info("The workspace %s was away. What nobody used there goes in a week at the earliest.", workspace_id)
        cursor.execute(_DUE)
        due = [workspace_id for (workspace_id,) in cursor.fetchall()]
    done = 0
    for workspace_id in due:
        try:
            _let_go(workspace_id)
            done += 1
        except Exception:
            # One workspace's trouble must not keep the others' promises.
            log.exception("What nobody uses in the workspace %s could not be deleted. It is tried again.", workspace_id)
    return done


def put_off(workspace_id: UUID) -> None:
    """Let nothing go in this workspace for a week: what it holds came from elsewhere, and nobody was warned of it here."""
    with connections[OWNER].cursor() as cursor:
        cursor.execute(f"{_PUT_OFF} WHERE c.workspace_id = %s", [workspace_id])


def _let_go(workspace_id: UUID) -> None:
    with whole_workspace(workspace_id):
        is_first = True
        while _let_go_part(is_first=is_first):
            is_first = False
    with connections[OWNER].cursor() as cursor:
        cursor.execute(_RAN, [workspace_id])


def _let_go_part(*, is_first: bool) -> bool:
    """Delete some; returns whether there may be more. The first part is on record even when nothing was to go."""
    with transaction.atomic():
        chosen = queries.choice()
        now = timezone.now()
        if chosen is None or not chosen.is_on or chosen.begins_at > now:
            return False
        talks = _conversations(now, chosen.conversations)
        gone = keeping.Gone(0, 0)
        if chosen.files is not None:
            gone = keeping.let_go(now - timedelta(days=chosen.files), PART)
        if talks or gone.files or is_first:
            signals.unused_let_go.send(
                KeepingChoice, target=chosen, conversations=talks, files=gone.files, size=gone.bytes
            )
    return PART in (talks, gone.files)


def _conversations(now: datetime, days: int | None) -> int:
    if days is None:
        return 0
    found = queries.unused_conversations(now - timedelta(days=days))
    # Whoever asks at this moment holds the row, and keeps it.
    keys = list(found.select_for_update(skip_locked=True).order_by("pk").values_list("pk", flat=True)[:PART])
    Conversation.objects.filter(pk__in=keys).delete()
    return len(keys)
