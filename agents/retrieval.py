"""Which passages of an agent's files answer a question, and which of their sentences?

One query names the files: ready, attached to this agent or brought along by whoever asks, visible to the bound member (the fence
and the files' own policy see to that, whatever the agent's owner may see and whatever ids are brought). One finds the candidates in them: exact cosine over the embeddings finds meaning, full
text finds names and codes. All that follows works on what that query returned.
"""

from __future__ import annotations

import math
import re
from collections import Counter
from collections.abc import Collection, Sequence
from dataclasses import dataclass, field, replace
from uuid import UUID

from django.contrib.postgres.fields import ArrayField
from django.contrib.postgres.search import SearchQuery, SearchRank, SearchVector
from django.db import models, transaction
from django.db.models import F, Func, OuterRef, Q, Subquery, Value
from pgvector.django import CosineDistance

from accounts.http import Tenant
from agents.models import Agent
from agents.quotes import Span, best_quote, quotable
from agents.signals import file_read
from files.embedding import embed
from files.models import File, Passage
from files.queries import nearest

# How many candidates each half of the query brings. More costs time and finds nothing new among a few thousand passages.
CANDIDATES = 24
# What the words in common may add to a cosine. Measured on tests/agents/corpus: 0.1 to 0.3 is a plateau.
WORDS_WEIGH = 0.2
# What the very code that was asked for adds to a sentence: more than any cosine.
CODE_WEIGHS = 1.0
MOST_QUOTES = 3
# So many more passages than the agent wants are weighed sentence by sentence. Measured: 91 % of the right passages in the
# first five become 98 %, and more brings nothing. The time goes into those sentences: 3 to 5 ms each.
EXTRA = 3
# A passage so much further from the question than the best one is never right (measured), and its sentences cost time.
FAR = 0.25
# A further quote must come this close to the best one, or it only dilutes the answer.
WORTH_QUOTING = 0.75
# Among more passages the best of those that are beside the point comes closer by chance: each tenfold of this many raises the
# threshold by so much. Measured at 29 and at 1,029 passages; the 0.32 that an earlier sample of 3,365 gave lies on the line.
SMALL_LIBRARY = 30
RISE = 0.04
# A letter and a digit in one word: an article number, a fault code, a policy number. Never a year, "10am", "3rd" or "14-day".
CODE = re.compile(r"\b(?=[\w-]*[A-Za-z])(?=[\w-]*\d)(?!\d+-?[a-z]+\b)\w+(?:-\w+)*\b")
WORD = re.compile(r"\w+(?:-\w+)*")
# Words that the search syntax would take as operators.
OPERATORS = {"or", "and", "not"}


@dataclass(frozen=True, slots=True)
class Found:
    """A passage that may answer. `similarity` is the cosine with the question, `words` the share of its words found (0 to 1)."""

    passage_id: UUID
    file_id: UUID
    file_name: str
    page: int | None
    label: str
    text: str
    similarity: float
    lexemes: frozenset[str]
    words: float = 0.0

    @property
    def score(self) -> float:
        """Order among candidates: meaning first, common words second."""
        return self.similarity + WORDS_WEIGH * self.words


@dataclass(frozen=True, slots=True)
class Findings:
    """What was found for a question, best first as far as whole passages tell; `ranked` looks at their sentences.

    Below the threshold `is_answerable` is false. `depth` is how many passages the agent wants in the end.
    """

    question: str
    passages: tuple[Found, ...] = ()
    is_answerable: bool = False
    depth: int = 5
    vector: Sequence[float] = field(default=(), repr=False)


@dataclass(frozen=True, slots=True)
class Quote:
    """A verbatim piece of a passage: `found.text[start:end] == text`, always."""

    found: Found
    start: int
    end: int
    score: float

    @property
    def text(self) -> str:
        """The quoted characters, exactly as they stand in the passage."""
        return self.found.text[self.start : self.end]


def find(
    agent: Agent,
    question: str,
    *,
    actor: Tenant,
    file_ids: Collection[UUID] | None = None,
    brought: Collection[UUID] = (),
) -> Findings:
    """Return the passages that may answer `question`, and send `file_read` for each file they are from.

    `file_ids` are the files of an agent that is tried as it is not saved; None: those that are attached to it. `brought` are
    further ones. Of all of them those are read that the bound member may read.
    Must run with the actor's workspace bound. Raises `files.embedding.ModelMissing`.
    """
    vector = embed([question])[0]
    # The record that a file was read and the reading itself stand or fall together (L36).
    with transaction.atomic():
        its = Q(agent_files__agent=agent) if file_ids is None else Q(pk__in=file_ids)
        files, passages = _readable(its, brought)
        best = _shortlist(_candidates(files, question, vector), agent.retrieval_depth + EXTRA)
        _tell_who_read(agent, best, actor)
    return Findings(
        question=question,
        passages=tuple(best),
        is_answerable=_is_answerable(best, question, threshold(agent, passages)),
        depth=agent.retrieval_depth,
        vector=vector,
    )


def threshold(agent: Agent, passages: int) -> float:
    """Return the cosine that a passage must reach: the agent's own setting, raised for the number of passages it can read."""
    return float(agent.retrieval_threshold) + RISE * math.log10(max(passages, SMALL_LIBRARY) / SMALL_LIBRARY)


def ranked(findings: Findings) -> list[Quote]:
    """Return the best sentences of each passage, the best passage first, at most `findings.depth`. Takes up to half a second."""
    best = sorted(_best_of_each(findings), key=lambda quote: quote.score, reverse=True)
    return best[: findings.depth]


def has_quotable(findings: Findings) -> bool:
    """Tell whether there is any sentence to quote: a title page or an index may be near a question and say nothing."""
    return any(quotable(found.text) for found in findings.passages)


def quotes(findings: Findings) -> list[Quote]:
    """Return the one to three quotes that an answer is made of, best first; none when nothing was found."""
    best = _without_repeats(ranked(findings))[:MOST_QUOTES]
    return [quote for quote in best if quote.score >= best[0].score * WORTH_QUOTING]


def closest(findings: Findings) -> list[Quote]:
    """Return the closest sentences of the nearest three passages, for a refusal: not an answer, and not shown as one."""
    return _best_of_each(replace(findings, passages=findings.passages[:MOST_QUOTES]))


def _without_repeats(best: Sequence[Quote]) -> list[Quote]:
    """Leave out what the same file says in the same words at a better place: manuals repeat their sentences.

    Another file's words stay: that two files say the same, or that one was uploaded twice, is worth to be seen.
    """
    told: dict[tuple[UUID, str], Quote] = {}
    for quote in best:
        told.setdefault((quote.found.file_id, " ".join(quote.text.split())), quote)
    return list(told.values())


def quote_from(findings: Findings, found: Found) -> Quote:
    """Return what this passage says to the question: its best sentences, or all of it where it has none."""
    best = _best_of_each(replace(findings, passages=(found,)))
    return best[0] if best else Quote(found, 0, len(found.text), found.score)


def _readable(its: Q, brought: Collection[UUID]) -> tuple[list[UUID], int]:
    """An agent's files and those that were brought along, and how many passages they have together."""
    # Passages are numbered from nought: the last one tells how many there are, where counting would read all.
    last = Passage.objects.filter(file=OuterRef("pk")).order_by("-position").values("position")[:1]
    ready = File.objects.filter(status=File.Status.READY).annotate(last=Subquery(last))
    wanted = ready.filter(its).values_list("pk", "last")
    if brought:
        wanted = wanted.union(ready.filter(pk__in=brought).values_list("pk", "last"))
    lasts = dict(wanted)
    return list(lasts), sum(place + 1 for place in lasts.values() if place is not None)


def _candidates(files: Sequence[UUID], question: str, vector: Sequence[float]) -> list[Found]:
    # The files are named one by one: left to join them, PostgreSQL sorted and copied every vector.
    query = SearchQuery(_any_word(question), config="english", search_type="websearch")
    distance = CosineDistance("embeddings__vector", vector)
    near = nearest(vector).filter(file__in=files).values("passage_id")
    worded = (
        Passage.objects.filter(file__in=files, tsv=query)
        .order_by(SearchRank(F("tsv"), query).desc(), "pk")
        .values("pk")
    )
    # Which they are comes first, and only then what they say: texts and lexemes of all others are never read.
    chosen = (
        Passage.objects.filter(pk__in=near[:CANDIDATES].union(worded[:CANDIDATES]))
        .annotate(
            distance=distance,
            lexemes=_lexemes(F("tsv")),
            asked=_lexemes(SearchVector(Value(question), config="english")),
        )
        .order_by("distance", "pk")
        .values_list("id", "file_id", "file__name", "page", "label", "text", "distance", "lexemes", "asked")
    )
    asked: frozenset[str] = frozenset()
    found: list[Found] = []
    for passage_id, file_id, file_name, page, label, text, apart, lexemes, words in chosen:
        asked = frozenset(words)
        found.append(
            Found(passage_id, file_id, file_name, page, label, text, similarity=1.0 - apart, lexemes=frozenset(lexemes))
        )
    return _weighed(found, asked)


def _lexemes(vector: models.expressions.Combinable) -> Func:
    return Func(vector, function="tsvector_to_array", output_field=ArrayField(models.TextField()))


def _any_word(question: str) -> str:
    # A paraphrase shares some words with its answer, hardly ever all of them. Only words get through, so the search syntax
    # ("-word", quotation marks) is not the asker's to use.
    words = (word for word in WORD.findall(question) if word.lower() not in OPERATORS)
    return " or ".join(words)


def _weighed(candidates: list[Found], asked: frozenset[str]) -> list[Found]:
    """Give each candidate the share of the question's words that it holds; a rare word counts for more than a common one."""
    if not asked:
        return candidates
    holders = Counter(lexeme for found in candidates for lexeme in found.lexemes & asked)
    weights = {lexeme: math.log(1 + len(candidates) / (holders[lexeme] + 0.5)) for lexeme in asked}
    total = sum(weights.values())
    return [replace(found, words=sum(weights[w] for w in found.lexemes & asked) / total) for found in candidates]


def _shortlist(candidates: Sequence[Found], most: int) -> list[Found]:
    best = sorted(candidates, key=lambda found: found.score, reverse=True)[:most]
    return [found for found in best if found.score >= best[0].score - FAR]


def _is_answerable(best: Sequence[Found], question: str, threshold: float) -> bool:
    if any(found.similarity >= threshold for found in best):
        return True
    # An embedding knows nothing about article numbers and fault codes; the same code in the passage is better evidence.
    codes = _codes(question)
    return any(_holds(found.text, codes) for found in best)


def _codes(question: str) -> frozenset[str]:
    return frozenset(code.lower() for code in CODE.findall(question))


def _holds(text: str, codes: frozenset[str]) -> bool:
    words = {code.lower() for code in CODE.findall(text)} if codes else set()
    return not codes.isdisjoint(words)


def _tell_who_read(agent: Agent, best: Sequence[Found], actor: Tenant) -> None:
    passages = Counter(found.file_id for found in best)
    for file in File.objects.filter(pk__in=passages):
        file_read.send(sender=File, actor=actor, target=file, agent_id=agent.pk, passages=passages[file.pk])


def _best_of_each(findings: Findings) -> list[Quote]:
    divided = [(found, quotable(found.text)) for found in findings.passages]
    vectors = iter(embed([span.of(found.text) for found, spans in divided for span in spans]))
    codes = _codes(findings.question)

    def weight(sentence: str) -> float:
        # The one line of a price list with the number that was asked for outweighs all that sounds like it.
        return _cosine(findings.vector, next(vectors)) + (CODE_WEIGHS if _holds(sentence, codes) else 0.0)

    return [_quote(found, spans, [weight(span.of(found.text)) for span in spans]) for found, spans in divided if spans]


def _quote(found: Found, spans: Sequence[Span], scores: Sequence[float]) -> Quote:
    span = best_quote(found.text, spans, scores)
    # A good sentence in a passage about something else is worth less than one in a passage on the subject.
    score = (found.similarity + max(scores)) / 2 + WORDS_WEIGH * found.words
    return Quote(found, span.start, span.end, score)


def _cosine(left: Sequence[float], right: Sequence[float]) -> float:
    # Both come from `embed`, which returns vectors of length one.
    return sum(a * b for a, b in zip(left, right, strict=True))
