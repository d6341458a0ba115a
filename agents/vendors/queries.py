"""Which providers and models are there to choose, and what was used this month?"""

from __future__ import annotations

from dataclasses import dataclass

from django.db.models import Count, QuerySet
from django.utils import timezone

from agents.vendors.models import MILLION, Budget, ModelProvider, MonthlyUse


@dataclass(frozen=True, slots=True)
class Meter:
    """One limit: what was used of it. `limit` is None where there is none."""

    name: str
    label: str
    used: int
    limit: int | None

    @property
    def share(self) -> int:
        """How many hundredths of the limit are used."""
        return min(100, self.used * 100 // self.limit) if self.limit else (0 if self.limit is None else 100)

    @property
    def text(self) -> str:
        """Both numbers in words."""
        used, limit = (self._shown(value) for value in (self.used, self.limit))
        return f"{used} of {limit}" if self.limit is not None else f"{used}, no limit"

    def _shown(self, value: int | None) -> str:
        if value is None:
            return ""
        return f"{value / MILLION:,.2f}" if self.name == "money" else f"{value:,}"


def listed() -> QuerySet[ModelProvider]:
    """Return the workspace's providers, each with how many of the agents that the reader sees use it."""
    providers: QuerySet[ModelProvider] = ModelProvider.objects.annotate(used=Count("agents")).order_by("name", "pk")
    return providers


def choices() -> list[tuple[str, list[tuple[str, str]]]]:
    """Every model that an agent may ask, grouped by provider, as a field takes them."""
    return [
        (provider.name, [(f"{provider.pk} {model}", model) for model in provider.offered])
        for provider in ModelProvider.objects.order_by("name", "pk")
    ]


def budget() -> Budget | None:
    """The workspace's budget, for those who may see it."""
    found: Budget | None = Budget.objects.first()
    return found


def meters() -> list[Meter]:
    """What was used this month (UTC) of each limit, for those who may see it."""
    limits = budget() or Budget()
    used = MonthlyUse.objects.filter(month=f"{timezone.now():%Y-%m}").first() or MonthlyUse()
    labels = {"requests": "Requests", "tokens": "Tokens", "money": "Money"}
    return [Meter(name, label, getattr(used, name), getattr(limits, name)) for name, label in labels.items()]
