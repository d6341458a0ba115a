"""What was sent to model vendors, by whose word and within which limits: what is kept of it? Never a key, never what was said."""

from typing import Any
from uuid import UUID

from django.db.models import Model
from django.dispatch import receiver

from accounts.http import Tenant
from agents import signals as agents
from audit import entries, services
from audit.receivers.facts import keep


@receiver(agents.model_asked)
def model_asked(
    sender: object, *, actor: Tenant, target: Model | None, provider_id: UUID, model: str, passages: int, **kwargs: Any
) -> None:
    """A question, with so many passages of files, went to a model's vendor."""
    keep("model.asked", actor, target, provider=str(provider_id), model=model, passages=passages)


@receiver(agents.provider_added)
def provider_added(sender: object, *, actor: Tenant, target: Model, kind: str, place: str, **kwargs: Any) -> None:
    """The workspace's agents may ask another vendor: of which kind, and at which host."""
    keep("provider.added", actor, target, kind=kind, to=place)


@receiver(agents.provider_changed)
def provider_changed(
    sender: object, *, actor: Tenant, target: Model, fields: list[str], place: str, **kwargs: Any
) -> None:
    """A provider was changed: what of it, and where it is now."""
    keep("provider.changed", actor, target, fields=fields, to=place)


@receiver(agents.provider_removed)
def provider_removed(sender: object, *, actor: Tenant, target: Model, **kwargs: Any) -> None:
    """A provider was taken away."""
    keep("provider.removed", actor, target)


@receiver(agents.provider_tested)
def provider_tested(sender: object, *, actor: Tenant, target: Model, works: bool, **kwargs: Any) -> None:
    """A provider was asked for its models, and answered or did not."""
    keep("provider.tested", actor, target, works=works)


@receiver(agents.budget_changed)
def budget_changed(
    sender: object, *, actor: Tenant, requests: int | None, tokens: int | None, money: int | None, **kwargs: Any
) -> None:
    """The limits of a month were set."""
    keep("budget.changed", actor, None, requests=requests, tokens=tokens, money_millionths=money)


@receiver(agents.budget_neared)
def budget_neared(sender: object, *, actor: Tenant, what: str, **kwargs: Any) -> None:
    """Four fifths of a limit are used."""
    keep("budget.neared", actor, None, of=what)


@receiver(agents.budget_reached)
def budget_reached(sender: object, *, actor: Tenant, what: str, **kwargs: Any) -> None:
    """A request was turned away, the first of this month."""
    keep("budget.reached", actor, None, of=what)


@receiver(agents.key_unopened)
def key_unopened(sender: object, *, target: Model, why: str, **kwargs: Any) -> None:
    """A key that is kept opens no more. Spooled like a refusal: whatever needed it may be rolled back."""
    entry = entries.pipeline("secret.unopened", {"why": why})
    place = {"workspace_id": str(target.workspace_id), "target_type": target._meta.model_name}  # type: ignore[attr-defined]  # both models are a workspace's
    services.record({**entry, **place, "target_id": str(target.pk)})
