"""How does an answer come into being, piece by piece, so that nothing is lost whoever looks away or dies?

A worker claims the message, writes numbered deltas in small transactions and closes it. Whoever closes an answer, complete or
not, puts text, citations and HTML together from the deltas: what was streamed and what is kept are the same by construction.
"""

from __future__ import annotations

import threading
import time
from collections.abc import Iterator
from contextlib import closing, contextmanager
from dataclasses import asdict
from typing import Any, Final
from uuid import UUID

from django.db import DatabaseError, IntegrityError, connection, connections, transaction
from django.db.models import Max
from django.utils import timezone

from accounts.http import Tenant
from accounts.jobs import RetryLater
from accounts.tenancy.context import current_member_id, current_workspace_id, workspace
from agents import providers, retrieval
from agents import queries as agent_queries
from agents.models import Agent
from conversations import branches, signals, watching
from conversations.attachments import queries as attachments
from conversations.calling import making, rounds
from conversations.models import UNFINISHED, Citation, Completion, Delta, Message, Trial
from conversations.rendering import render
from files.embedding import ModelMissing
from files.models import Passage

# Deltas are gathered for this long: short enough to look like typing, long enough to keep transactions few.
BATCH_SECONDS: Final = 0.06
BEAT_SECONDS: Final = 2.0
# How soon a stop is noticed while a model says nothing.
LOOK_SECONDS: Final = 1.0
# How many earlier messages a provider gets to see.
HISTORY: Final = 20

TEXT, CITATION, CALL = "text", "citation", "call"
AGENT_GONE = "The agent was deleted, archived or made private while this question waited. Ask another agent."
UNEXPECTED = "The answer could not be written because of a failure on our side, which was recorded. Retry in a moment."


class Halted(Exception):
    """Writing has to end: somebody stopped the answer, closed it as interrupted, or deleted the conversation."""


def write_answer(message_id: UUID, *, actor: Tenant) -> None:
    """Write one answer to its end. A second run of the same job finds it claimed, and closes it if its writer died.

    Raises `RetryLater` while another writer may still live.
    """
    message = Message.objects.select_related("conversation").filter(pk=message_id).first()
    if message is None or message.status not in {Message.Status.QUEUED, Message.Status.WRITING}:
        return
    if message.is_silent:
        close(message, Message.Status.INTERRUPTED, actor=actor)
        return
    if not _claimed(message):
        raise RetryLater("This answer has a writer, who may be alive.")
    writer = Writer(message)
    try:
        with beating(message):
            outcome = _written(writer, actor)
    except Halted:
        # Closes as stopped what was stopped; what somebody else closed or deleted stays as it is.
        close(message, Message.Status.STOPPED, actor=actor)
        return
    if outcome is None:
        _pause(message, actor=actor)
        return
    close(message, *outcome, actor=actor)


def close(message: Message, status: str, error: str = "", refused: bool = False, *, actor: Tenant) -> bool:
    """End an unfinished answer with what its deltas hold, and tell everybody who waits. False when it had ended before."""
    with transaction.atomic():
        # The row's lock lets one closer through; a writer that comes later finds the answer ended.
        locked = Message.objects.select_for_update().filter(pk=message.pk).first()
        if locked is None or locked.status not in UNFINISHED:
            return False
        making.drop(locked)
        deltas = list(Delta.objects.filter(message=locked).order_by("seq"))
        citations = _put_down(locked, [delta.data for delta in deltas if delta.kind == CITATION])
        locked.text = _said("".join(delta.data["text"] for delta in deltas if delta.kind == TEXT))
        locked.html = render(locked.text, message_id=locked.pk, numbers=[citation.number for citation in citations])
        locked.status, locked.error, locked.finished_at = status, error, timezone.now()
        locked.save(update_fields=["text", "html", "status", "error", "finished_at"])
        signals.answer_finished.send(
            Message, actor=actor, target=locked, status=status, refused=refused, citations=len(citations)
        )
        announce(locked.conversation_id)
    return True


def _pause(message: Message, *, actor: Tenant) -> None:
    """Let the answer wait for its asker's word, with no worker. A later run of its job goes on from the calls."""
    with transaction.atomic():
        writing_on = Message.objects.filter(pk=message.pk, status=Message.Status.WRITING, stop_requested_at=None)
        if writing_on.update(status=Message.Status.WAITING, alive_at=timezone.now()):
            announce(message.conversation_id)
            return
    # It was stopped in the same moment.
    close(message, Message.Status.STOPPED, actor=actor)


def _said(text: str) -> str:
    # What was stopped before its first quote announced quotes and holds none.
    return "" if text == providers.ANNOUNCEMENT else text


def announce(conversation_id: UUID) -> None:
    """Wake whoever watches this conversation, in every process, when the transaction commits. Carries ids only."""
    with connection.cursor() as cursor:
        cursor.execute(
            "SELECT pg_notify(%s, %s)", [watching.CHANNEL, watching.topic(current_workspace_id(), conversation_id)]
        )


class Writer:
    """Gathers an answer's pieces and puts them down in batches, each in one transaction with a sign of life."""

    def __init__(self, message: Message) -> None:
        self.message = message
        # What was written before the answer waited for a word.
        self._seq = Delta.objects.filter(message=message).aggregate(last=Max("seq"))["last"] or 0
        self._waiting: list[Delta] = []
        self._written_at = float("-inf")

    def take(self, event: providers.Text | providers.Cited | rounds.Calling, kind: str = Citation.Kind.SOURCE) -> None:
        """Add one piece. Raises `Halted` when the answer should not go on."""
        if isinstance(event, providers.Text):
            self._add(TEXT, {"text": event.text})
        elif isinstance(event, rounds.Calling):
            self._add(CALL, asdict(event))
        else:
            self._add(CITATION, _cited(event, kind))
        if time.monotonic() - self._written_at >= BATCH_SECONDS:
            self.flush()

    def flush(self) -> None:
        """Write what waits. Raises `Halted` when the answer should not go on."""
        with transaction.atomic():
            alive = Message.objects.filter(pk=self.message.pk, status=Message.Status.WRITING, stop_requested_at=None)
            # The row stays locked to the end of the transaction, so nobody can close or delete the answer in between.
            if not alive.update(alive_at=timezone.now()):
                raise Halted
            if self._waiting:
                Delta.objects.bulk_create(self._waiting)
                announce(self.message.conversation_id)
        self._waiting, self._written_at = [], time.monotonic()

    def rest(self) -> None:
        """Nothing new comes for a moment: write what waits, and look now and then whether the answer should go on, as above.

        Nothing holds a database connection meanwhile, however long a vendor is silent.
        """
        if self._waiting or time.monotonic() - self._written_at >= LOOK_SECONDS:
            self.flush()
        if not connection.in_atomic_block:
            connection.close()

    def _add(self, kind: str, data: dict[str, Any]) -> None:
        last = self._waiting[-1] if self._waiting else None
        if last is not None and last.kind == kind == TEXT:
            last.data["text"] += data["text"]
            return
        self._seq += 1
        self._waiting.append(Delta(message=self.message, seq=self._seq, kind=kind, data=data))


@contextmanager
def beating(message: Message) -> Iterator[None]:
    """Give a sign of life every two seconds for as long as the block runs, however long a provider thinks."""
    finished = threading.Event()
    workspace_id, member_id = current_workspace_id(), current_member_id()

    def beat() -> None:
        try:
            while not finished.wait(BEAT_SECONDS):
                with workspace(workspace_id, member_id):
                    Message.objects.filter(pk=message.pk, status=Message.Status.WRITING).update(alive_at=timezone.now())
                connections.close_all()
        except DatabaseError:
            # Without the database there is no sign of life to give, and the writer itself is about to notice.
            return
        finally:
            connections.close_all()

    thread = threading.Thread(target=beat, name="answer-beat", daemon=True)
    thread.start()
    try:
        yield
    finally:
        finished.set()
        thread.join()


def _claimed(message: Message) -> bool:
    queued = Message.objects.filter(pk=message.pk, status=Message.Status.QUEUED)
    return bool(queued.update(status=Message.Status.WRITING, alive_at=timezone.now()))


def _written(writer: Writer, actor: Tenant) -> tuple[str, str, bool] | None:
    """Let the provider write; return status, error sentence and whether it refused, None where the answer waits for a word.

    Raises `Halted`.
    """
    message = writer.message
    trial = Trial.objects.select_related("conversation").filter(conversation=message.conversation_id).first()
    agent = trial.draft() if trial else Agent.objects.filter(pk=message.conversation.agent_id, archived_at=None).first()
    completion = Completion.objects.filter(conversation=message.conversation_id).first()
    spent = providers.Spent(0, 0)
    if agent is None:
        return _outcome(providers.Failed(AGENT_GONE, "gone"), completion, spent)
    try:
        question = _question(agent, message, actor, completion, trial)
    except ModelMissing as fault:
        return _outcome(providers.Failed(str(fault), "unset"), completion, spent)
    kind = Citation.Kind.SOURCE if question.findings.is_answerable else Citation.Kind.CLOSEST
    ending: providers.Event | rounds.Paused = providers.Failed(UNEXPECTED)
    # A try calls nothing: what it would do could not be undone, and its form may not be saved.
    with_tools = trial is None
    turns = rounds.events(agent, message, question, actor=actor, spent=spent, with_tools=with_tools)
    # Closed at once when it is left: nobody goes on being asked for an answer that was stopped.
    with closing(turns) as events:
        for event in events:
            if isinstance(event, providers.Text | providers.Cited | rounds.Calling):
                writer.take(event, kind)
            elif isinstance(event, providers.Waiting):
                writer.rest()
            else:
                ending = event
    writer.flush()
    if isinstance(ending, rounds.Paused):
        return None
    return _outcome(ending, completion, spent)


def _outcome(ending: providers.Event, completion: Completion | None, spent: providers.Spent) -> tuple[str, str, bool]:
    """Status, error sentence and whether it refused; a program is also told why it ended, and what it took."""
    if completion is not None:
        # Whoever asked may have gone, and the row with them.
        Completion.objects.filter(pk=completion.pk).update(
            failure=ending.kind if isinstance(ending, providers.Failed) else "",
            is_cut=isinstance(ending, providers.Done) and ending.is_cut,
            tokens_read=spent.read,
            tokens_written=spent.written,
        )
    if isinstance(ending, providers.Done):
        return Message.Status.DONE, "", ending.refused
    return Message.Status.FAILED, ending.sentence if isinstance(ending, providers.Failed) else UNEXPECTED, False


def _question(
    agent: Agent, message: Message, actor: Tenant, completion: Completion | None, trial: Trial | None
) -> providers.Question:
    # What was said on the way to this answer, and nothing of other branches.
    way = branches.tree_of(message.conversation_id).up(message.parent_id)[-HISTORY - 1 :]
    earlier = Message.objects.filter(pk__in=[node.id for node in way]).order_by("position")
    said = [providers.Turn(turn.role, turn.text) for turn in earlier]
    asked = said.pop().text
    # Who tries an agent chose its files among those that they read themselves.
    chosen = list(trial.trial_files.values_list("file_id", flat=True)) if trial else None
    # What a program asks or a try lasts as long as its call, and nothing can be attached to it.
    brought = [] if completion or trial else attachments.file_ids(message.conversation_id)
    findings = retrieval.find(agent, asked, actor=actor, file_ids=chosen, brought=brought)
    # "Nothing in my files" would send the asker looking for other words, where no words can help.
    silent = "" if findings.passages or trial else agent_queries.why_silent(agent, actor.membership_id)
    return providers.Question(
        text=asked,
        instructions=agent.instructions,
        refusal_text=silent or agent.refusal_text,
        findings=findings,
        history=tuple(said),
        wishes=_wishes(completion) if completion else None,
    )


def _wishes(completion: Completion) -> providers.Wishes:
    return providers.Wishes(
        completion.instructions, completion.temperature, completion.max_tokens, tuple(completion.stop)
    )


def _cited(event: providers.Cited, kind: str) -> dict[str, Any]:
    found = event.quote.found
    return {
        "number": event.number,
        "kind": str(kind),
        "file_id": str(found.file_id),
        "passage_id": str(found.passage_id),
        "file_name": found.file_name,
        "page": found.page,
        "label": found.label,
        "quote": event.quote.text,
        "start": event.quote.start,
        "end": event.quote.end,
    }


def _put_down(message: Message, cited: list[dict[str, Any]]) -> list[Citation]:
    """Insert the citations. A file that is deleted between the look and the insert is no longer found by the next look."""
    for _ in range(2):
        citations = _citations(message, cited)
        try:
            with transaction.atomic():
                Citation.objects.bulk_create(citations)
        except IntegrityError:
            continue
        return citations
    citations = _citations(message, cited)
    Citation.objects.bulk_create(citations)
    return citations


def _citations(message: Message, cited: list[dict[str, Any]]) -> list[Citation]:
    """Citations as rows; of one whose file was deleted meanwhile the words stay, and the links are empty."""
    wanted = [data["passage_id"] for data in cited]
    # Not locked: a lock is a write to the policies, so of a colleague's shared file nothing would be found.
    there = {str(pk) for pk in Passage.objects.filter(pk__in=wanted).values_list("pk", flat=True)}
    lost = {"file_id": None, "passage_id": None}
    return [Citation(message=message, **(data if data["passage_id"] in there else {**data, **lost})) for data in cited]
