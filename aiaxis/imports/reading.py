"""How is an imported file read, whoever it belongs to, and how do its quotes find their passages again?"""

from __future__ import annotations

from uuid import UUID

from django.db import transaction

from accounts.http import Tenant
from accounts.tenancy.context import whole_workspace
from conversations.models import Citation
from files import services as files
from files.models import Passage
from files.refusals import SENTENCES, Reason


def read(*, actor: Tenant, file_id: UUID) -> None:
    """Check, extract and index it as after an upload. Raises as that does."""
    # The whole workspace: its owner came in as a name, and nobody can act for them.
    with whole_workspace(actor.workspace_id):
        files.read(actor=actor, file_id=file_id)
        link_quotes(file_id)


def give_up(*, actor: Tenant, file_id: UUID) -> None:
    """Say of the file that it could not be read."""
    with whole_workspace(actor.workspace_id):
        reason = Reason.UNFINISHED
        files.refuse(actor=actor, file_id=file_id, reason=reason, sentence=SENTENCES[reason])


def link_quotes(file_id: UUID) -> None:
    """Let each quote of the file name its passage: the one that holds these very words at this very place."""
    with transaction.atomic():
        waiting = list(Citation.objects.filter(file_id=file_id, passage_id=None))
        if not waiting:
            return
        passages = list(Passage.objects.filter(file_id=file_id).order_by("position"))
        found = [quote for quote in waiting if _linked(quote, passages)]
        # Made anew under their keys: which passage a quote names is written with it, and nobody may change it (accounts/grants.py).
        Citation.objects.filter(pk__in=[quote.pk for quote in found]).delete()
        Citation.objects.bulk_create(found, batch_size=500)


def _linked(quote: Citation, passages: list[Passage]) -> bool:
    for passage in passages:
        if (passage.page, passage.text[quote.start : quote.end]) == (quote.page, quote.quote):
            quote.passage = passage
            return True
    return False
