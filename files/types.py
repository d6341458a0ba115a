"""Which documents do we take, and is this one what its name says?

Three tests, because each alone is fooled: the extension is on the list, the first bytes are that type's own, and
(in the child process, `extraction`) its structure parses. A second opinion on the bytes comes from puremagic.
"""

import re
from dataclasses import dataclass

from files.refusals import DocumentRefused, Reason


@dataclass(frozen=True, slots=True)
class DocumentType:
    """One accepted type: what people call it, how it is served, which reader parses it."""

    label: str
    media_type: str
    reader: str


OFFICE = "application/vnd.openxmlformats-officedocument."
# Every type is served as a download under `nosniff`, so HTML is on the list without ever running as a page.
ALLOWED: dict[str, DocumentType] = {
    "pdf": DocumentType("PDF", "application/pdf", "pdf"),
    "docx": DocumentType("DOCX", OFFICE + "wordprocessingml.document", "word"),
    "xlsx": DocumentType("XLSX", OFFICE + "spreadsheetml.sheet", "sheets"),
    "pptx": DocumentType("PPTX", OFFICE + "presentationml.presentation", "slides"),
    "txt": DocumentType("TXT", "text/plain", "text"),
    "md": DocumentType("MD", "text/markdown", "markdown"),
    "markdown": DocumentType("MD", "text/markdown", "markdown"),
    "csv": DocumentType("CSV", "text/csv", "table"),
    "html": DocumentType("HTML", "text/html", "web"),
    "htm": DocumentType("HTML", "text/html", "web"),
    "json": DocumentType("JSON", "application/json", "json"),
}

ZIPPED = frozenset({"word", "sheets", "slides"})
HEAD_BYTES = 4096

# What a file's first bytes say it is, in the words of the refusal. The order matters where one is another's prefix.
SIGNATURES: tuple[tuple[bytes, str], ...] = (
    (b"%PDF-", "a PDF"),
    (b"PK\x03\x04", "a ZIP archive or Office document"),
    (b"PK\x05\x06", "an empty ZIP archive"),
    (b"\xd0\xcf\x11\xe0\xa1\xb1\x1a\xe1", "an Office document of before 2007"),
    (b"\x89PNG\r\n\x1a\n", "a PNG image"),
    (b"\xff\xd8\xff", "a JPEG image"),
    (b"GIF8", "a GIF image"),
    (b"BM", "a bitmap image"),
    (b"RIFF", "a media file"),
    (b"\x1f\x8b", "a gzip archive"),
    (b"BZh", "a bzip2 archive"),
    (b"7z\xbc\xaf\x27\x1c", "a 7z archive"),
    (b"Rar!", "a RAR archive"),
    (b"\xfd7zXZ", "an xz archive"),
    (b"\x7fELF", "a program"),
    (b"MZ", "a Windows program"),
    (b"\xca\xfe\xba\xbe", "a program"),
    (b"{\\rtf", "an RTF document"),
    (b"%!PS", "a PostScript file"),
    (b"SQLite format 3\x00", "a database"),
)
# Two letters are too few to condemn a text: a note may well begin with "BM" or "MZ".
SHORT = frozenset({b"BM", b"MZ", b"RIFF", b"GIF8", b"Rar!"})
HTML_START = re.compile(rb"<\s*(?:!doctype\s+html|html|head|body|script|svg|iframe)\b", re.IGNORECASE)


def extension(name: str) -> str:
    """The lower-cased part of a display name after its last dot, or an empty string."""
    return name.rpartition(".")[2].strip().lower() if "." in name else ""


def by_name(name: str) -> DocumentType:
    """The accepted type that this name claims; raises `DocumentRefused` for every other."""
    kind = ALLOWED.get(extension(name))
    if kind is None:
        raise DocumentRefused(Reason.UNKNOWN_TYPE)
    return kind


def check_bytes(kind: DocumentType, head: bytes, tail: bytes) -> None:
    """Compare the first `HEAD_BYTES` and the last bytes of a file with its type; raise `DocumentRefused` on a lie."""
    if not head:
        raise DocumentRefused(Reason.EMPTY)
    found = next((words for magic, words in SIGNATURES if head.startswith(magic)), None)
    if kind.reader == "pdf":
        _check_pdf(kind, head, tail, found)
    elif kind.reader in ZIPPED:
        _check_zipped(kind, head, found)
    else:
        _check_text(kind, head, found)


def _check_pdf(kind: DocumentType, head: bytes, tail: bytes, found: str | None) -> None:
    # Readers accept the header anywhere in the first kilobyte, which is how a page passes for a PDF; we do not.
    if not head.startswith(b"%PDF-"):
        if b"%PDF-" in head[:1024]:
            raise DocumentRefused(Reason.POLYGLOT, kind.label, found or "something before the PDF's first byte")
        raise DocumentRefused(Reason.MISLABELLED, kind.label, found or plain_words(head))
    if HTML_START.search(head[:1024]):
        raise DocumentRefused(Reason.POLYGLOT, kind.label, "HTML")
    # A ZIP is read from its end, so one appended to a PDF opens as either.
    place = tail.rfind(b"PK\x05\x06")
    if place >= 0 and len(tail) - place >= 22:
        comment = int.from_bytes(tail[place + 20 : place + 22], "little")
        if place + 22 + comment == len(tail):
            raise DocumentRefused(Reason.POLYGLOT, kind.label, "a ZIP archive")
    if b"%%EOF" not in tail[-4096:]:
        raise DocumentRefused(Reason.CORRUPT, kind.label)


def _check_zipped(kind: DocumentType, head: bytes, found: str | None) -> None:
    if head.startswith(b"\xd0\xcf\x11\xe0\xa1\xb1\x1a\xe1"):
        # Office wraps a password-protected document in the old container; `extraction` looks inside for which.
        return
    if not head.startswith(b"PK\x03\x04"):
        raise DocumentRefused(Reason.MISLABELLED, kind.label, found or plain_words(head))


def _check_text(kind: DocumentType, head: bytes, found: str | None) -> None:
    certain = found is not None and not any(head.startswith(magic) for magic in SHORT)
    if certain or (b"\x00" in head and not head.startswith((b"\xff\xfe", b"\xfe\xff"))):
        raise DocumentRefused(Reason.MISLABELLED, kind.label, found or "binary data")
    if kind.reader not in {"web", "markdown", "text", "json", "table"}:
        raise DocumentRefused(Reason.UNKNOWN_TYPE)
    if kind.reader != "web" and _begins_as_page(head):
        raise DocumentRefused(Reason.MISLABELLED, kind.label, "an HTML page")


def _begins_as_page(head: bytes) -> bool:
    start = head.removeprefix(b"\xef\xbb\xbf").lstrip()
    return HTML_START.match(start) is not None


def plain_words(head: bytes) -> str:
    """What to call bytes that carry no signature we know."""
    if HTML_START.search(head[:1024]):
        return "an HTML page"
    return "binary data" if b"\x00" in head else "plain text"
