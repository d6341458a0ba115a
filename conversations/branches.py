"""Which way through a conversation is shown, where does it fork, and what lies on the other branches?

A conversation is a tree of messages. Of the messages under one parent, the one with the highest preference is on the path. The
whole tree is read in one query without a word that was said: some ten milliseconds for 2,000 messages. So the path, the
forks and the way back from any message are decided here, in one place, for pages, programs and what a model is told.

Of a conversation that is shared its reader may not see every answer. Where those stand is told by a function of the fence, without
a word of theirs, or what was asked after them would hang on nothing.
"""

from __future__ import annotations

from collections import defaultdict
from collections.abc import Iterable
from dataclasses import dataclass
from typing import Final, NamedTuple
from uuid import UUID

from django.db import connection
from django.db.models import BooleanField, ExpressionWrapper, Q

from accounts.tenancy.context import current_member_id
from conversations.models import Conversation, Message

# How an answer can have ended without being one.
CUT_SHORT: Final = (Message.Status.STOPPED, Message.Status.INTERRUPTED, Message.Status.FAILED)


class Node(NamedTuple):
    """A message's place. `is_void`: an answer that ended before its first word, which is no alternative to another.

    `is_unseen`: an answer from a source that the reader cannot open.
    """

    id: UUID
    parent_id: UUID | None
    position: int
    preference: int
    is_answer: bool
    is_void: bool
    is_unseen: bool = False


@dataclass(frozen=True, slots=True)
class Fork:
    """Where a message stands among those beside it: the `number`th of `count`, with the ids of its neighbours."""

    number: int
    count: int
    before: UUID | None
    after: UUID | None


class Tree:
    """The messages of one conversation as a tree."""

    def __init__(self, nodes: Iterable[Node]) -> None:
        self._nodes = {node.id: node for node in sorted(nodes, key=lambda node: node.position)}
        self._under: dict[UUID | None, list[Node]] = defaultdict(list)
        for node in self._nodes.values():
            self._under[node.parent_id].append(node)

    @property
    def next_position(self) -> int:
        """The position of the message that comes next."""
        return max((node.position for node in self._nodes.values()), default=-1) + 1

    def node(self, message_id: UUID) -> Node:
        """The place of this message."""
        return self._nodes[message_id]

    def up(self, message_id: UUID | None) -> list[Node]:
        """The way from the conversation's beginning to this message, which is its last; nothing for None."""
        way: list[Node] = []
        while message_id is not None:
            node = self._nodes[message_id]
            way.append(node)
            message_id = node.parent_id
        return way[::-1]

    def path(self, through: UUID | None = None) -> list[Node]:
        """The path that is shown, or the one that leads through this message: from there on, as it was last shown."""
        way = self.up(through)
        while beneath := self._under.get(way[-1].id if way else None):
            way.append(_preferred(beneath))
        return way

    def next_preference(self, parent_id: UUID | None) -> int:
        """The preference that puts a message under this parent on the path."""
        return max((node.preference for node in self._under.get(parent_id, ())), default=-1) + 1

    def turns_to(self, message_id: UUID | None) -> dict[UUID, int]:
        """The preferences to write, by message, so that the path leads through this one; none where it does already."""
        return {
            node.id: self.next_preference(node.parent_id)
            for node in self.up(message_id)
            if _preferred(self._under[node.parent_id]).id != node.id
        }

    def fork(self, message_id: UUID) -> Fork | None:
        """Where this message stands among its alternatives; None where it has none."""
        node = self._nodes[message_id]
        beside = [one for one in self._under[node.parent_id] if not one.is_void or one.id == message_id]
        if len(beside) == 1:
            return None
        here = beside.index(node)
        return Fork(
            number=here + 1,
            count=len(beside),
            before=beside[here - 1].id if here else None,
            after=beside[here + 1].id if here + 1 < len(beside) else None,
        )


def tree_of(conversation_id: UUID, unseen: Iterable[Node] = ()) -> Tree:
    """Read the tree of a conversation. One query. `unseen` are places that may be of answers which the reader does not see."""
    is_void = ExpressionWrapper(Q(role="assistant", text="", status__in=CUT_SHORT), output_field=BooleanField())
    rows = Message.objects.filter(conversation=conversation_id).annotate(is_void=is_void).order_by("position")
    seen = {
        key: Node(key, parent_id, position, preference, role == Message.Role.ASSISTANT, is_void)
        for key, parent_id, position, preference, role, is_void in rows.values_list(
            "pk", "parent_id", "position", "preference", "role", "is_void"
        )
    }
    return Tree([*seen.values(), *(node for node in unseen if node.id not in seen)])


def read_tree_of(conversation: Conversation) -> Tree:
    """Read the tree as the bound member may see it. One query for its owner, two for others."""
    return tree_of(conversation.pk, unseen_in(conversation))


def unseen_in(conversation: Conversation) -> list[Node]:
    """The places of answers that quote files, if the conversation is another member's: those among them that are no rows of the
    reader's are from a source that the reader cannot open.
    """
    if conversation.owner_id == current_member_id():
        return []
    with connection.cursor() as cursor:
        cursor.execute("SELECT answer, question, place, liked FROM fence.unseen_answers(%s)", [conversation.pk])
        return [
            Node(answer, question, place, liked, is_answer=True, is_void=False, is_unseen=True)
            for answer, question, place, liked in cursor.fetchall()
        ]


def _preferred(nodes: list[Node]) -> Node:
    return max(nodes, key=lambda node: (node.preference, node.position))
