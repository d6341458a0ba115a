"""What do text files say: TXT, Markdown, CSV and JSON, in whatever encoding?"""

import codecs
import csv
import io
import json
import re
from collections.abc import Iterator
from typing import BinaryIO

from charset_normalizer import from_bytes

from files.extraction.pages import ENCODINGS, Page, clean, sections
from files.refusals import MOST_PAGES, DocumentRefused, Reason

MARKS = ((codecs.BOM_UTF8, "utf_8"), (codecs.BOM_UTF16_LE, "utf_16"), (codecs.BOM_UTF16_BE, "utf_16"))
# Statistics over this much decide the encoding; more only costs time.
SAMPLE = 256 * 1024
ROWS_A_PAGE = 100
MOST_COLUMNS = 200
UNDERLINE = re.compile(r" {0,3}(=+|-{2,})\s*")
HEADING = re.compile(r"^ {0,3}(#{1,6})\s+(.+?)\s*#*\s*$")


def decode(raw: bytes, kind: str) -> str:
    """The text of `raw`; UTF-8 first, then by its byte order mark, then by statistics. Raises `DocumentRefused`."""
    for mark, encoding in MARKS:
        if raw.startswith(mark):
            return raw.decode(encoding, "replace").removeprefix("\ufeff")
    try:
        return raw.decode("utf-8")
    except UnicodeDecodeError:
        best = from_bytes(raw[:SAMPLE], cp_isolation=ENCODINGS, preemptive_behaviour=False).best()
    if best is None:
        raise DocumentRefused(Reason.MISLABELLED, kind, "binary data")
    return raw.decode(best.encoding, "replace")


def read_text(stream: BinaryIO, kind: str) -> Iterator[Page]:
    """A text file in parts of some 6,000 characters, divided between paragraphs and labelled by their lines."""
    lines = decode(stream.read(), kind).splitlines()
    part: list[str] = []
    first, size, number = 1, 0, 1
    for place, line in enumerate([*lines, ""], start=1):
        part.append(line)
        size += len(line)
        over = size > 6_000 or (size > 4_500 and not line.strip())
        if over or place > len(lines):
            text = clean("\n".join(part))
            if text:
                last = min(place, len(lines))
                yield Page(number, _span("Line", first, last), text)
                number += 1
            part, first, size = [], place + 1, 0


def read_markdown(stream: BinaryIO, kind: str) -> Iterator[Page]:
    """A Markdown file, a section for each heading outside code blocks."""
    yield from sections(_markdown_blocks(decode(stream.read(), kind)))


def _markdown_blocks(text: str) -> Iterator[tuple[str | None, str]]:
    paragraph: list[str] = []
    fenced = False
    for line in [*text.splitlines(), ""]:
        if not fenced and len(paragraph) == 1 and UNDERLINE.fullmatch(line):
            # The older way of writing a heading: a line, and another of = or - under it.
            yield paragraph[0], paragraph[0]
            paragraph = []
            continue
        if line.lstrip().startswith(("```", "~~~")):
            fenced = not fenced
        heading = None if fenced else HEADING.match(line)
        if heading or not line.strip():
            if paragraph:
                yield None, "\n".join(paragraph)
                paragraph = []
            if heading:
                yield heading[2], heading[2]
        else:
            paragraph.append(line)
    if paragraph:
        yield None, "\n".join(paragraph)


def read_table(stream: BinaryIO, kind: str) -> Iterator[Page]:
    """A CSV file, cells divided by ` | `, a page for every hundred rows; raises `DocumentRefused`."""
    text = decode(stream.read(), kind)
    try:
        dialect: type[csv.Dialect] | csv.Dialect = csv.Sniffer().sniff(text[:8192], delimiters=",;\t|")
    except csv.Error:
        dialect = csv.excel()
    lines: list[str] = []
    first, number, place = 1, 1, 0
    try:
        for place, row in enumerate(csv.reader(io.StringIO(text), dialect), start=1):
            line = " | ".join(" ".join(cell.split()) for cell in row[:MOST_COLUMNS])
            if line.strip(" |"):
                lines.append(line)
            if len(lines) == ROWS_A_PAGE:
                if number > MOST_PAGES:
                    raise DocumentRefused(Reason.TOO_MANY_PAGES, kind)
                yield Page(number, _span("Row", first, place), clean("\n".join(lines)))
                lines, first, number = [], place + 1, number + 1
    except csv.Error as error:
        raise DocumentRefused(Reason.CORRUPT, kind) from error
    if lines:
        yield Page(number, _span("Row", first, place), clean("\n".join(lines)))


def read_json(stream: BinaryIO, kind: str) -> Iterator[Page]:
    """A JSON file as lines of `path: value`, so that a search for a value finds where it stands."""
    try:
        data = json.loads(decode(stream.read(), kind))
    except (json.JSONDecodeError, RecursionError, ValueError) as error:
        raise DocumentRefused(Reason.CORRUPT, kind) from error
    lines: list[str] = []
    first, number, size, place = 1, 1, 0, 0
    for place, (path, value) in enumerate(_leaves(data), start=1):
        lines.append(f"{path}: {value}" if path else value)
        size += len(lines[-1])
        if size > 4_500:
            yield Page(number, _span("Value", first, place), clean("\n".join(lines)))
            lines, first, number, size = [], place + 1, number + 1, 0
    if lines:
        yield Page(number, _span("Value", first, place), clean("\n".join(lines)))


def _span(noun: str, first: int, last: int) -> str:
    return f"{noun}s {first}–{last}" if last > first else f"{noun} {first}"


def _leaves(data: object) -> Iterator[tuple[str, str]]:
    # A stack of our own: a file nested a thousand deep must not end in a RecursionError here.
    stack: list[tuple[str, object]] = [("", data)]
    while stack:
        path, value = stack.pop()
        if isinstance(value, dict):
            stack.extend((f"{path}.{key}" if path else str(key), item) for key, item in reversed(value.items()))
        elif isinstance(value, list):
            stack.extend((f"{path}[{place}]", item) for place, item in reversed(list(enumerate(value))))
        elif value is not None and value != "":
            yield path[-300:], value if isinstance(value, str) else json.dumps(value)
