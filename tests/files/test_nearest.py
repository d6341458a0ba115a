"""Does the search by meaning find exactly what a look at every vector finds, and does it look at nothing else?"""

from __future__ import annotations

import random
from uuid import uuid4

import psycopg
import pytest
from pgvector import HalfVector

from files.models import EMBEDDING_DIMENSIONS, Embedding, File, Passage
from files.queries import nearest
from tests import environment
from tests.cast import ALICE, BOB, CHARLIE, Person, acting
from tests.factories import FileFactory

pytestmark = pytest.mark.django_db

Vector = list[float]


def a_vector(chance: random.Random) -> Vector:
    return [chance.gauss(0, 1) for _ in range(EMBEDDING_DIMENSIONS)]


def shelved(person: Person, vectors: list[Vector], visibility: str, status: str = File.Status.READY) -> list[Passage]:
    """A file with a passage for each of these vectors."""
    with acting(person):
        file = FileFactory(visibility=visibility, status=status)
        rows = [Passage(file=file, position=n, text="words", start=0, end=5) for n in range(len(vectors))]
        Passage.objects.bulk_create(rows)
        pairs = list(zip(rows, vectors, strict=True))
        # The last first, so that the order in which they lie is not the order that is asked for.
        Embedding.objects.bulk_create(Embedding(passage=row, file=file, vector=vector) for row, vector in pairs[::-1])
    return rows


def cosine_distance(one: Vector, other: Vector) -> float:
    product = sum(a * b for a, b in zip(one, other, strict=True))
    return float(1 - product / (sum(a * a for a in one) * sum(b * b for b in other)) ** 0.5)


def stored(vector: Vector) -> Vector:
    """The vector as the table keeps it, each number in two bytes."""
    kept: Vector = HalfVector(vector).to_list()
    return kept


@pytest.mark.parametrize("seed", range(3))
def test_it_is_what_a_look_at_every_vector_finds(seed: int) -> None:
    """P5. Of equal ones too, in the same order every time; and nothing of a colleague's, a stranger's or an unfinished file."""
    chance = random.Random(seed)
    mine = [a_vector(chance) for _ in range(30)]
    mine += [mine[number % 30] for number in range(25)]  # the same sentence in several places
    theirs = [a_vector(chance) for _ in range(20)]
    seen = list(zip(shelved(ALICE, mine, "private"), mine, strict=True))
    seen += zip(shelved(BOB, theirs, "workspace"), theirs, strict=True)
    for person, visibility, status in (
        (BOB, "private", "ready"),
        (CHARLIE, "workspace", "ready"),
        (ALICE, "private", "indexing"),
    ):
        # The very vectors that are asked for below: the first of all, if only they could be seen.
        shelved(person, mine[:5], visibility, status)
    for asked in (*mine[:5], a_vector(chance)):
        truth = sorted((cosine_distance(stored(asked), stored(vector)), row.pk) for row, vector in seen)
        with acting(ALICE):
            ready = nearest(asked).filter(file__status=File.Status.READY)
            found = list(ready.values_list("distance", "passage_id"))
            first = list(ready.values_list("passage_id", flat=True)[:40])
        assert [key for _, key in found] == [key for _, key in truth]
        assert [distance for distance, _ in found] == pytest.approx([distance for distance, _ in truth], abs=1e-4)
        assert first == [key for _, key in truth[:40]]


def test_it_reads_an_index_and_neither_the_table_nor_a_passage() -> None:
    """Or a hundred thousand vectors take a page of the table each, and their texts besides."""
    with acting(ALICE):
        asked = nearest(a_vector(random.Random(1))).filter(file__in=[uuid4()]).values("passage_id")[:40]
        question, values = asked.query.sql_with_params()
    with psycopg.connect(environment.server.superuser_url(environment.platform_database)) as line:
        # Of so few rows any way to read them costs the same, and which is taken depends on the statistics of the moment. Without
        # the other indexes it is this one or none; if it lacked a column, the table would be read beside it.
        others = line.execute(
            "SELECT i.indexrelid::regclass::text, c.conname FROM pg_index i LEFT JOIN pg_constraint c ON c.conindid = i.indexrelid "
            "WHERE i.indrelid = 'files_embedding'::regclass AND i.indexrelid <> 'files_embedding_near'::regclass"
        ).fetchall()
        for index, constraint in others:
            line.execute(
                f"ALTER TABLE files_embedding DROP CONSTRAINT {constraint}" if constraint else f"DROP INDEX {index}"
            )
        line.execute("SET LOCAL ROLE aiaxis_app; SET LOCAL enable_seqscan = off; SET LOCAL enable_bitmapscan = off")
        plan = "\n".join(text for (text,) in line.execute(f"EXPLAIN {question}", values))
        line.rollback()
    assert "Index Only Scan using files_embedding_near" in plan
    assert "files_passage" not in plan
    assert "Seq Scan" not in plan
