"""Which groups of figures are there, and on which stage is each measured?"""

from __future__ import annotations

from collections.abc import Iterator, Sequence

from rich.console import Console

from tests.bench import (
    answers,
    audit,
    console,
    conversations,
    fence,
    identities,
    library,
    lifecycle,
    pages,
    stage,
    start,
)
from tests.bench.rows import Row

GROUPS = {
    "start": start.rows,
    "lifecycle": lifecycle.rows,
    "identities": identities.rows,
    "fence": fence.rows,
    "search": fence.search_rows,
    "answers": answers.rows,
    "audit": audit.rows,
    "console": console.rows,
    "conversations": conversations.rows,
    "library": library.rows,
    "pages": pages.rows,
}
# These need the cast on stage and nothing beside it.
WITHOUT_CROWD = {"start", "lifecycle", "identities", "answers", "audit", "console", "conversations", "library", "pages"}


def measure(names: Sequence[str], *, rounds: int, workspaces: int, terminal: Console) -> Iterator[list[Row]]:
    """Measure the named groups, in the order given, and give each one's figures when it is through.

    None meets what another left: the databases are put back before each, but between two that want the same crowd.
    """
    stage.migrate(terminal)
    is_crowded = False
    for name in names:
        wants_crowd = name not in WITHOUT_CROWD
        if not (wants_crowd and is_crowded):
            stage.set_up(terminal, workspaces=workspaces if wants_crowd else 0)
        is_crowded = wants_crowd
        terminal.print(f"measuring: {name}")
        yield GROUPS[name](rounds=rounds)
