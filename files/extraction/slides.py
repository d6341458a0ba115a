"""What do the slides of a presentation say, with their tables and speaker notes?"""

from collections.abc import Iterable, Iterator
from typing import Any, BinaryIO

import pptx
from pptx.exc import PythonPptxError

from files.extraction.archive import DAMAGED, check_office
from files.extraction.pages import Page, clean, clean_label
from files.refusals import MOST_PAGES, DocumentRefused, Reason


def read(stream: BinaryIO, kind: str) -> Iterator[Page]:
    """The slides that have text, under their own numbers; raises `DocumentRefused`."""
    check_office(stream, "slides", kind)
    try:
        deck = pptx.Presentation(stream)
        if len(deck.slides) > MOST_PAGES:
            raise DocumentRefused(Reason.TOO_MANY_PAGES, kind)
        for number, slide in enumerate(deck.slides, start=1):
            lines = list(_lines(slide.shapes))
            if slide.has_notes_slide and slide.notes_slide.notes_text_frame is not None:
                notes = slide.notes_slide.notes_text_frame.text.strip()
                lines += [f"Notes: {notes}"] if notes else []
            text = clean("\n\n".join(lines))
            if text:
                title = slide.shapes.title
                words = clean_label(title.text_frame.text, 80) if title is not None else ""
                yield Page(number, f"Slide {number}: {words}" if words else f"Slide {number}", text)
    except (PythonPptxError, *DAMAGED) as error:
        raise DocumentRefused(Reason.CORRUPT, kind) from error


def _lines(shapes: Iterable[Any]) -> Iterator[str]:
    # python-pptx ships no annotations for the many kinds of shape, hence `Any`.
    for shape in shapes:
        if hasattr(shape, "shapes"):
            yield from _lines(shape.shapes)
        elif getattr(shape, "has_table", False):
            for row in shape.table.rows:
                yield " | ".join(" ".join(cell.text_frame.text.split()) for cell in row.cells)
        elif shape.has_text_frame and shape.text_frame.text.strip():
            yield shape.text_frame.text
