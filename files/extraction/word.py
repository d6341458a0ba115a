"""What does a Word document say, section by section?

A DOCX stores no pages (they exist only once it is laid out), so its headings are what a citation can point to.
"""

from collections.abc import Iterator
from typing import BinaryIO

import docx
from docx.opc.exceptions import OpcError
from docx.table import Table
from docx.text.paragraph import Paragraph

from files.extraction.archive import DAMAGED, check_office
from files.extraction.pages import Page, sections
from files.refusals import DocumentRefused, Reason


def read(stream: BinaryIO, kind: str) -> Iterator[Page]:
    """The sections of a DOCX, tables row by row; raises `DocumentRefused`."""
    check_office(stream, "word", kind)
    try:
        document = docx.Document(stream)
        yield from sections(_blocks(document.iter_inner_content()))
    except (OpcError, *DAMAGED) as error:
        raise DocumentRefused(Reason.CORRUPT, kind) from error


def _blocks(content: Iterator[Paragraph | Table]) -> Iterator[tuple[str | None, str]]:
    for block in content:
        if isinstance(block, Table):
            yield None, "\n".join(filter(None, (_row(row.cells) for row in block.rows)))
        else:
            style = block.style.name if block.style is not None else None
            heading = (style or "").startswith(("Heading", "Title"))
            yield (block.text if heading and block.text.strip() else None), block.text


def _row(cells: tuple[object, ...]) -> str:
    words: list[str] = []
    previous: object = None
    for cell in cells:
        # A merged cell is returned once for every column that it spans.
        element = getattr(cell, "_tc", cell)
        if element is not previous:
            words.append(" ".join(str(getattr(cell, "text", "")).split()))
        previous = element
    return " | ".join(words) if any(words) else ""
