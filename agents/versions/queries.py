"""Which versions does an agent have, and what changed with each?"""

from __future__ import annotations

from dataclasses import dataclass
from uuid import UUID

from django.db.models import QuerySet

from accounts.http import NotVisible
from accounts.pagination import Page
from agents.models import Agent, AgentVersion
from agents.versions import diffs


@dataclass(frozen=True, slots=True)
class Row:
    """A version in a list, with what it changed; the first one changed nothing."""

    version: AgentVersion
    changed: list[str]


def versions_of(agent: Agent) -> QuerySet[AgentVersion]:
    """Return the agent's versions, with who made each, the latest first."""
    found: QuerySet[AgentVersion] = AgentVersion.objects.filter(agent=agent).select_related("author")
    return found.order_by("-number")


def get_version_or_refuse(agent: Agent, version_id: UUID) -> AgentVersion:
    """Return this version of this very agent; raise NotVisible otherwise (L17: an id must belong to what it is named with)."""
    version = versions_of(agent).filter(pk=version_id).first()
    if version is None:
        raise NotVisible([version_id])
    return version


def before(version: AgentVersion) -> AgentVersion | None:
    """Return the version before this one, if there is one."""
    return versions_of(version.agent).filter(number__lt=version.number).first()


def rows(page: Page[AgentVersion]) -> list[Row]:
    """Return the page's versions, each with what it changed, in one query more for the one before the last of them."""
    if not page.items:
        return []
    earlier = [*page.items[1:], before(page.items[-1])]
    return [
        Row(version, diffs.changed(previous.content, version.content) if previous else [])
        for version, previous in zip(page.items, earlier, strict=True)
    ]
