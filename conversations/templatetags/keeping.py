"""Does a list have to say that some of what stands in it will be deleted for its age?"""

from __future__ import annotations

from typing import Final

from django import template

from conversations.keeping import queries

register = template.Library()

_SENTENCE: Final = (
    "Deleted by {day}: {count} of your {kind}. Nobody used {them} for nearly {days} days, and this workspace keeps nothing "
    "unused for longer. To keep something, use it."
)


@register.inclusion_tag("conversations/_keeping_note.html")
def keeping_note(kind: str) -> dict[str, str]:
    """The warning above a member's list of ``kind`` ("conversations" or "files"); nothing where none of theirs is to go."""
    chosen = queries.choice()
    days = getattr(chosen, kind) if chosen else None
    if chosen is None or days is None:
        return {}
    own = queries.own(chosen)
    count = getattr(own, kind)
    if not count:
        return {}
    day = f"{own.until.day} {own.until:%B %Y}"
    them = "it" if count == 1 else "them"
    return {"sentence": _SENTENCE.format(day=day, count=count, kind=kind, them=them, days=days)}
