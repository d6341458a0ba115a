"""Why is a document refused, and what can its owner do about it?

Every refusal has a code, which is stored and filtered by, and a sentence, which people read.
"""

from enum import StrEnum

LARGEST_MEGABYTES = 50
MOST_PAGES = 2_000
MOST_CHARACTERS = 8_000_000


class Reason(StrEnum):
    """The closed list of reasons; each has its sentence below."""

    EMPTY = "empty"
    TOO_LARGE = "too_large"
    UNKNOWN_TYPE = "unknown_type"
    MISLABELLED = "mislabelled"
    OLD_OFFICE = "old_office"
    MACROS = "macros"
    POLYGLOT = "polyglot"
    ENCRYPTED = "encrypted"
    CORRUPT = "corrupt"
    BOMB = "bomb"
    UNSAFE_ARCHIVE = "unsafe_archive"
    TOO_MANY_PAGES = "too_many_pages"
    TOO_MUCH_TEXT = "too_much_text"
    NO_TEXT = "no_text"
    SLOW = "slow"
    MEMORY = "memory"
    CRASHED = "crashed"
    INFECTED = "infected"
    LOST = "lost"
    UNFINISHED = "unfinished"


# These may be our failure as well as the document's, or pass with a machine that has less to do: its bytes are kept, so
# that its owner can have it read again.
WORTH_ANOTHER_READING = frozenset({Reason.CRASHED, Reason.MEMORY, Reason.SLOW, Reason.UNFINISHED})

# `{kind}` is the type by the file's name ("PDF"), `{found}` what its content turned out to be.
SENTENCES: dict[Reason, str] = {
    Reason.EMPTY: "This file is empty: it has no bytes. Save it again and upload the new copy.",
    Reason.TOO_LARGE: (
        f"This file is larger than {LARGEST_MEGABYTES} MB, the most one file may have. Split it and upload the parts."
    ),
    Reason.UNKNOWN_TYPE: (
        "We can't read this type of file. Upload it as PDF, DOCX, XLSX, PPTX, TXT, MD, CSV, HTML or JSON."
    ),
    Reason.MISLABELLED: (
        "The name says {kind}, but the content is {found}. Upload the file under its real type, "
        "or export it as {kind} again."
    ),
    Reason.OLD_OFFICE: (
        "The content is in the Office format of before 2007, which we don't read. "
        "Open it, save it as {kind} and upload that copy."
    ),
    Reason.MACROS: "This {kind} contains macros, which we don't accept. Save it as {kind} without macros.",
    Reason.POLYGLOT: (
        "This {kind} also holds content of another type ({found}), so it could pass for either. "
        "Export it as {kind} again and upload that copy."
    ),
    Reason.ENCRYPTED: (
        "We couldn't read this {kind} because it is password-protected. Upload it without the password."
    ),
    Reason.CORRUPT: (
        "We couldn't read this {kind} because it is damaged or incomplete. "
        "Check that it opens on your computer, save it again and upload that copy."
    ),
    Reason.BOMB: (
        "This {kind} unpacks to far more data than a document of its size holds, so we stopped reading it. "
        "Save it again from the program that made it."
    ),
    Reason.UNSAFE_ARCHIVE: (
        "This {kind} contains parts that don't belong in one ({found}). Save it again from the program that made it."
    ),
    Reason.TOO_MANY_PAGES: (
        "This {kind} has more than "
        f"{MOST_PAGES:,} pages, sheets or sections, the most one file may have. Split it and upload the parts."
    ),
    Reason.TOO_MUCH_TEXT: (
        "This {kind} holds more than "
        f"{MOST_CHARACTERS // 1_000_000} million characters of text, the most one file may have. "
        "Split it and upload the parts."
    ),
    Reason.NO_TEXT: (
        "We found no text in this {kind}, so there is nothing to quote. Check that it is the file you meant. "
        "If it holds scanned pages, run text recognition on it and upload the result."
    ),
    Reason.SLOW: "Reading this {kind} took too long, so we stopped. Split it, or save it in a simpler form.",
    Reason.MEMORY: (
        "Reading this {kind} needed too much memory, so we stopped. Split it, or save it in a simpler form."
    ),
    Reason.CRASHED: (
        "Reading this {kind} stopped unexpectedly, which a damaged file can cause. Have it read again; "
        "if that fails too, save it again from the program that made it and upload that copy."
    ),
    Reason.UNFINISHED: (
        "Reading this file failed for a reason that lies with this installation, not with the file. "
        "Have it read again; if that fails too, tell whoever runs this installation."
    ),
    Reason.INFECTED: (
        "A virus scanner found {found} in this file, so nothing of it was kept. Check the computer that it came from."
    ),
    Reason.LOST: "The stored bytes of this file are missing or changed, so we can't read it. Upload it again.",
}


class DocumentRefused(Exception):
    """A document that cannot be taken: `reason` is the code, `str(error)` the sentence for its owner."""

    def __init__(self, reason: Reason, kind: str = "file", found: str = "something else") -> None:
        self.reason = reason
        self.found = found
        super().__init__(SENTENCES[reason].format(kind=kind, found=found))
