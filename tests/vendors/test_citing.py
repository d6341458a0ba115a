"""Is a model's text read alike, however the wire cut it into pieces?"""

from __future__ import annotations

import uuid
from collections.abc import Iterable

import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from agents.providers import Cited, Text
from agents.providers.citing import Citing
from agents.providers.language import SENTENCES
from agents.retrieval import Findings, Found
from conversations.models import Message

FOUND = Found(uuid.uuid4(), uuid.uuid4(), "a.txt", 1, "", "1 2", similarity=0.9, lexemes=frozenset())
SENT = {"p1": FOUND, "p2": FOUND}
# Whatever has a meaning of its own here, and a little that has none.
BITS = [
    "[p1]",
    "[p2, p1]",
    "[1]",
    "[p7]",
    "![",
    "!",
    "[",
    "]",
    "`",
    "```",
    "\n",
    "(x)",
    "[a](b)",
    "word ",
    "p1",
    ",",
    "\u200b",
    "é",
]


def read(pieces: Iterable[str]) -> tuple[str, list[int], int]:
    """The text that is passed on, the numbers that are cited in it, and how many marks were dropped."""
    citing = Citing(Findings("", (FOUND,)), SENT)
    events = [event for piece in pieces for event in citing.take(piece)] + list(citing.end())
    text = "".join(event.text for event in events if isinstance(event, Text))
    assert text == citing.said
    return text, [event.number for event in events if isinstance(event, Cited)], citing.dropped


@pytest.fixture(scope="module", autouse=True)
def _no_sentences() -> Iterable[None]:
    """The passage has no sentence to weigh, so that none is embedded a thousand times."""
    with pytest.MonkeyPatch.context() as patch:
        patch.setattr("agents.retrieval.embed", lambda texts: [])
        yield


@given(st.lists(st.sampled_from(BITS), max_size=14), st.data())
@settings(max_examples=300, deadline=None, suppress_health_check=[HealthCheck.function_scoped_fixture])
def test_however_it_is_cut_it_reads_alike(bits: list[str], data: st.DataObject) -> None:
    whole = "".join(bits)
    cuts = sorted(data.draw(st.lists(st.integers(0, len(whole)), max_size=6)))
    pieces = [whole[start:end] for start, end in zip([0, *cuts], [*cuts, len(whole)], strict=True)]
    assert read(pieces) == read([whole])


def test_marks_are_numbered_as_they_come_and_code_stays_as_it_is() -> None:
    assert read(["B [p2], A [p1], B [p2]. "]) == ("B [1], A [2], B [1]. ", [1, 2], 0)
    assert read(["`a[1]` and ```\nb[p1] ![x](y)\n``` but [1]"]) == (
        "`a[1]` and ```\nb[p1] ![x](y)\n``` but [1]",
        [1],
        0,
    )
    assert read(["See [p9] and [12]."]) == ("See  and .", [], 2)
    assert read(["Great![p1] ![x](y) ![p1](y)"]) == ("Great\\![1] !\\[x](y) !\\[p1](y)", [1], 0)


def test_every_sentence_fits_where_it_is_kept() -> None:
    longest = Message._meta.get_field("error").max_length or 0
    said = [sentence.format(name="n" * 80, model="m" * 120) for sentence in SENTENCES.values()]
    assert max(map(len, said)) <= longest
