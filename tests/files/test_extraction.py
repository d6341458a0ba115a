"""Does every accepted type give up its text with the right labels, and every hostile one a sentence?"""

import datetime as dt
import io
import os
import tempfile
import zipfile
from pathlib import Path

import pytest

from files import types
from files.extraction import extract
from files.extraction.pages import Page
from files.refusals import SENTENCES, DocumentRefused, Reason
from tests.files import documents


def read(extension: str, content: bytes, wall_seconds: float = 60) -> list[Page]:
    with tempfile.TemporaryFile() as stream:
        stream.write(content)
        stream.flush()
        return extract(stream, types.ALLOWED[extension], wall_seconds)


def refusal(extension: str, content: bytes, wall_seconds: float = 60) -> DocumentRefused:
    with pytest.raises(DocumentRefused) as caught:
        read(extension, content, wall_seconds)
    return caught.value


@pytest.mark.parametrize("extension", sorted(documents.document_types()))
def test_it_reads_a_true_document_of_each_type(extension: str) -> None:
    pages = read(extension, documents.document_types()[extension])
    assert documents.REFUND in " ".join(page.text for page in pages)


def test_it_keeps_the_page_numbers_of_a_pdf_and_skips_empty_pages() -> None:
    pages = read("pdf", documents.pdf([["First page"], [], ["Third page"]]))
    assert [(page.number, page.label, page.text) for page in pages] == [
        (1, "Page 1", "First page"),
        (3, "Page 3", "Third page"),
    ]


def test_a_word_divided_at_the_end_of_a_line_is_one_word() -> None:
    (page,) = read(
        "pdf", documents.pdf([["Rules for the manip-", "ulation of data in 2025-", "2026 and by the Anglo-", "Saxons"]])
    )
    assert page.text == "Rules for the manipulation of data in 2025-\n2026 and by the Anglo-\nSaxons"


def test_it_labels_sections_of_a_word_document_by_their_headings() -> None:
    pages = read(
        "docx", documents.word([("Returns", "Thirty days."), ("Costs", "None.")], table=[["Size", "Fee"], ["S", "3"]])
    )
    assert [page.label for page in pages] == ["Section “Returns”", "Section “Costs”"]
    assert "Size | Fee\nS | 3" in pages[1].text


def xml(name: str, *inside: str, **attributes: str) -> str:
    given = "".join(f' w:{key}="{value}"' for key, value in attributes.items())
    return f"<w:{name}{given}>{''.join(inside)}</w:{name}>"


def said(text: str) -> str:
    return f'<w:r><w:t xml:space="preserve">{text}</w:t></w:r>'


def paragraph(*inside: str) -> str:
    return xml("p", *inside)


def cell(text: str, *settings: str) -> str:
    return xml("tc", xml("tcPr", *settings), paragraph(said(text)))


def field(*inside: str) -> str:
    return xml("sdt", xml("sdtPr"), xml("sdtContent", *inside))


DELETED = xml("del", xml("r", xml("delText", "thirty")), id="1", author="A")
BOX = xml("txbxContent", paragraph(said("Boxed.")))
DRAWN_TWICE = (
    f'<w:r><mc:AlternateContent><mc:Choice Requires="wps">{xml("drawing", BOX)}</mc:Choice>'
    f"<mc:Fallback>{xml('pict', BOX)}</mc:Fallback></mc:AlternateContent></w:r>"
)
SHOWN = {
    # A contract whose changes nobody had accepted yet was read, and quoted, without a number at all.
    "inserted": (
        paragraph(said("Notice is "), DELETED, xml("ins", said("ninety"), id="2", author="A"), said(" days.")),
        "Notice is ninety days.",
    ),
    "moved": (
        xml("moveFrom", paragraph(said("Gone.")), id="1") + xml("moveTo", paragraph(said("Here.")), id="2"),
        "Here.",
    ),
    "field": (paragraph(said("Due: "), field(said("9 May"))), "Due: 9 May"),
    "field of paragraphs": (field(paragraph(said("Terms."))), "Terms."),
    "field of a cell": (xml("tbl", xml("tr", cell("Name"), field(cell("Ada")))), "Name | Ada"),
    "field of a row": (xml("tbl", field(xml("tr", cell("Name"), cell("Ada")))), "Name | Ada"),
    "table in a table": (
        xml("tbl", xml("tr", xml("tc", xml("tbl", xml("tr", cell("Inner"))), paragraph()), cell("Outer"))),
        "Inner | Outer",
    ),
    "cell over two rows": (
        xml(
            "tbl",
            xml("tr", cell("Pans", xml("vMerge", val="restart")), cell("25 years")),
            xml("tr", cell("", xml("vMerge")), cell("cracking")),
        ),
        "Pans | 25 years\nPans | cracking",
    ),
    "cell over two columns": (
        xml("tbl", xml("tr", cell("Pans", xml("gridSpan", val="2")), cell("25 years"))),
        "Pans | 25 years",
    ),
    # It stands there once more for programs that cannot draw it.
    "box": (paragraph(said("Beside."), DRAWN_TWICE), "Beside.\n\nBoxed."),
    "tabs": (
        paragraph(xml("pPr", xml("tabs", xml("tab", val="left"))), said("a"), xml("r", xml("tab")), said("b")),
        "a b",
    ),
}


@pytest.mark.parametrize("name", SHOWN)
def test_of_a_word_document_it_reads_what_word_shows(name: str) -> None:
    body, text = SHOWN[name]
    assert [page.text for page in read("docx", documents.word_of(body))] == [text]


def test_a_note_of_a_word_document_is_read_behind_what_it_belongs_to_and_once() -> None:
    reference = xml("r", xml("footnoteReference", id="2"))
    body = paragraph(said("Thirty days."), reference, reference) + paragraph(said("Then it ends."))
    notes = xml("footnote", paragraph(), id="0", type="separator") + xml(
        "footnote", paragraph(said("Not in May.")), id="2"
    )
    (page,) = read("docx", documents.word_of(body, notes))
    assert page.text == "Thirty days.\n\nNot in May.\n\nThen it ends."


def test_it_labels_sheets_and_slides() -> None:
    sheets = read("xlsx", documents.workbook({"Prices": [["bolt", 3], ["nut", 4.5]], "Stock": [["bolt", 12]]}))
    assert [(page.label, page.text) for page in sheets] == [
        ("Sheet “Prices”", "bolt | 3\nnut | 4.5"),
        ("Sheet “Stock”", "bolt | 12"),
    ]
    deck = read("pptx", documents.slides([("Plan", "Ship in May", "Say it slowly"), ("", "Rest", "")]))
    assert [page.label for page in deck] == ["Slide 1: Plan", "Slide 2"]
    assert "Notes: Say it slowly" in deck[0].text


def test_a_value_stands_under_its_heading_also_beside_an_empty_cell() -> None:
    """An empty cell was left out: what was sold in the second quarter stood, and was quoted, under the first."""
    rows: list[list[object]] = [
        ["Item", None, "Q1", "Q2", None],
        ["Pans", None, None, 5],
        [None],
        ["Pots", None, 7],
        [None, None, None, 9],
    ]
    (page,) = read("xlsx", documents.workbook({"Sold": rows}))
    assert page.text == "Item | Q1 | Q2\nPans | | 5\nPots | 7\n| | 9"


def test_it_reads_old_encodings_and_drops_marks_that_deceive() -> None:
    german = "Die Kündigungsfrist beträgt drei Monate zum Jahresende, schriftlich. Größere Mengen müssen früher."
    assert read("txt", german.encode("cp1252"))[0].text == german
    assert read("txt", german.encode("utf-16"))[0].text == german
    hidden = "pay\u202e 001 \u200bEUR\x07\ufeff now"
    assert read("txt", hidden.encode())[0].text == "pay 001 EUR now"
    # A lone surrogate, which JSON can spell and no database can store.
    assert "x?y" in read("json", b'{"a": "x\\ud800y"}')[0].text


def test_it_leaves_scripts_and_hidden_parts_of_a_page_out() -> None:
    page = (
        b"<html><head><title>T</title></head><body><p>Seen<script>stolen()</script><p hidden>Unseen</p></body></html>"
    )
    assert [found.text for found in read("html", page)] == ["Seen"]


def test_a_heading_of_a_page_goes_without_the_sign_that_links_to_it() -> None:
    page = b'<h2>4.3. Names<a class="headerlink" href="#names">\xc2\xb6</a></h2><p>See \xc2\xb6 12 and \xc2\xa7 3.</p>'
    (found,) = read("html", page)
    assert (found.label, found.text) == ("Section “4.3. Names”", "4.3. Names\n\nSee ¶ 12 and § 3.")


def test_it_reads_what_makes_a_library_load_more_of_itself() -> None:
    """After the doors closed nothing can be imported: a font's table once asked for a codec, and the reader ended."""
    assert read("pdf", documents.pdf_with_embedded_font("Größe über alles"))[0].text == "Größe über alles"
    (section,) = read("docx", documents.word_without_styles("Nothing at all."))
    assert (section.label, section.text) == ("Section “Costs”", "Costs\n\nNothing at all.")
    due = dt.datetime.fromisoformat("2026-11-23T15:04")
    dated = documents.workbook({"Dates": [["due", due, dt.date(2026, 5, 9)]]})
    assert read("xlsx", dated)[0].text == "due | 2026-11-23 15:04 | 2026-05-09"


def test_a_heading_alone_joins_the_section_below_it() -> None:
    pages = read("md", b"# Handbook\n\n## Leave\n\nThirty days.\n\nSick notes\n----------\n\nFrom day three.\n")
    assert [(page.label, page.text) for page in pages] == [
        ("Section “Leave”", "Handbook\n\nLeave\n\nThirty days."),
        ("Section “Sick notes”", "Sick notes\n\nFrom day three."),
    ]


@pytest.mark.parametrize("algorithm", ["RC4-128", "AES-128", "AES-256"])
def test_it_opens_a_pdf_that_is_encrypted_with_an_empty_password(algorithm: str) -> None:
    """Programs write these only to forbid printing: they open for everybody, so they are not password-protected."""
    assert documents.REFUND in read("pdf", documents.encrypted_pdf("", algorithm))[0].text
    assert refusal("pdf", documents.encrypted_pdf("open sesame", algorithm)).reason is Reason.ENCRYPTED


HOSTILE: list[tuple[str, str, bytes, Reason]] = [
    ("empty", "pdf", b"", Reason.EMPTY),
    ("password", "pdf", documents.encrypted_pdf("open sesame"), Reason.ENCRYPTED),
    (
        "password on an Office document",
        "docx",
        b"\xd0\xcf\x11\xe0\xa1\xb1\x1a\xe1" + b"\x00" * 504 + "EncryptedPackage".encode("utf-16-le") + b"\x00" * 512,
        Reason.ENCRYPTED,
    ),
    ("Office of before 2007", "docx", b"\xd0\xcf\x11\xe0\xa1\xb1\x1a\xe1" + b"\x00" * 2048, Reason.OLD_OFFICE),
    ("cut off", "pdf", documents.pdf([[documents.REFUND]])[:600], Reason.CORRUPT),
    ("cut off archive", "docx", documents.word([("a", "b")])[:9000], Reason.CORRUPT),
    ("damaged part", "docx", documents.with_damaged_part(), Reason.CORRUPT),
    ("picture named PDF", "pdf", b"\x89PNG\r\n\x1a\n" + b"\x00" * 100, Reason.MISLABELLED),
    ("program named TXT", "txt", b"\x7fELF\x02\x01\x01" + b"\x00" * 100, Reason.MISLABELLED),
    ("PDF named DOCX", "docx", documents.pdf([["x"]]), Reason.MISLABELLED),
    ("Word named XLSX", "xlsx", documents.word([("a", "b")]), Reason.MISLABELLED),
    ("page named TXT", "txt", b"<html><script>alert(1)</script></html>", Reason.MISLABELLED),
    ("text named HTML", "html", b"just words, no page", Reason.MISLABELLED),
    ("SVG named TXT", "txt", b"<svg onload='alert(1)'></svg>", Reason.MISLABELLED),
    ("page inside a PDF", "pdf", b"%PDF-1.7\n<script>alert(1)</script>\n%%EOF", Reason.POLYGLOT),
    ("PDF after a page", "pdf", b"<html>hello</html>\n" + documents.pdf([["x"]]), Reason.POLYGLOT),
    ("archive after a PDF", "pdf", documents.pdf([["x"]]) + documents.word([("a", "b")]), Reason.POLYGLOT),
    ("scan without text", "pdf", documents.pdf([[]]), Reason.NO_TEXT),
    ("blanks only", "txt", b" \n\t\n" * 100, Reason.NO_TEXT),
    ("broken JSON", "json", b'{"a": ', Reason.CORRUPT),
    ("deep JSON", "json", b"[" * 200_000, Reason.CORRUPT),
    ("climbing entry", "docx", documents.with_entries(documents.word([("a", "b")]), {"../../etc/passwd": b"x"}), Reason.UNSAFE_ARCHIVE),
    ("archive in archive", "docx", documents.with_entries(documents.word([("a", "b")]), {"word/more.zip": b"x"}), Reason.UNSAFE_ARCHIVE),
    ("macros", "docx", documents.with_entries(documents.word([("a", "b")]), {"word/vbaProject.bin": b"x"}), Reason.MACROS),
    ("too many entries", "docx", documents.with_entries(documents.word([("a", "b")]), {f"word/{n}.xml": b"" for n in range(5001)}), Reason.BOMB),
]  # fmt: skip


@pytest.mark.parametrize(
    ("extension", "content", "reason"), [row[1:] for row in HOSTILE], ids=[row[0] for row in HOSTILE]
)
def test_it_refuses_a_hostile_document_by_name(extension: str, content: bytes, reason: Reason) -> None:
    error = refusal(extension, content)
    assert error.reason is reason
    assert str(error).endswith(".")
    assert "{" not in str(error)


def test_it_refuses_ten_thousand_pages() -> None:
    """Bad input: a 10,000-page document ends in a sentence, not in an hour of work."""
    error = refusal("pdf", documents.many_pages(10_000))
    assert error.reason is Reason.TOO_MANY_PAGES
    assert "2,000" in str(error)


def test_it_refuses_a_bomb_before_unpacking_it() -> None:
    """L47: a DOCX of 204 KB that declares 210 MB is refused by its directory."""
    content = documents.bomb()
    assert len(content) < 400_000
    assert refusal("docx", content).reason is Reason.BOMB


def test_a_directory_that_lies_low_fails_instead_of_filling_memory() -> None:
    """L47: an entry that claims 100 bytes and holds 90 MB yields no more than it claims, and then a refusal."""
    content = documents.declared_small(documents.bomb(), "word/document.xml", 100)
    for number in range(2):
        content = documents.declared_small(content, f"word/media/blank{number}.bin", 100)
    assert refusal("docx", content).reason in {Reason.CORRUPT, Reason.BOMB}


def test_overlapping_entries_are_a_bomb() -> None:
    """L47: entries that share their packed bytes are how small archives unpack to terabytes."""
    plain = documents.with_entries(documents.word([("a", "b")]), {"word/x.xml": b"x" * 5000, "word/y.xml": b"x" * 5000})
    with zipfile.ZipFile(io.BytesIO(plain)) as archive:
        first, second = archive.getinfo("word/x.xml"), archive.getinfo("word/y.xml")
    place = plain.rindex(b"word/y.xml") - 46 + 42
    assert int.from_bytes(plain[place : place + 4], "little") == second.header_offset
    content = plain[:place] + first.header_offset.to_bytes(4, "little") + plain[place + 4 :]
    assert refusal("docx", content).reason is Reason.BOMB


def test_a_reader_that_takes_too_long_is_stopped_and_says_so() -> None:
    """L47: the wall limit holds, the parent lives on and the child is gone."""
    error = refusal("pdf", documents.many_pages(500), wall_seconds=0.15)
    assert error.reason is Reason.SLOW


def test_external_entities_are_not_read() -> None:
    """L27: an XML part that names a file of ours gets nothing of it."""
    secret = Path(tempfile.gettempdir()) / f"aiaxis-secret-{os.getpid()}"
    secret.write_text("canary-7f3a")
    try:
        evil = (
            f'<!DOCTYPE x [<!ENTITY e SYSTEM "file://{secret}">]>'
            '<w:document xmlns:w="http://schemas.openxmlformats.org/wordprocessingml/2006/main"><w:body><w:p><w:r>'
            "<w:t>before &e; after</w:t></w:r></w:p></w:body></w:document>"
        ).encode()
        base = io.BytesIO(documents.word([("a", "b")]))
        target = io.BytesIO()
        with zipfile.ZipFile(base) as source, zipfile.ZipFile(target, "w") as archive:
            for name in source.namelist():
                archive.writestr(name, evil if name == "word/document.xml" else source.read(name))
        try:
            found = " ".join(page.text for page in read("docx", target.getvalue()))
        except DocumentRefused as error:
            found = str(error)
        assert "canary-7f3a" not in found
    finally:
        secret.unlink()


def test_every_reason_has_a_sentence_that_fits_its_column() -> None:
    assert set(SENTENCES) == set(Reason)
    for reason in Reason:
        sentence = str(DocumentRefused(reason, "DOCX", "an Office document of before 2007"))
        assert len(sentence) <= 300
        assert "!" not in sentence
        assert "{" not in sentence


@pytest.mark.parametrize("part", ["<div ", "<!--x>", "<![x>", "<![CDATA[x>", "<a href=x ", "</p "])
def test_an_end_that_never_comes_costs_no_minutes(part: str) -> None:
    """L47: one megabyte of openings had the parser look for their end 200,000 times, each time to the end of the file."""
    content = f"<html><body><p>words</p>{part * (1_000_000 // len(part))}".encode()
    assert refusal("html", content).reason == Reason.CORRUPT


def test_a_long_tag_with_an_end_is_read() -> None:
    """A picture inside an attribute is longer than many pages, and its tag is whole."""
    picture = f'<img src="data:image/png;base64,{"A" * 300_000}">'
    (page,) = read("html", f"<html><body>{picture}<p>words</p>".encode())
    assert page.text == "words"
