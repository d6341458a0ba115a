"""What does a list of conversations show, and what a conversation?"""

from __future__ import annotations

from dataclasses import dataclass
from uuid import UUID

from django.db.models import Exists, F, OuterRef, Prefetch, QuerySet, Subquery
from django.utils import timezone

from accounts.tenancy.context import current_member_id
from agents import queries as agent_queries
from agents.models import Agent
from conversations import branches, parts
from conversations.models import Citation, Conversation, Delta, Message, ToolCall
from files.models import File

# How many messages an operator's page shows at once.
MESSAGES_ON_A_PAGE = 40


@dataclass(frozen=True, slots=True)
class Part:
    """A part of a path: its messages with what they need to be shown, in order. Each has `fork`, which may be None.

    `leaf` is the last message of the whole path, which the next question follows.
    """

    messages: list[Message]
    has_earlier: bool
    has_later: bool
    leaf: UUID | None


def kept() -> QuerySet[Conversation]:
    """Return the bound member's own conversations with their agents, without those that are temporary."""
    # What colleagues share has a list of its own.
    own: QuerySet[Conversation] = Conversation.objects.select_related("agent")
    return own.filter(owner_id=current_member_id(), erased_after=None)


def listed(search: str = "", *, archived: bool = False) -> QuerySet[Conversation]:
    """Return those of the archive or the others; `search` looks in titles."""
    conversations = kept().filter(archived_at__isnull=not archived)
    return conversations.filter(title__icontains=search) if search else conversations


def begun(search: str = "", *, archived: bool = False) -> QuerySet[Conversation]:
    """Return of those the ones in which something was said: a page lists no conversation that was opened and left."""
    return listed(search, archived=archived).filter(Exists(Message.objects.filter(conversation=OuterRef("pk"))))


def askable(search: str = "") -> QuerySet[Agent]:
    """Return the agents that the bound member may ask, those asked last first; `search` looks in names."""
    own = Conversation.objects.filter(agent=OuterRef("pk"), owner_id=current_member_id())
    asked = own.order_by("-updated_at").values("updated_at")[:1]
    agents: QuerySet[Agent] = Agent.objects.filter(archived_at=None).annotate(asked_at=Subquery(asked))
    if search:
        agents = agents.filter(name__icontains=search)
    return agents.order_by(F("asked_at").desc(nulls_last=True), "name", "pk")


def first_file() -> File | None:
    """Return the newest file that the bound member can give to a first agent, or None where there is no file yet."""
    files: QuerySet[File] = File.objects.exclude(status=File.Status.REFUSED)
    return files.only("pk", "name").order_by("-created_at", "-pk").first()


def with_citations(messages: QuerySet[Message]) -> QuerySet[Message]:
    """Bring each message's citations and its calls of tools along, by number, in one query each for all."""
    # The words as the search reads them are as long again as the text.
    return messages.defer("tsv").prefetch_related(
        Prefetch("citations", Citation.objects.order_by("number")),
        Prefetch("calls", ToolCall.objects.order_by("number")),
    )


def messages_of(conversation: Conversation) -> QuerySet[Message]:
    """Return the conversation's messages with their citations."""
    return with_citations(Message.objects.filter(conversation=conversation))


def page_of(conversation: Conversation, before: int | None) -> tuple[list[Message], bool]:
    """Return the latest messages of every branch, in the order in which they were said, and whether older ones exist.

    `before` is a position: only messages before it are looked at.
    """
    messages = messages_of(conversation).order_by("-position")
    if before is not None:
        messages = messages.filter(position__lt=before)
    found = list(messages[: MESSAGES_ON_A_PAGE + 1])
    return as_far_as_written(found[:MESSAGES_ON_A_PAGE][::-1]), len(found) > MESSAGES_ON_A_PAGE


def part_of(
    conversation: Conversation, *, before: int | None = None, after: int | None = None, at: UUID | None = None
) -> Part:
    """Return as much of the path that is shown as a page holds, as the reader rated it: its end, or another part; four queries,
    one more while an answer is written, and one more for those with whom it is shared. What they may not see stands there as
    `unseen`.

    `before` and `after` are positions: the part ends before the one, or begins after the other. `at` is a message of this
    conversation: then it is the path through it, and the part around it.
    """
    tree = branches.read_tree_of(conversation)
    path = tree.path(at)
    place = parts.place_in(path, before=before, after=after, at=at)
    read = _read(conversation, path[place.start : place.end])
    if read:
        wide, place = place, parts.cut(read, place)
        read = read[place.start - wide.start : place.end - wide.start]
    with_forks(read, tree)
    leaf = path[-1].id if path else None
    return Part(read, has_earlier=place.start > 0, has_later=place.end < len(path), leaf=leaf)


def _read(conversation: Conversation, nodes: list[branches.Node]) -> list[Message]:
    """Read the messages of these places with what they need to be shown, in order."""
    wanted = with_citations(Message.objects.filter(pk__in=[node.id for node in nodes]))
    seen = as_far_as_written(list(wanted.prefetch_related("feedback").order_by("position")))
    hidden = [unseen(conversation, node) for node in nodes if node.is_unseen]
    return sorted([*seen, *hidden], key=lambda message: message.position)


def with_forks(messages: list[Message], tree: branches.Tree) -> None:
    """Give each message its `fork`: where it stands among those beside it, or None."""
    for message in messages:
        message.fork = tree.fork(message.pk)  # type: ignore[attr-defined]  # for the page


def turn_of(conversation: Conversation, message_id: UUID) -> Message:
    """Return one message of the conversation with what it needs to be shown: its fork, and the text that has come so far."""
    tree = branches.read_tree_of(conversation)
    node = tree.node(message_id)
    message = unseen(conversation, node) if node.is_unseen else Message.objects.get(pk=message_id)
    with_forks([message], tree)
    return as_far_as_written([message])[0]


def unseen(conversation: Conversation, node: branches.Node) -> Message:
    """Return what stands for an answer whose source the reader cannot open: its place, and not a word of it."""
    role, status = Message.Role.ASSISTANT, Message.Status.DONE
    message = Message(pk=node.id, conversation=conversation, position=node.position, role=role, status=status)
    message.finished_at = timezone.now()  # nobody waits for it here
    message.is_unseen = True  # type: ignore[attr-defined]  # for the page
    return message


def on_path(conversation: Conversation) -> QuerySet[Message]:
    """Return the messages of the path that is shown, with their citations; of those that the reader may see."""
    return messages_of(conversation).filter(pk__in=[node.id for node in branches.read_tree_of(conversation).path()])


def as_far_as_written(messages: list[Message]) -> list[Message]:
    """Give answers that nobody has closed yet the text that has come so far, in memory only. One query, or none."""
    unfinished = {message.pk: message for message in messages if message.is_answer and message.finished_at is None}
    if unfinished:
        for delta in Delta.objects.filter(message__in=unfinished, kind="text").order_by("message", "seq"):
            unfinished[delta.message_id].text += delta.data["text"]
    return messages


def asked(question: Message) -> Message:
    """Bring the id of its first answer along with a question, as `answer_id`."""
    answers = Message.objects.filter(conversation=question.conversation_id, parent=question.pk).order_by("position")
    question.answer_id = answers.values_list("pk", flat=True).first()  # type: ignore[attr-defined]  # for the API
    return question


def is_by_model(answer_id: UUID) -> bool:
    """Would a language model write this answer now? A try is written as its form stood, whatever the agent is."""
    way = Message.objects.filter(pk=answer_id)
    found = way.values_list("conversation__trials__settings__provider", "conversation__agent__provider").first()
    tried, kept = found or (None, None)
    return bool((tried or kept) == Agent.Provider.MODEL)


def why_silent(conversation: Conversation, reader: UUID) -> str:
    """Say why this conversation's agent can answer nothing to the member `reader`; empty where it can, or is gone."""
    return agent_queries.why_silent(conversation.agent, reader) if conversation.agent else ""
