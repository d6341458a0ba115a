"""How is an answer rated, and a rating taken back?"""

from __future__ import annotations

from django.db import transaction

from accounts.http import Tenant
from conversations import signals
from conversations.feedback.models import Feedback
from conversations.models import Conversation, Message


class NotRateable(Exception):
    """Only an answer that has ended can be rated. The message is a sentence for people."""


def rate(
    conversation: Conversation,
    message: Message,
    *,
    actor: Tenant,
    is_helpful: bool,
    comment: str | None = None,
    is_passed_on: bool | None = None,
) -> Feedback:
    """Say that an answer helped, or did not; once more changes it, and what is None stays. Raises `NotRateable`."""
    if not message.is_answer or not message.is_finished:
        raise NotRateable("Only an answer that is complete can be rated. Wait until it is, then rate it.")
    values: dict[str, object] = {"is_helpful": is_helpful}
    values |= {} if comment is None else {"comment": comment}
    values |= {} if is_passed_on is None else {"is_passed_on": is_passed_on}
    first = {"owner_id": actor.membership_id, "agent_id": conversation.agent_id}
    with transaction.atomic():
        rating: Feedback
        rating, _ = Feedback.objects.update_or_create(
            message=message, defaults=values, create_defaults={**values, **first}
        )
        if rating.is_passed_on and not rating.comment:
            # There is nothing to pass on, and a comment that comes later has to be passed on anew.
            Feedback.objects.filter(pk=rating.pk).update(is_passed_on=False)
            rating.is_passed_on = False
        signals.answer_rated.send(
            Message, actor=actor, target=message, helpful=is_helpful, passed_on=rating.is_passed_on
        )
    return rating


def withdraw(message: Message, *, actor: Tenant) -> None:
    """Take the rating of an answer back, with its comment. Safe to repeat."""
    with transaction.atomic():
        gone, _ = Feedback.objects.filter(message=message).delete()
        if gone:
            signals.answer_rating_withdrawn.send(Message, actor=actor, target=message)
