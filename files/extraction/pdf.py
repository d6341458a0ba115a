"""What does each page of a PDF say?"""

import re
import struct
import zlib
from collections.abc import Iterator
from typing import BinaryIO

from pypdf import PdfReader
from pypdf.errors import DependencyError, FileNotDecryptedError, PyPdfError

from files.extraction.pages import Page, clean
from files.refusals import MOST_PAGES, DocumentRefused, Reason

# What pypdf raises on damaged input beyond its own errors, seen with fuzzed files.
DAMAGED = (
    PyPdfError, ValueError, LookupError, TypeError, AttributeError, AssertionError, ArithmeticError, EOFError, zlib.error,
    struct.error, NotImplementedError, RecursionError,
)  # fmt: skip

# A word divided at the end of a line. Joined, it is found by a search for the word; a compound that was broken at its own
# hyphen loses that hyphen, which is the rarer and the smaller harm.
HYPHENATED = re.compile(r"(?<=[^\W\d_A-Z]{2})-\n(?=[^\W\d_A-Z]{2})")


def read(stream: BinaryIO, kind: str) -> Iterator[Page]:
    """The pages of a PDF that have text, under their own numbers; raises `DocumentRefused`."""
    try:
        reader = PdfReader(stream, strict=False)
        # Many PDFs are encrypted with an empty password, only to forbid printing: those open for everybody.
        if reader.is_encrypted and not reader.decrypt(""):
            raise DocumentRefused(Reason.ENCRYPTED, kind)
        count = len(reader.pages)
    except (DependencyError, FileNotDecryptedError, NotImplementedError) as error:
        # The last: encryption by something else than a password, which nobody can open without its key either.
        raise DocumentRefused(Reason.ENCRYPTED, kind) from error
    except DAMAGED as error:
        raise DocumentRefused(Reason.CORRUPT, kind) from error
    if count > MOST_PAGES:
        raise DocumentRefused(Reason.TOO_MANY_PAGES, kind)
    if count == 0:
        raise DocumentRefused(Reason.CORRUPT, kind)
    unreadable = 0
    for number in range(1, count + 1):
        try:
            text = HYPHENATED.sub("", clean(reader.pages[number - 1].extract_text()))
        except DAMAGED:
            # One odd page does not condemn the others; when none could be read, the file is damaged.
            unreadable += 1
            continue
        if text:
            yield Page(number, f"Page {number}", text)
    if unreadable == count:
        raise DocumentRefused(Reason.CORRUPT, kind)
