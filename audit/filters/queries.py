"""Which filters did somebody keep?"""

from __future__ import annotations

from uuid import UUID

from accounts.http import NotVisible
from accounts.operators import Operator, across
from audit.filters.models import ConsoleFilter, OwnFilter


def own() -> list[OwnFilter]:
    """Those of the bound member, by name."""
    return list(OwnFilter.objects.order_by("name"))


def get_own_or_refuse(kept: UUID) -> OwnFilter:
    """The bound member's own; any other is as missing as one that never was."""
    found: OwnFilter | None = OwnFilter.objects.filter(pk=kept).first()
    if found is None:
        raise NotVisible([kept])
    return found


def of(operator: Operator, place: str) -> list[ConsoleFilter]:
    """An operator's own of one list, by name."""
    # Across the fence because they belong to no workspace: names that this operator gave, and nothing of anybody else's.
    return list(across(ConsoleFilter).filter(owner_id=operator.user_id, place=place).order_by("name"))
