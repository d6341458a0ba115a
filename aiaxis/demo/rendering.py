"""How do the demo's plain texts become real documents, so that the first thing a newcomer sees is a PDF with pages?

The texts are carried as Markdown of the simplest kind: `#` and `##` headings and paragraphs. DOCX is written by
python-docx. PDF is written here: the one library that would do it well is needed for nothing else at run time, and a
document of left-aligned text in a built-in font is a hundred bytes of structure around its lines.
"""

from __future__ import annotations

import io
import textwrap

import docx

LINES_PER_PAGE = 32
LINE_WIDTH = 88  # characters of 11-point Helvetica that fit between the margins of an A4 page


def render(kind: str, text: str) -> bytes:
    """Return the text as a document of this kind, "pdf" or "docx"; raise KeyError for any other."""
    return {"pdf": _pdf, "docx": _docx}[kind](text)


def _docx(text: str) -> bytes:
    document = docx.Document()
    for block in text.strip().split("\n\n"):
        marks, _, words = block.partition(" ")
        if set(marks) == {"#"}:
            document.add_heading(words, level=len(marks) - 1)
        else:
            document.add_paragraph(block)
    written = io.BytesIO()
    document.save(written)
    return written.getvalue()


def _pdf(text: str) -> bytes:
    pages = _pages(text)
    kids = " ".join(f"{4 + 2 * number} 0 R" for number in range(len(pages)))
    objects = [
        b"<< /Type /Catalog /Pages 2 0 R >>",
        f"<< /Type /Pages /Kids [{kids}] /Count {len(pages)} >>".encode(),
        b"<< /Type /Font /Subtype /Type1 /BaseFont /Helvetica /Encoding /WinAnsiEncoding >>",
    ]
    for number, page in enumerate(pages):
        drawn = _drawn(page)
        objects += [
            (
                f"<< /Type /Page /Parent 2 0 R /MediaBox [0 0 595 842] /Contents {5 + 2 * number} 0 R "
                "/Resources << /Font << /F1 3 0 R >> >> >>"
            ).encode(),
            b"<< /Length %d >>\nstream\n%b\nendstream" % (len(drawn), drawn),
        ]
    return _assembled(objects)


def _pages(text: str) -> list[list[tuple[int, str]]]:
    """Break the text into pages of lines, each with its size in points; a paragraph stays on one page."""
    pages: list[list[tuple[int, str]]] = [[]]
    for block in text.strip().split("\n\n"):
        marks, _, words = block.partition(" ")
        size = {"#": 16, "##": 13}.get(marks, 11)
        wrapped = textwrap.wrap(words if size > 11 else block, LINE_WIDTH * 11 // size)
        # A heading is never the last line of its page.
        if len(pages[-1]) + len(wrapped) + (4 if size > 11 else 0) > LINES_PER_PAGE:
            pages.append([])
        pages[-1] += [*((size, line) for line in wrapped), (11, "")]
    return pages


def _drawn(page: list[tuple[int, str]]) -> bytes:
    """Return the drawing operators of one page: one text line under the other, from the top margin."""
    operators = ["BT", "1 0 0 1 60 780 Tm", "15.5 TL"]
    for size, line in page:
        escaped = line.replace("\\", "\\\\").replace("(", "\\(").replace(")", "\\)")
        operators += [f"/F1 {size} Tf", f"({escaped}) Tj", "T*"]
    return "\n".join([*operators, "ET"]).encode("cp1252")


def _assembled(objects: list[bytes]) -> bytes:
    """Join numbered objects into a file with its cross-reference table, whose offsets count bytes from the start."""
    written = bytearray(b"%PDF-1.4\n")
    offsets = []
    for number, body in enumerate(objects, start=1):
        offsets.append(len(written))
        written += b"%d 0 obj\n%b\nendobj\n" % (number, body)
    table = len(written)
    written += b"xref\n0 %d\n0000000000 65535 f \n" % (len(objects) + 1)
    written += b"".join(b"%010d 00000 n \n" % offset for offset in offsets)
    written += b"trailer\n<< /Size %d /Root 1 0 R >>\nstartxref\n%d\n%%%%EOF\n" % (len(objects) + 1, table)
    return bytes(written)
