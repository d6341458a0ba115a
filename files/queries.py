"""Which files and passages does a page or a search show?

Nothing here asks who the member is: the fence lets through only what they may see, for full text and vectors alike.
"""

from collections.abc import Iterable, Sequence
from dataclasses import dataclass
from itertools import groupby
from typing import Any
from uuid import UUID

from django.contrib.postgres.search import SearchQuery, SearchRank
from django.db.models import Count, F, Q, QuerySet
from pgvector.django import CosineDistance

from files.embedding import embed
from files.excerpts import Part, excerpt, headline
from files.models import Embedding, File, Passage
from files.tags.words import key_of

# How many passages each way of searching puts forward, and how many are shown.
CANDIDATES = 40
SHOWN = 20
# A passage less alike than this has nothing to do with the question: of unrelated texts the most alike reached 0.26.
LEAST_ALIKE = 0.30
# Reciprocal rank fusion's usual constant: being first in one list weighs little more than being second.
FUSION = 60


@dataclass(frozen=True, slots=True)
class Hit:
    """One passage that a search found."""

    file_id: UUID
    file_name: str
    passage_id: UUID
    page: int | None
    label: str
    excerpt: tuple[Part, ...]

    @property
    def text(self) -> str:
        """The excerpt without its marks."""
        return "".join(part.text for part in self.excerpt)


@dataclass(frozen=True, slots=True)
class PageText:
    """The text of one page of a file, put together from its passages, with at most one piece marked."""

    page: int | None
    label: str
    parts: tuple[Part, ...]


def listing(status: str = "", words: str = "", tag: str = "") -> QuerySet[File]:
    """The files that the bound member may see, newest first, of one status, with `words` in their names, and with this tag."""
    files: QuerySet[File] = File.objects.select_related("owner").order_by("-pk")
    if status:
        files = files.filter(status=status)
    if words:
        files = files.filter(name__icontains=words)
    if tag:
        files = files.filter(tags__key=key_of(tag))
    return files


def with_tags(files: QuerySet[File]) -> QuerySet[File]:
    """The same files, each with its tags at hand: one question more, however many there are."""
    return files.prefetch_related("tags")


def named(words: str, most: int = 5) -> list[File]:
    """Files whose names hold `words`, newest first."""
    return list(listing(words=words)[:most])


def search(question: str) -> list[Hit]:
    """The passages that best answer `question`, by words and by meaning together, among what the bound member may see.

    Takes some 10 ms for the meaning of the question and one to two queries; raises `embedding.ModelMissing`.
    """
    if not question.strip():
        return []
    query = SearchQuery(question, config="english", search_type="websearch")
    ready = Passage.objects.filter(file__status=File.Status.READY)
    worded = ready.filter(tsv=query).order_by(SearchRank(F("tsv"), query).desc(), "pk").values_list("pk", flat=True)
    alike = (
        nearest(embed([question])[0])
        .filter(file__status=File.Status.READY, distance__lte=1 - LEAST_ALIKE)
        .values_list("passage_id", flat=True)
    )
    # Names and codes: what holds the very words goes before what holds their stems. Asked of full-text hits only, since
    # a search for a substring in every passage would read them all.
    literal = worded.filter(text__icontains=question.strip())
    best = _fused([list(ranked[:CANDIDATES]) for ranked in (literal, worded, alike)])[:SHOWN]
    return _hits(best, query)


def nearest(vector: Sequence[float]) -> QuerySet[Any]:
    """Every passage's vector that the bound member may see, with its `distance` to this one, the closest first.

    Each is compared: nothing is estimated or left out. Ask it for nothing but `passage_id`: the index `files_embedding_near`
    holds that, and neither the table nor a passage is read (measured on 100,000: a quarter of the time that passages took).
    """
    # Of two that are equally close, the same one comes first every time.
    found: QuerySet[Any] = Embedding.objects.annotate(distance=CosineDistance("vector", vector)).order_by(
        "distance", "passage_id"
    )
    return found


def indexed_percent(file: File) -> int:
    """How much of a file that is being indexed has its vectors, from 0 to 99."""
    passages = Passage.objects.filter(file=file).count()
    vectors = Embedding.objects.filter(file=file).count()
    return int(min(99, 100 * vectors // max(passages, 1)))


def page_text(passage: Passage, start: int | None = None, end: int | None = None) -> PageText:
    """The whole page on which a passage stands, with the passage's characters `start` to `end` marked.

    Without them the whole passage is marked. Offsets outside the passage are cut to it.
    """
    siblings = Passage.objects.filter(file_id=passage.file_id, page=passage.page, label=passage.label)
    parts: list[Part] = []
    for sibling in siblings.order_by("position"):
        if parts:
            parts.append(Part("\n", is_marked=False))
        parts += _split(sibling.text, start, end) if sibling.pk == passage.pk else [Part(sibling.text, is_marked=False)]
    return PageText(passage.page, passage.label, tuple(part for part in parts if part.text))


@dataclass(frozen=True, slots=True)
class PagePassages:
    """Passages of one page (slide, sheet, section) of a file, in reading order."""

    label: str
    passages: tuple[Passage, ...]


@dataclass(frozen=True, slots=True)
class Preview:
    """A part of a file's text, and where it goes on, as positions of passages."""

    pages: tuple[PagePassages, ...]
    shown: int
    earlier: int | None
    further: int | None


def preview(file: File, first: int, most: int) -> Preview:
    """Up to `most` passages from the position `first` on, under their pages; in one statement, however long the file is."""
    found = list(Passage.objects.filter(file=file, position__gte=first).order_by("position").defer("tsv")[: most + 1])
    pages = groupby(found[:most], key=lambda passage: (passage.page, passage.label))
    return Preview(
        pages=tuple(PagePassages(label, tuple(passages)) for (_, label), passages in pages),
        shown=len(found[:most]),
        earlier=max(first - most, 0) if first else None,
        further=found[most].position if len(found) > most else None,
    )


def position_of_page(file: File, page: int) -> int:
    """Where the text of this page begins, or of the next one that has text; the beginning where there is none."""
    from_there = Passage.objects.filter(file=file, page__gte=page).order_by("position")
    return from_there.values_list("position", flat=True).first() or 0


def use_note(*files: File) -> str:
    """Say how many agents and conversations lose something with these files, as far as the bound member may see them; empty when none
    does. What a colleague attached, and to what, is theirs alone to know.
    """
    them = "it" if len(files) == 1 else "some of them"
    found = File.objects.filter(pk__in=[file.pk for file in files]).aggregate(
        agents=Count("agent_files__agent", distinct=True),
        talks=Count("attached_to__conversation", filter=Q(attached_to__conversation__erased_after=None), distinct=True),
    )
    agents, talks = found["agents"], found["talks"]
    said = [f"{agents} agent{' uses' if agents == 1 else 's use'} {them}"] if agents else []
    if talks:
        said.append(f"{them} {'is' if them == 'it' else 'are'} attached to {talks} of your conversations")
    return f"{said[0][0].upper()}{', and '.join(said)[1:]}." if said else ""


def _fused(lists: Iterable[Sequence[UUID]]) -> list[UUID]:
    scores: dict[UUID, float] = {}
    for ranked in lists:
        for place, key in enumerate(ranked):
            scores[key] = scores.get(key, 0.0) + 1 / (FUSION + place)
    return sorted(scores, key=lambda key: scores[key], reverse=True)


def _hits(keys: Sequence[UUID], query: SearchQuery) -> list[Hit]:
    rows = Passage.objects.filter(pk__in=keys).annotate(headline=headline("text", query)).select_related("file")
    found = {row.pk: row for row in rows}
    return [
        Hit(row.file_id, row.file.name, row.pk, row.page, row.label, excerpt(row.headline, row.text))
        for key in keys
        if (row := found.get(key)) is not None
    ]


def _split(text: str, start: int | None, end: int | None) -> list[Part]:
    left = min(max(start or 0, 0), len(text))
    right = min(end if end is not None else len(text), len(text))
    if right <= left:
        left, right = 0, len(text)
    return [
        Part(text[:left], is_marked=False),
        Part(text[left:right], is_marked=True),
        Part(text[right:], is_marked=False),
    ]
