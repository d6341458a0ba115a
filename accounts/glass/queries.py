"""What do operators' pages show of visits, and of the workspaces that one can be asked for?"""

from __future__ import annotations

from typing import Final
from uuid import UUID

from django.db.models import QuerySet
from django.utils import timezone

from accounts.glass.models import Visit
from accounts.models import User, Workspace
from accounts.operators import Operator, across

MOST_FOUND: Final = 20


def visits() -> QuerySet[Visit]:
    """Every workspace's visits. Across the fence, because they are what operators did, with no word of any content."""
    return across(Visit)


def open_visit(operator: Operator) -> tuple[Visit, str] | None:
    """The visit that is open in this operator's session, with the workspace's name; None for nearly everybody."""
    mine = visits().filter(session_id=operator.session_id, closed_at=None, opened_at__isnull=False)
    visit = mine.filter(until__gt=timezone.now()).first()
    return (visit, name_of(visit.workspace_id) or "") if visit else None


def has_second(operator: Operator) -> bool:
    """Is there another operator who could approve? To say so on the page; the database counts for itself."""
    return across(User).filter(is_operator=True, is_active=True).exclude(pk=operator.user_id).exists()


def name_of(place: UUID) -> str | None:
    """The workspace's name; None where there is none. Across the fence: a name, which operators read anyway."""
    return across(Workspace).filter(pk=place).values_list("name", flat=True).first()


def with_names(found: list[Visit]) -> list[tuple[Visit, str]]:
    """Each visit with its workspace's name. Across the fence, as above."""
    names = dict(across(Workspace).filter(pk__in={one.workspace_id for one in found}).values_list("id", "name"))
    return [(one, names.get(one.workspace_id, "")) for one in found]


def places(words: str) -> list[Workspace]:
    """The first workspaces by name that have these words in theirs. Across the fence: ids and names alone."""
    found = across(Workspace).filter(name__icontains=words) if words else across(Workspace)
    return list(found.only("id", "name", "slug").order_by("name", "id")[:MOST_FOUND])
