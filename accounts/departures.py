"""What passes to somebody else when a member is removed?

Only the apps above know what a member made, and this floor imports none of them: so each says here how to list, for the
reader of a page and within what that reader may see, the names of what would pass on. That it does pass on follows from
the signals of the removal.
"""

from __future__ import annotations

from collections.abc import Callable
from typing import Final
from uuid import UUID

Names = Callable[[UUID], list[str]]

PASSING: Final[list[tuple[str, Names]]] = []


def passes_on(noun: str) -> Callable[[Names], Names]:
    """Register a function from a membership's id to the names of what passes on with it; `noun` says what one of these is."""

    def register(names: Names) -> Names:
        PASSING.append((noun, names))
        return names

    return register


def passing_from(member_id: UUID) -> dict[str, list[str]]:
    """The names of everything that would pass to somebody else if this member were removed, by what it is."""
    found = {noun: names(member_id) for noun, names in PASSING}
    return {noun: names for noun, names in found.items() if names}
