"""What does the owner of an agent learn of its ratings? Counts, and the comments that were passed on.

Asked of functions of the fence, since no policy lets anybody read a colleague's rating: they answer the agent's owner only, and
name neither the author nor the answer nor a time of day.
"""

from __future__ import annotations

from dataclasses import dataclass
from datetime import date
from uuid import UUID

from django.db import connection


@dataclass(frozen=True, slots=True)
class Comment:
    """What somebody passed on about an answer of the agent."""

    is_helpful: bool
    text: str
    day: date


@dataclass(frozen=True, slots=True)
class Verdict:
    """How the agent's answers were rated."""

    helpful: int
    unhelpful: int
    comments: list[Comment]

    @property
    def rated(self) -> int:
        """How many answers were rated."""
        return self.helpful + self.unhelpful


def verdict_on(agent_id: UUID) -> Verdict:
    """Return how an agent of the bound member was rated, with the newest hundred comments; nothing of anybody else's agent."""
    with connection.cursor() as cursor:
        cursor.execute("SELECT helpful, unhelpful FROM fence.feedback_counts(%s)", [agent_id])
        [(helpful, unhelpful)] = cursor.fetchall()
        cursor.execute("SELECT is_helpful, comment, day FROM fence.feedback_comments(%s)", [agent_id])
        comments = [Comment(*row) for row in cursor.fetchall()]
    return Verdict(helpful, unhelpful, comments)
