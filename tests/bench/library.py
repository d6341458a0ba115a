"""How long does a search take in a workspace of a hundred thousand passages, with a million in others, and is its result exact?

Vectors are real ones of the corpus' sentences, each bent by noise, so that a question is near some and far from most.
"""

from __future__ import annotations

import random
import statistics
import time
from typing import Any

import psycopg
from django.db import connections
from django.db.models import Q

from agents import retrieval
from files import queries, services, storage
from files.embedding import embed
from files.models import File
from tests import environment
from tests.agents.questions import ANSWERABLE
from tests.agents.shelf import CORPUS, agent_of
from tests.bench.rows import Row, at_least, at_most, noted
from tests.cast import ALICE, acting

OWN, OTHERS, PLACES = 100_000, 1_000_000, 100
OF_A_FILE = 500  # passages
NOISES = 1_000
ASKED = 40

PEOPLE = """
INSERT INTO accounts_workspace (id, name, slug, status, created_at)
SELECT uuidv7(), 'Library ' || n, 'library-' || n, 'active', now() FROM generate_series(1, %(places)s) n;
INSERT INTO accounts_user (id, email, display_name, is_active, is_operator, created_at)
SELECT uuidv7(), slug || '@library.test', name, true, false, now() FROM accounts_workspace WHERE slug LIKE 'library-%%';
INSERT INTO accounts_membership (id, workspace_id, user_id, role, status, display_name, email, created_at)
SELECT uuidv7(), w.id, u.id, 'owner', 'active', w.name, u.email, now()
FROM accounts_workspace w JOIN accounts_user u ON u.email = w.slug || '@library.test'"""
# Row by row across the workspaces, as they would arrive: a workspace's rows lie scattered over the table.
FILES = """
INSERT INTO files_file (id, workspace_id, owner_id, name, media_type, size, sha256, storage_key, visibility, status, refusal,
    pages, created_at, updated_at)
SELECT uuidv7(), m.workspace_id, m.id, 'library ' || n || '.pdf', 'application/pdf', n, md5(n::text || m.id) || md5(m.id::text),
    md5(m.id::text || n), 'workspace', 'ready', '', 3, now(), now()
FROM generate_series(1, %(own)s / %(each)s) n, accounts_membership m
WHERE m.id = %(owner)s OR (m.email LIKE '%%@library.test' AND n <= %(others)s / %(places)s / %(each)s)"""
PASSAGES = """
INSERT INTO files_passage (id, workspace_id, file_id, position, page, label, text, start, "end")
SELECT uuidv7(), f.workspace_id, f.id, p, 1 + p / 4, '', s.text || ' ' || f.size || '-' || p, 0, 1
FROM generate_series(1, %(each)s) p, files_file f
JOIN LATERAL (SELECT text FROM bench_said WHERE n = (p * 7919 + f.size * 104729) %% (SELECT count(*) FROM bench_said)) s ON true
WHERE f.name LIKE 'library %%'"""
VECTORS = """
INSERT INTO files_embedding (id, workspace_id, passage_id, file_id, vector)
SELECT uuidv7(), f.workspace_id, p.id, f.id, l2_normalize(s.vector + n.vector)::halfvec(384)
FROM files_passage p JOIN files_file f ON f.id = p.file_id
JOIN bench_said s ON s.n = (p.position * 7919 + f.size * 104729) % (SELECT count(*) FROM bench_said)
JOIN bench_noise n ON n.n = (p.position * 31 + f.size * 17) % (SELECT count(*) FROM bench_noise)"""
# What stands in the tables, read without an index, a policy or a role: the answer that every other way must give.
MATCHING = (
    "SELECT p.id FROM files_passage p WHERE p.workspace_id = %(place)s "
    "AND to_tsvector('english', p.text) @@ websearch_to_tsquery('english', %(words)s)"
)
RANKED = "ORDER BY ts_rank(to_tsvector('english', p.text), websearch_to_tsquery('english', %(words)s)) DESC, p.id LIMIT %(most)s"
NEAR = "SELECT e.passage_id FROM files_embedding e WHERE e.workspace_id = %(place)s AND e.vector::vector <=> %(vector)s"
CLOSEST = "ORDER BY e.vector::vector <=> %(vector)s, e.passage_id LIMIT %(most)s"
PLAIN = "SET enable_indexscan = off; SET enable_bitmapscan = off; SET enable_indexonlyscan = off"


def rows(*, rounds: int) -> list[Row]:
    """Fill, search, compare; then index a document of known pages on one thread."""
    _fill()
    agent = _agent()
    questions = [question for question, _, _ in ANSWERABLE][:ASKED]
    with acting(ALICE) as alice:
        for question in questions[:3]:
            queries.search(question)
        searched = [_timed(lambda question=question: queries.search(question)) for question in questions]
        asked = [
            _timed(lambda question=question: retrieval.find(agent, question, actor=alice)) for question in questions
        ]
        files, _ = retrieval._readable(Q(agent_files__agent=agent), ())
        alike = sum(
            {found.passage_id for found in retrieval._candidates(files, question, embed([question])[0])}
            == _candidates_by_brute_force(question)
            for question in questions[:10]
        )
        same = sum(
            [hit.passage_id for hit in queries.search(question)] == _by_brute_force(question)
            for question in questions[:10]
        )
    took, found = sorted(searched), sorted(asked)
    where = f"{OWN:,} passages, {OTHERS:,} in {PLACES} others"
    return [
        at_most("library: search, p50", statistics.median(took), 100, "ms", where),
        noted("library: search, p95", took[int(len(took) * 0.95)], "ms"),
        at_least("library: searches as by brute force", 10 * same, 100, "%", "ids and order of ten"),
        at_most("library: what an agent finds in all of it, p50", statistics.median(found), 100, "ms", where),
        noted("library: what an agent finds in all of it, p95", found[int(len(found) * 0.95)], "ms"),
        at_least("library: an agent's candidates as by brute force", 10 * alike, 100, "%", "ids of ten questions"),
        _indexing(),
    ]


def _timed(work: Any) -> float:
    began = time.perf_counter()
    work()
    return 1000 * (time.perf_counter() - began)


def _said() -> list[str]:
    """Some sentences of the corpus."""
    text = " ".join(path.read_text(encoding="utf-8").replace("\n", " ") for path in sorted(CORPUS.glob("*.txt")))
    return [sentence.strip() for sentence in text.split(". ") if 30 < len(sentence) < 300][:400]


def _fill() -> None:
    chance = random.Random(1)
    sentences = _said()
    given = {"places": PLACES, "own": OWN, "others": OTHERS, "each": OF_A_FILE, "owner": ALICE.membership_id}
    with psycopg.connect(environment.server.superuser_url(environment.platform_database), autocommit=True) as line:
        # What the rows refer to is made by the same statements, so each need not be checked one by one.
        line.execute("SET session_replication_role = replica")
        line.execute("SET fence.ctx = ''")
        line.execute("CREATE TEMP TABLE bench_said (n bigint PRIMARY KEY, text text, vector vector(384))")
        line.execute("CREATE TEMP TABLE bench_noise (n bigint PRIMARY KEY, vector vector(384))")
        with line.cursor() as cursor:
            said = [
                (n, text, str(vector)) for n, (text, vector) in enumerate(zip(sentences, embed(sentences), strict=True))
            ]
            cursor.executemany("INSERT INTO bench_said VALUES (%s, %s, %s)", said)
            noise = [(n, str([chance.gauss(0, 0.045) for _ in range(384)])) for n in range(NOISES)]
            cursor.executemany("INSERT INTO bench_noise VALUES (%s, %s)", noise)
        for statement in (*PEOPLE.split(";"), FILES, PASSAGES):
            line.execute(statement, given)
        line.execute(VECTORS)
        line.execute("VACUUM (ANALYZE)")


def _agent() -> Any:
    with acting(ALICE):
        files = list(File.objects.filter(name__startswith="library "))
    return agent_of(ALICE, *files)


def _by_brute_force(question: str) -> list[Any]:
    """The ids of the search's hits, in their order, from the plain rows of the workspace."""
    given = {"words": question, "vector": str(embed([question])[0]), "literal": f"%{question.strip()}%"}
    far = 1 - queries.LEAST_ALIKE
    lists = _plainly(
        [f"{MATCHING} AND p.text ILIKE %(literal)s {RANKED}", f"{MATCHING} {RANKED}", f"{NEAR} <= {far} {CLOSEST}"],
        {**given, "most": queries.CANDIDATES},
    )
    return queries._fused(lists)[: queries.SHOWN]


def _candidates_by_brute_force(question: str) -> set[Any]:
    """The ids of what an agent that may read all of the workspace weighs."""
    given = {"words": retrieval._any_word(question), "vector": str(embed([question])[0])}
    lists = _plainly([f"{MATCHING} {RANKED}", f"{NEAR} IS NOT NULL {CLOSEST}"], {**given, "most": retrieval.CANDIDATES})
    return {key for one in lists for key in one}


def _plainly(questions: list[str], given: dict[str, Any]) -> list[list[Any]]:
    with psycopg.connect(environment.server.superuser_url(environment.platform_database), autocommit=True) as line:
        for setting in PLAIN.split(";"):
            line.execute(setting)
        given = {**given, "place": ALICE.tenant.workspace_id}
        return [[row[0] for row in line.execute(question, given).fetchall()] for question in questions]


def _indexing() -> Row:
    """Pages of 300 words, cut and embedded and stored as the worker does it, on this one thread."""
    from django.core.files.base import ContentFile

    pages = 30
    words = " ".join(_said()).split()
    text = "\f".join(" ".join(words[number * 90 : number * 90 + 300]) for number in range(pages))
    with acting(ALICE) as alice:
        key = storage.new_key()
        storage.save(key, ContentFile(text.encode()))
        file = File.objects.create(
            owner_id=alice.membership_id, name="index.txt", media_type="text/plain", size=len(text), sha256="f" * 64,
            storage_key=key, status=File.Status.RECEIVED,
        )  # fmt: skip
        began, used = time.perf_counter(), time.process_time()
        services.read(actor=alice, file_id=file.pk)
        took, used = time.perf_counter() - began, time.process_time() - used
        file.refresh_from_db()
        if file.status != File.Status.READY:
            raise RuntimeError(f"The file was not indexed: {file.status} {file.refusal}")
        passages = file.passages.count() if hasattr(file, "passages") else 0
    for connection in connections.all(initialized_only=True):
        connection.close()
    detail = f"{pages} pages of 300 words, {passages} passages, {took:.1f} s, {used:.1f} s of one process's time"
    return at_least("library: indexed", pages / max(used, 0.001), 5, "pages/s on one core", detail)
