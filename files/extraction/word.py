"""What does a Word document say, section by section?

A DOCX stores no pages (they exist only once it is laid out), so its headings are what a citation can point to.
"""

from collections.abc import Iterator
from typing import BinaryIO

import docx
from docx.opc.constants import RELATIONSHIP_TYPE
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
        # Without a styles part python-docx would open its own template, and nothing can be opened here.
        has_styles = any(relation.reltype == RELATIONSHIP_TYPE.STYLES for relation in document.part.rels.values())
        yield from sections(_blocks(document.iter_inner_content(), has_styles))
    except (OpcError, *DAMAGED) as error:
        raise DocumentRefused(Reason.CORRUPT, kind) from error


def is_heading(paragraph: Paragraph, has_styles: bool) -> bool:
    """Is this paragraph a heading or a title, by its style's name, or by the style's id where no names are kept?"""
    style = paragraph.style.name if has_styles and paragraph.style is not None else paragraph._p.style
    return (style or "").startswith(("Heading", "Title"))


def _blocks(content: Iterator[Paragraph | Table], has_styles: bool) -> Iterator[tuple[str | None, str]]:
    for block in content:
        if isinstance(block, Table):
            yield None, "\n".join(filter(None, (_row(row.cells) for row in block.rows)))
        else:
            yield (block.text if is_heading(block, has_styles) and block.text.strip() else None), block.text


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
