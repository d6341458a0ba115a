"""In which of their conversations does a member find these words, and where in them?

By words, in titles and in what was said, newest conversation first. The fence and the member's policy let through only what they
may read, so that nothing of anybody else's is found or counted.
"""

from __future__ import annotations

import re
from collections import defaultdict
from dataclasses import dataclass
from typing import Final
from uuid import UUID

from django.contrib.postgres.search import SearchQuery
from django.db.models import Case, Count, Exists, F, OuterRef, Q, QuerySet, When, Window
from django.db.models.functions import Length, RowNumber

from accounts.pagination import Page, paginate
from conversations import queries as conversation_queries
from conversations.models import Conversation, Message
from files.excerpts import Part, excerpt, headline, parts_of

LONGEST_SEARCH: Final = 400  # characters
# How many of a conversation's messages a result quotes; the others are counted.
QUOTED: Final = 2
# A message of up to so many characters is quoted whole: a question is hardly longer than the piece that would be cut out of it.
SHOWN_WHOLE: Final = 300
# What Markdown puts at the head of a quoted line and around strong words: noise in an excerpt, which is plain text.
SIGNS: Final = re.compile(r"^[ \t]*>[ \t]?|\*\*", re.MULTILINE)


@dataclass(frozen=True, slots=True)
class Said:
    """A message in which the words stand."""

    id: UUID
    role: str
    excerpt: tuple[Part, ...]

    @property
    def text(self) -> str:
        """The excerpt without its marks."""
        return "".join(part.text for part in self.excerpt)


@dataclass(frozen=True, slots=True)
class Hit:
    """One conversation that was found: its title with the words marked, and where they were said.

    `matches` counts the messages that hold the words; the newest of them are `said`.
    """

    conversation: Conversation
    title: tuple[Part, ...]
    said: tuple[Said, ...]
    matches: int

    @property
    def more(self) -> int:
        """How many messages hold the words besides those that are quoted."""
        return self.matches - len(self.said)


@dataclass(frozen=True, slots=True)
class Found:
    """One part of what a search found. `next` is the cursor of the following part, or None at the end."""

    items: list[Hit]
    next: str | None


def found(words: str, member_id: UUID, cursor: str | None, limit: int) -> Found:
    """Return a part of the member's own conversations in which `words` stand, newest first.

    Takes three queries, however much is found. Raises `BadCursor`.
    """
    query = SearchQuery(words, config="english", search_type="websearch")
    page: Page[Conversation] = paginate(_holding(query, member_id), cursor, limit)
    said, matches = _said(page.items, query)
    hits = [
        Hit(each, parts_of(each.marked), tuple(said[each.pk]), matches.get(each.pk, 0))  # type: ignore[attr-defined]  # annotated
        for each in page.items
    ]
    return Found(hits, page.next)


def _holding(query: SearchQuery, member_id: UUID) -> QuerySet[Conversation]:
    # The messages first and by themselves: their index is asked once, and not for each conversation.
    spoken = Message.objects.filter(tsv=query).values("conversation")
    own = conversation_queries.kept().filter(owner_id=member_id)
    begun = own.filter(Exists(Message.objects.filter(conversation=OuterRef("pk"))))
    return begun.filter(Q(tsv=query) | Q(pk__in=spoken)).annotate(marked=headline("title", query, whole=True))


def _said(
    conversations: list[Conversation], query: SearchQuery
) -> tuple[defaultdict[UUID, list[Said]], dict[UUID, int]]:
    """The newest messages of each conversation that hold the words, and how many do."""
    one = F("conversation_id")
    ranked = (
        Message.objects.filter(conversation__in=conversations, tsv=query)
        .annotate(
            place=Window(RowNumber(), partition_by=one, order_by=F("position").desc()),
            among=Window(Count("*"), partition_by=one),
        )
        .filter(place__lte=QUOTED)
    )
    among = dict(ranked.values_list("pk", "among"))
    marked = Case(
        When(length__lte=SHOWN_WHOLE, then=headline("text", query, whole=True)), default=headline("text", query)
    )
    quoted = Message.objects.filter(pk__in=among).annotate(length=Length("text"), marked=marked)
    said: defaultdict[UUID, list[Said]] = defaultdict(list)
    matches: dict[UUID, int] = {}
    for message in quoted.order_by("position"):
        pieces = excerpt(SIGNS.sub("", message.marked), SIGNS.sub("", message.text))
        said[message.conversation_id].append(Said(message.pk, message.role, pieces))
        matches[message.conversation_id] = among[message.pk]
    return said, matches
