"""How do values become lines of CSV that a spreadsheet shows and never computes?"""

from __future__ import annotations

import csv
import io
from collections.abc import Iterable, Sequence
from typing import Final

_BREAKS: Final = ("\t", "\r", "\n")
# The full-width ones are the same to a spreadsheet in Japanese or Chinese.
_SIGNS: Final = ("=", "+", "-", "@", "＝", "＋", "－", "＠")


def lines(rows: Iterable[Sequence[str]]) -> str:
    """One line each, every field in quotes and inert."""
    written = io.StringIO()
    table = csv.writer(written, quoting=csv.QUOTE_ALL, lineterminator="\r\n")
    table.writerows([inert(value) for value in row] for row in rows)
    return written.getvalue()


def inert(value: str) -> str:
    """The value as a spreadsheet shows it and never computes it: strangers chose names, paths and user agents."""
    # What is blank before a sign is dropped by some that read CSV, and the sign is the first then.
    return f"'{value}" if value.startswith(_BREAKS) or value.lstrip().startswith(_SIGNS) else value
