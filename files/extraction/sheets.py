"""What do the sheets of an Excel workbook say, row by row?"""

import datetime as dt
import warnings
from collections.abc import Iterator, Sequence
from itertools import zip_longest
from typing import BinaryIO
from xml.etree.ElementTree import ParseError  # nosec B405 - the name of an exception; defusedxml does the parsing

import openpyxl
from openpyxl.utils.exceptions import InvalidFileException

from files.extraction.archive import DAMAGED, check_office
from files.extraction.pages import Page, clean, clean_label
from files.refusals import MOST_PAGES, DocumentRefused, Reason

# A sheet may claim a million empty rows and 16,384 columns; what counts is what we look at.
MOST_ROWS = 200_000
MOST_COLUMNS = 200
ROWS_A_PAGE = 100


def read(stream: BinaryIO, kind: str) -> Iterator[Page]:
    """The filled rows of each sheet, cells divided by ` | `, a page for every hundred; raises `DocumentRefused`."""
    check_office(stream, "sheets", kind)
    number = 0
    try:
        with warnings.catch_warnings():
            # openpyxl warns about styles and extensions that it skips, which concern no text.
            warnings.simplefilter("ignore")
            book = openpyxl.load_workbook(stream, read_only=True, data_only=True, keep_links=False)
            for sheet in book.worksheets:
                for label, text in _parts(sheet.title, _rows(sheet, kind)):
                    number += 1
                    if number > MOST_PAGES:
                        raise DocumentRefused(Reason.TOO_MANY_PAGES, kind)
                    yield Page(number, label, text)
    except (InvalidFileException, ParseError, *DAMAGED) as error:
        raise DocumentRefused(Reason.CORRUPT, kind) from error


def _rows(sheet: object, kind: str) -> Iterator[tuple[int, list[str]]]:
    # Declared dimensions may be wrong or absent; reset makes openpyxl trust the rows instead.
    reset = getattr(sheet, "reset_dimensions", None)
    if reset is not None:
        reset()
    rows = sheet.iter_rows(max_col=MOST_COLUMNS, values_only=True)  # type: ignore[attr-defined]  # read-only sheets carry no annotations
    for number, cells in enumerate(rows, start=1):
        if number > MOST_ROWS:
            raise DocumentRefused(Reason.TOO_MUCH_TEXT, kind)
        words = ["" if cell is None else _words(cell) for cell in cells]
        if any(words):
            yield number, words


def _parts(title: str, rows: Iterator[tuple[int, list[str]]]) -> Iterator[tuple[str, str]]:
    name = clean_label(title, 60)
    lines: list[list[str]] = []
    first = last = 0
    for number, line in rows:
        if not lines:
            first = number
        lines.append(line)
        last = number
        if len(lines) == ROWS_A_PAGE:
            yield f"Sheet “{name}”, rows {first}–{last}", _table(lines)
            lines = []
    if lines:
        rest = f", rows {first}–{last}" if first > ROWS_A_PAGE else ""
        yield f"Sheet “{name}”{rest}", _table(lines)


def _table(lines: list[list[str]]) -> str:
    """The rows below each other, with a place for every cell that is empty, so that each value stands under its heading.

    A column that is empty throughout has none.
    """
    columns = list(zip_longest(*lines, fillvalue=""))
    used = [place for place, column in enumerate(columns) if any(column)]
    rows = zip(*(columns[place] for place in used), strict=True)
    return clean("\n".join(" | ".join(row[: _length(row)]) for row in rows))


def _length(row: Sequence[str]) -> int:
    """How many cells there are up to the last that says something."""
    return max(place for place, word in enumerate(row, start=1) if word)


def _words(cell: object) -> str:
    if isinstance(cell, dt.datetime):
        return cell.isoformat(sep=" ", timespec="minutes") if cell.time() != dt.time() else str(cell.date())
    if isinstance(cell, float) and cell.is_integer() and abs(cell) < 1e15:
        return str(int(cell))
    return " ".join(str(cell).split())
