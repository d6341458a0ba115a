"""Which groups of figures are there, and on which stage is each measured?"""

from __future__ import annotations

from collections.abc import Sequence

from rich.console import Console

from tests.bench import answers, audit, console, conversations, fence, identities, library, lifecycle, stage, start
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
}
# These need the cast on stage and nothing beside it.
WITHOUT_CROWD = {"start", "lifecycle", "identities", "answers", "audit", "console", "conversations", "library"}


def measure(names: Sequence[str], *, rounds: int, workspaces: int, terminal: Console) -> list[Row]:
    """Measure the named groups, in the order given."""
    stage.build(terminal, workspaces=workspaces if set(names) - WITHOUT_CROWD else 0)
    found: list[Row] = []
    for name in names:
        terminal.print(f"measuring: {name}")
        found += GROUPS[name](rounds=rounds)
    return found
