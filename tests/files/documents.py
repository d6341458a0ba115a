"""Real documents of every kind, and hostile ones, made by the programs that people use to make them."""

import io
import re
import struct
import zipfile
from collections.abc import Sequence
from functools import cache

import docx
import openpyxl
import pptx
from docx.opc.constants import RELATIONSHIP_TYPE
from pypdf import PdfReader, PdfWriter
from reportlab.lib.pagesizes import A4
from reportlab.pdfbase import pdfmetrics
from reportlab.pdfbase.ttfonts import TTFont
from reportlab.pdfgen import canvas

WORD_NAMES = {
    "w": "http://schemas.openxmlformats.org/wordprocessingml/2006/main",
    "mc": "http://schemas.openxmlformats.org/markup-compatibility/2006",
}
REFUND = "Refunds are paid within five working days after the goods have arrived in our warehouse."


def pdf(pages: Sequence[Sequence[str]]) -> bytes:
    """A PDF with one list of lines for each page."""
    target = io.BytesIO()
    sheet = canvas.Canvas(target, pagesize=A4)
    for lines in pages:
        for place, line in enumerate(lines):
            sheet.drawString(60, 780 - 18 * place, line)
        sheet.showPage()
    sheet.save()
    return target.getvalue()


def pdf_with_embedded_font(line: str) -> bytes:
    """A PDF whose letters are numbers of glyphs, with a table that says which letters they are, as most programs make it."""
    target = io.BytesIO()
    pdfmetrics.registerFont(TTFont("Vera", "Vera.ttf"))
    sheet = canvas.Canvas(target, pagesize=A4)
    sheet.setFont("Vera", 12)
    sheet.drawString(60, 780, line)
    sheet.save()
    return target.getvalue()


def word_without_styles(paragraph: str) -> bytes:
    """A DOCX as simple programs write it: no styles part."""
    with zipfile.ZipFile(io.BytesIO(word([("Costs", paragraph)]))) as source:
        parts = {name: source.read(name) for name in source.namelist() if name != "word/styles.xml"}
    relations = parts["word/_rels/document.xml.rels"].decode()
    parts["word/_rels/document.xml.rels"] = re.sub(r"<Relationship [^>]*styles\.xml[^>]*/>", "", relations).encode()
    target = io.BytesIO()
    with zipfile.ZipFile(target, "w", zipfile.ZIP_DEFLATED) as archive:
        for name, content in parts.items():
            archive.writestr(name, content)
    return target.getvalue()


def word_of(body: str, footnotes: str = "") -> bytes:
    """A DOCX with this XML as its body, and this as its notes."""
    names = " ".join(f'xmlns:{prefix}="{address}"' for prefix, address in WORD_NAMES.items())
    written = {"word/document.xml": f"<w:document {names}><w:body>{body}</w:body></w:document>".encode()}
    target = io.BytesIO()
    with zipfile.ZipFile(io.BytesIO(word([("a", "b")]))) as source, zipfile.ZipFile(target, "w") as archive:
        if footnotes:
            relations = source.read("word/_rels/document.xml.rels").decode()
            one = f'<Relationship Id="rIdNotes" Type="{RELATIONSHIP_TYPE.FOOTNOTES}" Target="footnotes.xml"/></Relationships>'
            written["word/_rels/document.xml.rels"] = relations.replace("</Relationships>", one).encode()
            archive.writestr("word/footnotes.xml", f"<w:footnotes {names}>{footnotes}</w:footnotes>")
        for name in source.namelist():
            archive.writestr(name, written.get(name) or source.read(name))
    return target.getvalue()


def encrypted_pdf(password: str, algorithm: str = "RC4-128") -> bytes:
    """A PDF that opens only with `password` (or for everybody, when it is empty)."""
    writer = PdfWriter(clone_from=PdfReader(io.BytesIO(pdf([[REFUND]]))))
    writer.encrypt(user_password=password, owner_password="the owner's own", algorithm=algorithm)
    target = io.BytesIO()
    writer.write(target)
    return target.getvalue()


def word(sections: Sequence[tuple[str, str]], table: Sequence[Sequence[str]] = ()) -> bytes:
    """A DOCX with a heading and a paragraph for each section, and a table at the end."""
    document = docx.Document()
    for heading, paragraph in sections:
        document.add_heading(heading, level=1)
        document.add_paragraph(paragraph)
    if table:
        grid = document.add_table(rows=len(table), cols=len(table[0]))
        for row, words in zip(grid.rows, table, strict=True):
            for cell, word_ in zip(row.cells, words, strict=True):
                cell.text = word_
    target = io.BytesIO()
    document.save(target)
    return target.getvalue()


def workbook(sheets: dict[str, Sequence[Sequence[object]]]) -> bytes:
    """An XLSX with the given sheets."""
    book = openpyxl.Workbook()
    book.remove(book.worksheets[0])
    for title, rows in sheets.items():
        sheet = book.create_sheet(title)
        for row in rows:
            sheet.append(list(row))
    target = io.BytesIO()
    book.save(target)
    return target.getvalue()


def slides(pages: Sequence[tuple[str, str, str]]) -> bytes:
    """A PPTX with title, body and speaker notes for each slide."""
    deck = pptx.Presentation()
    for title, body, notes in pages:
        slide = deck.slides.add_slide(deck.slide_layouts[1])
        assert slide.shapes.title is not None
        slide.shapes.title.text = title
        slide.placeholders[1].text = body
        if notes:
            frame = slide.notes_slide.notes_text_frame
            assert frame is not None
            frame.text = notes
    target = io.BytesIO()
    deck.save(target)
    return target.getvalue()


def with_entries(base: bytes, entries: dict[str, bytes]) -> bytes:
    """An Office document with further entries in its archive."""
    target = io.BytesIO(base)
    with zipfile.ZipFile(target, "a", zipfile.ZIP_DEFLATED) as archive:
        for name, content in entries.items():
            archive.writestr(zipfile.ZipInfo(name), content, zipfile.ZIP_DEFLATED)
    return target.getvalue()


def with_damaged_part() -> bytes:
    """A DOCX whose directory is whole and whose main part's packed bytes are not."""
    content = bytearray(word([("a", "b " * 500)]))
    with zipfile.ZipFile(io.BytesIO(content)) as archive:
        part = archive.getinfo("word/document.xml")
    start = part.header_offset + 30 + len(part.filename)
    content[start : start + 8] = b"\xff" * 8
    return bytes(content)


@cache
def bomb() -> bytes:
    """A DOCX of some 200 KB whose main part unpacks to 210 MB, as incident L47 describes it."""
    base = word([("Bomb", "x")])
    target = io.BytesIO()
    with (
        zipfile.ZipFile(io.BytesIO(base)) as source,
        zipfile.ZipFile(target, "w", zipfile.ZIP_DEFLATED) as archive,
    ):
        for name in source.namelist():
            if name != "word/document.xml":
                archive.writestr(name, source.read(name))
        with archive.open("word/document.xml", "w") as part:
            for _ in range(90):
                part.write(b" " * 1024 * 1024)
        for number in range(2):
            with archive.open(f"word/media/blank{number}.bin", "w") as part:
                for _ in range(60):
                    part.write(b"\x00" * 1024 * 1024)
    return target.getvalue()


def declared_small(document: bytes, name: str, claimed: int) -> bytes:
    """The same archive, whose directory claims that entry `name` unpacks to `claimed` bytes."""
    with zipfile.ZipFile(io.BytesIO(document)) as archive:
        true_size = archive.getinfo(name).file_size
    place = document.rindex(name.encode(), 0, len(document))
    header = place - 46
    assert document[header : header + 4] == b"PK\x01\x02"
    assert struct.unpack_from("<I", document, header + 24)[0] == true_size
    return document[: header + 24] + struct.pack("<I", claimed) + document[header + 28 :]


def many_pages(count: int) -> bytes:
    """A PDF of `count` pages that share their one line of text, written by hand: its size is in its pages alone."""
    text = b"BT /F1 12 Tf 60 780 Td (page) Tj ET"
    kids = b" ".join(b"%d 0 R" % (number + 5) for number in range(count))
    parts = [
        b"<</Type/Catalog/Pages 2 0 R>>",
        b"<</Type/Pages/Count %d/Kids[%s]>>" % (count, kids),
        b"<</Type/Font/Subtype/Type1/BaseFont/Helvetica>>",
        b"<</Length %d>>stream\n%s\nendstream" % (len(text), text),
    ]
    parts += [b"<</Type/Page/Parent 2 0 R/Contents 4 0 R/Resources<</Font<</F1 3 0 R>>>>>>"] * count
    target = bytearray(b"%PDF-1.4\n")
    places = []
    for number, part in enumerate(parts, start=1):
        places.append(len(target))
        target += b"%d 0 obj\n%s\nendobj\n" % (number, part)
    start = len(target)
    target += b"xref\n0 %d\n0000000000 65535 f \n" % (len(parts) + 1)
    target += b"".join(b"%010d 00000 n \n" % place for place in places)
    target += b"trailer<</Size %d/Root 1 0 R>>\nstartxref\n%d\n%%%%EOF\n" % (len(parts) + 1, start)
    return bytes(target)


def document_types() -> dict[str, bytes]:
    """One small true document for each extension, every one holding the sentence `REFUND`."""
    return {
        "pdf": pdf([[REFUND]]),
        "docx": word([("Refunds", REFUND)]),
        "xlsx": workbook({"Terms": [["Rule", "Text"], ["Refund", REFUND]]}),
        "pptx": slides([("Refunds", REFUND, "")]),
        "txt": REFUND.encode(),
        "md": f"# Refunds\n\n{REFUND}\n".encode(),
        "csv": f'rule,text\nrefund,"{REFUND}"\n'.encode(),
        "html": f"<!doctype html><html><body><h1>Refunds</h1><p>{REFUND}</p></body></html>".encode(),
        "json": f'{{"rules": [{{"name": "refund", "text": "{REFUND}"}}]}}'.encode(),
    }
