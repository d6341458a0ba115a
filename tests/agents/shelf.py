"""How do tests put a document on a member's shelf, read and indexed, without a worker?

Rows are written through the fence as the member who owns them; pages are cut and embedded by the files app's own functions.
"""

from __future__ import annotations

import uuid
from functools import cache
from pathlib import Path

from agents.models import Agent, AgentFile
from files import storage
from files.embedding import embed
from files.extraction.pages import Page
from files.models import Embedding, File, Passage, Visibility
from files.passages import cut
from tests.cast import Person, acting

CORPUS = Path(__file__).parent / "corpus"


@cache
def vector(text: str) -> tuple[float, ...]:
    """Embed once per test process: the same corpus serves many tests."""
    return tuple(embed([text])[0])


def put(
    owner: Person,
    name: str,
    text: str,
    *,
    visibility: str = Visibility.PRIVATE,
    status: str = File.Status.READY,
) -> File:
    """Store `text` as a file of `owner`, one page to each form feed, as a finished upload would leave it."""
    pages = [Page(number, f"Page {number}", page.strip()) for number, page in enumerate(text.split("\f"), start=1)]
    with acting(owner):
        file: File = File.objects.create(
            owner_id=owner.membership_id,
            name=name,
            media_type="text/plain",
            size=len(text.encode()),
            sha256=uuid.uuid4().hex * 2,  # the same text may stand on one shelf twice, as two files
            storage_key=storage.new_key(),
            visibility=visibility,
            status=status,
            pages=len(pages),
        )
        passages = [
            Passage(
                file=file,
                position=piece.position,
                page=piece.page,
                label=piece.label,
                text=piece.text,
                start=piece.start,
                end=piece.end,
            )
            for piece in cut(pages)
        ]
        Passage.objects.bulk_create(passages)
        Embedding.objects.bulk_create(
            [Embedding(passage=passage, file=file, vector=list(vector(passage.text))) for passage in passages]
        )
    return file


def corpus_file(owner: Person, stem: str, *, visibility: str = Visibility.PRIVATE) -> File:
    """Put one document of the corpus on the shelf."""
    return put(owner, f"{stem}.txt", (CORPUS / f"{stem}.txt").read_text(), visibility=visibility)


def agent_of(owner: Person, *files: File, name: str = "Desk", visibility: str = Visibility.PRIVATE) -> Agent:
    """Make an agent with these files, past the services: for tests of what stands below them."""
    with acting(owner):
        agent: Agent = Agent.objects.create(
            owner_id=owner.membership_id, name=name, slug=f"desk-{uuid.uuid4().hex[:6]}", visibility=visibility
        )
        AgentFile.objects.bulk_create([AgentFile(agent=agent, file=file) for file in files])
    return agent
