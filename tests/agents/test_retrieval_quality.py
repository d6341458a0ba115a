"""Is the right passage among the first five, and does the agent refuse what its files do not answer?

The threshold and the weights in `agents/retrieval.py` were measured here, over nine invented documents of a kind that companies have
and questions that avoid their words. The figures are printed with `-s`.
"""

from __future__ import annotations

import pydoc
from collections.abc import Callable, Sequence

import pytest

from agents import retrieval
from agents.retrieval import Findings, find, ranked
from files.models import File, Passage
from tests.agents.questions import ANSWERABLE, NEAR_MISSES, UNRELATED
from tests.agents.shelf import CORPUS, agent_of, corpus_file, put, vector
from tests.cast import ALICE, acting

pytestmark = pytest.mark.django_db(databases=["default"])


def embed_once(texts: Sequence[str]) -> list[list[float]]:
    return [list(vector(text)) for text in texts]


# What Python says about itself: real text of another kind, there on every machine.
MODULES = (
    "argparse ast asyncio.base_events calendar cmd code collections configparser csv ctypes datetime decimal difflib doctest "
    "email.message enum fractions ftplib functools http http.client imaplib inspect io ipaddress json locale logging mailbox "
    "multiprocessing.pool optparse os pathlib pdb pickle platform poplib queue random selectors shelve shutil smtplib socket "
    "sqlite3 ssl statistics string subprocess tarfile tempfile textwrap threading trace typing unittest.case unittest.mock "
    "urllib.parse urllib.request uuid wave weakref xml.dom.minidom zipfile"
)


@pytest.fixture
def ask(db: None, monkeypatch: pytest.MonkeyPatch) -> Callable[[str], Findings]:
    # The same model, asked once for each sentence: 54 questions about the same pages would embed them 54 times.
    monkeypatch.setattr(retrieval, "embed", embed_once)
    return asking(library())


def library() -> list[File]:
    return [corpus_file(ALICE, path.stem) for path in sorted(CORPUS.glob("*.txt"))]


def asking(files: list[File]) -> Callable[[str], Findings]:
    agent = agent_of(ALICE, *files)

    def asked(question: str) -> Findings:
        with acting(ALICE) as alice:
            return find(agent, question, actor=alice)

    return asked


def rank(found: Findings, stem: str, needle: str) -> int | None:
    for place, passage in enumerate((quote.found for quote in ranked(found)), start=1):
        if passage.file_name.startswith(stem) and needle in " ".join(passage.text.split()):
            return place
    return None


def test_it_finds_the_right_passage_and_refuses_the_unanswerable(ask: Callable[[str], Findings]) -> None:
    shares = measured(ask)
    assert len(ANSWERABLE) >= 40
    assert len(UNRELATED) >= 20
    assert min(shares[name] for name in ("first five", "answered", "unrelated refused")) >= 0.9
    # Of all 34 it refuses 28. Questions on the subject whose answer is not there come as close to the files as paraphrases of
    # questions that are answered: no threshold over cosine, words in common and sentence, alone or weighed together, refused
    # more than 29 while nine of ten answerable ones stayed. So the quote itself, which always
    # stands with its source, is what a reader judges by.
    assert shares["all unanswerable refused"] >= 0.8


@pytest.mark.soak
def test_it_does_so_among_a_thousand_other_passages_too(db: None, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(retrieval, "embed", embed_once)
    crowd = [
        put(ALICE, f"{name}.txt", pydoc.plain(pydoc.render_doc(name))[:200_000].replace("\x00", ""))
        for name in MODULES.split()
    ]
    with acting(ALICE):
        assert Passage.objects.count() > 1000
    shares = measured(asking([*library(), *crowd]))
    assert shares["first five"] >= 0.9
    # Both fall by a question or two: a sample this small cannot tell 0.90 from 0.88.
    assert min(shares["answered"], shares["unrelated refused"]) >= 0.85


def measured(ask: Callable[[str], Findings]) -> dict[str, float]:
    """Ask every question, print the shares and the misses, and return the shares."""
    answers = [(question, ask(question), stem, needle) for question, stem, needle in ANSWERABLE]
    ranks = {question: rank(found, stem, needle) for question, found, stem, needle in answers}
    refused = {question: not ask(question).is_answerable for question in (*UNRELATED, *NEAR_MISSES)}
    shares = {
        "first": sum(place == 1 for place in ranks.values()) / len(ranks),
        "first five": sum(place is not None and place <= 5 for place in ranks.values()) / len(ranks),
        "answered": sum(found.is_answerable for _, found, _, _ in answers) / len(answers),
        "unrelated refused": sum(refused[question] for question in UNRELATED) / len(UNRELATED),
        "near misses refused": sum(refused[question] for question in NEAR_MISSES) / len(NEAR_MISSES),
        "all unanswerable refused": sum(refused.values()) / len(refused),
    }
    told = ", ".join(f"{name} {share:.0%}" for name, share in shares.items())
    print(f"\n{told}; missed: {[question for question, place in ranks.items() if place is None]}")  # noqa: T201 - with -s
    return shares
