"""Whose try is it? The fence says: anybody else's is as missing as one that was never made, or that is over (L15)."""

from __future__ import annotations

from uuid import UUID

from django.utils import timezone

from accounts.http import NotVisible
from conversations.models import Message, Trial


def get_trial_or_refuse(trial_id: UUID) -> Trial:
    """Return a try of the bound member's; raise NotVisible otherwise."""
    found = Trial.objects.select_related("conversation__agent").filter(pk=trial_id)
    trial: Trial | None = found.exclude(conversation__erased_after__lte=timezone.now()).first()
    if trial is None:
        raise NotVisible([trial_id])
    return trial


def said_in(trial: Trial) -> tuple[Message, Message]:
    """Return the question and the answer of a try."""
    question, answer = Message.objects.filter(conversation=trial.conversation_id).order_by("position")[:2]
    return question, answer
