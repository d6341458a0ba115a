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

PASSING: Final[list[Names]] = []


def passes_on(names: Names) -> Names:
    """Register a function from a membership's id to the names of what passes on with it."""
    PASSING.append(names)
    return names


def passing_from(member_id: UUID) -> list[str]:
    """The names of everything that would pass to somebody else if this member were removed."""
    return [name for names in PASSING for name in names(member_id)]
