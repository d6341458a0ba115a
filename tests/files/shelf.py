"""Files that are ready, put on the shelf without a parser: for tests of what happens to them afterwards.

The bytes are stored and the rows written as reading would; only the child process, which `test_extraction` and
`test_services` run for real, is left out, since starting it costs a third of a second.
"""

from __future__ import annotations

from files import embedding, passages, services
from files.extraction.pages import Page
from files.models import Embedding, File, Passage
from files.uploads import from_bytes
from tests.cast import Person, acting


def put(person: Person, text: str | bytes, name: str = "notes.txt", visibility: str = "private") -> File:
    """Store `text` as this person's file, with one page, its passages and their vectors, and mark it ready."""
    content = text.encode() if isinstance(text, str) else text
    with acting(person), from_bytes(name, content) as received:
        file = services.upload(actor=person.tenant, content=received, name=name, visibility=visibility).file
        words = content.decode(errors="replace")
        rows = [
            Passage(file=file, position=piece.position, page=1, label="Line 1", text=piece.text, start=piece.start, end=piece.end)
            for piece in passages.cut([Page(1, "Line 1", words)])
        ]  # fmt: skip
        Passage.objects.bulk_create(rows)
        vectors = embedding.embed([row.text for row in rows])
        Embedding.objects.bulk_create(
            Embedding(passage=row, file=file, vector=vector) for row, vector in zip(rows, vectors, strict=True)
        )
        file.status, file.pages = File.Status.READY, 1
        file.save(update_fields=["status", "pages"])
        return file
