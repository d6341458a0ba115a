"""How does whoever asked say whether a call may be made? Once, about exactly what was shown, and only while it waits."""

from __future__ import annotations

from typing import Final

from django.db import transaction
from django.utils import timezone

from accounts.http import Tenant
from conversations import answering, signals
from conversations.calling.models import ToolCall
from conversations.models import UNDECIDED, Conversation, Message

State = ToolCall.State
OTHERWISE: Final = "This is not the call that you were shown. Read it again, and decide then."
OVER: Final = "This call does not wait any more: it was decided, or its answer ended."


class NotDecidable(Exception):
    """The call cannot be decided. The message is a sentence for people."""


def decide(conversation: Conversation, call: ToolCall, *, seen: str, confirmed: bool, actor: Tenant) -> Message:
    """Let the call be made, or not; when nothing waits any more the answer goes on. Returns the answer. Raises `NotDecidable`."""
    with transaction.atomic():
        # The answer's row first, as everything that ends an answer does: a decision and a stop come one after the other.
        answer: Message = Message.objects.select_for_update().get(pk=call.message_id)
        if answer.is_undecided:
            answering.close(answer, Message.Status.FAILED, UNDECIDED, actor=actor)
            return answer
        if call.digest != seen:
            raise NotDecidable(OTHERWISE)
        wanted = ToolCall.objects.filter(pk=call.pk, state=State.WAITING, message__status=Message.Status.WAITING)
        state = State.CONFIRMED if confirmed else State.DECLINED
        if not wanted.update(state=state, decided_at=timezone.now()):
            raise NotDecidable(OVER)
        signals.call_decided.send(ToolCall, actor=actor, target=call, confirmed=confirmed, arguments=call.digest)
        if not ToolCall.objects.filter(message=answer, state=State.WAITING).exists():
            Message.objects.filter(pk=answer.pk).update(status=Message.Status.QUEUED)
            signals.answer_resumed.send(Message, actor=actor, target=answer)
            answering.announce(conversation.pk)
    return answer
