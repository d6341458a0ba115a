"""Is this ZIP a document, or a trap?

DOCX, XLSX and PPTX are ZIP archives. Their directory is judged before anything is unpacked: how many entries, how
large they claim to become, whether entries overlap or climb out of the archive. Python's `zipfile` never reads
more than an entry's declared size, so a directory that lies low fails its checksum instead of filling memory.
"""

import stat
import zipfile
import zlib
from typing import BinaryIO

from lxml.etree import LxmlError

from files.refusals import DocumentRefused, Reason

MOST_ENTRIES = 5_000
MOST_BYTES = 256 * 1024 * 1024
MOST_ENTRY_BYTES = 96 * 1024 * 1024
# Text compresses 5 to 20 times; a sheet of equal cells reaches 60. Small archives may, large ones must not, exceed it.
HIGHEST_RATIO = 100
RATIO_FREE_BYTES = 8 * 1024 * 1024
NESTED = (".zip", ".7z", ".rar", ".gz", ".tgz", ".bz2", ".xz", ".jar", ".apk")

# What the readers of Office documents raise on damaged ones, beyond their libraries' own errors (seen by fuzzing).
DAMAGED = (
    zipfile.BadZipFile, zlib.error, EOFError, LxmlError, LookupError, ValueError, AttributeError, TypeError,
    ArithmeticError, AssertionError, NotImplementedError,
)  # fmt: skip

# reader → (main part, content types that a document of that kind declares for its main part)
MAIN_PARTS: dict[str, tuple[str, bytes]] = {
    "word": ("word/document.xml", b"wordprocessingml.document.main+xml"),
    "sheets": ("xl/workbook.xml", b"spreadsheetml.sheet.main+xml"),
    "slides": ("ppt/presentation.xml", b"presentationml.presentation.main+xml"),
}
NAMES = {
    "wordprocessingml": "a Word document",
    "spreadsheetml": "an Excel workbook",
    "presentationml": "a PowerPoint presentation",
}
OLD_CONTAINER = b"\xd0\xcf\x11\xe0\xa1\xb1\x1a\xe1"
ENCRYPTED_PACKAGE = "EncryptedPackage".encode("utf-16-le")


def check_office(stream: BinaryIO, reader: str, kind: str) -> None:
    """Raise `DocumentRefused` unless `stream` is a harmless Office archive of the type that `reader` parses."""
    stream.seek(0)
    if stream.read(8) == OLD_CONTAINER:
        stream.seek(0)
        # A password-protected document keeps its stream's name in clear in the container's directory.
        held = ENCRYPTED_PACKAGE in stream.read()
        raise DocumentRefused(Reason.ENCRYPTED if held else Reason.OLD_OFFICE, kind)
    stream.seek(0)
    try:
        with zipfile.ZipFile(stream) as archive:
            _check_directory(archive, _length(stream), kind)
            _check_main_part(archive, reader, kind)
    except (zipfile.BadZipFile, zipfile.LargeZipFile, NotImplementedError, EOFError, ValueError) as error:
        raise DocumentRefused(Reason.CORRUPT, kind) from error
    stream.seek(0)


def _check_directory(archive: zipfile.ZipFile, length: int, kind: str) -> None:
    entries = archive.infolist()
    if len(entries) > MOST_ENTRIES:
        raise DocumentRefused(Reason.BOMB, kind)
    if any(entry.flag_bits & 0x1 for entry in entries):
        raise DocumentRefused(Reason.ENCRYPTED, kind)
    declared = sum(entry.file_size for entry in entries)
    packed = sum(entry.compress_size for entry in entries)
    # Entries that share bytes, or claim more packed bytes than there are, are how small files unpack to terabytes.
    if packed > length or _overlap(entries) or declared > MOST_BYTES:
        raise DocumentRefused(Reason.BOMB, kind)
    if declared > RATIO_FREE_BYTES and declared > HIGHEST_RATIO * max(packed, 1):
        raise DocumentRefused(Reason.BOMB, kind)
    names: set[str] = set()
    for entry in entries:
        _check_entry(entry, kind)
        if entry.filename in names:
            # Two entries of one name: which of them a reader sees depends on the reader.
            raise DocumentRefused(Reason.UNSAFE_ARCHIVE, kind, "two parts of the same name")
        names.add(entry.filename)


def _check_entry(entry: zipfile.ZipInfo, kind: str) -> None:
    if entry.file_size > MOST_ENTRY_BYTES:
        raise DocumentRefused(Reason.BOMB, kind)
    # Nothing is ever unpacked to disk, so a climbing name could do no harm here; its presence proves bad intent.
    raw = entry.orig_filename
    if raw.startswith(("/", "\\")) or "\\" in raw or "\x00" in raw or ".." in raw.split("/") or ":" in raw[:3]:
        raise DocumentRefused(Reason.UNSAFE_ARCHIVE, kind, "a part whose name leaves the document")
    if stat.S_ISLNK(entry.external_attr >> 16):
        raise DocumentRefused(Reason.UNSAFE_ARCHIVE, kind, "a link")
    if entry.filename.lower().endswith(NESTED):
        raise DocumentRefused(Reason.UNSAFE_ARCHIVE, kind, "an archive inside the document")
    if entry.filename.lower().endswith("vbaproject.bin"):
        raise DocumentRefused(Reason.MACROS, kind)


def _check_main_part(archive: zipfile.ZipFile, reader: str, kind: str) -> None:
    part, content_type = MAIN_PARTS[reader]
    if "[Content_Types].xml" not in archive.namelist():
        raise DocumentRefused(Reason.MISLABELLED, kind, "a ZIP archive")
    with archive.open("[Content_Types].xml") as stream:
        declared = stream.read(1024 * 1024)
    if b"macroEnabled" in declared:
        raise DocumentRefused(Reason.MACROS, kind)
    if content_type not in declared:
        own = content_type.split(b".", 1)[0].decode()
        found = next(
            (words for mark, words in NAMES.items() if mark != own and mark.encode() in declared),
            "another kind of archive",
        )
        raise DocumentRefused(Reason.MISLABELLED, kind, found)
    if part not in archive.namelist():
        raise DocumentRefused(Reason.CORRUPT, kind)


def _overlap(entries: list[zipfile.ZipInfo]) -> bool:
    end = 0
    for entry in sorted(entries, key=lambda item: item.header_offset):
        if entry.header_offset < end:
            return True
        # A local header has at least 30 bytes before the packed bytes begin.
        end = entry.header_offset + 30 + entry.compress_size
    return False


def _length(stream: BinaryIO) -> int:
    stream.seek(0, 2)
    return stream.tell()
