"""What can be done in a conversation? Each verb writes in one transaction and tells it with a signal in the same.

Answers are written by a job that hears `question_asked` (`receivers.py`); how, stands in `answering.py`.
"""

from __future__ import annotations

from datetime import timedelta
from typing import Final
from uuid import UUID

from django.db import transaction
from django.db.models import Q, QuerySet
from django.http import Http404
from django.utils import timezone

from accounts.counting import count_alone
from accounts.http import Tenant
from accounts.submissions import insert_once, submission_name
from agents.models import Agent
from conversations import access, answering, branches, signals
from conversations.attachments import queries as attachments
from conversations.models import DECIDE_WITHIN, UNDECIDED, UNFINISHED, Conversation, Delta, Message

NEW_TITLE: Final = "New conversation"
LONGEST_TITLE: Final = 80
# How long a temporary conversation lasts. Pages say so (templates/conversations).
TEMPORARY: Final = timedelta(hours=24)

# Answers that one member may be waiting for, so that nobody fills the workers with questions.
MOST_WAITING: Final = 8


class Refusal(Exception):
    """The conversation's state does not allow what was asked. The message is a sentence for people."""


class AgentUnavailable(Refusal):
    """The agent was deleted, archived, or is no longer shared with this member."""


class ConversationArchived(Refusal):
    """The conversation is in the archive."""


class StillAnswering(Refusal):
    """The answer before is not finished."""


class StillReading(Refusal):
    """A file that is attached to the conversation is not read yet: the answer would leave it out, and not say so."""


class WrongPlace(Refusal):
    """A question was to stand where only an answer can, or the other way round."""


class NothingToRetry(Refusal):
    """There is no answer, or it is still being written."""


class KeyReused(Refusal):
    """An idempotency key came a second time with another question."""


class TooManyWaiting(Refusal):
    """The member waits for as many answers as one may."""


def start(
    agent: Agent, *, actor: Tenant, text: str = "", submission: str | None = None, is_temporary: bool = False
) -> Conversation:
    """Begin a conversation with an agent, with its first question if `text` holds one: both or neither.

    A temporary one stands in no list, and is erased after `TEMPORARY`.
    The same again under the same `submission` returns the conversation of the first time. Raises `AgentUnavailable` when the
    agent is archived, and as `ask` does.
    """
    if agent.archived_at is not None:
        raise AgentUnavailable("This agent is archived. Its owner can restore it.")
    with transaction.atomic():
        conversation = Conversation(
            owner_id=actor.membership_id,
            agent=agent,
            title=NEW_TITLE,
            submission=submission_name(actor, submission, agent.pk, text, is_temporary),
            erased_after=timezone.now() + TEMPORARY if is_temporary else None,
        )
        earlier = insert_once(conversation)
        if earlier is not None:
            return earlier
        signals.conversation_started.send(Conversation, actor=actor, target=conversation, agent_id=agent.pk)
        if text:
            ask(conversation, actor=actor, text=text)
    return conversation


def ask(
    conversation: Conversation,
    *,
    actor: Tenant,
    text: str,
    idempotency_key: str | None = None,
    parent_id: UUID | None = None,
    instead_of: UUID | None = None,
) -> Message:
    """Put a question at the end of the path that is shown, and have it answered by a job. Returns the question.

    `parent_id` names the answer that it follows instead, `instead_of` the question beside which it stands: where something
    follows already, it begins a branch, which is shown from now on. Either raises `Http404` for a message that is not in this
    conversation. A repeated `idempotency_key` returns the question of the first time. Raises the other refusals of this
    module as they apply; then nothing was written.
    """
    with transaction.atomic():
        locked = _locked(conversation)
        repeated = _asked_before(locked, text, idempotency_key)
        if repeated is not None:
            return repeated
        agent = _askable(locked)
        tree = branches.tree_of(locked.pk)
        above = _place(locked, tree, parent_id, instead_of)
        _check_ended(locked, actor)
        check_waiting(actor)
        _turn(tree, above)
        question = _question(locked, tree, above, text, idempotency_key)
        answer = _answer(locked, question.pk, question.position + 1)
        Message.objects.bulk_create([question, answer])
        _touch(locked, text)
        _tell(answer, agent, actor, again=False)
    return question


def retry(conversation: Conversation, *, actor: Tenant, answer: Message | None = None) -> Message:
    """Have a question answered once more. The new answer stands beside `answer`, by default the last one, and is shown.

    Returns the new answer, or the one that is being written already in its place: the same click twice asks once. Raises
    `NothingToRetry`, `StillAnswering`, `AgentUnavailable` or `TooManyWaiting`.
    """
    with transaction.atomic():
        locked = _locked(conversation)
        tree = branches.tree_of(locked.pk)
        # Read again under the lock: it may have ended since the caller saw it.
        answered = Message.objects.filter(pk=answer.pk if answer else _leaf(tree)).first()
        if answered is None or answered.parent_id is None or not answered.can_retry:
            raise NothingToRetry(
                "There is no complete answer here to ask for again. Wait until it is written, or stop it."
            )
        under_way = _unfinished(locked).filter(parent=answered.parent_id).first()
        if under_way is not None and not (under_way.is_silent or under_way.is_undecided):
            return under_way
        agent = _askable(locked)
        _check_ended(locked, actor)
        check_waiting(actor)
        _turn(tree, answered.parent_id)
        renewed = _answer(locked, answered.parent_id, tree.next_position)
        renewed.preference = tree.next_preference(answered.parent_id)
        renewed.save(force_insert=True)
        # It was used: what nobody uses goes with time, and would go from under the answer.
        locked.save(update_fields=["updated_at"])
        _tell(renewed, agent, actor, again=True)
    return renewed


def choose(conversation: Conversation, *, message: Message) -> None:
    """Show the branch through this message from now on."""
    with transaction.atomic():
        _turn(branches.tree_of(_locked(conversation).pk), message.pk)


def stop(conversation: Conversation, *, actor: Tenant, answer: Message | None = None) -> None:
    """End `answer`, or whichever is being written. What was written stays. Does nothing to a finished one; safe to repeat."""
    with transaction.atomic():
        latest = answer or _unfinished(conversation).order_by("-position").first()
        if latest is None or latest.status not in UNFINISHED:
            return
        Message.objects.filter(pk=latest.pk).update(stop_requested_at=timezone.now())
        signals.answer_stop_requested.send(Message, actor=actor, target=latest)
        if latest.status in (Message.Status.QUEUED, Message.Status.WAITING) or latest.is_silent:
            # Nobody is writing, so nobody would notice the wish.
            answering.close(latest, Message.Status.STOPPED, actor=actor)


def rename(conversation: Conversation, *, actor: Tenant, title: str) -> None:
    """Give the conversation another title."""
    if conversation.title == title:
        return
    with transaction.atomic():
        conversation.title = title
        conversation.save(update_fields=["title", "updated_at"])
        signals.conversation_renamed.send(Conversation, actor=actor, target=conversation)


def delete(conversation: Conversation, *, actor: Tenant) -> None:
    """Delete the conversation with its messages, citations and deltas. An answer that is being written ends.

    Raises `Http404` when somebody was faster: what did not happen leaves no fact behind.
    """
    with transaction.atomic():
        _locked(conversation)
        key, messages = conversation.pk, Message.objects.filter(conversation=conversation).count()
        conversation.delete()
        # Django takes the key from a deleted object; the record needs it, and so do those who watch.
        conversation.pk = key
        signals.conversation_deleted.send(Conversation, actor=actor, target=conversation, messages=messages)
        answering.announce(key)


def fail(message_id: UUID, *, actor: Tenant) -> None:
    """Close an answer whose job failed for the last time, so that nobody waits for it."""
    message = Message.objects.filter(pk=message_id).first()
    if message is not None:
        answering.close(message, Message.Status.FAILED, answering.UNEXPECTED, actor=actor)


def _locked(conversation: Conversation) -> Conversation:
    """The conversation as it is now, kept so to the transaction's end; raises `Http404` when it was deleted meanwhile."""
    locked: Conversation | None = Conversation.objects.select_for_update().filter(pk=conversation.pk).first()
    if locked is None:
        raise Http404
    return locked


def _asked_before(conversation: Conversation, text: str, key: str | None) -> Message | None:
    if not key:
        return None
    earlier: Message | None = Message.objects.filter(conversation=conversation, idempotency_key=key).first()
    if earlier is not None and earlier.text != text:
        raise KeyReused("This idempotency key was used for another question. Send each question with a key of its own.")
    return earlier


def _askable(conversation: Conversation) -> Agent:
    if conversation.archived_at is not None:
        raise ConversationArchived("This conversation is archived. Take it out of the archive to ask in it again.")
    agent = access.agent_of(conversation)
    if agent is None:
        raise AgentUnavailable(
            "This agent was deleted, archived or made private. The conversation stays readable; start a new one with another."
        )
    _check_read(conversation)
    return agent


def _check_read(conversation: Conversation) -> None:
    waiting = attachments.attached(conversation).in_work
    if waiting:
        more = f" and {len(waiting) - 1} more are" if len(waiting) > 1 else " is"
        raise StillReading(
            f"“{waiting[0].file_name}”{more} still being read. Ask again in a moment, or remove what is not read yet."
        )


def _unfinished(conversation: Conversation) -> QuerySet[Message]:
    unfinished: QuerySet[Message] = Message.objects.filter(conversation=conversation, status__in=UNFINISHED)
    return unfinished


def _leaf(tree: branches.Tree) -> UUID | None:
    path = tree.path()
    return path[-1].id if path else None


def _place(
    conversation: Conversation, tree: branches.Tree, parent_id: UUID | None, instead_of: UUID | None
) -> UUID | None:
    """The answer that a question follows; None: it begins the conversation."""
    if instead_of is not None:
        replaced = access.get_message_or_refuse(conversation, instead_of)
        if replaced.is_answer:
            raise WrongPlace("A question can stand in the place of another question only.")
        return replaced.parent_id
    if parent_id is not None:
        if not access.get_message_or_refuse(conversation, parent_id).is_answer:
            raise WrongPlace("A question follows an answer. Name the answer that it follows.")
        return parent_id
    return _leaf(tree)


def _turn(tree: branches.Tree, message_id: UUID | None) -> None:
    """Lead the path through this message."""
    for key, preference in tree.turns_to(message_id).items():
        Message.objects.filter(pk=key).update(preference=preference)


def check_waiting(actor: Tenant) -> None:
    """Raise `TooManyWaiting` where the member waits for as many answers as one may; within the transaction that adds one."""
    count_alone(actor, "answers")
    unfinished = Message.objects.filter(status__in=UNFINISHED, owner=actor.membership_id)
    # What was never confirmed keeps nobody busy, and is closed when its conversation goes on.
    gone = Q(status=Message.Status.WAITING, alive_at__lt=timezone.now() - DECIDE_WITHIN)
    waiting = unfinished.exclude(gone).count()
    if waiting >= MOST_WAITING:
        raise TooManyWaiting(
            f"You are waiting for {MOST_WAITING} answers already. Ask again when one of them is complete."
        )


def _check_ended(conversation: Conversation, actor: Tenant) -> None:
    """One answer of a conversation is written at a time. One whose writer died is marked on this occasion."""
    for answer in _unfinished(conversation):
        if answer.is_undecided:
            answering.close(answer, Message.Status.FAILED, UNDECIDED, actor=actor)
            continue
        if answer.status == Message.Status.WAITING:
            raise StillAnswering("The agent waits for your word on a call. Confirm it, decline it, or stop the answer.")
        if not answer.is_silent:
            raise StillAnswering("The agent is still answering. Wait until it is done, or stop it, and ask again.")
        answering.close(answer, Message.Status.INTERRUPTED, actor=actor)


def _question(
    conversation: Conversation, tree: branches.Tree, above: UUID | None, text: str, key: str | None
) -> Message:
    return Message(
        conversation=conversation,
        parent_id=above,
        position=tree.next_position,
        preference=tree.next_preference(above),
        role=Message.Role.USER,
        text=text,
        idempotency_key=key or None,
        status=Message.Status.DONE,
        finished_at=timezone.now(),
    )


def _answer(conversation: Conversation, question_id: UUID | None, position: int) -> Message:
    return Message(
        conversation=conversation,
        parent_id=question_id,
        position=position,
        role=Message.Role.ASSISTANT,
        status=Message.Status.QUEUED,
    )


def _touch(conversation: Conversation, text: str) -> None:
    # Deltas of finished answers have served; the messages hold all that they held.
    Delta.objects.filter(message__conversation=conversation).exclude(message__status__in=UNFINISHED).delete()
    if conversation.title == NEW_TITLE:
        conversation.title = _title(text)
    conversation.save(update_fields=["title", "updated_at"])


def _title(text: str) -> str:
    line = " ".join(text.split())
    return line if len(line) <= LONGEST_TITLE else f"{line[: LONGEST_TITLE - 1].rsplit(' ', 1)[0]}…"


def _tell(answer: Message, agent: Agent, actor: Tenant, *, again: bool) -> None:
    signals.question_asked.send(
        Message, actor=actor, target=answer, conversation_id=answer.conversation_id, agent_id=agent.pk, again=again
    )
    answering.announce(answer.conversation_id)
