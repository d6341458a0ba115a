"""What does a Word document say, section by section?

A DOCX stores no pages (they exist only once it is laid out), so its headings are what a citation can point to.

Read is what Word shows, or a quote would say something else than the document. So what python-docx leaves out is read too: what was
inserted while changes are tracked, fields of forms, boxes of text, tables within tables, footnotes and endnotes; and what was
deleted is not. What stands at the head and foot of every page would be found for every question, and is left out.
"""

from collections.abc import Iterable, Iterator
from typing import Any, BinaryIO, Final

import docx
from docx.opc.constants import RELATIONSHIP_TYPE
from docx.opc.exceptions import OpcError
from docx.oxml.ns import qn
from docx.oxml.parser import parse_xml
from docx.text.paragraph import Paragraph

from files.extraction.archive import DAMAGED, check_office
from files.extraction.pages import Page, sections
from files.refusals import DocumentRefused, Reason

PARAGRAPH, TEXT, BOX = qn("w:p"), qn("w:t"), qn("w:txbxContent")
TABLE, ROW, CELL = qn("w:tbl"), qn("w:tr"), qn("w:tc")
# A drawing once more, for programs that cannot draw the first.
FALLBACK: Final = "{http://schemas.openxmlformats.org/markup-compatibility/2006}Fallback"
SIGNS: Final = {
    **dict.fromkeys((qn("w:tab"), qn("w:ptab")), "\t"),
    **dict.fromkeys((qn("w:br"), qn("w:cr"), PARAGRAPH), "\n"),
    qn("w:noBreakHyphen"): "-",
}
# Around paragraphs, tables, rows and cells: a field of a form, what was inserted or moved here, what a program marked.
WRAPPERS: Final = {qn(f"w:{name}") for name in ("sdt", "sdtContent", "ins", "moveTo", "customXml", "smartTag")}
# What was deleted or moved away, what is read by itself or not at all, and settings, which name tabs as well.
UNREAD: Final = {
    *(qn(f"w:{name}") for name in ("del", "moveFrom", "rt")),
    *(qn(f"w:{name}") for name in ("pPr", "rPr", "sdtPr", "tblPr", "trPr", "tcPr")),
    *(BOX, FALLBACK),
}
# Where a note is referred to, and which part holds those of its kind.
NOTES: Final = {
    qn("w:footnoteReference"): RELATIONSHIP_TYPE.FOOTNOTES,
    qn("w:endnoteReference"): RELATIONSHIP_TYPE.ENDNOTES,
}
Block = tuple[str | None, str]


def read(stream: BinaryIO, kind: str) -> Iterator[Page]:
    """The sections of a DOCX, tables row by row; raises `DocumentRefused`."""
    check_office(stream, "word", kind)
    try:
        yield from sections(_Reader(docx.Document(stream)).blocks())
    except (OpcError, *DAMAGED) as error:
        raise DocumentRefused(Reason.CORRUPT, kind) from error


class _Reader:
    """Reads a document from its beginning to its end."""

    def __init__(self, document: Any) -> None:
        self._body = document._body
        # Without a styles part python-docx would open its own template, and nothing can be opened here.
        relations = document.part.rels.values()
        self._has_styles = any(relation.reltype == RELATIONSHIP_TYPE.STYLES for relation in relations)
        self._notes = {
            (reference, note.get(qn("w:id"))): note
            for reference, kind in NOTES.items()
            for relation in relations
            if relation.reltype == kind and not relation.is_external
            for note in parse_xml(relation.target_part.blob)
        }

    def blocks(self) -> Iterator[Block]:
        """Paragraphs and tables, each followed by the boxes that are anchored in it and the notes that belong to it."""
        for element in _unwrapped(self._body._element, PARAGRAPH, TABLE):
            yield self._block(element)
            for box in element.iter(BOX):
                if next(box.iterancestors(FALLBACK), None) is None:
                    yield from self._inside(box)
            for reference in element.iter(*NOTES):
                # Each once, however often it is referred to.
                yield from self._inside(self._notes.pop((reference.tag, reference.get(qn("w:id"))), ()))

    def _inside(self, container: Iterable[Any]) -> Iterator[Block]:
        return (self._block(element) for element in _unwrapped(container, PARAGRAPH, TABLE))

    def _block(self, element: Any) -> Block:
        if element.tag == TABLE:
            return None, "\n".join(_rows(element))
        text = _text(element)
        return (text if text.strip() and self._is_heading(Paragraph(element, self._body)) else None), text

    def _is_heading(self, paragraph: Paragraph) -> bool:
        """Is this a heading or a title, by its style's name, or by the style's id where no names are kept?"""
        style = paragraph.style.name if self._has_styles and paragraph.style is not None else paragraph._p.style
        return (style or "").startswith(("Heading", "Title"))


def _unwrapped(container: Iterable[Any], *wanted: str) -> Iterator[Any]:
    for element in container:
        if element.tag in wanted:
            yield element
        elif element.tag in WRAPPERS:
            yield from _unwrapped(element, *wanted)


def _text(element: Any) -> str:
    return "".join(_words(element)).strip("\n")


def _words(element: Any) -> Iterator[str]:
    for inside in element:
        if inside.tag in UNREAD:
            continue
        yield SIGNS.get(inside.tag, "")
        if inside.tag == TEXT:
            yield inside.text or ""
        else:
            yield from _words(inside)


def _rows(table: Any) -> Iterator[str]:
    """The rows that say something. A cell that reaches over several says the same in each, so that each can be read by itself."""
    above: dict[int, str] = {}
    for row in _unwrapped(table, ROW):
        words, column = list[str](), row.grid_before
        for cell in _unwrapped(row, CELL):
            if cell.vMerge != "continue":
                above[column] = " ".join(_text(cell).split())
            words.append(above.get(column, ""))
            column += cell.grid_span
        if any(words):
            yield " | ".join(words)
