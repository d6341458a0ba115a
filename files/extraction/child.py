"""The process that parses: it reads one document on standard input and writes pages, as JSON lines, to standard output.

Started by `files.extraction.extract` with an empty environment. It imports no Django and no settings. The last line is
`{"done": …}` or `{"refused": …}`; anything else means that it died, and the parent says so to the owner.
"""

import importlib
import json
import pkgutil
import signal
import sys
from collections.abc import Callable, Iterator, Sequence
from importlib.abc import MetaPathFinder
from types import ModuleType
from typing import BinaryIO

from files.extraction import confinement
from files.extraction.pages import Page
from files.refusals import MOST_CHARACTERS, MOST_PAGES, DocumentRefused, Reason
from files.types import HEAD_BYTES, DocumentType, check_bytes, plain_words

Reader = Callable[[BinaryIO, str], Iterator[Page]]
READERS = {
    "pdf": ("pdf", "read"),
    "word": ("word", "read"),
    "sheets": ("sheets", "read"),
    "slides": ("slides", "read"),
    "text": ("plain", "read_text"),
    "markdown": ("plain", "read_markdown"),
    "table": ("plain", "read_table"),
    "json": ("plain", "read_json"),
    "web": ("web", "read"),
}
# These import parts of themselves only when a document needs them, which would be too late.
PACKAGES = {"pdf": ("pypdf",), "word": ("docx",), "sheets": ("openpyxl",), "slides": ("pptx",)}
TAIL_BYTES = 70_000
# What puremagic may not find in any document of ours, however its first bytes look to us.
DENIED_SECOND_OPINIONS = ("image/", "audio/", "video/", "font/", "application/x-dosexec", "application/x-executable")


def main(label: str, media_type: str, reader: str) -> None:
    """Confine this process, then parse standard input as the given type."""
    # Python would make a traceback of it, and the parent a damaged document.
    signal.signal(signal.SIGINT, signal.SIG_DFL)
    confinement.die_with_parent()
    confinement.limit_resources()
    kind = DocumentType(label, media_type, reader)
    # numpy is an optional convenience of openpyxl that would take a third of the memory limit for nothing.
    sys.modules["numpy"] = None  # type: ignore[assignment]  # None is Python's documented mark for "must not be imported"
    parse, second_opinion = load(reader)
    confinement.close_doors()
    sys.meta_path.insert(0, NothingMore())
    try:
        read_document(kind, parse, second_opinion)
    except DocumentRefused as refusal:
        say({"refused": refusal.reason, "found": refusal.found})
    except (MemoryError, RecursionError) as error:
        say({"refused": Reason.MEMORY if isinstance(error, MemoryError) else Reason.CORRUPT, "found": ""})


def load(reader: str) -> tuple[Reader, Callable[[bytes], str]]:
    """The parser and puremagic's opinion, with all that they import later: after `close_doors` nothing can be opened."""
    module, function = READERS[reader]
    parse: Reader = getattr(importlib.import_module(f"files.extraction.{module}"), function)
    for package in ("encodings", *PACKAGES.get(module, ())):
        load_all(package)
    # `datetime.strptime` imports this when it is first called.
    importlib.import_module("_strptime")
    import puremagic

    def second_opinion(head: bytes) -> str:
        try:
            matches = puremagic.magic_string(head)
        except (puremagic.PureError, ValueError):
            return ""
        return str(matches[0].mime_type) if matches and matches[0].confidence >= 0.8 else ""

    return parse, second_opinion


class NothingMore(MetaPathFinder):
    """Answers every later import with "not installed", which libraries expect, instead of "too many open files"."""

    def find_spec(self, fullname: str, path: Sequence[str] | None, target: ModuleType | None = None) -> None:
        """Find nothing, and end the search."""
        raise ModuleNotFoundError(f"{fullname} was not loaded before the doors closed.", name=fullname)


def load_all(package: str) -> None:
    """Import every module of a package that imports parts of itself only when it needs them."""
    for module in pkgutil.walk_packages(importlib.import_module(package).__path__, f"{package}."):
        try:
            importlib.import_module(module.name)
        except ImportError:
            # It wants an optional library that we leave out, so nothing can need it later either.
            continue


def read_document(kind: DocumentType, parse: Reader, second_opinion: Callable[[bytes], str]) -> None:
    """Check the bytes on standard input against their type, then write each page; raises `DocumentRefused`."""
    stream = sys.stdin.buffer
    length = stream.seek(0, 2)
    stream.seek(0)
    head = stream.read(HEAD_BYTES)
    stream.seek(max(0, length - TAIL_BYTES))
    tail = stream.read()
    check_bytes(kind, head, tail)
    if second_opinion(head).startswith(DENIED_SECOND_OPINIONS):
        raise DocumentRefused(Reason.MISLABELLED, kind.label, plain_words(head))
    stream.seek(0)
    count = characters = 0
    for page in parse(stream, kind.label):
        count += 1
        characters += len(page.text)
        if count > MOST_PAGES:
            raise DocumentRefused(Reason.TOO_MANY_PAGES, kind.label)
        if characters > MOST_CHARACTERS:
            raise DocumentRefused(Reason.TOO_MUCH_TEXT, kind.label)
        say({"number": page.number, "label": page.label, "text": page.text})
    if not characters:
        raise DocumentRefused(Reason.NO_TEXT, kind.label)
    say({"done": count})


def say(line: dict[str, object]) -> None:
    """One JSON line to the parent; ASCII, so that no text can break out of its line."""
    sys.stdout.buffer.write(json.dumps(line).encode("ascii") + b"\n")


if __name__ == "__main__":
    main(sys.argv[1], sys.argv[2], sys.argv[3])
